//! The official JSON Schema test suite, run over our wrapper, with every exception named.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
#![expect(clippy::print_stdout, reason = "figures and skips are printed")]

use serde_json::Value;

use crate::schema::{Schema, SchemaError};

#[test]
fn draft_2020_12_is_judged_as_its_authors_say() {
    run("jsts_draft2020-12.jsonl");
}

#[test]
fn draft_7_is_judged_as_its_authors_say() {
    run("jsts_draft7.jsonl");
}

fn run(file: &str) {
    let data = "/../../../shared/data/json_schema";
    let path = format!("{}{data}/{file}", env!("CARGO_MANIFEST_DIR"));
    let Ok(rows) = std::fs::read_to_string(&path) else {
        println!("skipped: {path} is absent");
        return;
    };
    let (mut good, mut excepted, mut remote, mut wrong) = (0, 0, 0, Vec::new());
    for row in rows.lines() {
        let row: Value = serde_json::from_str(row).unwrap();
        let text = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default();
        let mut value = row.get("schema").unwrap().clone();
        if file.contains("draft7")
            && let Some(fields) = value.as_object_mut()
        {
            let draft = Value::from("http://json-schema.org/draft-07/schema#");
            fields.entry("$schema").or_insert(draft);
        }
        let schema = Schema::of_value("suite.json", &value);
        // Files on another server are never fetched: such a schema is refused with the reference.
        if row.get("needs_remote") == Some(&Value::Bool(true))
            && matches!(schema, Err(SchemaError::Reference { .. }))
        {
            remote += row.get("tests").and_then(Value::as_array).map_or(0, Vec::len);
            continue;
        }
        for test in row.get("tests").unwrap().as_array().unwrap() {
            let valid = test.get("valid").unwrap().as_bool().unwrap();
            let data = test.get("data").unwrap();
            let name = format!("{} | {}", text("file"), text("group"));
            let judged = schema.as_ref().map(|schema| schema.is_valid(data));
            if judged == Ok(valid) {
                good += 1;
                assert_eq!(schema.as_ref().map(|s| s.validate(data).is_empty()), Ok(valid));
            } else if EXCEPTIONS.iter().any(|(start, _)| name.contains(start)) {
                excepted += 1;
            } else {
                let description = test.get("description").unwrap();
                wrong.push(format!(
                    "{name} | {description} | {:?}",
                    judged.map_err(|e| e.to_string())
                ));
            }
        }
    }
    for (part, why) in EXCEPTIONS {
        println!("exception `{part}`: {why}");
    }
    println!(
        "{file}: {good} as expected, {excepted} named exceptions, {remote} of schemas that point"
    );
    println!("to another server and are refused with that reference, {} else", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Where we differ on purpose, each by a part of its name, and why.
const EXCEPTIONS: [(&str, &str); 2] = [
    ("2020-12/format.json | ", "2020-12 only annotates formats by default; we assert them"),
    ("optional/format/unknown.json", "an unknown format is a load error here, not a shrug"),
];
