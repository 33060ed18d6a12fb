//! What holds for every expression and every call: no panic, bounded steps, ranges in the source.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde_json::{Map, Value as Json};

use super::super::{EvalError, Scope, Type, Want, compile};
use super::scope;

/// Sources that mostly check, made by following `choices` through a grammar of typed parts.
fn any_source() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<u8>(), 4..60).prop_map(|choices| {
        let mut choices = choices.into_iter();
        grow(Part::Condition, &mut choices, 5)
    })
}

#[derive(Clone, Copy)]
enum Part {
    Condition,
    Number,
    Text,
    List,
}

/// What a part may be: leaves, and forms, in which `$c $n $t $l` stand for further parts.
fn kinds(part: Part) -> (&'static [&'static str], &'static [&'static str]) {
    match part {
        Part::Condition => (
            &["x == 1", "y != null", "x in [1, 'a']", "has(y.k)", "y == x"],
            &[
                "($n + x < $n)",
                "($n - y >= $n)",
                "($t + x == $t)",
                "($c && $c)",
                "($c || $c)",
                "!$c",
                "($c ? $c : $c)",
                "$l.all(a, a == $n)",
                "$l.exists(a, $n == a)",
                "(x in $l)",
                "$l.exists_one(a, a == y)",
                "(has(x.k) && x.k == $n)",
                "iban_ok($t)",
                "luhn_ok($t)",
                "quotes($t, $t)",
                "(size(y) > 0 && y[0] == $t)",
                "('k' in x && x['k'] == $l)",
                "(x + $l == $l)",
                "sample($t, 0.5)",
                "$t.matches('a+|b')",
                "$t.contains($t)",
            ],
        ),
        Part::Number => (
            &["x", "y", "1", "-2", "2.5", "9223372036854775807", "values.v"],
            &[
                "($n + $n)",
                "($n - $n)",
                "($n * $n)",
                "($n / $n)",
                "($n % $n)",
                "-($n)",
                "size($l)",
                "sum($l)",
                "min($l)",
                "max($l)",
                "int($t)",
                "double($t)",
                "math.round($n)",
                "math.abs($n)",
                "math.greatest($n, $n)",
                "($c ? $n : $n)",
                "days(x, $t)",
                "similar($t, $t)",
                "size($t)",
            ],
        ),
        Part::Text => (
            &["x", "y", "'a'", "\"é🦀\"", "'2026-11-22'"],
            &["($t + $t)", "lower($t)", "squash($t)", "digits($t)", "string($n)", "($c ? $t : $t)"],
        ),
        Part::List => (
            &["x", "y", "[x]", "[1, x, 'a']", "[2.5, 3]"],
            &[
                "($l + $l)",
                "distinct($l)",
                "$l.map(a, $n)",
                "$l.filter(a, $c)",
                "[$n, $n]",
                "$l.map(a, $c, [a])",
                "($c ? $l : $l)",
            ],
        ),
    }
}

