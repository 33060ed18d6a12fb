//! The first place where a replayed event is not the recorded one.

use backstop_domain::{CallEvent, Event, canonical};
use serde::Serialize;
use serde_json::{Value, json};

/// The first place where a replay is not the record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Place of the event in the call.
    pub seq: u64,
    /// Type of the recorded event.
    #[serde(rename = "type")]
    pub kind: String,
    /// JSON pointer into the event's body; empty: another event altogether.
    pub pointer: String,
    /// What stands there; null where nothing does.
    pub recorded: Value,
    /// What the replay comes to.
    pub replayed: Value,
}

impl Difference {
    /// Where `replayed` differs from `recorded`, in canonical JSON.
    pub(super) fn between(seq: u64, recorded: &CallEvent, replayed: &CallEvent) -> Option<Self> {
        if recorded == replayed {
            return None;
        }
        let kind = recorded.name().to_owned();
        let body = |event: &CallEvent| Event::Call(event.clone()).body();
        if kind != replayed.name() {
            return Some(Self::other(seq, recorded, replayed.name(), body(replayed)));
        }
        let (ours, theirs) = (body(recorded), body(replayed));
        let mut pointer = String::new();
        let (recorded, replayed) = first(&ours, &theirs, &mut pointer)?;
        Some(Self { seq, kind, pointer, recorded, replayed })
    }

    /// Something else was to happen.
    pub(super) fn other(seq: u64, recorded: &CallEvent, instead: &str, body: Value) -> Self {
        Self {
            seq,
            kind: recorded.name().to_owned(),
            pointer: String::new(),
            recorded: json!({ "type": recorded.name() }),
            replayed: json!({ "type": instead, "body": body }),
        }
    }
}

/// Descends to the first difference, in the order of canonical JSON.
fn first(ours: &Value, theirs: &Value, pointer: &mut String) -> Option<(Value, Value)> {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
            keys.sort();
            keys.dedup();
            let nothing = Value::Null;
            keys.into_iter().find_map(|key| {
                let (x, y) = (a.get(key).unwrap_or(&nothing), b.get(key).unwrap_or(&nothing));
                below(x, y, pointer, &key.replace('~', "~0").replace('/', "~1"))
            })
        }
        (Value::Array(a), Value::Array(b)) => {
            let nothing = Value::Null;
            (0..a.len().max(b.len())).find_map(|at| {
                let (x, y) = (a.get(at).unwrap_or(&nothing), b.get(at).unwrap_or(&nothing));
                below(x, y, pointer, &at.to_string())
            })
        }
        (a, b) => (canonical(a) != canonical(b)).then(|| (a.clone(), b.clone())),
    }
}

fn below(a: &Value, b: &Value, pointer: &mut String, step: &str) -> Option<(Value, Value)> {
    let length = pointer.len();
    pointer.push('/');
    pointer.push_str(step);
    let found = first(a, b, pointer);
    if found.is_none() {
        pointer.truncate(length);
    }
    found
}
