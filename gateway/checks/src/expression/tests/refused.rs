//! What authors are told: message, underlined words and help, together.

use super::super::{Want, compile};
use super::scope;

/// Asserts the only problem of a condition: what is underlined, what is said, how to mend it.
#[track_caller]
fn refused(source: &str, underlined: &str, message: &str, help: &str) {
    let problems = compile(source, &scope(), Want::Condition).expect_err(source);
    let told: Vec<_> = problems
        .iter()
        .map(|p| (&source[p.range.clone()], p.message.as_str(), p.help.as_deref().unwrap_or("")))
        .collect();
    assert_eq!(told, [(underlined, message, help)], "{source}");
}

#[test]
fn a_misspelt_name_is_found_and_the_right_one_offered() {
    let no = "there is no variable `outptu` here";
    refused("outptu.urgent", "outptu", no, "did you mean `output`?");
    let no = "`output` has no field `vendr`";
    refused("output.vendr == 'x'", "vendr", no, "did you mean `vendor`?");
    refused("has(output.ibam)", "ibam", "`output` has no field `ibam`", "did you mean `iban`?");
    refused(
        "output.lines.exists(l, l.amount == 1)",
        "amount",
        "`l` has no field `amount`",
        "known are `amount_cents`, `tax`, `text`",
    );
    let no = "`values` has no `aproval_cents`";
    let near = "did you mean `approval_cents`?";
    refused("values.aproval_cents < output.total_cents", "aproval_cents", no, near);
    refused("tool.name == 'x'", "tool", "`tool` is known only in tool rules", "");
}

#[test]
fn a_function_that_is_not_there_or_called_wrongly_is_found() {
    let no = "there is no function `lowr`";
    refused("lowr(output.vendor) == 'x'", "lowr", no, "did you mean `lower`?");
    let no = "`quotes` takes 2 arguments, not 1";
    refused("quotes(output.vendor)", "quotes(output.vendor)", no, "");
    let no = "`sum` takes a list of numbers, `output.tags` is a list (each a text)";
    refused("sum(output.tags) > 1", "output.tags", no, "");
    let no = "`lower` is not called like this";
    refused("output.vendor.lower() == 'x'", "lower", no, "write `lower(x)`");
    let no = "`contains` is not called like this";
    refused("contains(output.vendor, 'x')", "contains", no, "write `x.contains(y)`");
    let no = "`lower` takes a text, `output.total_cents` is a whole number of at least 0";
    let how = "write `string(output.total_cents)`";
    refused("lower(output.total_cents) == 'x'", "output.total_cents", no, how);
}

#[test]
fn a_comparison_that_the_schema_decides_is_refused() {
    refused(
        "output.route == \"aprove\"",
        "output.route == \"aprove\"",
        "this comparison can never be true: \
         `output.route` is one of `pay_small`, `hold`, `approve`",
        "did you mean `approve`?",
    );
    refused(
        "output.total_cents >= 0",
        "output.total_cents >= 0",
        "this comparison is always true: `output.total_cents` is a whole number of at least 0",
        "correct the condition, or the schema that decides it",
    );
    refused(
        "size(output.lines) > 100",
        "size(output.lines) > 100",
        "this comparison can never be true: `size(output.lines)` is a whole number from 1 to 100",
        "correct the condition, or the schema that decides it",
    );
    refused(
        "output.vendor != 5",
        "output.vendor != 5",
        "this comparison is always true: `output.vendor` is a text",
        "correct the condition, or the schema that decides it",
    );
    refused(
        "output.total_cents == 1.5",
        "output.total_cents == 1.5",
        "this comparison can never be true: `output.total_cents` is a whole number of at least 0",
        "correct the condition, or the schema that decides it",
    );
    refused(
        "output.route in ['hold', 'paysmall']",
        "'paysmall'",
        "`output.route` is never `'paysmall'`: it is one of `pay_small`, `hold`, `approve`",
        "did you mean `pay_small`?",
    );
    refused(
        "output.vendor == null",
        "output.vendor == null",
        "this comparison can never be true: `output.vendor` is a text",
        "correct the condition, or the schema that decides it",
    );
}

