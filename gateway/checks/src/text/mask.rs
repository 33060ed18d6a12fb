//! Replaces what was found by its kind in brackets, such as `[iban]`.
//!
//! It touches only the spans it is given, and says so when it cannot: a value in which something
//! could not be masked must not go out as a masked one.

use serde_json::Value;

use super::Found;

/// Why a value could not be masked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` cannot be masked: {message}")]
pub struct MaskError {
    /// RFC 6901 pointer of the text.
    pub path: String,
    /// Why.
    pub message: &'static str,
}

/// Replaces every span in `found` by `[kind]`. A number that holds one becomes a string.
///
/// # Errors
/// [`MaskError`] when a find does not stand in `value` as it says; `value` is then unusable.
pub fn mask(value: &mut Value, found: &[Found]) -> Result<(), MaskError> {
    let mut found: Vec<&Found> = found.iter().collect();
    // From the back, so that earlier spans stay right; the longer of two that start together first.
    found.sort_by(|a, b| {
        (&a.path, b.span.start, b.span.end).cmp(&(&b.path, a.span.start, a.span.end))
    });
    for group in merged(&found) {
        let fail = |message| MaskError { path: group.path.to_owned(), message };
        if group.in_name {
            return Err(fail("the find is in the name of a field"));
        }
        let place = value.pointer_mut(group.path).ok_or_else(|| fail("there is no such place"))?;
        let mut text = match &*place {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return Err(fail("it is no text")),
        };
        if text.get(group.start..group.end).is_none() {
            return Err(fail("the find is not within it"));
        }
        text.replace_range(group.start..group.end, &format!("[{}]", group.kind));
        *place = Value::String(text);
    }
    Ok(())
}

/// One stretch to replace.
struct Stretch<'a> {
    path: &'a str,
    start: usize,
    end: usize,
    kind: &'a str,
    in_name: bool,
}

/// Finds that overlap, joined into one stretch named after the longest. `found` runs backwards.
fn merged<'a>(found: &[&'a Found]) -> Vec<Stretch<'a>> {
    let mut out: Vec<Stretch<'a>> = Vec::new();
    let mut longest = 0;
    for find in found {
        let length = find.span.len();
        match out.last_mut() {
            Some(last) if last.path == find.path && find.span.end > last.start => {
                if length > longest {
                    (last.kind, longest) = (find.kind, length);
                }
                last.end = last.end.max(find.span.end);
                last.start = find.span.start;
                last.in_name |= find.in_name;
            }
            _ => {
                let (start, end) = (find.span.start, find.span.end);
                out.push(Stretch {
                    path: &find.path,
                    start,
                    end,
                    kind: find.kind,
                    in_name: find.in_name,
                });
                longest = length;
            }
        }
    }
    out
}
