//! Stories about compiling schemas and about what they say of a value.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod corpus;
mod suite;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Proof, Schema, SchemaError, contains};
use crate::expression::{Bounds, Texts, Type};
use crate::path::Path;

fn schema(value: &Value) -> Schema {
    Schema::of_value("schemas/test.json", value).unwrap()
}

fn refused(value: &Value) -> String {
    Schema::of_value("schemas/test.json", value).unwrap_err().to_string()
}

fn invoice() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["vendor", "lines"],
        "additionalProperties": false,
        "properties": {
            "vendor": {"type": "string", "minLength": 1, "maxLength": 80},
            "route": {"enum": ["pay", "hold"]},
            "lines": {"type": "array", "maxItems": 9, "items": {"$ref": "#/$defs/line"}},
        },
        "$defs": {"line": {
            "type": "object",
            "required": ["amount_cents"],
            "properties": {"amount_cents": {"type": "integer", "minimum": 0, "maximum": 100_000}},
        }},
    })
}

#[test]
fn a_problem_names_the_place_what_it_must_be_and_what_it_is() {
    let answer =
        json!({"lines": [{"amount_cents": "12"}, {"amount_cents": -1}], "route": "x", "y": 1});
    let mut messages: Vec<_> =
        schema(&invoice()).validate(&answer).into_iter().map(|problem| problem.message).collect();
    messages.sort();
    assert_eq!(
        messages,
        [
            "`/lines/0/amount_cents` must be a whole number, is \"12\"",
            "`/lines/1/amount_cents` must be at least 0, is -1",
            "`/route` must be one of \"pay\", \"hold\", is \"x\"",
            "the value has fields that the schema does not know: `y`",
            "the value lacks the field \"vendor\"",
        ]
    );
}

#[test]
fn problems_are_bounded_in_number_and_length() {
    let schema = schema(&json!({"items": {"type": "integer"}}));
    let problems = schema.validate(&json!(vec!["x".repeat(10_000); 500]));
    assert_eq!(problems.len(), super::PROBLEMS_MAX);
    assert!(problems.iter().all(|problem| problem.message.len() < 200));
}

