//! Real schemas and real values: the type admits what the schema admits, and proofs hold.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
#![expect(clippy::print_stdout, reason = "figures and skips are printed")]

use std::collections::BTreeMap;

use serde_json::Value;

use crate::expression::Type;
use crate::schema::{Proof, Schema, contains};

fn rows(file: &str) -> Vec<Value> {
    let data = "/../../../shared/data/json_schema";
    let path = format!("{}{data}/{file}", env!("CARGO_MANIFEST_DIR"));
    let Ok(rows) = std::fs::read_to_string(&path) else {
        println!("skipped: {path} is absent");
        return Vec::new();
    };
    rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect()
}

/// Whether a value is one that the type speaks of.
fn admits(kind: &Type, value: &Value) -> bool {
    match (kind, value) {
        (Type::Any, _) | (Type::Null, Value::Null) | (Type::Bool, Value::Bool(_)) => true,
        (Type::Int(bounds) | Type::Double(bounds), Value::Number(number)) => {
            let n = number.as_f64().unwrap();
            let whole = matches!(kind, Type::Double(_)) || n.fract() == 0.0;
            whole && bounds.min.is_none_or(|min| min <= n) && bounds.max.is_none_or(|max| n <= max)
        }
        (Type::Text(texts), Value::String(text)) => texts.may_be(text),
        (Type::List { item, min_items, max_items }, Value::Array(items)) => {
            let count = items.len() as u64;
            *min_items <= count
                && max_items.is_none_or(|max| count <= max)
                && items.iter().all(|value| admits(item, value))
        }
        (Type::Map { value: entry }, Value::Object(fields)) => {
            fields.values().all(|value| admits(entry, value))
        }
        (Type::Object(fields), Value::Object(values)) => {
            let known = |name: &String| fields.known.get(name);
            values.iter().all(|(name, v)| known(name).map_or(fields.open, |f| admits(&f.kind, v)))
                && fields.known.iter().all(|(name, f)| !f.required || values.contains_key(name))
        }
        (Type::Union(parts), value) => parts.iter().any(|part| admits(part, value)),
        _ => false,
    }
}

#[test]
fn the_type_of_a_schema_admits_every_value_that_is_to_it() {
    let mut judged = 0;
    for file in ["jsts_draft2020-12.jsonl", "jsts_draft7.jsonl"] {
        for row in rows(file) {
            let Ok(schema) = Schema::of_value("a.json", row.get("schema").unwrap()) else {
                continue;
            };
            let kind = schema.type_of();
            for test in row.get("tests").and_then(Value::as_array).unwrap() {
                let value = test.get("data").unwrap();
                if schema.is_valid(value) {
                    judged += 1;
                    assert!(admits(&kind, value), "{value} is to {:?}: {kind:?}", schema.value());
                }
            }
        }
    }
    println!("{judged} valid values of the test suites are within the type of their schema");
}

#[test]
fn real_schemas_compile_and_judge_as_their_authors_say() {
    let mut schemas = BTreeMap::new();
    let (mut refused, mut right, mut wrong) = (Vec::new(), 0, Vec::new());
    for row in rows("schemastore_schemas.jsonl") {
        let name = row.get("schema_name").and_then(Value::as_str).unwrap().to_owned();
        match Schema::of_value(&name, row.get("schema").unwrap()) {
            Ok(schema) => drop(schemas.insert(name, schema)),
            Err(error) => refused.push(error.to_string()),
        }
    }
    for row in rows("schemastore_instances.jsonl") {
        let name = row.get("schema_name").and_then(Value::as_str).unwrap();
        let Some(schema) = schemas.get(name) else { continue };
        let value = row.get("instance").unwrap();
        let valid = schema.is_valid(value);
        if valid {
            assert!(admits(&schema.type_of(), value), "{name}: {value}");
        }
        if Some(valid) == row.get("valid").and_then(Value::as_bool) {
            right += 1;
        } else {
            wrong.push(format!("{name}: {:?}", schema.validate(value).first()));
        }
    }
    println!("{} schemas compile, {} are refused", schemas.len(), refused.len());
    println!("{right} instances as their authors say, {} else", wrong.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
    for error in &refused {
        let named = REFUSED
            .iter()
            .any(|(name, why)| error.starts_with(&format!("`{name}`")) && error.contains(why));
        assert!(named, "refused without a reason that is named here: {error}");
    }
    assert!(schemas.is_empty() || refused.len() == REFUSED.len(), "{refused:#?}");
}

/// Real schemas that are refused, each with the reason.
const REFUSED: [(&str, &str); 7] = [
    ("artifacthub-repo", "the format \"uuid\" is not known"),
    ("dtool-dataset-metadata-1.0", "the format \"uuid\" is not known"),
    ("youtrack-app", "the format \"url\" is not known"),
    ("xs-app", "the format \"relative-uri\" is not known"),
    ("bukkit-plugin", "no look-around"),
    ("yap", "no look-around"),
    ("jsone", "several branches check the same nested part again"),
];

/// Every pair of suite schemas: where containment is proven, no value of the suite refutes it.
#[test]
fn no_value_of_the_suite_refutes_a_proof() {
    let all = rows("jsts_draft2020-12.jsonl");
    let mut schemas: Vec<Schema> = Vec::new();
    let mut values: Vec<Value> = Vec::new();
    for (index, row) in all.iter().enumerate().filter(|(index, _)| index % 6 == 0) {
        let name = format!("{index}.json");
        schemas.extend(Schema::of_value(&name, row.get("schema").unwrap()).ok());
        let tests = row.get("tests").and_then(Value::as_array).unwrap();
        values.extend(tests.iter().map(|test| test.get("data").unwrap().clone()));
    }
    let valid: Vec<Vec<bool>> =
        schemas.iter().map(|s| values.iter().map(|value| s.is_valid(value)).collect()).collect();
    let mut proven = 0;
    for (outer, outer_valid) in schemas.iter().zip(&valid).step_by(12) {
        for (inner, inner_valid) in schemas.iter().zip(&valid) {
            let refuted = inner_valid.iter().zip(outer_valid).position(|(i, o)| *i && !*o);
            if contains(outer, inner) == Proof::Proven {
                proven += 1;
                let value = refuted.and_then(|at| values.get(at));
                assert!(value.is_none(), "{:?} over {:?}: {value:?}", outer.value(), inner.value());
            }
        }
    }
    println!("{proven} containments proven over {} schemas, none refuted", schemas.len());
}
