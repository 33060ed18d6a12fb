//! Writes a schema as the type that expressions are checked against.
//!
//! The type never says less than the schema allows: what is not understood (`not`, `if`, dynamic
//! references, recursion) widens it, in the end to "anything".

use serde_json::Value;

use super::Schema;
use super::documents::Place;
use super::shape::{List, Number, Object, Shape};
use crate::expression::{Texts, Type};
use crate::path::Path;

/// Most subschemas that are looked at for one type; beyond, the rest is "anything".
const VISITS_MAX: usize = 20_000;

impl Schema {
    /// The type of the values that this schema allows, for expressions.
    pub fn type_of(&self) -> Type {
        let mut writer = Writer { schema: self, open: Vec::new(), left: VISITS_MAX };
        writer.shape(&[self.0.documents.root_place()]).into_type()
    }

    /// The type at `path`; `None` when the schema names no such place.
    pub fn type_at(&self, path: &Path) -> Option<Type> {
        let applying = self.applying_at(path)?;
        let mut writer = Writer { schema: self, open: Vec::new(), left: VISITS_MAX };
        Some(writer.shape(&applying.places).into_type())
    }
}

struct Writer<'a> {
    schema: &'a Schema,
    /// Subschemas that are being written now: one that stands inside itself is "anything".
    open: Vec<usize>,
    left: usize,
}

impl<'a> Writer<'a> {
    /// What values that are to all of `places` can be.
    fn shape(&mut self, places: &[Place<'a>]) -> Shape {
        let (parts, _) = self.schema.unfolded(places);
        let addresses: Vec<usize> =
            parts.iter().map(|part| core::ptr::from_ref(part.schema).addr()).collect();
        if self.left < parts.len() || addresses.iter().any(|part| self.open.contains(part)) {
            return Shape::anything();
        }
        self.left -= parts.len();
        let length = self.open.len();
        self.open.extend(addresses);
        let shape = parts.iter().fold(Shape::anything(), |shape, part| {
            let own = self.own(*part);
            let branches = self.branches(*part);
            shape.both(own).both(branches)
        });
        self.open.truncate(length);
        shape
    }

    fn one(&mut self, file: &'a str, schema: &'a Value) -> Shape {
        self.shape(&[Place { file, schema }])
    }

    /// What one of `anyOf` and one of `oneOf` allow.
    fn branches(&mut self, part: Place<'a>) -> Shape {
        let mut shape = Shape::anything();
        for keyword in ["anyOf", "oneOf"] {
            let branches = part.schema.get(keyword).and_then(Value::as_array);
            let Some(branches) = branches.filter(|branches| !branches.is_empty()) else { continue };
            let either = branches.iter().fold(Shape::nothing(), |either, branch| {
                let branch = match branch {
                    Value::Bool(false) => Shape::nothing(),
                    branch => self.one(part.file, branch),
                };
                either.either(branch)
            });
            shape = shape.both(either);
        }
        shape
    }

    /// What the keywords of one schema object itself allow.
    fn own(&mut self, part: Place<'a>) -> Shape {
        let get = |keyword: &str| part.schema.get(keyword);
        let mut shape = of_types(get("type"));
        if let Some(constant) = get("const") {
            shape = shape.both(Shape::constant(constant));
        }
        if let Some(values) = get("enum").and_then(Value::as_array) {
            let listed = values.iter().map(Shape::constant).reduce(Shape::either);
            shape = shape.both(listed.unwrap_or_else(Shape::nothing));
        }
        if let Some(number) = &mut shape.number {
            *number = number.both(bounds(part.schema));
        }
        shape.text = shape.text.and_then(|texts| texts.both(lengths(part.schema)));
        if shape.list.is_some() {
            let list = Shape { list: Some(self.list(part)), ..Shape::anything() };
            shape = shape.both(list);
        }
        if shape.object.is_some() {
            let object = Shape { object: Some(self.object(part)), ..Shape::anything() };
            shape = shape.both(object);
        }
        shape
    }

    fn list(&mut self, part: Place<'a>) -> List {
        let get = |keyword: &str| part.schema.get(keyword);
        let items = get("items");
        let first = get("prefixItems").or(items.filter(|items| items.is_array()));
        let first: Vec<&'a Value> = first.and_then(Value::as_array).into_iter().flatten().collect();
        let rest = match items {
            Some(Value::Array(_)) => get("additionalItems"),
            other => other,
        };
        let closed = rest == Some(&Value::Bool(false));
        let mut item = match rest {
            _ if closed => Shape::nothing(),
            Some(rest) => self.one(part.file, rest),
            None => Shape::anything(),
        };
        for schema in &first {
            item = item.either(self.one(part.file, schema));
        }
        let stated = get("maxItems").and_then(whole);
        let by_form = closed.then_some(first.len() as u64);
        List {
            item: Some(Box::new(item)),
            min_items: get("minItems").and_then(whole).unwrap_or(0),
            max_items: stated.into_iter().chain(by_form).min(),
        }
    }

    fn object(&mut self, part: Place<'a>) -> Object {
        let map = |keyword: &str| part.schema.get(keyword).and_then(Value::as_object);
        let additional = part.schema.get("additionalProperties");
        let properties = map("properties");
        let patterns: Vec<&'a Value> =
            map("patternProperties").into_iter().flat_map(|m| m.values()).collect();
        let closed = additional == Some(&Value::Bool(false));
        let none_named = properties.is_none_or(serde_json::Map::is_empty);
        let is_map =
            matches!(additional, Some(Value::Object(_))) || (closed && !patterns.is_empty());
        let required = part.schema.get("required").and_then(Value::as_array);
        if none_named && is_map && required.is_none_or(Vec::is_empty) {
            let entries = patterns.into_iter().chain(additional.filter(|_| !closed));
            let shapes: Vec<Shape> = entries.map(|entry| self.one(part.file, entry)).collect();
            let entry = shapes.into_iter().reduce(Shape::either).unwrap_or_else(Shape::anything);
            return Object::Map(Box::new(entry));
        }
        let mut known = std::collections::BTreeMap::new();
        for (name, schema) in properties.into_iter().flatten() {
            if schema != &Value::Bool(false) {
                known.insert(name.clone(), (self.one(part.file, schema), false));
            }
        }
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            known.entry(name.to_owned()).or_insert_with(|| (Shape::anything(), false)).1 = true;
        }
        Object::Fields { known, open: !closed || !patterns.is_empty() }
    }
}

