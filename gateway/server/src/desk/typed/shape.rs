//! What field a schema asks for. Where it says more than a form can show (alternatives, conditions,
//! open maps), the field is JSON and the schema judges it afterwards: a form is a help, never the
//! check.

use serde_json::Value;

use crate::tongue::{say, tell};

/// Deepest nesting that becomes fields; below it is JSON.
const DEPTH_MAX: usize = 12;
/// Most references that are followed from one place.
const HOPS_MAX: usize = 16;
/// Most choices of one field.
const CHOICES_MAX: usize = 200;
/// A text that may be longer than this gets more than a line.
const LINE_MAX: u64 = 90;

/// What kind of field a place gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape<'s> {
    /// A text; `long`: more than a line.
    Text { long: bool },
    /// A number; `whole`: an integer.
    Number { whole: bool },
    /// One of two.
    Flag,
    /// One of these.
    Choice(&'s [Value]),
    /// Named places.
    Object(&'s serde_json::Map<String, Value>),
    /// Entries of one kind.
    List(&'s Value),
    /// Anything.
    Json,
}

/// The schema that stands at a place, references taken.
pub fn resolve<'s>(root: &'s Value, mut node: &'s Value) -> &'s Value {
    for _ in 0..HOPS_MAX {
        let Some(reference) = node.get("$ref").and_then(Value::as_str) else { return node };
        let Some(found) = reference.strip_prefix('#').and_then(|at| root.pointer(at)) else {
            return &Value::Null;
        };
        node = found;
    }
    &Value::Null
}

/// What field that place gets. `None` as a schema is a text.
pub fn shape<'s>(root: &'s Value, node: &'s Value, pointer: &str) -> Shape<'s> {
    if root.is_null() {
        return Shape::Text { long: true };
    }
    let node = resolve(root, node);
    let beyond = ["anyOf", "oneOf", "allOf", "not", "if", "prefixItems", "patternProperties"];
    let deep = pointer.matches('/').count() >= DEPTH_MAX;
    if deep || beyond.iter().any(|word| node.get(*word).is_some()) {
        return Shape::Json;
    }
    if let Some(choices) = node.get("enum").and_then(Value::as_array) {
        let plain = choices.iter().all(|choice| !choice.is_object() && !choice.is_array());
        return if plain && choices.len() <= CHOICES_MAX {
            Shape::Choice(choices)
        } else {
            Shape::Json
        };
    }
    if let Some(only) = node.get("const").filter(|only| !only.is_object() && !only.is_array()) {
        return Shape::Choice(std::slice::from_ref(only));
    }
    match node.get("type").and_then(Value::as_str) {
        Some("string") => {
            let longest = node.get("maxLength").and_then(Value::as_u64);
            Shape::Text { long: longest.is_none_or(|longest| longest > LINE_MAX) }
        }
        Some("integer") => Shape::Number { whole: true },
        Some("number") => Shape::Number { whole: false },
        Some("boolean") => Shape::Flag,
        Some("object") => match node.get("properties").and_then(Value::as_object) {
            Some(places) if !places.is_empty() => Shape::Object(places),
            _ => Shape::Json,
        },
        Some("array") => match node.get("items").filter(|items| items.is_object()) {
            Some(items) => Shape::List(items),
            None => Shape::Json,
        },
        _ => Shape::Json,
    }
}

impl Shape<'_> {
    /// Whether a value can stand in that field.
    pub fn takes(self, value: &Value) -> bool {
        match self {
            Self::Text { .. } => value.is_string(),
            Self::Number { whole } => {
                value.is_number() && (!whole || value.is_i64() || value.is_u64())
            }
            Self::Flag => value.is_boolean(),
            Self::Choice(choices) => choices.contains(value),
            Self::Object(_) => value.is_object(),
            Self::List(_) => {
                value.as_array().is_some_and(|list| list.len() <= super::raw::LIST_MAX)
            }
            Self::Json => false,
        }
    }
}

/// Whether the object's schema wants that place.
pub fn is_required(node: &Value, name: &str) -> bool {
    let required = node.get("required").and_then(Value::as_array);
    required.is_some_and(|names| names.iter().any(|one| one == name))
}

/// What the schema says of a place, in words for the person who fills it.
pub fn limits(node: &Value, shape: Shape<'_>) -> String {
    let number = |word: &str| node.get(word).map(Value::to_string);
    let (low, high, unit) = match shape {
        Shape::Number { whole } => {
            let kind = if whole { "whole number" } else { "number" };
            (number("minimum"), number("maximum"), kind)
        }
        Shape::Text { .. } => (number("minLength"), number("maxLength"), "letters"),
        Shape::List(_) => (number("minItems"), number("maxItems"), "entries"),
        _ => return String::new(),
    };
    let kind = unit;
    let (low, high) = (low.as_deref(), high.as_deref());
    match (kind, low, high) {
        ("whole number", None, None) => say("whole number").into_owned(),
        ("number", None, None) => say("number").into_owned(),
        (_, None, None) => String::new(),
        ("whole number", Some(low), None) => tell("whole number, at least {low}", &[("low", low)]),
        ("whole number", None, Some(high)) => {
            tell("whole number, at most {high}", &[("high", high)])
        }
        ("whole number", Some(low), Some(high)) => {
            tell("whole number, {low} to {high}", &[("low", low), ("high", high)])
        }
        ("number", Some(low), None) => tell("number, at least {low}", &[("low", low)]),
        ("number", None, Some(high)) => tell("number, at most {high}", &[("high", high)]),
        ("number", Some(low), Some(high)) => {
            tell("number, {low} to {high}", &[("low", low), ("high", high)])
        }
        ("letters", Some(low), None) => tell("at least {low} letters", &[("low", low)]),
        ("letters", None, Some(high)) => tell("at most {high} letters", &[("high", high)]),
        ("letters", Some(low), Some(high)) => {
            tell("{low} to {high} letters", &[("low", low), ("high", high)])
        }
        (_, Some(low), None) => tell("at least {low} entries", &[("low", low)]),
        (_, None, Some(high)) => tell("at most {high} entries", &[("high", high)]),
        (_, Some(low), Some(high)) => {
            tell("{low} to {high} entries", &[("low", low), ("high", high)])
        }
    }
}
