//! The schema of a place inside a value: what `lines.*.amount` must be.
//!
//! It collects what applies there through `properties`, `items`, `$ref` and `allOf`. Branches
//! (`anyOf`, `if` and so on) on the way may ask for more; then the result is marked as not exact,
//! and nothing is proved from it that would need the whole.

use jsonschema::Draft;
use serde_json::{Value, json};

use super::documents::Place;
use super::{Schema, SchemaError};
use crate::path::{Path, PathStep};

/// What applies at a place.
#[derive(Debug, Clone)]
pub(super) struct Applying<'a> {
    pub places: Vec<Place<'a>>,
    /// Whether `places` is all that applies.
    pub exact: bool,
}

impl Schema {
    /// The schema of the values at `path`; `None` when this schema names no such place, which is
    /// how a misspelt path is found out. The result admits every value that may stand there.
    pub fn subschema_at(&self, path: &Path) -> Option<Self> {
        if path.is_root() {
            return Some(self.clone());
        }
        let applying = self.applying_at(path)?;
        let parts: Option<Vec<Value>> = applying
            .places
            .iter()
            .map(|place| Some(json!({"$ref": self.0.documents.address_of(*place)?})))
            .collect();
        let mut wrapper = json!({"allOf": parts?});
        if applying.places.is_empty() {
            wrapper = json!({});
        }
        if let (Some(draft), Some(fields)) = (self.value().get("$schema"), wrapper.as_object_mut())
        {
            fields.insert("$schema".to_owned(), draft.clone());
        }
        let name = format!("{}#{path}", self.name());
        self.derived(&name, wrapper, self.0.exact && applying.exact).ok()
    }

    /// The values that the schema allows at `path`, where it lists them: `enum`, `const`, boolean,
    /// null. It may list more than are allowed, never fewer; empty when it lists none.
    pub fn allowed_at(&self, path: &Path) -> Vec<Value> {
        let Some(applying) = self.applying_at(path) else { return Vec::new() };
        let (places, _) = self.unfolded(&applying.places);
        let listed = places.iter().filter_map(|place| {
            let get = |keyword: &str| place.schema.get(keyword);
            let constant = get("const").map(|value| vec![value.clone()]);
            let listed = get("enum").and_then(Value::as_array).cloned();
            constant.or(listed).or_else(|| match get("type").and_then(Value::as_str) {
                Some("boolean") => Some(vec![Value::Bool(true), Value::Bool(false)]),
                Some("null") => Some(vec![Value::Null]),
                _ => None,
            })
        });
        listed.min_by_key(Vec::len).unwrap_or_default()
    }

    fn derived(&self, name: &str, wrapper: Value, exact: bool) -> Result<Self, SchemaError> {
        Self::build(name, self.0.documents.with_root(name, wrapper), exact)
    }

    /// What applies to the values at `path`; `None` when the schema names no such place.
    pub(super) fn applying_at(&self, path: &Path) -> Option<Applying<'_>> {
        let mut at = Applying { places: vec![self.0.documents.root_place()], exact: true };
        for step in path.steps() {
            at = self.step(&at, step)?;
        }
        Some(at)
    }

    fn step<'a>(&'a self, at: &Applying<'a>, step: &PathStep) -> Option<Applying<'a>> {
        let (open, mut exact) = self.unfolded(&at.places);
        exact &= at.exact;
        let mut places = Vec::new();
        for place in open {
            let (below, whole) = children(place.schema, step);
            exact &= whole;
            places.extend(below.into_iter().map(|schema| Place { file: place.file, schema }));
        }
        if places.is_empty() && exact {
            return None;
        }
        if places.iter().all(|place| place.schema == &Value::Bool(false)) && !places.is_empty() {
            return None;
        }
        Some(Applying { places, exact })
    }

    /// `places` and what they apply to the same value by `$ref` and `allOf`; `false` beside them
    /// when a branch may apply more.
    pub(super) fn unfolded<'a>(&'a self, places: &[Place<'a>]) -> (Vec<Place<'a>>, bool) {
        let (mut open, mut found, mut exact) = (places.to_vec(), Vec::<Place<'a>>::new(), true);
        while let Some(place) = open.pop() {
            let Some(fields) = place.schema.as_object() else { continue };
            if found.iter().any(|known| core::ptr::eq(known.schema, place.schema)) {
                continue;
            }
            exact &= !BRANCHES.iter().any(|keyword| fields.contains_key(*keyword));
            let reference = fields.get("$ref").and_then(Value::as_str);
            if let Some(reference) = reference {
                match self.0.documents.resolve(place, reference) {
                    Some(target) => open.push(target),
                    None => exact = false,
                }
            }
            if reference.is_some() && self.0.draft < Draft::Draft201909 {
                // Up to draft 7, what stands beside a `$ref` is ignored.
                continue;
            }
            let parts = fields.get("allOf").and_then(Value::as_array).into_iter().flatten();
            open.extend(parts.map(|schema| Place { file: place.file, schema }));
            found.push(place);
        }
        (found, exact)
    }
}

/// Keywords by which more may apply than is followed here.
const BRANCHES: [&str; 13] = [
    "anyOf",
    "oneOf",
    "not",
    "if",
    "dependentSchemas",
    "dependencies",
    "$dynamicRef",
    "$recursiveRef",
    "unevaluatedProperties",
    "unevaluatedItems",
    "propertyNames",
    "contains",
    "patternProperties",
];

/// What `schema` itself applies one step down, and whether that is all.
fn children<'a>(schema: &'a Value, step: &PathStep) -> (Vec<&'a Value>, bool) {
    let get = |keyword: &str| schema.get(keyword);
    let items = || match get("items") {
        Some(Value::Array(_)) => get("additionalItems"),
        other => other,
    };
    let first = || get("prefixItems").or_else(|| get("items").filter(|value| value.is_array()));
    match step {
        PathStep::Field(name) => {
            let declared = get("properties").and_then(|fields| fields.get(name));
            (declared.or_else(|| get("additionalProperties")).into_iter().collect(), true)
        }
        PathStep::Index(at) => {
            let declared = first().and_then(|items| items.get(at));
            (declared.or_else(items).into_iter().collect(), true)
        }
        PathStep::Every if first().is_some() => (Vec::new(), false),
        PathStep::Every => match get("properties").and_then(Value::as_object) {
            Some(fields) if !fields.is_empty() => (Vec::new(), false),
            _ => match (items(), get("additionalProperties")) {
                (Some(one), None | Some(Value::Bool(_))) | (None, Some(one)) => (vec![one], true),
                (Some(_), Some(_)) => (Vec::new(), false),
                (None, None) => (Vec::new(), true),
            },
        },
    }
}