/// One part, grown at most that deep.
fn grow(part: Part, choices: &mut impl Iterator<Item = u8>, depth: usize) -> String {
    let (leaves, forms) = kinds(part);
    let choice = usize::from(choices.next().unwrap_or(0));
    if depth == 0 || choices.size_hint().0 == 0 {
        return leaves[choice % leaves.len()].to_owned();
    }
    let mut pieces = forms[choice % forms.len()].split('$');
    let mut source = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (kind, rest) = piece.split_at(1);
        let part = match kind {
            "c" => Part::Condition,
            "n" => Part::Number,
            "t" => Part::Text,
            _ => Part::List,
        };
        source += &(grow(part, choices, depth - 1) + rest);
    }
    source
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        (-3_i64..3).prop_map(Json::from),
        ".{0,8}".prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            prop::collection::btree_map("[ka]", inner, 0..3)
                .prop_map(|fields| Json::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Why it matters: a panic or an endless condition would take the call down with it.
    #[test]
    fn no_expression_panics_or_takes_more_steps_than_it_may(
        source in any_source(),
        x in any_json(),
        y in any_json(),
        steps in 0_u64..5000,
    ) {
        let mut scope = Scope::new().variable("x", Type::Any).variable("y", Type::Any);
        scope.share("v", "size(string(1)) + 1").unwrap();
        match compile(&source, &scope, Want::Any) {
            Err(problems) => for problem in problems {
                prop_assert!(source.get(problem.range.clone()).is_some(), "{problem:?}");
            },
            Ok(expression) => {
                let call: Map<String, Json> =
                    [("x".to_owned(), x), ("y".to_owned(), y)].into_iter().collect();
                let (value, spent) = expression.evaluate_within(&call, steps);
                prop_assert!(spent <= steps);
                if let Err(EvalError::OutOfFuel { limit }) = value {
                    prop_assert_eq!(limit, steps);
                }
                let _ = expression.evaluate(&call).map(super::super::Value::into_json);
            }
        }
    }

    /// Why it matters: authors type anything, and each problem is underlined in their file.
    #[test]
    fn no_text_breaks_the_checker(source in r#"[ -~äé🦀\n]{0,60}"#) {
        if let Err(problems) = compile(&source, &scope(), Want::Condition) {
            prop_assert!(!problems.is_empty());
            for problem in problems {
                prop_assert!(source.get(problem.range.clone()).is_some(), "{problem:?}");
            }
        }
    }

    /// Why it matters: what the checker let pass reads only what the schema promises.
    #[test]
    fn a_guarded_condition_never_fails_on_data_that_fits(
        iban in prop::option::of("[A-Z]{0,4}"),
        tags in prop::collection::vec("[a-z]{0,3}", 0..4),
        at in 0_usize..4,
    ) {
        let mut call = super::invoice();
        call["output"]["tags"] = tags.into();
        match iban {
            Some(iban) => call["output"]["iban"] = iban.into(),
            None => drop(call["output"].as_object_mut().unwrap().remove("iban")),
        }
        let source = format!(
            "(has(output.iban) && output.iban == 'GB') || (size(output.tags) > {at} \
             && output.tags[{at}] == 'x')"
        );
        let expression = compile(&source, &scope(), Want::Condition).unwrap();
        prop_assert!(expression.holds(&call).is_ok());
    }
}

/// Why it matters: the promises above would say nothing if no source passed the checker.
#[test]
fn many_of_the_sources_tried_pass_the_checker() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let scope = Scope::new().variable("x", Type::Any).variable("y", Type::Any);
    let passing = (0..200)
        .filter(|_| {
            let source = any_source().new_tree(&mut runner).unwrap().current();
            source.len() > 20 && compile(&source, &scope, Want::Any).is_ok()
        })
        .count();
    assert!(passing >= 60, "only {passing} of 200 sources pass");
}

/// Why it matters: a stack that overflows ends the whole process. Test threads have 2 MiB.
#[test]
fn the_deepest_chain_of_shared_values_fits_a_small_stack() {
    let mut scope = Scope::new().variable("x", Type::INT);
    let deep = |inner: &str| format!("{inner}{}", " + x".repeat(60));
    scope.share("v0", &deep("1")).unwrap();
    for n in 1..3 {
        scope.share(format!("v{n}"), &deep(&format!("values.v{}", n - 1))).unwrap();
    }
    let call: Map<String, Json> = [("x".to_owned(), Json::from(1))].into_iter().collect();
    let expression =
        compile(&format!("{} > 1", deep("values.v2")), &scope, Want::Condition).unwrap();
    assert!(expression.holds(&call).unwrap());
    scope.share("v3", "values.v2").unwrap();
    let problems = compile("values.v3 > 1", &scope, Want::Condition).unwrap_err();
    assert!(problems[0].message.ends_with("is too deep"), "{problems:?}");
}

/// Tests run on the stack of a worker thread, where an unoptimized parser needs the most of it.
#[test]
fn brackets_as_deep_as_is_allowed_fit_a_small_stack_and_deeper_ones_are_refused() {
    for (open, close) in [("(", ")"), ("{", "}"), ("[", "]"), ("lower(", ")"), ("a[", "]")] {
        for (deep, refused) in [(8, false), (9, true), (400, true)] {
            let source = format!("{}x{}", open.repeat(deep), close.repeat(deep));
            let problems = compile(&source, &Scope::new(), Want::Any).unwrap_err();
            let told = problems[0].message.contains("deep");
            assert_eq!(told, refused, "{open} {deep}: {problems:?}");
        }
    }
}
