//! Proofs that conditions exclude each other, and no proof where a call can bring both about.

#![expect(clippy::panic, reason = "a test fails by panicking")]

use super::Claim;
use crate::expression::{Bounds, Expression, Scope, Type, Want, compile};

fn scope() -> Scope {
    let output = Type::object([
        ("route", Type::words(["pay", "hold", "return"]), true),
        ("score", Type::Int(Bounds::between(0.0, 10.0)), true),
        ("share", Type::Double(Bounds::between(0.0, 1.0)), true),
        ("urgent", Type::Bool, true),
        ("note", Type::TEXT, false),
        ("total", Type::INT, true),
        ("lines", Type::list(Type::INT), true),
        ("free", Type::Any, true),
    ]);
    let call = Type::object([("key", Type::TEXT, true)]);
    Scope::new()
        .variable("output", output)
        .variable("call", call)
        .constant("limit", serde_json::json!(5))
        .constant("routes", serde_json::json!(["pay", "hold"]))
}

fn expression(source: &str) -> Expression {
    compile(source, &scope(), Want::Condition).unwrap_or_else(|p| panic!("{source}: {p:?}"))
}

fn claim(source: &str, index: usize) -> Claim {
    scope().claim(Some(&expression(source)), None, index)
}

fn may(wanted: &[(&str, bool)]) -> bool {
    let claims: Vec<(Claim, bool)> = wanted
        .iter()
        .enumerate()
        .map(|(index, (source, outcome))| (claim(source, index), *outcome))
        .collect();
    Claim::may_be(&claims.iter().map(|(claim, outcome)| (claim, *outcome)).collect::<Vec<_>>())
}

#[test]
fn a_condition_that_contradicts_itself_never_holds() {
    for never in [
        "output.score > 5 && output.score < 3",
        "output.score > 5 && output.score < 6",
        "output.score > 5 && !(output.score > 4)",
        "output.route == \"pay\" && output.route == \"hold\"",
        "output.route != \"pay\" && output.route != \"hold\" && output.route != \"return\"",
        "output.route == \"pay\" && !(output.route in [\"pay\", \"hold\"])",
        "output.route in values.routes && output.route == \"return\"",
        "output.urgent && !output.urgent",
        "output.urgent == false && output.urgent",
        "has(output.note) && !has(output.note)",
        "output.score > values.limit && output.score <= 5",
        "size(output.lines) > 3 && size(output.lines) < 2",
        "(output.score > 5 || output.score > 7) && output.score < 2",
        "output.free == 1 && output.free == \"a\"",
        "output.total > output.score && !(output.score < output.total)",
        "sum(output.lines) > 10 && sum(output.lines) < 5",
        "output.route == \"pay\" ? output.route == \"hold\" : output.route == \"pay\"",
    ] {
        assert!(!may(&[(never, true)]), "{never}");
        assert!(may(&[(never, false)]), "{never}");
    }
}

#[test]
fn what_one_call_can_bring_about_is_not_called_impossible() {
    for perhaps in [
        "output.score > 5 && output.score < 7",
        "output.share > 0.5 && output.share < 0.6",
        "output.route != \"pay\" && output.route != \"hold\"",
        "output.urgent || !output.urgent",
        "output.total > 5 && output.score < 3",
        "sample(call.key, 0.1) && output.score > 3",
        "has(output.note) && output.note.contains(\"a\") && output.note.contains(\"b\")",
        "output.lines.exists(l, l > 5) && output.lines.exists(l, l < 3)",
        "output.free != 1 && output.free != \"a\"",
    ] {
        assert!(may(&[(perhaps, true)]), "{perhaps}");
    }
}

#[test]
fn branches_that_cover_every_value_leave_nothing() {
    let routes =
        ["output.route == \"pay\"", "output.route == \"hold\"", "output.route == \"return\""];
    fn none<'s>(sources: &[&'s str]) -> Vec<(&'s str, bool)> {
        sources.iter().map(|source| (*source, false)).collect()
    }
    assert!(!may(&none(&routes)));
    assert!(may(&none(routes.get(..2).unwrap_or_default())));
    assert!(!may(&none(&["output.score < 5", "output.score >= 5"])));
    assert!(may(&none(&["output.score < 5", "output.score > 5"])));
    assert!(!may(&none(&["output.score < 5", "output.score > 4"])), "whole numbers leave no gap");
    assert!(may(&none(&["output.share < 0.5", "output.share > 0.5"])));
}

#[test]
fn draws_of_two_rules_are_independent_and_one_rules_are_not() {
    let draw = "sample(call.key, 0.1)";
    assert!(may(&[(draw, true), (draw, false)]));
    assert!(!may(&[("sample(call.key, 0.1) && !sample(call.key, 0.1)", true)]));
}

#[test]
fn a_wider_condition_holds_wherever_a_narrower_one_does() {
    let implied = |narrow, wide| !may(&[(narrow, true), (wide, false)]);
    assert!(implied("output.score > 7", "output.score > 5"));
    assert!(!implied("output.score > 5", "output.score > 7"));
    assert!(implied(
        "output.route == \"pay\" && output.urgent",
        "output.route in [\"pay\", \"hold\"]"
    ));
    assert!(implied("output.total < output.score", "output.score > output.total"));
}

#[test]
fn what_cannot_be_computed_for_some_call_is_told_apart() {
    let fails = |source: &str| claim(source, 0).may_fail();
    assert!(!fails("output.score > 5 && has(output.note) && size(output.lines) < 3"));
    assert!(fails("output.total + 1 > 5"), "it may overflow");
    assert!(fails("output.free > 5"), "it may be a text");
}

#[test]
fn a_condition_with_more_branches_than_are_looked_at_is_perhaps() {
    let never = "(output.score < 3 || output.score < 4) && (output.score > 5 || output.score > 6)";
    assert!(!may(&[(never, true)]));
    let pair = |n: u32| format!("(output.urgent || output.total > {n})");
    let pairs = (0..20).map(pair).collect::<Vec<_>>().join(" && ");
    let hidden = format!("{pairs} && {never} && {pairs}");
    assert!(may(&[(&hidden, true)]), "not proven, so not claimed");
}