#[test]
fn a_reference_reaches_other_schema_files_and_nothing_else() {
    let files = BTreeMap::from([
        ("schemas/parts/name.json".to_owned(), br#"{"type": "string"}"#.to_vec()),
        ("other.json".to_owned(), br##"{"$defs": {"n": {"type": "integer"}}}"##.to_vec()),
    ]);
    let compile = |text: &str| Schema::compile("schemas/a.json", text.as_bytes(), &files);
    let text = r#"{"properties": {"n": {"$ref": "parts/name.json"},
        "k": {"$ref": "../other.json#/$defs/n"}}}"#;
    let schema = compile(text).unwrap();
    assert!(schema.is_valid(&json!({"n": "x", "k": 1})));
    assert!(!schema.is_valid(&json!({"n": 1})) && !schema.is_valid(&json!({"k": "x"})));
    for address in
        ["https://example.com/x.json", "file:///etc/passwd", "missing.json", "../../up.json"]
    {
        let error = compile(&format!(r#"{{"$ref": "{address}"}}"#)).unwrap_err();
        assert!(matches!(error, SchemaError::Reference { .. }), "{address}: {error}");
    }
}

#[test]
fn a_schema_that_is_not_sound_is_refused_with_the_reason() {
    let text = br#"{"type": "string", "type": "integer"}"#;
    let error = Schema::compile("a.json", text, &BTreeMap::new()).unwrap_err();
    assert!(error.to_string().contains("the key `type` is given twice"));
    assert!(refused(&json!({"type": "sting"})).contains("/type"));
    assert!(refused(&json!({"format": "postcode"})).contains("postcode"));
    assert!(refused(&json!({"pattern": "(?=a)b"})).contains("pattern"));
    assert!(refused(&json!({"pattern": "(a{1000}){1000}"})).contains("pattern"));
}

#[test]
fn formats_are_asserted() {
    let schema = schema(&json!({"format": "date"}));
    assert!(schema.is_valid(&json!("2026-11-22")) && !schema.is_valid(&json!("2026-11-31")));
}

#[test]
fn a_schema_bomb_is_refused_before_a_value_is_seen() {
    let doubling: serde_json::Map<_, _> = (0..40)
        .map(|n| {
            let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
            (format!("d{n}"), json!({"allOf": [next.clone(), next]}))
        })
        .chain([("d40".to_owned(), json!({}))])
        .collect();
    for bomb in [
        json!({"$ref": "#/$defs/d0", "$defs": doubling}),
        json!({"$ref": "#"}),
        json!({"items": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}}),
        json!({"anyOf": [
            {"properties": {"l": {"$ref": "#"}}}, {"additionalProperties": {"$ref": "#"}},
        ]}),
    ] {
        let error = Schema::of_value("a.json", &bomb).unwrap_err();
        assert!(matches!(error, SchemaError::TooCostly { .. }), "{error}");
    }
}

#[test]
fn honest_recursion_is_welcome() {
    let json_value = json!({"anyOf": [
        {"type": ["string", "number", "boolean", "null"]},
        {"type": "array", "items": {"$ref": "#"}},
        {"type": "object", "additionalProperties": {"$ref": "#"}},
    ]});
    assert!(schema(&json_value).is_valid(&json!({"a": [{"b": null}]})));
    let tree = json!({"properties": {
        "left": {"$ref": "#"}, "right": {"$ref": "#"}, "v": {"type": "integer"},
    }});
    assert!(!schema(&tree).is_valid(&json!({"left": {"right": {"v": "x"}}})));
}

#[test]
fn the_schema_of_a_place_is_found_and_a_misspelt_place_is_not() {
    let schema = schema(&invoice());
    let at = |text: &str| schema.subschema_at(&Path::parse(text).unwrap());
    let amount = at("lines.*.amount_cents").unwrap();
    assert!(amount.is_valid(&json!(5)) && !amount.is_valid(&json!(-5)));
    assert!(at("vendor").unwrap().is_valid(&json!("x")));
    for text in ["vendr", "lines.amount_cents", "lines.*.amount", "vendor.x", "route.*"] {
        assert!(at(text).is_none(), "{text}");
    }
}

fn proof(outer: &Value, inner: &Value) -> Proof {
    contains(&schema(outer), &schema(inner))
}

#[test]
fn a_narrower_schema_is_proven_to_be_within_a_wider_one() {
    for (outer, inner) in [
        (json!({}), json!({"type": "string"})),
        (json!({"type": "number"}), json!({"type": "integer", "minimum": 3})),
        (json!({"type": "string", "maxLength": 80}), json!({"type": "string", "maxLength": 40})),
        (json!({"enum": ["a", "b", "c"]}), json!({"enum": ["c", "a"]})),
        (json!({"type": "string"}), json!({"const": "x"})),
        (json!({"type": ["string", "null"]}), json!({"type": "string", "format": "date"})),
        (
            json!({"type": "array", "items": {"type": "number"}, "maxItems": 9}),
            json!({"type": "array", "items": {"type": "integer"}, "maxItems": 3}),
        ),
        (invoice(), invoice()),
    ] {
        assert_eq!(proof(&outer, &inner), Proof::Proven, "{outer} over {inner}");
    }
}

#[test]
fn what_is_not_certain_is_not_proven() {
    for (outer, inner) in [
        (json!({"type": "integer"}), json!({"type": "number"})),
        (json!({"type": "string", "minLength": 1}), json!({"type": "string"})),
        (json!({"type": "string", "format": "date"}), json!({"type": "string"})),
        (json!({"type": "string", "pattern": "^a+$"}), json!({"type": "string", "pattern": "^a"})),
        (json!({"type": "object", "additionalProperties": false}), json!({"type": "object"})),
        (json!({"enum": ["a"]}), json!({"enum": ["a", "b"]})),
        (json!({"type": "string"}), json!({})),
        (json!(false), json!({"type": "string"})),
        (json!({"not": {"const": "x"}}), json!({"type": "string"})),
        (json!({"uniqueItems": true}), json!({"type": "array"})),
        (json!({"multipleOf": 3}), json!({"multipleOf": 2})),
    ] {
        assert!(matches!(proof(&outer, &inner), Proof::NotProven(_)), "{outer} over {inner}");
    }
}

#[test]
fn a_missing_proof_says_which_field_is_at_fault() {
    let mut inner = invoice();
    *inner.pointer_mut("/$defs/line/properties/amount_cents/maximum").unwrap() = json!(200_000);
    let Proof::NotProven(reason) = proof(&invoice(), &inner) else { unreachable!() };
    assert!(reason.starts_with("`lines`: "), "{reason}");
    let mut inner = invoice();
    *inner.pointer_mut("/required").unwrap() = json!(["lines"]);
    let reason = proof(&invoice(), &inner);
    assert_eq!(
        reason,
        Proof::NotProven("`vendor` is required there and may be missing here".into())
    );
}

#[test]
fn a_place_of_one_schema_is_proven_to_fit_a_place_of_another() {
    let output = schema(&invoice());
    let vendor = json!({"type": "string", "minLength": 2, "maxLength": 20});
    let input = json!({"properties": {"vendor": vendor, "any": {"type": "string"}}});
    let input = Schema::of_value("schemas/input.json", &input).unwrap();
    let at =
        |schema: &Schema, text: &str| schema.subschema_at(&Path::parse(text).unwrap()).unwrap();
    assert_eq!(contains(&at(&output, "vendor"), &at(&input, "vendor")), Proof::Proven);
    assert_ne!(contains(&at(&output, "vendor"), &at(&input, "any")), Proof::Proven);
}

#[test]
fn a_place_inside_a_branch_proves_nothing_as_the_outer_side() {
    let outer = schema(&json!({
        "properties": {"a": {"type": "string"}},
        "if": {"required": ["b"]}, "then": {"properties": {"a": {"maxLength": 1}}},
    }));
    let at = outer.subschema_at(&Path::parse("a").unwrap()).unwrap();
    assert!(matches!(contains(&at, &schema(&json!({"type": "string"}))), Proof::NotProven(_)));
}

#[test]
fn a_schema_is_written_as_the_type_that_conditions_are_checked_against() {
    let line = Type::object([("amount_cents", Type::Int(Bounds::between(0.0, 100_000.0)), true)]);
    let lines = Type::List { item: line.opened().into(), min_items: 0, max_items: Some(9) };
    let wanted = Type::object([
        ("vendor", Type::Text(Texts::Any { min: 1, max: Some(80) }), true),
        ("route", Type::words(["pay", "hold"]), false),
        ("lines", lines, true),
    ]);
    assert_eq!(schema(&invoice()).type_of(), wanted);
    let amount = schema(&invoice()).type_at(&Path::parse("lines.*.amount_cents").unwrap());
    assert_eq!(amount, Some(Type::Int(Bounds::between(0.0, 100_000.0))));
}

#[test]
fn what_a_schema_does_not_say_for_sure_stays_open_in_the_type() {
    for (value, wanted) in [
        (json!({}), Type::Any),
        (json!({"properties": {"a": {"type": "string"}}}), Type::Any),
        (json!({"not": {"type": "string"}}), Type::Any),
        (json!({"type": ["string", "null"]}), Type::or_null(Type::TEXT)),
        (
            json!({"type": "object", "additionalProperties": {"type": "integer"}}),
            Type::map(Type::INT),
        ),
        (json!({"anyOf": [{"type": "integer"}, {"type": "number", "minimum": 1}]}), Type::DOUBLE),
        (
            json!({"allOf": [{"type": "number"}, {"type": "integer", "maximum": 4}]}),
            Type::Int(Bounds { min: None, max: Some(4.0) }),
        ),
        (
            json!({"type": "string", "anyOf": [{"const": "a"}, {"const": "b"}]}),
            Type::words(["a", "b"]),
        ),
        (
            json!({"type": "array", "items": {"type": "array", "items": {"type": "boolean"}}}),
            Type::list(Type::list(Type::Bool)),
        ),
        (
            json!({"type": "array", "prefixItems": [{"type": "string"}], "items": false}),
            Type::List { item: Type::TEXT.into(), min_items: 0, max_items: Some(1) },
        ),
    ] {
        assert_eq!(schema(&value).type_of(), wanted, "{value}");
    }
    let tree = json!({"type": "object", "properties": {"next": {"$ref": "#"}}});
    assert_eq!(schema(&tree).type_of(), Type::object([("next", Type::Any, false)]).opened());
}

#[test]
fn the_forms_of_a_union_share_only_what_both_have() {
    let either = json!({"oneOf": [
        {"type": "object", "required": ["kind", "a"], "additionalProperties": false,
            "properties": {"kind": {"const": "x"}, "a": {"type": "integer"}}},
        {"type": "object", "required": ["kind"], "additionalProperties": false,
            "properties": {"kind": {"const": "y"}, "b": {"type": "string"}}},
    ]});
    let wanted = Type::object([
        ("kind", Type::words(["x", "y"]), true),
        ("a", Type::INT, false),
        ("b", Type::TEXT, false),
    ]);
    assert_eq!(schema(&either).type_of(), wanted);
}

#[test]
fn the_values_that_a_schema_lists_are_known_for_confidence() {
    let schema = schema(
        &json!({"properties": {"l": {"enum": ["a", "b"]}, "t": {"type": "boolean"}, "s": {}}}),
    );
    let at = |text: &str| schema.allowed_at(&Path::parse(text).unwrap());
    assert_eq!(at("l"), [json!("a"), json!("b")]);
    assert_eq!((at("t").len(), at("s").len(), at("x").len()), (2, 0, 0));
}
