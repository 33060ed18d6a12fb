//! Reads one JSON value (RFC 8259) from a text, with byte ranges, and refuses duplicate keys.
//!
//! In its lenient form it also takes a trailing comma and raw control characters inside strings,
//! and notes each as an [`Edit`]. It never supplies a bracket, a quote, a key or a value.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::tree::{Node, Shape};

/// Deepest nesting of arrays and objects that is read.
pub const DEPTH_MAX: usize = 64;
/// Largest text that is read, in bytes.
pub const JSON_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Why a text is not JSON, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct Malformed {
    /// What is wrong there.
    pub message: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// Byte offset in the text that was given.
    pub byte: usize,
}

impl Malformed {
    pub(crate) fn at(text: &str, byte: usize, message: impl Into<String>) -> Self {
        let mut end = byte.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let before = text.get(..end).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            message: message.into(),
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
            byte: end,
        }
    }
}

/// A fault before its line and column are counted, which costs a pass over the text.
#[derive(Debug)]
pub(crate) struct Fault {
    pub byte: usize,
    pub message: String,
}

impl Fault {
    fn at(byte: usize, message: impl Into<String>) -> Self {
        Self { byte, message: message.into() }
    }

    /// The fault with its place in `text`.
    pub fn placed(self, text: &str) -> Malformed {
        Malformed::at(text, self.byte, self.message)
    }
}

/// One change that the lenient reader made while reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edit {
    /// The comma at this byte was left out.
    Comma(usize),
    /// The control character at this byte was written as an escape.
    Control(usize, u8),
}

/// A value that was read, where it stood, and what was changed to read it.
#[derive(Debug)]
pub(crate) struct Read {
    pub value: Value,
    pub node: Node,
    pub edits: Vec<Edit>,
}

/// Reads a text that is one JSON value and nothing else, white space aside.
///
/// # Errors
/// [`Malformed`] with the first fault: syntax, a key given twice, nesting beyond [`DEPTH_MAX`],
/// more than [`JSON_BYTES_MAX`] bytes, or a whole number that would lose digits.
pub fn read_strict(text: &str) -> Result<(Value, Node), Malformed> {
    let read = read_at(text, 0, false).map_err(|fault| fault.placed(text))?;
    let rest = text.get(read.node.span.end..).unwrap_or_default();
    match rest.find(|c| !matches!(c, ' ' | '\t' | '\n' | '\r')) {
        None => Ok((read.value, read.node)),
        Some(at) => {
            Err(Malformed::at(text, read.node.span.end + at, "something follows the JSON value"))
        }
    }
}

