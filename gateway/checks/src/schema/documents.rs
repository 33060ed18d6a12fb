//! The schema files that one schema can reach, and how a `$ref` finds its way among them.
//!
//! It opens nothing: files come in as bytes. A reference it cannot follow for sure is `None`, and
//! whoever asks must then claim nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use jsonschema::{Retrieve, Uri};
use serde_json::Value;

use super::{SchemaError, parse};
use crate::path::pointer_part;

/// The scheme under which workspace files are addressed inside `jsonschema`.
const SCHEME: &str = "workspace:///";

/// A schema and the other files that it may refer to. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Documents(Arc<Files>);

#[derive(Debug)]
struct Files {
    root: String,
    by_path: BTreeMap<String, Value>,
    by_id: BTreeMap<String, String>,
}

/// A subschema and the file in which it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub file: &'a str,
    pub schema: &'a Value,
}

impl Documents {
    /// The schema `root` under `name`, with `files` beside it. Files that are no JSON are an error
    /// only when something refers to them, so they are left out here.
    pub fn load(
        name: &str,
        root: Value,
        files: &BTreeMap<String, Vec<u8>>,
    ) -> Result<Self, SchemaError> {
        let mut by_path = BTreeMap::new();
        for (path, bytes) in files.iter().filter(|(path, _)| path.as_str() != name) {
            if let Ok(value) = parse(path, bytes) {
                by_path.insert(path.clone(), value);
            }
        }
        by_path.insert(name.to_owned(), root);
        let id_of = |(path, value): (&String, &Value)| Some((id(value)?.to_owned(), path.clone()));
        let by_id = by_path.iter().filter_map(id_of).collect();
        Ok(Self(Arc::new(Files { root: name.to_owned(), by_path, by_id })))
    }

    /// The schema itself.
    pub fn root(&self) -> &Value {
        self.0.by_path.get(&self.0.root).unwrap_or(&Value::Bool(false))
    }

    /// The schema itself, as a place.
    pub fn root_place(&self) -> Place<'_> {
        Place { file: &self.0.root, schema: self.root() }
    }

    /// The address of the schema, unless it gives itself one.
    pub fn base_uri(&self) -> Option<String> {
        id(self.root()).is_none().then(|| file_uri(&self.0.root))
    }

    /// An absolute address for the schema, its own `$id` first.
    pub fn address(&self) -> String {
        self.base_uri().unwrap_or_else(|| id(self.root()).unwrap_or_default().to_owned())
    }

    /// The same files with another root beside them.
    pub fn with_root(&self, name: &str, root: Value) -> Self {
        let mut by_path = self.0.by_path.clone();
        by_path.insert(name.to_owned(), root);
        Self(Arc::new(Files { root: name.to_owned(), by_path, by_id: self.0.by_id.clone() }))
    }

    /// An absolute address of a place, for a `$ref` from elsewhere.
    pub fn address_of(&self, place: Place<'_>) -> Option<String> {
        let document = self.0.by_path.get(place.file)?;
        let mut open = vec![(document, String::new())];
        while let Some((value, pointer)) = open.pop() {
            if core::ptr::eq(value, place.schema) {
                let base = id(document).map_or_else(|| file_uri(place.file), str::to_owned);
                return Some(format!("{base}#{}", percent_encoded(&pointer)));
            }
            match value {
                Value::Object(fields) => open.extend(
                    fields.iter().map(|(key, v)| (v, format!("{pointer}{}", pointer_part(key)))),
                ),
                Value::Array(items) => open
                    .extend(items.iter().enumerate().map(|(i, v)| (v, format!("{pointer}/{i}")))),
                _ => {}
            }
        }
        None
    }

    /// Where `reference`, written in `from`, leads; `None` if that is not certain.
    pub fn resolve<'a>(&'a self, from: Place<'a>, reference: &str) -> Option<Place<'a>> {
        let (address, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let document = self.0.by_path.get(from.file)?;
        if has_inner_id(document) {
            return None;
        }
        let file = if address.is_empty() { from.file } else { self.find(from.file, address)? };
        let target = self.0.by_path.get(file)?;
        let file = self.0.by_path.get_key_value(file).map(|(path, _)| path.as_str())?;
        let schema = if fragment.is_empty() {
            target
        } else if has_inner_id(target) {
            return None;
        } else {
            target.pointer(&percent_decoded(fragment)?)?
        };
        Some(Place { file, schema })
    }

    /// The path of the file that `address`, written in the file `from`, names.
    fn find(&self, from: &str, address: &str) -> Option<&str> {
        if let Some(path) = self.0.by_id.get(address.trim_end_matches('#')) {
            return Some(path);
        }
        let base_has_id = self.0.by_path.get(from).and_then(id).is_some();
        let path = match address.strip_prefix(SCHEME) {
            Some(path) => percent_decoded(path)?,
            None if base_has_id || address.contains("://") => return None,
            None => joined(from, &percent_decoded(address)?)?,
        };
        self.0.by_path.get_key_value(&path).map(|(path, _)| path.as_str())
    }
}

