//! Strict YAML 1.2: our own tree with a span on every key and value.
//!
//! Only `true` and `false` are booleans and `on`, `no`, `yes` are words. Duplicate keys, anchors,
//! aliases, merge keys, tags, further documents, tabs and outsized files are refused with a
//! sentence. It gives no meaning to keys: that is [`crate::raw`].

mod explain;
mod read;

pub(crate) use read::parse_text;
pub use read::{BYTES_MAX, DEPTH_MAX, NODES_MAX, parse};

use serde_json::Value;

use crate::source::{Span, Spanned};

/// The expression key that a line begins with, and the text behind it.
pub(crate) fn expression_on_line(line: &str) -> Option<(&'static str, &str)> {
    explain::on_line(line)
}

/// Whether the value of `key` is a condition or another expression, wherever it stands.
pub(crate) fn is_expression_key(key: &str) -> bool {
    explain::EXPRESSION_KEYS.contains(&key)
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Bare: may be a number, a boolean or nothing.
    Plain,
    /// In single or double quotes: always text.
    Quoted,
    /// A block after `|` or `>`: always text.
    Block,
}

/// A single value as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar {
    /// The text, with quotes, escapes and folding resolved.
    pub text: String,
    /// How it was written.
    pub style: Style,
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Spanned<String>,
    /// Its value.
    pub value: Node,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// One value.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file.
    Map(Vec<Entry>),
}

/// A value in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Where it stands.
    pub span: Span,
}

impl Node {
    /// What it is, in the words of an error: `expected a list, found text`.
    pub fn found(&self) -> &'static str {
        match &self.kind {
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
            Kind::Scalar(_) if self.is_null() => "nothing",
            Kind::Scalar(_) if self.as_bool().is_some() => "`true` or `false`",
            Kind::Scalar(_) if self.as_number().is_some() => "a number",
            Kind::Scalar(_) => "text",
        }
    }

    /// Whether nothing is written: an empty value, `~` or `null`.
    pub fn is_null(&self) -> bool {
        self.plain().is_some_and(|text| matches!(text, "" | "~" | "null"))
    }

    /// The boolean, if it is a bare `true` or `false`.
    pub fn as_bool(&self) -> Option<bool> {
        match self.plain()? {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// The number, if it is bare and written as JSON writes numbers.
    pub fn as_number(&self) -> Option<serde_json::Number> {
        let text = self.plain()?;
        let first = text.bytes().next()?;
        (first == b'-' || first.is_ascii_digit()).then(|| serde_json::from_str(text).ok()).flatten()
    }

    /// The text of a scalar, whatever it may mean.
    pub fn as_text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(scalar) => Some(&scalar.text),
            _ => None,
        }
    }

    /// The text of a bare scalar.
    pub fn plain(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar(Scalar { text, style: Style::Plain }) => Some(text),
            _ => None,
        }
    }

    /// The value of `key`, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.kind {
            Kind::Map(entries) => {
                entries.iter().find(|entry| entry.key.value == key).map(|entry| &entry.value)
            }
            _ => None,
        }
    }

    /// As JSON: what it says, without places, layout and comments.
    pub fn to_json(&self) -> Value {
        match &self.kind {
            Kind::List(items) => items.iter().map(Self::to_json).collect(),
            Kind::Map(entries) => {
                let pair = |entry: &Entry| (entry.key.value.clone(), entry.value.to_json());
                Value::Object(entries.iter().map(pair).collect())
            }
            Kind::Scalar(_) if self.is_null() => Value::Null,
            Kind::Scalar(scalar) => {
                let bool = self.as_bool().map(Value::Bool);
                let known = bool.or_else(|| self.as_number().map(Value::Number));
                known.unwrap_or_else(|| Value::String(scalar.text.clone()))
            }
        }
    }
}

#[cfg(test)]
mod tests;
