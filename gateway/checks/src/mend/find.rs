//! Finds the one JSON value in a text that is not JSON as a whole.
//!
//! It is conservative: two values, a value that looks begun but is broken, or a stray closing
//! bracket make the text ambiguous, and an ambiguous text is not mended but asked for again.

use super::{Found, Malformed, Read, Step, lenient};

/// The one value of `text`, which was read strictly before with `fault` as the result.
pub(super) fn the_one_value(text: &str, fault: &Malformed) -> Result<Found, Malformed> {
    if let Some(found) = whole(text)? {
        return Ok(found);
    }
    let fences = fenced(text);
    let mut in_fences = Vec::new();
    for fence in &fences {
        in_fences.extend(whole_of(text, fence.clone())?);
    }
    let outside = values_outside(text, &fences)?;
    let objects = outside.iter().filter(|read| is_full_object(&read.value)).count();
    if in_fences.len() + objects > 1 || (in_fences.is_empty() && outside.len() > 1) {
        return Err(Malformed::at(text, 0, "the text holds more than one JSON value"));
    }
    if let Some(read) = in_fences.pop() {
        return Ok(Found { read, around: Some(Step::CodeFence) });
    }
    let mut outside = outside;
    match outside.pop() {
        Some(read) => Ok(Found { read, around: Some(Step::Prose) }),
        None => Err(fault.clone()),
    }
}

/// The text as one value that needs no more than a comma or an escape. A text that begins like an
/// object but cannot be read is malformed for good: what stands inside is not the answer.
fn whole(text: &str) -> Result<Option<Found>, Malformed> {
    let start = text.len() - text.trim_start().len();
    if !begins_value(text, start) {
        return Ok(None);
    }
    let read = lenient(text, start).map_err(|fault| fault.placed(text))?;
    let after = text.get(read.node.span.end..).unwrap_or_default();
    Ok(after.trim().is_empty().then_some(Found { read, around: None }))
}

/// Byte ranges of the bodies of closed code fences.
fn fenced(text: &str) -> Vec<core::ops::Range<usize>> {
    let mut fences = Vec::new();
    let mut open: Option<usize> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let next = at + line.len();
        if line.trim_start().starts_with("```") {
            match open.take() {
                None => open = Some(next),
                Some(start) => fences.push(start..at),
            }
        }
        at = next;
    }
    fences
}

/// The value that is the whole of a fence; none if the fence holds something else (a program,
/// say), an error if it holds a broken value.
fn whole_of(text: &str, fence: core::ops::Range<usize>) -> Result<Option<Read>, Malformed> {
    let body = text.get(fence.clone()).unwrap_or_default();
    let start = fence.start + (body.len() - body.trim_start().len());
    let read = match lenient(text, start) {
        Ok(read) if read.value.is_object() || read.value.is_array() => read,
        Err(fault) if begins_value(text, start) => return Err(fault.placed(text)),
        Ok(_) | Err(_) => return Ok(None),
    };
    let rest = text.get(read.node.span.end..fence.end);
    match rest {
        Some(rest) if rest.trim().is_empty() => Ok(Some(read)),
        _ => Err(Malformed::at(text, read.node.span.end, "something follows the JSON value")),
    }
}

/// Every array and object that stands in the text outside `fences`.
fn values_outside(text: &str, fences: &[core::ops::Range<usize>]) -> Result<Vec<Read>, Malformed> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(byte) = text.as_bytes().get(at) {
        if let Some(fence) = fences.iter().find(|fence| fence.contains(&at)) {
            at = fence.end;
            continue;
        }
        match byte {
            b'{' | b'[' => match lenient(text, at) {
                Ok(read) => {
                    at = read.node.span.end;
                    found.push(read);
                }
                Err(fault) if begins_value(text, at) => return Err(fault.placed(text)),
                Err(_) => at = closing(text, at)?,
            },
            b'}' | b']' => {
                return Err(Malformed::at(text, at, "a bracket closes that was never opened"));
            }
            _ => at += 1,
        }
        if found.len() > FOUND_MAX {
            return Err(Malformed::at(text, at, "the text holds more than one JSON value"));
        }
    }
    Ok(found)
}

/// An empty object in the prose beside a fence is a mention, not a second answer.
fn is_full_object(value: &serde_json::Value) -> bool {
    value.as_object().is_some_and(|fields| !fields.is_empty())
}

/// More values than this are not looked at: the text is ambiguous long before.
const FOUND_MAX: usize = 256;

/// Whether an object, or an array of more than plain words, seems to begin at `at`.
fn begins_value(text: &str, at: usize) -> bool {
    let mut rest = text.as_bytes().iter().skip(at).filter(|b| !b.is_ascii_whitespace());
    match rest.next() {
        Some(b'{') => matches!(rest.next(), Some(b'"' | b'}')),
        Some(b'[') => matches!(rest.next(), Some(b'"' | b'{' | b'[')),
        _ => false,
    }
}

/// The byte after the bracket that closes the one at `at`, counted without regard to quotes: what
/// stands inside something that is not JSON is no answer.
fn closing(text: &str, at: usize) -> Result<usize, Malformed> {
    let mut depth = 0_usize;
    for (offset, byte) in text.bytes().enumerate().skip(at) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Ok(offset + 1);
        }
    }
    Err(Malformed::at(text, at, "a bracket is not closed"))
}
