//! Proves that every value of one schema is a value of another, or says why it cannot.
//!
//! It never says "proven" where that is not certain: the set operations of `jsonschema` answer
//! yes, no or unknown within a bounded amount of work, and only yes counts.

use jsonschema::PatternOptions;
use jsonschema::canonical::{self, CanonicalSchema, Containment};
use serde_json::Value;

use super::{PATTERN_BYTES_MAX, Schema, message};
use crate::path::{Path, PathStep};

/// Whether one schema contains another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// Every value of the inner schema is a value of the outer one.
    Proven,
    /// Not so, or not certain; for people.
    NotProven(String),
}

/// Whether every value that is valid under `inner` is valid under `outer`. Used to prove that a
/// fallback such as `= input.vendor` can never break the output's schema.
pub fn contains(outer: &Schema, inner: &Schema) -> Proof {
    if !outer.0.exact {
        let why = "the place is also ruled by branches (`anyOf`, `if` and so on) around it";
        return Proof::NotProven(why.to_owned());
    }
    match decided(outer, inner) {
        Some(Containment::Yes) => Proof::Proven,
        _ => Proof::NotProven(reason(outer, inner, EXPLAINED_DEPTH)),
    }
}

/// How deep a reason looks for the field that is at fault.
const EXPLAINED_DEPTH: usize = 4;

fn decided(outer: &Schema, inner: &Schema) -> Option<Containment> {
    if outer.value() == &Value::Bool(true) {
        return Some(Containment::Yes);
    }
    canonical(outer)?.covers(&canonical(inner)?).ok()
}

fn canonical(schema: &Schema) -> Option<CanonicalSchema> {
    canonical::options()
        .with_retriever(schema.0.documents.clone())
        .with_base_uri(schema.0.documents.address())
        .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES_MAX))
        .should_validate_formats(true)
        .canonicalize(schema.value())
        .ok()
}

/// Why it is not proven: a field that may be missing, the first field at fault, or the two sides.
fn reason(outer: &Schema, inner: &Schema, depth: usize) -> String {
    if depth > 0 {
        for name in outer.fields() {
            let path = Path::of([PathStep::Field(name.clone())]);
            let (Some(wanted), given) = (outer.subschema_at(&path), inner.subschema_at(&path))
            else {
                continue;
            };
            if outer.requires(&name) && !inner.requires(&name) {
                return format!("`{name}` is required there and may be missing here");
            }
            match given {
                Some(given) if decided(&wanted, &given) != Some(Containment::Yes) => {
                    return format!("`{name}`: {}", reason(&wanted, &given, depth - 1));
                }
                _ => {}
            }
        }
    }
    format!(
        "what may stand here, {}, is not certain to be within {}",
        inner.in_words(),
        outer.in_words()
    )
}

impl Schema {
    /// The fields that this schema declares through `properties`, `$ref` and `allOf`.
    fn fields(&self) -> Vec<String> {
        let (places, _) = self.unfolded(&[self.0.documents.root_place()]);
        let fields = places.iter().filter_map(|place| place.schema.get("properties"));
        fields.filter_map(Value::as_object).flat_map(|map| map.keys().cloned()).collect()
    }

    /// Whether a field is certain to be there.
    pub fn requires(&self, field: &str) -> bool {
        let (places, _) = self.unfolded(&[self.0.documents.root_place()]);
        let lists = places.iter().filter_map(|place| place.schema.get("required"));
        lists.filter_map(Value::as_array).flatten().any(|name| name == field)
    }

    /// The schema as it stands at its place, shortened.
    fn in_words(&self) -> String {
        let root = self.0.documents.root_place();
        let (places, _) = self.unfolded(&[root]);
        let parts = places.iter().map(|place| place.schema);
        let bare = parts.filter(|part| part.get("$ref").is_none() && part.get("allOf").is_none());
        let texts: Vec<_> = bare.map(|part| message::clip(&part.to_string())).collect();
        if texts.is_empty() { "any value".to_owned() } else { format!("`{}`", texts.join(" and ")) }
    }
}
