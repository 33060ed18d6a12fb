//! What expressions come to: a table of sources and results over one invoice.

use serde_json::{Value as Json, json};

use super::super::{Calendar, Environment, EvalError, Scope, Type, Want, compile};
use super::{invoice, scope};

#[track_caller]
fn value(source: &str) -> Result<Json, String> {
    let expression = compile(source, &scope(), Want::Any)
        .unwrap_or_else(|problems| panic!("{source}: {problems:#?}"));
    let call = invoice();
    let value = expression.evaluate(&call).map_err(|error| error.to_string());
    value.map(super::super::Value::into_json)
}

#[track_caller]
fn comes_to(table: &[(&str, Json)]) {
    for (source, expected) in table {
        assert_eq!(value(source), Ok(expected.clone()), "{source}");
    }
}

#[test]
fn numbers_mix_freely_and_are_read_as_their_schema_says() {
    comes_to(&[
        ("1 + 2.5", json!(3.5)),
        ("7 / 2", json!(3)),
        ("7 / 2.0", json!(3.5)),
        ("input.total / 5", json!(2.4)),
        ("-output.total_cents % 7", json!(-3)),
        ("output.lines.map(l, l.amount_cents)", json!([700, 500])),
        ("sum(output.lines.map(l, l.amount_cents))", json!(1200)),
        ("output.total_cents == 1200.0", json!(true)),
        ("output.total_cents in [1, 1200.0]", json!(true)),
        ("math.greatest(1, 2.5) + math.abs(-1)", json!(3.5)),
        ("math.round(2.5) + math.floor(2.9) + math.ceil(0.1)", json!(6)),
        ("int('12') + int(3.9)", json!(15)),
        ("double('1.5')", json!(1.5)),
        ("string(12) + 'x' + string(output.urgent)", json!("12xfalse")),
        ("min([3, 1.5, 2]) < max([1, 2])", json!(true)),
    ]);
}

#[test]
fn texts_are_counted_by_letters_and_compared_plainly() {
    comes_to(&[
        ("size(output.vendor)", json!(10)),
        ("lower(output.vendor)", json!("ärger & co")),
        ("squash('  a \\n b ')", json!("a b")),
        ("digits('+44 (0)20-1')", json!("440201")),
        ("quotes('Pay by\\n  Friday', 'by Friday')", json!(true)),
        ("quotes('Pay', ' ')", json!(false)),
        ("similar('kitten', 'kitten') - similar('abc', 'xyz')", json!(1.0)),
        ("output.vendor.startsWith('Ä') && output.vendor.endsWith('Co')", json!(true)),
        ("'INV-12'.matches(values.pattern)", json!(true)),
        ("matches('x', '^[0-9]+$')", json!(false)),
        ("iban_ok(output.vendor)", json!(false)),
        ("iban_ok('GB82 WEST 1234 5698 7654 32')", json!(true)),
        ("iban_ok('GB82 WEST 1234 5698 7654 33')", json!(false)),
        ("luhn_ok('4111 1111 1111 1111')", json!(true)),
        ("luhn_ok('4111 1111 1111 1112')", json!(false)),
    ]);
}

#[test]
fn lists_and_look_ups_work_as_cel_says() {
    comes_to(&[
        ("distinct(output.tags)", json!(["new", "eu"])),
        ("output.tags + ['x']", json!(["new", "eu", "new", "x"])),
        ("output.tags.filter(t, t != 'new').size()", json!(1)),
        ("output.tags.exists_one(t, t == 'eu')", json!(true)),
        ("output.tags.all(t, t == 'eu')", json!(false)),
        ("output.lines.map(l, has(l.text), l.text)", json!(["bolts"])),
        ("output.lines.filter(l, has(l.text)).map(l, l.text)", json!(["bolts"])),
        ("sum(output.lines.filter(l, l.tax != null).map(l, l.tax))", json!(1.5)),
        ("output.lines[0].amount_cents", json!(700)),
        ("output.lines[size(output.lines) - 1].amount_cents", json!(500)),
        ("size(output.tags) > 1 ? output.tags[1] : 'none'", json!("eu")),
        ("data.vendors.exists(name, name == output.vendor)", json!(true)),
        ("{'a': output.route, 'b': [1]}", json!({"a": "hold", "b": [1]})),
        ("{'a': 1}.a + {'b': 2}['b']", json!(3)),
        ("has(input.raw.deep) && input.raw.deep == [1.0, {'x': 'y'}]", json!(true)),
        ("sum([])", json!(0)),
    ]);
}

