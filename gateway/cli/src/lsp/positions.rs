//! Places as editors count them: lines from 0, and UTF-16 units within the line.

use backstop_policy::{Sources, Span};
use serde_json::{Value, json};

/// Where byte `at` of `text` is.
pub fn position(text: &str, at: usize) -> Value {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at = at.saturating_sub(1);
    }
    let before = text.get(..at).unwrap_or("");
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count();
    let column = before.get(start..).unwrap_or("").encode_utf16().count();
    json!({"line": line, "character": column})
}

/// The byte of `text` that a position names; past the end of a line is its end.
pub fn byte(text: &str, position: &Value) -> Option<usize> {
    let number = |key| position.get(key).and_then(Value::as_u64);
    let (line, mut units) = (number("line")?, number("character")?);
    let mut start = 0;
    for _ in 0..line {
        start += text.get(start..)?.find('\n')? + 1;
    }
    let rest = text.get(start..)?;
    for (at, c) in rest.char_indices() {
        if units == 0 || c == '\n' || c == '\r' {
            return Some(start + at);
        }
        units = units.saturating_sub(c.len_utf16() as u64);
    }
    Some(text.len())
}

/// A span as a range.
pub fn range(sources: &Sources, span: Span) -> Value {
    let text = sources.text(span.file);
    let (start, end) = (span.start as usize, span.end as usize);
    json!({"start": position(text, start), "end": position(text, end)})
}

/// All of a text.
pub fn whole(text: &str) -> Value {
    json!({"start": {"line": 0, "character": 0}, "end": position(text, text.len())})
}
