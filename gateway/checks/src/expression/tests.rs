//! Stories of expressions: what authors are told, what conditions come to, what always holds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod promises;
mod refused;
mod rules;
mod samples;
mod templates;
mod values;

use serde_json::{Map, Value as Json, json};

use super::{Bounds, Scope, Type};

/// The invoice of RULES.md, section 4, with a bit of everything around it.
fn scope() -> Scope {
    let line = Type::object([
        ("text", Type::TEXT, false),
        ("amount_cents", Type::INT, true),
        ("tax", Type::or_null(Type::DOUBLE), true),
    ]);
    let lines = Type::List { item: line.into(), min_items: 1, max_items: Some(100) };
    let output = Type::object([
        ("route", Type::words(["pay_small", "hold", "approve"]), true),
        ("vendor", Type::TEXT, true),
        ("iban", Type::TEXT, false),
        ("note", Type::or_null(Type::TEXT), true),
        ("lines", lines, true),
        ("tags", Type::list(Type::TEXT), true),
        ("pages", Type::list(Type::object([("words", Type::list(Type::TEXT), true)])), true),
        ("urgent", Type::Bool, true),
        ("total_cents", Type::Int(Bounds { min: Some(0.0), max: None }), true),
    ]);
    let vendor = Type::object([("iban", Type::TEXT, true)]);
    Scope::new()
        .variable("input", Type::object([("raw", Type::Any, true), ("total", Type::DOUBLE, true)]))
        .variable("output", output)
        .variable("data", Type::object([("vendors", Type::map(vendor), true)]))
        .variable("signals", Type::object([("logprobs", Type::DOUBLE, false)]))
        .variable("call", Type::object([("key", Type::TEXT, true)]))
        .variable("now", Type::TEXT)
        .later("tool", "`tool` is known only in tool rules")
        .calendar("office")
        .constant("approval_cents", json!(500_000))
        .constant("pattern", json!("^INV-[0-9]+$"))
}

/// A call that fits [`scope`].
fn invoice() -> Map<String, Json> {
    let call = json!({
        "input": {"raw": {"deep": [1, {"x": "y"}]}, "total": 12},
        "output": {
            "route": "hold", "vendor": "Ärger & Co", "iban": "GB82WEST12345698765432",
            "note": null,
            "lines": [
                {"text": "bolts", "amount_cents": 700, "tax": 1.5},
                {"amount_cents": 500.0, "tax": null},
            ],
            "tags": ["new", "eu", "new"], "pages": [{"words": ["a", "b"]}], "urgent": false,
            "total_cents": 1200,
        },
        "data": {"vendors": {"Ärger & Co": {"iban": "GB82WEST12345698765432"}}},
        "signals": {}, "call": {"key": "k-1"}, "now": "2026-11-22T08:00:00Z",
    });
    match call {
        Json::Object(map) => map,
        _ => unreachable!(),
    }
}