#[test]
fn guards_count_in_every_form_that_proves_the_same() {
    comes_to(&[
        ("!has(output.iban) || output.iban.startsWith('GB')", json!(true)),
        ("has(output.iban) ? output.iban : 'none'", json!("GB82WEST12345698765432")),
        ("!has(output.iban) ? 'none' : output.iban", json!("GB82WEST12345698765432")),
        ("output.urgent || (has(output.iban) && output.iban != '')", json!(true)),
        ("'iban' in output && output.iban != ''", json!(true)),
        ("!(!has(output.iban) || output.urgent) && output.iban != ''", json!(true)),
        ("output.note == null || output.note.contains('x')", json!(true)),
        ("output.note != null && size(output.note) > 3", json!(false)),
        ("output.tags != [] && output.tags[0] == 'new'", json!(true)),
        ("size(output.tags) == 0 || output.tags[0] == 'new'", json!(true)),
        ("1 < output.tags.size() && output.tags[1] == 'eu'", json!(true)),
        ("output.tags.exists(t, t == 'eu') && output.tags[0] == 'new'", json!(true)),
    ]);
}

#[test]
fn days_are_counted_without_a_clock() {
    comes_to(&[
        ("days('2026-11-20', now)", json!(2)),
        ("date(now) > date('2026-11-21')", json!(true)),
        ("date('2026-02-28')", json!("2026-02-28")),
        ("days(date('2024-02-28'), '2024-03-01')", json!(2)),
    ]);
}

#[test]
fn an_error_is_an_error_and_never_a_pass() {
    let fails = |source: &str, sentence: &str| {
        assert_eq!(value(source), Err(sentence.to_owned()), "{source}");
    };
    fails("9223372036854775807 + output.total_cents > 1", "a number became too large");
    fails("output.total_cents / (output.total_cents - 1200)", "something was divided by zero");
    fails("min(output.tags.filter(t, t == 'x'))", EMPTY);
    fails("int(output.vendor)", "the text is not a whole number");
    fails("is_open('office', now)", "the hours `office` are not known");
    fails("sample(call.key, 0.5)", "samples cannot be drawn here");
    fails("date(output.vendor)", "this is not a date such as 2026-11-22");
}

const EMPTY: &str = "an empty list has no least or greatest element";

#[test]
fn and_and_or_absorb_errors_as_cel_says() {
    comes_to(&[
        ("int(output.vendor) == 1 || output.total_cents == 1200", json!(true)),
        ("int(output.vendor) == 1 && output.total_cents == 1", json!(false)),
        ("output.tags.exists(t, int(t) == 1 || t == 'eu')", json!(true)),
    ]);
    assert!(value("int(output.vendor) == 1 || output.total_cents == 1").is_err());
    assert!(value("output.tags.all(t, int(t) == 1)").is_err());
}

#[test]
fn running_out_of_steps_is_an_error_that_nothing_absorbs() {
    let source = "output.lines.all(l, l.amount_cents > 1) || true";
    let expression = compile(source, &scope(), Want::Condition).unwrap();
    let call = invoice();
    let (value, _) = expression.evaluate_within(&call, 5);
    assert_eq!(value.unwrap_err(), EvalError::OutOfFuel { limit: 5 });
    assert!(expression.holds(&call).unwrap());
}

#[test]
fn input_that_breaks_its_schema_is_an_error_not_a_guess() {
    let mut call = invoice();
    call["output"]["total_cents"] = json!(1.5);
    let expression = compile("output.total_cents > 1", &scope(), Want::Condition).unwrap();
    assert_eq!(expression.holds(&call).unwrap_err().to_string(), "1.5 is not a whole number");
    call.remove("output");
    let error = expression.holds(&call).unwrap_err().to_string();
    assert_eq!(error, "`output` is not known for this call");
}

#[test]
fn an_office_with_hours_is_asked_for_the_moment() {
    struct Office(serde_json::Map<String, Json>);
    impl Calendar for Office {
        fn is_open(&self, at_unix_ms: i64) -> bool {
            at_unix_ms == 1_795_334_400_000
        }
    }
    impl Environment for Office {
        fn variable(&self, name: &str) -> Option<&Json> {
            self.0.get(name)
        }
        fn calendar(&self, name: &str) -> Option<&dyn Calendar> {
            (name == "office").then_some(self)
        }
    }
    let open = compile("is_open('office', now)", &scope(), Want::Condition).unwrap();
    assert!(open.holds(&Office(invoice())).unwrap());
}

#[test]
fn a_shared_value_is_evaluated_where_it_is_used() {
    let mut scope = scope();
    scope.share("total", "sum(output.lines.map(l, l.amount_cents))").unwrap();
    scope.share("guarded", "has(output.iban)").unwrap();
    let source = "values.total == 1200 && values.guarded && output.iban != ''";
    assert!(compile(source, &scope, Want::Condition).unwrap().holds(&invoice()).unwrap());
}

#[test]
fn whole_numbers_beyond_the_exact_decimals_compare_exactly() {
    let scope = Scope::new().variable("x", Type::Any);
    let Json::Object(call) = json!({"x": 9_007_199_254_740_993_i64}) else { unreachable!() };
    let equal = compile("x == 9007199254740992.0", &scope, Want::Condition).unwrap();
    assert!(!equal.holds(&call).unwrap());
}