/// The kinds that `type` names; all without it.
fn of_types(types: Option<&Value>) -> Shape {
    let names: Vec<&str> = match types {
        Some(Value::String(name)) => vec![name],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => return Shape::anything(),
    };
    let all = Shape::anything();
    names.iter().fold(Shape::nothing(), |shape, name| {
        let of = Shape::nothing();
        shape.either(match *name {
            "null" => Shape { null: true, ..of },
            "boolean" => Shape { boolean: true, ..of },
            "integer" => Shape { number: Some(Number::WHOLE), ..of },
            "number" => Shape { number: Some(Number::ANY), ..of },
            "string" => Shape { text: all.text.clone(), ..of },
            "array" => Shape { list: all.list.clone(), ..of },
            "object" => Shape { object: all.object.clone(), ..of },
            _ => Shape::anything(),
        })
    })
}

/// Bounds as included ones; an exclusive bound is a little too wide, which is harmless.
fn bounds(schema: &Value) -> Number {
    let get = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
    let min = [get("minimum"), get("exclusiveMinimum")].into_iter().flatten().reduce(f64::max);
    let max = [get("maximum"), get("exclusiveMaximum")].into_iter().flatten().reduce(f64::min);
    Number { whole: false, min, max }
}

/// How long a text may be, in characters.
fn lengths(schema: &Value) -> Texts {
    let get = |keyword: &str| schema.get(keyword).and_then(whole);
    Texts::Any { min: get("minLength").unwrap_or(0), max: get("maxLength") }
}

fn whole(value: &Value) -> Option<u64> {
    value
        .as_u64()
        .or_else(|| value.as_f64().filter(|n| n.fract() == 0.0 && *n >= 0.0).map(|n| n as u64))
}
