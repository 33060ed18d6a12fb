//! A streamed answer, put together into the object that the same answer would be unstreamed.
//!
//! Log-probabilities, tool call pieces, usage, several choices and unknown fields are kept. What
//! ends early is said to have ended early; nothing is made up to complete it.

use serde_json::{Map, Value, json};

use crate::sse;

/// The most choices and tool calls that are put together: an index beyond is an attack or a bug.
const INDEX_MAX: u64 = 1_024;

/// Why a stream gave no answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum StreamFault {
    /// The provider sent an error event.
    Error(Value),
    /// It ended without `[DONE]` and before every choice had a finish reason, or its framing
    /// broke.
    Cut(String),
    /// Its events are not pieces of a chat completion.
    Foreign,
}

/// Puts the pieces of `body` together.
///
/// # Errors
/// [`StreamFault`], if the stream is not one whole chat completion.
pub(crate) fn collect(body: &str) -> Result<Value, StreamFault> {
    let mut whole = Whole::default();
    let mut done = false;
    for event in sse::events(body) {
        if event.data.trim() == "[DONE]" {
            done = true;
            break;
        }
        let piece: Value = serde_json::from_str(&event.data).map_err(|fault| {
            let how = if event.ended { "an event is not JSON" } else { "it stops inside an event" };
            StreamFault::Cut(format!("{how}: {fault}"))
        })?;
        if let Some(error) = piece.get("error").filter(|error| !error.is_null()) {
            return Err(StreamFault::Error(error.clone()));
        }
        whole.add(piece)?;
    }
    whole.finish(done)
}

#[derive(Default)]
struct Whole {
    top: Map<String, Value>,
    choices: Vec<(u64, Map<String, Value>)>,
    saw_pieces: bool,
}

impl Whole {
    fn add(&mut self, piece: Value) -> Result<(), StreamFault> {
        let Value::Object(piece) = piece else { return Err(StreamFault::Foreign) };
        let mut listed = Vec::new();
        for (key, value) in piece {
            match (key.as_str(), value) {
                ("choices", Value::Array(choices)) => {
                    self.saw_pieces = true;
                    listed = choices;
                }
                ("choices", _) => return Err(StreamFault::Foreign),
                // Padding against eavesdropping; it means nothing once put together.
                ("obfuscation", _) | (_, Value::Null) => {}
                (_, value) => {
                    self.top.insert(key, value);
                }
            }
        }
        for choice in listed {
            let Value::Object(choice) = choice else { return Err(StreamFault::Foreign) };
            self.add_choice(choice)?;
        }
        Ok(())
    }

    fn add_choice(&mut self, piece: Map<String, Value>) -> Result<(), StreamFault> {
        let index = piece.get("index").and_then(Value::as_u64).unwrap_or(0);
        let choice = slot(&mut self.choices, index)?;
        for (key, value) in piece {
            match (key.as_str(), value) {
                (_, Value::Null) | ("index", _) => {}
                ("delta", Value::Object(delta)) => {
                    change_object(choice, "message", |message| add_delta(message, delta))?;
                }
                ("logprobs", Value::Object(more)) => {
                    change_object(choice, "logprobs", |held| object_merge(held, more));
                }
                (_, value) => {
                    choice.insert(key, value);
                }
            }
        }
        Ok(())
    }

    fn finish(mut self, done: bool) -> Result<Value, StreamFault> {
        if !self.saw_pieces {
            let cut = || StreamFault::Cut("it ended before anything came".to_owned());
            return Err(if self.top.is_empty() { cut() } else { StreamFault::Foreign });
        }
        let finished =
            |(_, choice): &(u64, Map<String, Value>)| choice.contains_key("finish_reason");
        // Some servers give no finish reason, but all that end in good order say `[DONE]`.
        if self.choices.is_empty() || !(done || self.choices.iter().all(finished)) {
            return Err(StreamFault::Cut("it ended before the answer did".to_owned()));
        }
        self.choices.sort_by_key(|(index, _)| *index);
        let choices = self.choices.into_iter().map(|(index, choice)| closed(index, choice));
        self.top.insert("object".to_owned(), json!("chat.completion"));
        self.top.insert("choices".to_owned(), choices.collect());
        Ok(Value::Object(self.top))
    }
}

/// Gives the choice its index back, and its tool calls the form that they have unstreamed.
fn closed(index: u64, mut choice: Map<String, Value>) -> Value {
    change_object(&mut choice, "message", |message| {
        message.entry("role").or_insert_with(|| json!("assistant"));
        message.entry("content").or_insert(Value::Null);
        let calls = message.get_mut("tool_calls").and_then(Value::as_array_mut);
        for call in calls.into_iter().flatten().filter_map(Value::as_object_mut) {
            call.remove("index");
        }
    });
    choice.insert("index".to_owned(), json!(index));
    Value::Object(choice)
}

