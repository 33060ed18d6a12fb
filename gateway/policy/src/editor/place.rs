//! Finding what stands at a byte of a file: the way there from the root, and what the table says.

use crate::keys::{Key, Shape, Value};
use crate::yaml::{Entry, Kind, Node};

/// What stands at a byte.
pub(super) struct Place<'t> {
    /// Keys and element numbers from the root, the last one that of the place itself.
    pub way: Vec<String>,
    pub what: What<'t>,
}

/// The part that is meant.
pub(super) enum What<'t> {
    /// A key.
    Key {
        entry: &'t Entry,
        /// What the table says of it, where it is one of ours.
        key: Option<&'static Key>,
        /// What the map is.
        map: Option<&'static Value>,
        /// Its other entries.
        entries: &'t [Entry],
    },
    /// A single value.
    Scalar {
        node: &'t Node,
        /// What may stand there.
        value: Option<&'static Value>,
    },
}

/// What stands at byte `at`.
pub(super) fn find<'t>(
    node: &'t Node,
    value: Option<&'static Value>,
    at: u32,
) -> Option<Place<'t>> {
    let mut way = Vec::new();
    let what = inside(node, value, at, &mut way)?;
    Some(Place { way, what })
}

fn inside<'t>(
    node: &'t Node,
    value: Option<&'static Value>,
    at: u32,
    way: &mut Vec<String>,
) -> Option<What<'t>> {
    let covers = |start: u32, end: u32| start <= at && at <= end;
    let form = value.and_then(|value| value.form(node));
    match &node.kind {
        Kind::Scalar(_) => {
            covers(node.span.start, node.span.end).then_some(What::Scalar { node, value })
        }
        Kind::List(items) => {
            let index = items.iter().position(|item| covers(item.span.start, item.span.end))?;
            way.push(index.to_string());
            inside(items.get(index)?, form.and_then(Value::item), at, way)
        }
        Kind::Map(entries) => {
            for entry in entries {
                let (key, below) = below(form, &entry.key.value);
                if covers(entry.key.span.start, entry.key.span.end) {
                    way.push(entry.key.value.clone());
                    return Some(What::Key { entry, key, map: form, entries });
                }
                if covers(entry.value.span.start, entry.value.span.end) {
                    way.push(entry.key.value.clone());
                    return inside(&entry.value, below, at, way);
                }
            }
            None
        }
    }
}

/// The row of `key` in a map of that form, and what stands under it.
pub(super) fn below(
    form: Option<&'static Value>,
    key: &str,
) -> (Option<&'static Key>, Option<&'static Value>) {
    match form {
        Some(Value::Map(shape)) => {
            let key = shape.key(key);
            (key, key.map(|key| &key.value))
        }
        Some(Value::Named(_, value)) => (None, Some(*value)),
        _ => (None, None),
    }
}

/// The table of a map.
pub(super) fn shape(map: Option<&'static Value>) -> Option<&'static Shape> {
    match map? {
        Value::Map(shape) => Some(shape),
        _ => None,
    }
}