#[test]
fn what_may_be_missing_needs_a_guard() {
    let guard = "write `has(output.iban) &&` before it";
    let missing = "`output.iban` may be missing";
    refused("output.iban == 'x'", "output.iban", missing, guard);
    refused("output.iban == 'x' && has(output.iban)", "output.iban", missing, guard);
    refused("has(output.iban) || output.iban == 'x'", "output.iban", missing, guard);
    refused(
        "data.vendors[output.vendor].iban == 'x'",
        "data.vendors[output.vendor]",
        "`output.vendor` may be missing from `data.vendors`",
        "write `output.vendor in data.vendors &&` before it",
    );
    refused(
        "output.tags[0] == 'x'",
        "output.tags[0",
        "`output.tags` may have no element `0`",
        "write `size(output.tags) > 0 &&` before it",
    );
    let null = "`output.note` may be null";
    let guard = "write `output.note != null &&` before it";
    refused("output.note.contains('x')", "output.note", null, guard);
    let missing = "`input.raw.deep` may be missing";
    refused(
        "input.raw.deep == 1",
        "input.raw.deep",
        missing,
        "write `has(input.raw.deep) &&` before it",
    );
}

#[test]
fn a_condition_is_a_boolean_and_nothing_else() {
    let no = "a condition is true or false, `output.vendor` is a text";
    refused("output.vendor", "output.vendor", no, "compare it with something");
    let no = "a condition is true or false, `output.tags` is a list (each a text)";
    let how = "write `size(output.tags) > 0`";
    refused("output.urgent && output.tags", "output.tags", no, how);
    let no = "a condition is true or false, `input.raw` is untyped JSON";
    refused("input.raw", "input.raw", no, "write `input.raw == true`");
}

#[test]
fn a_pattern_that_will_not_mean_what_it_says_is_refused() {
    let set = "`[^error]` is a set of single characters, not the word";
    let how = "write the word without the brackets";
    refused("output.vendor.matches('[^error]')", "'[^error]'", set, how);
    let nested = "a repetition stands directly inside a repetition";
    let how = "remove one of the two: the other says the same";
    refused("output.vendor.matches('(a+)+')", "'(a+)+'", nested, how);
    let open = "this is not a regular expression that can be used: unclosed group";
    refused(
        "output.vendor.matches('(a')",
        "'(a'",
        open,
        "close every bracket; for a bracket in the text write `\\(`",
    );
    let written = "the pattern of `matches` must be written out";
    let how = "or a constant of `values`";
    refused("output.vendor.matches(output.vendor)", "output.vendor", written, how);
}

#[test]
fn what_would_cost_too_much_is_refused() {
    let deep = "output.tags.all(a, output.tags.all(b, output.tags.all(c, a + b == c)))";
    let problems = compile(deep, &scope(), Want::Condition).unwrap_err();
    assert!(problems[0].message.starts_with("this may take"), "{problems:?}");
    let four = "[1].all(a, [1].all(b, [1].all(c, [1].all(d, a + b == c + d))))";
    refused(four, "[1].all(d, a + b == c + d)", "macros may stand inside each other 3 deep", "");
    let long = format!("output.urgent && {}", " ".repeat(5000));
    let problems = compile(&long, &scope(), Want::Condition).unwrap_err();
    assert!(problems[0].message.contains("at most 4096 are allowed"));
    let high = format!("{}output.total_cents > 1", "output.total_cents + ".repeat(190));
    let problems = compile(&high, &scope(), Want::Condition).unwrap_err();
    assert_eq!(problems[0].message, "the expression is nested too deeply");
    let wide = vec!["output.lines[0].amount_cents > 1"; 100].join(" && ");
    assert!(compile(&wide, &scope(), Want::Condition).is_ok());
}

#[test]
fn calls_with_calendars_shares_and_dates_are_checked_where_they_are_written_out() {
    let no = "there are no hours named `offce`";
    refused("is_open('offce', now)", "'offce'", no, "did you mean `office`?");
    let no = "a share lies between 0 and 1, not at 2";
    refused("sample(call.key, 2)", "2", no, "write 2% as `0.02`");
    let no = "`2026-13-01` is not a date";
    let how = "write year, month and day, as in `2026-11-22`";
    refused("days('2026-13-01', now) > 3", "'2026-13-01'", no, how);
}

#[test]
fn the_grammar_is_explained_in_the_words_of_authors() {
    refused("output.urgent = true", "=", "`=` does not belong here", "write `==` to compare");
    refused("output.urgent and true", "and", "`and` does not belong here", "write `&&`");
    let early = "the expression ends too early";
    let missing = "an operand or a closing bracket is missing";
    refused("output.total_cents >", ">", early, missing);
    refused("(output.urgent", "t", early, missing);
    refused("output.vendor == 'abc", "'abc", "this text has no closing quote", "");
    refused("  ", "  ", "the expression is empty", "");
    refused("for.x == 1", "for", "`for` is a reserved word", "");
}

