//! Suites of other tools, as far as they mean the same here. What does not carry over is listed.

mod openai_evals;
mod promptfoo;

pub use openai_evals::openai_evals;
pub use promptfoo::promptfoo;

use backstop_policy::Policy;
use serde_json::{Value, json};

use crate::suite::{Case, Expected};

/// What came of reading a foreign file.
#[derive(Debug, Default)]
pub struct Imported {
    /// Its cases.
    pub cases: Vec<Case>,
    /// What did not carry over, and why.
    pub left: Vec<String>,
}

/// Messages of a foreign case, as this policy takes them.
fn place_messages(policy: &Policy, messages: &[Value], case: &mut Case) -> Result<(), String> {
    if policy.passes_through() {
        case.input = json!({ "model": policy.name, "messages": messages });
        return Ok(());
    }
    let last = messages.last().and_then(|message| message.get("content"));
    case.input = last.cloned().ok_or("it has no message with a content")?;
    if policy.conversation.is_some() {
        case.messages = messages.to_vec();
    }
    Ok(())
}

/// What a foreign case says of the right answer, as a value: JSON where it is JSON.
fn truth(words: &Value) -> Value {
    match words {
        Value::String(text) => serde_json::from_str(text).unwrap_or_else(|_| words.clone()),
        other => other.clone(),
    }
}

/// A case that expects that answer.
fn blank(id: String, note: Option<String>) -> Case {
    Case { note, expect: Expected::default(), ..Case::blank(id) }
}
