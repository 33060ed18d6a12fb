//! The texts inside a JSON value, each with its pointer, in the order of the value.
//!
//! Numbers count as texts too, as they are written: a card number may come as a number.

use serde_json::Value;

use crate::path::pointer_part;

/// One string of a value, or one number as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text<'a> {
    /// RFC 6901 pointer; empty for the value itself.
    pub path: String,
    /// The text.
    pub text: std::borrow::Cow<'a, str>,
}

impl<'a> Text<'a> {
    /// A plain text that stands in no value.
    pub fn plain(text: &'a str) -> Self {
        Self { path: String::new(), text: text.into() }
    }
}

/// Every string and number in `value`, with its pointer.
pub fn texts(value: &Value) -> Vec<Text<'_>> {
    let mut found = Vec::new();
    walk(value, &mut String::new(), &mut found);
    found
}

fn walk<'a>(value: &'a Value, path: &mut String, found: &mut Vec<Text<'a>>) {
    let length = path.len();
    match value {
        Value::String(text) => found.push(Text { path: path.clone(), text: text.into() }),
        Value::Number(number) => {
            found.push(Text { path: path.clone(), text: number.to_string().into() });
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push_str(&format!("/{index}"));
                walk(item, path, found);
                path.truncate(length);
            }
        }
        Value::Object(fields) => {
            for (key, item) in fields {
                path.push_str(&pointer_part(key));
                walk(item, path, found);
                path.truncate(length);
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}
