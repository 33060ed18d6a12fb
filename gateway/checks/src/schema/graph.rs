//! Which subschemas a schema applies, and to what: the same value, each element, each field.
//!
//! Only the shape is read here; nothing is judged. A reference that cannot be followed is counted
//! as one plain subschema.

use std::collections::BTreeMap;

use serde_json::Value;

use super::documents::{Documents, Place};

/// What one subschema applies, as indices into [`Graph::nodes`].
#[derive(Debug, Default)]
pub(super) struct Edges {
    /// To the value itself.
    pub same: Vec<usize>,
    /// To elements: every one of `elements`, and one of `one_element`.
    pub elements: Vec<usize>,
    pub one_element: Vec<usize>,
    /// To fields: every one of `fields`, and one of `one_field`.
    pub fields: Vec<usize>,
    pub one_field: Vec<usize>,
    /// Whether `unevaluated…` makes the subschemas in `same` be looked at again.
    pub again: bool,
}

/// Every subschema that can be reached from the root, which is node 0.
#[derive(Debug, Default)]
pub(super) struct Graph {
    pub nodes: Vec<Edges>,
}

impl Graph {
    pub fn of(documents: &Documents) -> Self {
        let mut builder = Builder { documents, known: BTreeMap::new(), open: Vec::new() };
        builder.node(documents.root_place());
        let mut nodes = Vec::new();
        while let Some(place) = builder.open.get(nodes.len()).copied() {
            nodes.push(builder.edges(place));
        }
        Self { nodes }
    }
}

struct Builder<'a> {
    documents: &'a Documents,
    known: BTreeMap<usize, usize>,
    open: Vec<Place<'a>>,
}

impl<'a> Builder<'a> {
    /// The index of a place; a value is the same place when it stands at the same address.
    fn node(&mut self, place: Place<'a>) -> usize {
        let next = self.open.len();
        let index = *self.known.entry(core::ptr::from_ref(place.schema).addr()).or_insert(next);
        if index == next {
            self.open.push(place);
        }
        index
    }

    fn edges(&mut self, place: Place<'a>) -> Edges {
        let mut edges = Edges::default();
        let Some(fields) = place.schema.as_object() else { return edges };
        for (keyword, value) in fields {
            let into = match keyword.as_str() {
                "allOf" | "anyOf" | "oneOf" | "not" | "if" | "then" | "else"
                | "dependentSchemas" | "dependencies" => &mut edges.same,
                "items" if value.is_array() => &mut edges.one_element,
                "prefixItems" => &mut edges.one_element,
                "items" | "contains" | "additionalItems" | "unevaluatedItems" => {
                    &mut edges.elements
                }
                "properties" => &mut edges.one_field,
                "patternProperties"
                | "additionalProperties"
                | "unevaluatedProperties"
                | "propertyNames" => &mut edges.fields,
                "$ref" | "$dynamicRef" | "$recursiveRef" => {
                    let target = value.as_str().and_then(|to| self.target(place, to));
                    edges.same.extend(target.map(|target| self.node(target)));
                    continue;
                }
                _ => continue,
            };
            let is_map = matches!(
                keyword.as_str(),
                "properties" | "patternProperties" | "dependentSchemas" | "dependencies"
            );
            let parts: Vec<&Value> = match value {
                Value::Array(items) => items.iter().collect(),
                Value::Object(map) if is_map => map.values().collect(),
                one => vec![one],
            };
            for schema in parts {
                into.push(self.node(Place { file: place.file, schema }));
            }
            edges.again |= keyword.starts_with("unevaluated");
        }
        edges
    }

    fn target(&self, place: Place<'a>, reference: &str) -> Option<Place<'a>> {
        let found = self.documents.resolve(place, reference);
        found.or_else(|| self.documents.resolve_loosely(place, reference))
    }
}
