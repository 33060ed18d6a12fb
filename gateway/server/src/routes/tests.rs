//! Stories about the route table.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;

use serde_json::Value;

/// `GET /v1/models` and so on, as the route table has them.
fn served() -> BTreeSet<String> {
    let source = include_str!("../routes.rs");
    let mut served = BTreeSet::new();
    for line in source.lines().filter_map(|line| line.trim().strip_prefix(".route(\"")) {
        let (path, methods) = line.split_once("\", ").unwrap();
        for method in ["get", "post", "put", "patch", "delete"] {
            let called = format!("{method}(");
            if methods.starts_with(&called) || methods.contains(&format!(".{called}")) {
                served.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    served
}

#[test]
fn what_is_served_is_described_and_what_is_described_is_served() {
    let document: Value = serde_json::from_str(include_str!("../openapi.json")).unwrap();
    let mut described = BTreeSet::new();
    for (path, methods) in document.get("paths").unwrap().as_object().unwrap() {
        for method in methods.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            described.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    let served = served();
    assert!(served.len() > 15, "the table is read: {served:?}");
    let undescribed: Vec<_> = served.difference(&described).collect();
    let unserved: Vec<_> = described.difference(&served).collect();
    assert!(undescribed.is_empty(), "openapi.json lacks {undescribed:?}");
    assert!(unserved.is_empty(), "openapi.json describes what is not served: {unserved:?}");
}
