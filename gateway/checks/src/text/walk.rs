//! The texts inside a JSON value, each with its pointer, in the order of the value.
//!
//! Numbers count as texts too, as they are written: a card number may come as a number. Names of
//! fields are texts as well, marked as such; most judges pass them over.

use serde_json::Value;

use crate::path::push_part;

/// One string of a value, one number as it is written, or the name of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text<'a> {
    /// RFC 6901 pointer; empty for the value itself.
    pub path: String,
    /// The text.
    pub text: std::borrow::Cow<'a, str>,
    /// Whether it is the name of the field at `path`, not what stands there.
    pub is_name: bool,
}

impl<'a> Text<'a> {
    /// A plain text that stands in no value.
    pub fn plain(text: &'a str) -> Self {
        Self { path: String::new(), text: text.into(), is_name: false }
    }

    /// The same text seen from further out: its value stands at `pointer` there.
    #[must_use]
    pub fn below(self, pointer: &str) -> Self {
        Self { path: format!("{pointer}{}", self.path), ..self }
    }
}

/// Every string, number and field name in `value`, with its pointer.
pub fn texts(value: &Value) -> Vec<Text<'_>> {
    let mut found = Vec::new();
    walk(value, &mut String::new(), &mut found);
    found
}

fn walk<'a>(value: &'a Value, path: &mut String, found: &mut Vec<Text<'a>>) {
    let length = path.len();
    match value {
        Value::String(text) => {
            found.push(Text { path: path.clone(), text: text.into(), is_name: false })
        }
        Value::Number(number) => {
            let text = number.to_string().into();
            found.push(Text { path: path.clone(), text, is_name: false });
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
                push_part(path, key);
                found.push(Text { path: path.clone(), text: key.into(), is_name: true });
                walk(item, path, found);
                path.truncate(length);
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}
