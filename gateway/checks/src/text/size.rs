//! How large an answer is: characters, estimated tokens, items.
//!
//! It measures and compares; it cuts nothing.

use serde_json::Value;

use super::texts;
use crate::tokens::tokens_of;

/// How large a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Size {
    /// Characters in all its texts.
    pub chars: u64,
    /// Estimated tokens of all its texts (see [`crate::tokens`]).
    pub tokens: u64,
    /// Elements of the value itself, if it is a list, or its fields if it is an object.
    pub items: u64,
}

/// The most that is allowed; `None` is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SizeLimit {
    /// Most characters.
    pub chars: Option<u64>,
    /// Most estimated tokens.
    pub tokens: Option<u64>,
    /// Most items.
    pub items: Option<u64>,
}

impl Size {
    /// Measures a value. Strings count as they are, numbers as they are written, keys not at all.
    pub fn of(value: &Value) -> Self {
        let items = match value {
            Value::Array(items) => items.len(),
            Value::Object(fields) => fields.len(),
            _ => 0,
        };
        let mut size = Self { items: items as u64, ..Self::default() };
        for text in texts(value).iter().filter(|text| !text.is_name) {
            size.chars += text.text.chars().count() as u64;
            size.tokens = size.tokens.saturating_add(tokens_of(&text.text));
        }
        size
    }
}

impl SizeLimit {
    /// What is larger than allowed, in words; `None` when nothing is.
    pub fn exceeded(&self, size: &Size) -> Option<String> {
        let pairs = [
            ("characters", self.chars, size.chars),
            ("tokens (estimated)", self.tokens, size.tokens),
            ("items", self.items, size.items),
        ];
        let over = pairs.iter().filter_map(|(what, limit, is)| match limit {
            Some(limit) if is > limit => Some(format!("{is} {what}, at most {limit} are allowed")),
            _ => None,
        });
        let texts: Vec<_> = over.collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    }
}
