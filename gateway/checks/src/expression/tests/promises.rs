//! What holds for every expression and every call: no panic, bounded steps, ranges in the source.

use proptest::prelude::*;
use serde_json::{Map, Value as Json};

use super::super::{EvalError, Scope, Type, Want, compile};
use super::scope;

/// Words from which sources are made that often parse and sometimes check.
fn any_source() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "x",
        "y",
        "1",
        "-2",
        "0",
        "2.5",
        "'a'",
        "\"é🦀\"",
        "true",
        "null",
        "[]",
        "[1, 'a']",
        "{'k': 1}",
        "x.k",
        "y[0]",
        "9223372036854775807",
        "values.v",
    ])
    .prop_map(ToOwned::to_owned);
    leaf.prop_recursive(5, 60, 3, |inner| {
        let operator = prop::sample::select(vec![
            "+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "in",
        ]);
        let function = prop::sample::select(vec![
            "size",
            "sum",
            "min",
            "max",
            "distinct",
            "lower",
            "squash",
            "digits",
            "string",
            "int",
            "double",
            "bool",
            "date",
            "iban_ok",
            "luhn_ok",
            "math.round",
            "math.abs",
            "has",
        ]);
        let visit = prop::sample::select(vec!["map", "filter", "all", "exists", "exists_one"]);
        prop_oneof![
            (inner.clone(), operator, inner.clone()).prop_map(|(a, o, b)| format!("({a} {o} {b})")),
            (function, inner.clone()).prop_map(|(f, a)| format!("{f}({a})")),
            (inner.clone(), visit, inner.clone()).prop_map(|(a, m, b)| format!("{a}.{m}(x, {b})")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a}, {b}]")),
            (inner.clone(), inner.clone())
                .prop_map(|(a, b)| format!("({b} in {a} && {a}[{b}] == 1)")),
            inner.clone().prop_map(|a| format!("(has({a}.k) && {a}.k == 1)")),
            inner.clone().prop_map(|a| format!("(size({a}) > 0 && {a}[0] == 1)")),
            inner.prop_map(|a| format!("!{a}")),
        ]
    })
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
