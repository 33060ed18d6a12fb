//! Local mending of an answer that should be JSON: it takes away, and it never invents.
//!
//! Taken away: a byte order mark, a code fence, prose around the one JSON value, a trailing comma;
//! a raw control character inside a string is written as its escape. Brackets, quotes, keys and
//! values are never supplied, and where two readings are possible none is taken.

mod find;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use crate::json::Malformed;
use crate::json::{Edit, Fault, Node, Read, apply, read_at, read_strict};

/// One thing that was done to read the text, for the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// A byte order mark was taken away.
    ByteOrderMark,
    /// The value stood in a code fence.
    CodeFence,
    /// Text before or after the value was taken away.
    Prose,
    /// A comma after the last part was taken away.
    TrailingComma,
    /// A raw newline, tab or other control character in a string became its escape.
    ControlCharacter,
}

impl Step {
    /// The name used in records and pages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ByteOrderMark => "byte_order_mark",
            Self::CodeFence => "code_fence",
            Self::Prose => "prose",
            Self::TrailingComma => "trailing_comma",
            Self::ControlCharacter => "control_character",
        }
    }
}

/// An answer as JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Mended {
    /// The value.
    pub value: Value,
    /// The JSON text that was read, after mending. Strict JSON.
    pub text: String,
    /// Where each value stands in the text **as it was given** (not in `text`).
    pub spans: Node,
    /// What was done, each once, in the order of [`Step`]; empty when the answer was JSON already.
    pub steps: Vec<Step>,
}

/// Reads an answer as JSON, mending what can be mended without inventing anything.
///
/// # Errors
/// [`Malformed`] where the text holds no JSON value, more than one, a broken one, or one with a
/// key given twice; the place is that of the first fault in the text as given.
pub fn read_json(text: &str) -> Result<Mended, Malformed> {
    let bom = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let body = text.get(bom..).unwrap_or_default();
    let mut steps = Vec::new();
    if bom > 0 {
        steps.push(Step::ByteOrderMark);
    }
    let found = match read_strict(body) {
        Ok((value, node)) => Found { read: Read { value, node, edits: Vec::new() }, around: None },
        Err(fault) => find::the_one_value(body, &fault)
            .map_err(|fault| Malformed::at(text, fault.byte + bom, fault.message))?,
    };
    steps.extend(found.around);
    let Read { value, node, edits } = found.read;
    if edits.iter().any(|edit| matches!(edit, Edit::Comma(_))) {
        steps.push(Step::TrailingComma);
    }
    if edits.iter().any(|edit| matches!(edit, Edit::Control(..))) {
        steps.push(Step::ControlCharacter);
    }
    let text = apply(body, node.span.clone(), &edits);
    let mut spans = node;
    spans.shift(bom);
    Ok(Mended { value, text, spans, steps })
}

/// A value in a text, and what stood around it.
struct Found {
    read: Read,
    around: Option<Step>,
}

/// The value that starts at `start`, read leniently.
fn lenient(text: &str, start: usize) -> Result<Read, Fault> {
    read_at(text, start, true)
}