#[test]
fn several_mistakes_are_told_at_once() {
    let source = "output.vendr == 'x' && outptu.urgent && lowr('A') == 'a'";
    let problems = compile(source, &scope(), Want::Condition).unwrap_err();
    let told: Vec<_> = problems.iter().map(|p| &source[p.range.clone()]).collect();
    assert_eq!(told, ["vendr", "outptu", "lowr"]);
}

#[test]
fn ranges_hold_after_letters_of_several_bytes() {
    let source = "output.vendor == \"Ärger 🦀\" && output.vendr == \"é\"";
    let problems = compile(source, &scope(), Want::Condition).unwrap_err();
    assert_eq!(&source[problems[0].range.clone()], "vendr");
}

#[test]
fn a_shared_value_is_checked_where_it_is_used() {
    let mut scope = scope();
    scope.share("same", "output.vendr == 'x'").unwrap();
    scope.share("round", "values.about").unwrap();
    scope.share("about", "values.round").unwrap();
    let problems = compile("values.same", &scope, Want::Condition).unwrap_err();
    assert_eq!(problems[0].message, "in `values.same`: `output` has no field `vendr`");
    assert_eq!(problems[0].range, 0..11);
    let problems = compile("values.round", &scope, Want::Condition).unwrap_err();
    assert!(problems[0].message.ends_with("`values.round` uses itself"), "{problems:?}");
}

#[test]
fn other_places_want_other_results() {
    let want =
        |source, want| compile(source, &scope(), want).map(drop).map_err(|p| p[0].message.clone());
    assert_eq!(want("output.tags", Want::Texts), Ok(()));
    let no = "a list of texts is needed here, not a text";
    assert_eq!(want("output.vendor", Want::Texts), Err(no.into()));
    assert_eq!(want("output.total_cents / 2", Want::Number), Ok(()));
    assert_eq!(want("output.vendor", Want::Text), Ok(()));
}

#[test]
fn the_length_of_a_text_and_the_sum_of_numbers_decide_comparisons_too() {
    use crate::expression::{Bounds, Scope, Texts, Type, Want, compile};
    let text = |min, max| Type::Text(Texts::Any { min, max });
    let score = Type::Int(Bounds::between(0.0, 10.0));
    let list =
        Type::List { item: std::sync::Arc::new(score.clone()), min_items: 0, max_items: Some(3) };
    let output = Type::object([
        ("code", text(2, Some(4)), true),
        ("note", text(1, None), true),
        ("score", score, true),
        ("list", list, true),
    ]);
    let scope = Scope::new().variable("output", output);
    for (source, message) in [
        ("output.code == \"abcde\"", "`output.code` is a text of 2 to 4 characters"),
        ("output.note == \"\"", "`output.note` is a text that is not empty"),
        ("size(output.code) > 4", "this comparison can never be true"),
        ("size(output.note) >= 1", "this comparison is always true"),
        ("output.score + output.score > 20", "this comparison can never be true"),
        ("sum(output.list) > 30", "this comparison can never be true"),
        ("output.score - 11 < 0", "this comparison is always true"),
        ("output.score * 2 <= 20", "this comparison is always true"),
    ] {
        let problems = compile(source, &scope, Want::Condition).unwrap_err();
        assert!(problems.iter().any(|p| p.message.contains(message)), "{source}: {problems:?}");
    }
    for fine in
        ["output.code == \"abcd\"", "output.score + output.score > 19", "sum(output.list) > 29"]
    {
        assert!(compile(fine, &scope, Want::Condition).is_ok(), "{fine}");
    }
}

#[test]
fn what_may_be_meant_is_doubted_and_compiles() {
    use crate::expression::{About, Scope, Type, Want, compile};
    let line = Type::object([("sku", Type::TEXT, true)]);
    let lines = Type::list(line);
    let output = Type::object([("name", Type::TEXT, true), ("lines", lines, true)]);
    let scope = Scope::new().variable("output", output);
    for (source, about, text) in [
        ("has(output.name) && output.name == \"a\"", About::Decided, "output.name"),
        ("sample(output.name, 0)", About::Decided, "0"),
        ("output.name.matches(\"/a/i\")", About::Pattern, "\"/a/i\""),
        (
            "output.lines.all(a, output.lines.exists(b, b.sku == a.sku))",
            About::Cost,
            "output.lines",
        ),
    ] {
        let expression = compile(source, &scope, Want::Condition).expect(source);
        let [doubt] = expression.doubts() else { panic!("{source}: {:?}", expression.doubts()) };
        assert_eq!((doubt.about, source.get(doubt.problem.range.clone())), (about, Some(text)));
    }
}
