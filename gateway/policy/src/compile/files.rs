//! Schema files, each compiled once per load however many policies name it.

use std::collections::{BTreeMap, BTreeSet};

use backstop_checks::schema::{Schema, SchemaError};
use backstop_domain::Digest;
use serde_json::Value;

use crate::source::Sources;

/// Compiled schemas of one load, by path and digest of everything that they reach.
#[derive(Debug, Default)]
pub(crate) struct Files {
    schemas: BTreeMap<(String, Digest), Result<Schema, SchemaError>>,
}

impl Files {
    /// The schema at `path` of the workspace; `None` if there is no such file.
    pub fn schema(&mut self, sources: &Sources, path: &str) -> Option<Result<Schema, SchemaError>> {
        let id = sources.find(path)?;
        let reached = reached(sources, path);
        let key = (path.to_owned(), digest(sources, &reached));
        if let Some(known) = self.schemas.get(&key) {
            return Some(known.clone());
        }
        let files = reached.iter().filter_map(|path| {
            sources.find(path).map(|id| (path.clone(), sources.bytes(id).to_vec()))
        });
        let compiled = Schema::compile(path, sources.bytes(id), &files.collect());
        self.schemas.insert(key, compiled.clone());
        Some(compiled)
    }
}

/// Every file that a schema reaches by `$ref`, itself included.
pub(crate) fn reached(sources: &Sources, path: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![path.to_owned()];
    while let Some(path) = open.pop() {
        if !found.insert(path.clone()) {
            continue;
        }
        let Some(id) = sources.find(&path) else { continue };
        let Ok(value) = serde_json::from_slice::<Value>(sources.bytes(id)) else { continue };
        let mut references = Vec::new();
        collect(&value, &mut references);
        for reference in references {
            open.extend(targets(sources, &path, &reference));
        }
    }
    found
}

fn collect(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            into.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| collect(value, into));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, into)),
        _ => {}
    }
}

/// Files that a reference may mean: the path beside the file, or, for an absolute address, every
/// schema with that `$id`.
fn targets(sources: &Sources, from: &str, reference: &str) -> Vec<String> {
    let address = reference.split('#').next().unwrap_or_default();
    if address.is_empty() {
        return Vec::new();
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in address.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let beside = parts.join("/");
    if sources.find(&beside).is_some() {
        return vec![beside];
    }
    let named = sources.ids().filter(|id| {
        let path = sources.path(*id);
        path.ends_with(".json") && sources.text(*id).contains(address)
    });
    named.map(|id| sources.path(id).to_owned()).collect()
}

/// Digest over the bytes of these files.
pub(crate) fn digest(sources: &Sources, paths: &BTreeSet<String>) -> Digest {
    let all = paths.iter().map(|path| {
        let bytes = sources.find(path).map(|id| Digest::of(sources.bytes(id)).to_string());
        (path.clone(), Value::from(bytes))
    });
    Digest::of_json(&Value::Object(all.collect()))
}