fn add_delta(
    message: &mut Map<String, Value>,
    delta: Map<String, Value>,
) -> Result<(), StreamFault> {
    for (key, value) in delta {
        match (key.as_str(), value) {
            (_, Value::Null) => {}
            ("role", role) => {
                message.insert(key, role);
            }
            ("tool_calls", Value::Array(pieces)) => add_tool_calls(message, pieces)?,
            (_, value) => merge(message.entry(key).or_insert(Value::Null), value),
        }
    }
    Ok(())
}

fn add_tool_calls(message: &mut Map<String, Value>, pieces: Vec<Value>) -> Result<(), StreamFault> {
    let calls = message.entry("tool_calls").or_insert_with(|| json!([]));
    let Value::Array(calls) = calls else { return Err(StreamFault::Foreign) };
    for piece in pieces {
        let Value::Object(piece) = piece else { return Err(StreamFault::Foreign) };
        // Some servers send each call whole and without an index.
        let index = piece.get("index").and_then(Value::as_u64);
        let index = index.or_else(|| same_id(calls, piece.get("id"))).unwrap_or(calls.len() as u64);
        if index > INDEX_MAX {
            return Err(StreamFault::Cut(format!("tool call {index} is beyond {INDEX_MAX}")));
        }
        let held = calls.iter_mut().find(|call| call.get("index") == Some(&json!(index)));
        let Some(held) = held.and_then(Value::as_object_mut) else {
            let mut call = piece;
            call.insert("index".to_owned(), json!(index));
            calls.push(Value::Object(call));
            continue;
        };
        for (key, value) in piece {
            match (key.as_str(), value) {
                (_, Value::Null) | ("index", _) => {}
                // Sent once, or again and again: never to be joined.
                ("id" | "type", value) => {
                    held.insert(key, value);
                }
                (_, Value::Object(more)) => {
                    change_object(held, &key, |function| add_function(function, more));
                }
                (_, value) => merge(held.entry(key).or_insert(Value::Null), value),
            }
        }
    }
    Ok(())
}

fn same_id(calls: &[Value], id: Option<&Value>) -> Option<u64> {
    let id = id?;
    calls.iter().find(|call| call.get("id") == Some(id))?.get("index")?.as_u64()
}

/// Names come whole, arguments in pieces.
fn add_function(function: &mut Map<String, Value>, more: Map<String, Value>) {
    for (key, value) in more {
        match (key.as_str(), value) {
            (_, Value::Null) => {}
            ("name", Value::String(name)) if name.is_empty() => {}
            ("name", name) => {
                function.insert(key, name);
            }
            (_, value) => merge(function.entry(key).or_insert(Value::Null), value),
        }
    }
}

/// Texts and lists grow, objects merge, anything else is replaced.
fn merge(held: &mut Value, more: Value) {
    match (held, more) {
        (Value::String(held), Value::String(more)) => held.push_str(&more),
        (Value::Array(held), Value::Array(more)) => held.extend(more),
        (Value::Object(held), Value::Object(more)) => object_merge(held, more),
        (_, Value::Null) => {}
        (held, more) => *held = more,
    }
}

fn object_merge(held: &mut Map<String, Value>, more: Map<String, Value>) {
    for (key, value) in more {
        merge(held.entry(key).or_insert(Value::Null), value);
    }
}

/// Changes the object at `key`; whatever else stood there is replaced by an empty one.
fn change_object<T>(
    of: &mut Map<String, Value>,
    key: &str,
    change: impl FnOnce(&mut Map<String, Value>) -> T,
) -> T {
    let mut held = match of.remove(key) {
        Some(Value::Object(held)) => held,
        _ => Map::new(),
    };
    let result = change(&mut held);
    of.insert(key.to_owned(), Value::Object(held));
    result
}

fn slot(
    choices: &mut Vec<(u64, Map<String, Value>)>,
    index: u64,
) -> Result<&mut Map<String, Value>, StreamFault> {
    if index > INDEX_MAX {
        return Err(StreamFault::Cut(format!("choice {index} is beyond {INDEX_MAX}")));
    }
    let at = choices.iter().position(|(held, _)| *held == index);
    let at = at.unwrap_or_else(|| {
        choices.push((index, Map::new()));
        choices.len() - 1
    });
    choices.get_mut(at).map(|(_, choice)| choice).ok_or(StreamFault::Foreign)
}