/// What `jsonschema` asks for when a reference leaves the document. Nothing is ever fetched.
impl Retrieve for Documents {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let address = uri.as_str().trim_end_matches('#');
        let path = address.strip_prefix(SCHEME).and_then(percent_decoded);
        let path = path.or_else(|| self.0.by_id.get(address).cloned());
        match path.and_then(|path| self.0.by_path.get(&path)) {
            Some(value) => Ok(value.clone()),
            None => Err(format!("no schema file of the workspace is `{address}`").into()),
        }
    }
}

/// The absolute address that a schema file gives itself, without an empty fragment.
fn id(schema: &Value) -> Option<&str> {
    let id = schema.get("$id").or_else(|| schema.get("id"))?.as_str()?.trim_end_matches('#');
    id.contains("://").then_some(id)
}

/// Whether something below the root changes the base of its references.
fn has_inner_id(document: &Value) -> bool {
    let mut open: Vec<(&Value, bool)> = vec![(document, true)];
    while let Some((value, is_root)) = open.pop() {
        match value {
            Value::Object(fields) => {
                let named = |key| fields.get(key).is_some_and(Value::is_string);
                if !is_root && (named("$id") || named("id")) {
                    return true;
                }
                open.extend(fields.values().map(|value| (value, false)));
            }
            Value::Array(items) => open.extend(items.iter().map(|value| (value, false))),
            _ => {}
        }
    }
    false
}

/// `address` seen from the folder of `from`; `None` if it climbs out of the workspace.
fn joined(from: &str, address: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    if let Some(absolute) = address.strip_prefix('/') {
        return Some(absolute.to_owned());
    }
    for part in address.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The address of a workspace file inside `jsonschema`.
fn file_uri(path: &str) -> String {
    format!("{SCHEME}{}", percent_encoded(path))
}

fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let pair = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(core::str::from_utf8(&pair).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// Following what [`Documents::resolve`] will not vouch for, for estimates only.
impl Documents {
    /// The likely target of a reference by anchor, or inside a document with inner `$id`s.
    pub fn resolve_loosely<'a>(&'a self, from: Place<'a>, reference: &str) -> Option<Place<'a>> {
        let (address, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let last = address.rsplit('/').next().unwrap_or_default();
        self.0.by_path.iter().find_map(|(file, document)| {
            if address.is_empty() && file != from.file {
                return None;
            }
            let base = if last.is_empty() { document } else { with_id(document, last)? };
            let schema = match fragment {
                "" => base,
                pointer if pointer.starts_with('/') => {
                    let pointer = percent_decoded(pointer)?;
                    base.pointer(&pointer).or_else(|| document.pointer(&pointer))?
                }
                anchor => with_anchor(base, anchor)?,
            };
            Some(Place { file, schema })
        })
    }
}

fn with_id<'a>(document: &'a Value, last: &str) -> Option<&'a Value> {
    let named = |value: &Value| {
        let id = value.get("$id").or_else(|| value.get("id")).and_then(Value::as_str);
        id.is_some_and(|id| id.trim_end_matches('#').rsplit('/').next() == Some(last))
    };
    first(document, &named)
}

fn with_anchor<'a>(document: &'a Value, anchor: &str) -> Option<&'a Value> {
    let plain = format!("#{anchor}");
    let named = |value: &Value| {
        let is = |key: &str, text: &str| value.get(key).and_then(Value::as_str) == Some(text);
        is("$anchor", anchor) || is("$dynamicAnchor", anchor) || is("$id", &plain)
    };
    first(document, &named)
}

fn first<'a>(document: &'a Value, wanted: &dyn Fn(&Value) -> bool) -> Option<&'a Value> {
    let mut open = vec![document];
    while let Some(value) = open.pop() {
        if wanted(value) {
            return Some(value);
        }
        match value {
            Value::Object(fields) => open.extend(fields.values()),
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    None
}