/// Reads the value that starts at `start` (white space aside); what follows it is not looked at.
pub(crate) fn read_at(text: &str, start: usize, lenient: bool) -> Result<Read, Fault> {
    if text.len() > JSON_BYTES_MAX {
        let message = format!("the text is larger than {JSON_BYTES_MAX} bytes");
        return Err(Fault::at(0, message));
    }
    let mut reader = Reader { text, at: start, depth: 0, lenient, edits: Vec::new() };
    reader.space();
    let (value, node) = reader.value()?;
    Ok(Read { value, node, edits: reader.edits })
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    lenient: bool,
    edits: Vec<Edit>,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn fail<T>(&self, message: impl Into<String>) -> Result<T, Fault> {
        Err(Fault::at(self.at, message))
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Result<(Value, Node), Fault> {
        let start = self.at;
        match self.peek() {
            None => self.fail("the text ends where a value should stand"),
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => {
                let text = self.string()?;
                Ok((Value::String(text), self.scalar(start)))
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => {
                let value = self.word()?;
                Ok((value, self.scalar(start)))
            }
        }
    }

    fn scalar(&self, start: usize) -> Node {
        Node { span: start..self.at, shape: Shape::Scalar }
    }

    fn nested(
        &mut self,
        read: fn(&mut Self) -> Result<(Value, Node), Fault>,
    ) -> Result<(Value, Node), Fault> {
        if self.depth == DEPTH_MAX {
            return self.fail(format!("nested deeper than {DEPTH_MAX}"));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn object(&mut self) -> Result<(Value, Node), Fault> {
        let start = self.at;
        let (mut map, mut fields, mut seen) = (Map::new(), Vec::new(), BTreeSet::new());
        self.at += 1;
        self.space();
        while self.peek() != Some(b'}') {
            let key_at = self.at;
            if self.peek() != Some(b'"') {
                return self.fail("a key in double quotes, or `}`, should stand here");
            }
            let key = self.string()?;
            if !seen.insert(key.clone()) {
                let message = format!("the key `{key}` is given twice");
                return Err(Fault::at(key_at, message));
            }
            self.space();
            if self.peek() != Some(b':') {
                return self.fail("`:` should stand after a key");
            }
            self.at += 1;
            self.space();
            let (value, node) = self.value()?;
            map.insert(key.clone(), value);
            fields.push((key, node));
            self.separator(b'}')?;
        }
        self.at += 1;
        Ok((Value::Object(map), Node { span: start..self.at, shape: Shape::Object(fields) }))
    }

    fn array(&mut self) -> Result<(Value, Node), Fault> {
        let start = self.at;
        let (mut items, mut nodes) = (Vec::new(), Vec::new());
        self.at += 1;
        self.space();
        while self.peek() != Some(b']') {
            let (value, node) = self.value()?;
            items.push(value);
            nodes.push(node);
            self.separator(b']')?;
        }
        self.at += 1;
        Ok((Value::Array(items), Node { span: start..self.at, shape: Shape::Array(nodes) }))
    }

    /// After a part: a comma and a further part, or the closing bracket (which is not taken).
    fn separator(&mut self, close: u8) -> Result<(), Fault> {
        self.space();
        match self.peek() {
            Some(b',') => {
                let comma = self.at;
                self.at += 1;
                self.space();
                if self.peek() != Some(close) {
                    return Ok(());
                }
                if !self.lenient {
                    return Err(Fault::at(comma, "a comma stands after the last part"));
                }
                self.edits.push(Edit::Comma(comma));
                Ok(())
            }
            Some(byte) if byte == close => Ok(()),
            None => self.fail(format!("the text ends before `{}`", char::from(close))),
            Some(_) => self.fail(format!("`,` or `{}` should stand here", char::from(close))),
        }
    }

    fn string(&mut self) -> Result<String, Fault> {
        let start = self.at;
        let first_edit = self.edits.len();
        self.at += 1;
        loop {
            match self.peek() {
                None => return Err(Fault::at(start, "a string is not closed")),
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                Some(byte) if byte < 0x20 => {
                    if !self.lenient {
                        return self.fail("a raw control character stands in a string");
                    }
                    self.edits.push(Edit::Control(self.at, byte));
                    self.at += 1;
                }
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        let edits = self.edits.get(first_edit..).unwrap_or_default();
        let token = apply(self.text, start..self.at, edits);
        serde_json::from_str(&token).map_err(|_| Fault::at(start, "a string holds a broken escape"))
    }

    fn number(&mut self) -> Result<(Value, Node), Fault> {
        let start = self.at;
        while matches!(self.peek(), Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')) {
            self.at += 1;
        }
        let token = self.text.get(start..self.at).unwrap_or_default();
        let value: Value = serde_json::from_str(token)
            .map_err(|_| Fault::at(start, format!("`{token}` is not a number")))?;
        let whole = !token.contains(['.', 'e', 'E']);
        if whole && value.is_f64() && token != "-0" {
            let message = format!("the whole number `{token}` has more digits than can be kept");
            return Err(Fault::at(start, message));
        }
        Ok((value, self.scalar(start)))
    }

    fn word(&mut self) -> Result<Value, Fault> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let words =
            [("true", Value::Bool(true)), ("false", Value::Bool(false)), ("null", Value::Null)];
        for (word, value) in words {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        self.fail("a JSON value should stand here")
    }
}

/// The text of `span` with `edits` (in order, all inside) carried out.
pub(crate) fn apply(text: &str, span: core::ops::Range<usize>, edits: &[Edit]) -> String {
    let mut out = String::with_capacity(span.len());
    let mut from = span.start;
    for edit in edits {
        let (Edit::Comma(at) | Edit::Control(at, _)) = *edit;
        out.push_str(text.get(from..at).unwrap_or_default());
        if let Edit::Control(_, byte) = *edit {
            out.push_str(&format!("\\u{byte:04x}"));
        }
        from = at + 1;
    }
    out.push_str(text.get(from..span.end).unwrap_or_default());
    out
}
