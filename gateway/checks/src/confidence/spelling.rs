//! Whether a piece of text can still become one of the values that a schema allows.
//!
//! It answers "surely not" or "perhaps"; only what is surely not allowed is ever left out of a
//! probability, so a doubt can only lower a signal.

use serde_json::Value;

/// The allowed values as they are spelled: strings without their quotes, words as they are.
#[derive(Debug, Clone)]
pub(super) struct Spellings<'a> {
    texts: Vec<&'a [u8]>,
    ends: Ends,
}

/// What may follow a complete spelling.
#[derive(Debug, Clone, Copy)]
enum Ends {
    /// A closing quote.
    Quote,
    /// A comma, a bracket or white space.
    Structure,
    /// Nothing but white space: a label that is the whole answer.
    Space,
}

impl<'a> Spellings<'a> {
    /// How the `allowed` values are spelled in JSON; `None` where spelling is not unique (numbers,
    /// lists, objects), where strings and words are mixed, or where `value` is not among them.
    pub fn of_values(allowed: &'a [Value], value: &Value) -> Option<Self> {
        if !allowed.contains(value) {
            return None;
        }
        let strings = value.is_string();
        let spelled = |value: &'a Value| -> Option<&'a [u8]> {
            match value {
                Value::String(text) if strings => is_plain(text).then_some(text.as_bytes()),
                Value::Bool(true) if !strings => Some(b"true"),
                Value::Bool(false) if !strings => Some(b"false"),
                Value::Null if !strings => Some(b"null"),
                _ => None,
            }
        };
        let texts: Option<Vec<_>> = allowed.iter().map(spelled).collect();
        let ends = if strings { Ends::Quote } else { Ends::Structure };
        Some(Self { texts: texts?, ends })
    }

    /// Labels of which one is the whole answer; `None` if `text` is not one of them.
    pub fn of_labels(labels: &'a [String], text: &str) -> Option<Self> {
        let known = labels.iter().any(|label| label == text);
        let plain = labels.iter().all(|label| !label.is_empty() && label.trim() == label);
        let texts = labels.iter().map(|label| label.as_bytes()).collect();
        (known && plain).then_some(Self { texts, ends: Ends::Space })
    }

    /// Whether an answer that goes on as `text` is surely none of the allowed values.
    pub fn excludes(&self, text: &[u8]) -> bool {
        let unclear = text.is_empty()
            || text.contains(&b'\\')
            || text.first().is_some_and(u8::is_ascii_whitespace);
        !unclear && !self.texts.iter().any(|allowed| self.fits(text, allowed))
    }

    fn fits(&self, text: &[u8], allowed: &[u8]) -> bool {
        if allowed.starts_with(text) {
            return true;
        }
        match text.strip_prefix(allowed).and_then(|rest| rest.first()) {
            None => false,
            Some(next) => match self.ends {
                Ends::Quote => *next == b'"',
                Ends::Structure => b",]} \t\r\n".contains(next),
                Ends::Space => next.is_ascii_whitespace() || *next == b'<',
            },
        }
    }
}

/// Whether a text is spelled in JSON as it is, with no escape, and is not empty.
fn is_plain(text: &str) -> bool {
    let escaped = |byte: u8| byte < b' ' || matches!(byte, b'"' | b'\\');
    !text.is_empty() && !text.bytes().any(escaped)
}
