//! What a model is told when its answer is sent back: what it said, what is wrong, and where.

use backstop_domain::{Finding, Status};
use serde_json::{Value, json};

use crate::answer::{Answer, Choice};

/// The answer that is sent back, and what was found in it.
#[derive(Debug, Clone, Copy)]
pub struct Last<'a> {
    /// The answer; `None` when it could not be read.
    pub answer: Option<&'a Answer>,
    /// What checks and rules said of it.
    pub findings: &'a [Finding],
}

/// Most findings that are told; more would bury the first ones.
const TOLD_MAX: usize = 12;

/// The messages that follow the conversation in a repair.
pub(super) fn messages(last: Last<'_>, tell: &[String]) -> Vec<Value> {
    let text = told(last.findings, tell);
    let choice = last.answer.and_then(|answer| answer.choices.first());
    let Some(choice) = choice else {
        return vec![json!({ "role": "user", "content": text })];
    };
    let mut messages = vec![said(choice)];
    if choice.tool_calls.is_empty() {
        messages.push(json!({ "role": "user", "content": text }));
    }
    for call in &choice.tool_calls {
        let content = format!("Not carried out. {text}");
        messages.push(json!({ "role": "tool", "tool_call_id": call.id, "content": content }));
    }
    messages
}

/// The model's own answer, as a message of the conversation.
fn said(choice: &Choice) -> Value {
    let words = choice.text.as_deref().or(choice.refusal.as_deref());
    let mut message = json!({ "role": "assistant", "content": words });
    if !choice.tool_calls.is_empty() {
        let calls = choice.tool_calls.iter().map(|call| {
            let function = json!({ "name": call.name, "arguments": call.arguments });
            json!({ "id": call.id, "type": "function", "function": function })
        });
        if let Some(fields) = message.as_object_mut() {
            fields.insert("tool_calls".to_owned(), calls.collect());
        }
    }
    message
}

/// What is wrong, in words: every finding with its place, then the policy's own texts.
fn told(findings: &[Finding], tell: &[String]) -> String {
    let mut lines = vec!["Your answer was not accepted:".to_owned()];
    let objections = findings.iter().filter(|finding| {
        finding.status == Status::Fail && finding.objection.is_some() && !finding.message.is_empty()
    });
    for finding in objections.take(TOLD_MAX) {
        lines.push(match &finding.at {
            Some(at) if !at.is_empty() => format!("- at {at}: {}", finding.message),
            _ => format!("- {}", finding.message),
        });
    }
    lines.extend(tell.iter().map(|text| format!("- {text}")));
    lines.push("Answer again in full, and put this right. Add nothing else.".to_owned());
    lines.join("\n")
}
