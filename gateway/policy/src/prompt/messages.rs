//! Which of the caller's messages are passed on: the newest, within the policy's caps.

use backstop_checks::tokens::{TOKENS_PER_MESSAGE, tokens_of};
use serde_json::Value;

/// Caps of `conversation:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Most messages.
    pub messages: usize,
    /// Most tokens, by estimate; `None` is no cap.
    pub tokens: Option<u64>,
}

/// The newest messages within the caps, after the instructions that open the conversation. The
/// newest one always stays. A tool's result never stays without the call that it answers, since
/// providers refuse such a conversation.
pub fn keep_newest(mut messages: Vec<Value>, keep: Keep) -> Vec<Value> {
    let opens = |message: &&Value| matches!(role(message), "system" | "developer");
    let opening = messages.iter().take_while(opens).count();
    let rest = messages.get(opening..).unwrap_or_default();
    let dropped = rest.len() - newest(rest, keep).len();
    messages.drain(opening..opening + dropped);
    messages
}

fn newest(messages: &[Value], keep: Keep) -> &[Value] {
    let mut tokens = 0_u64;
    let mut kept = 0;
    for message in messages.iter().rev() {
        tokens = tokens.saturating_add(tokens_of_message(message));
        let over = keep.tokens.is_some_and(|cap| tokens > cap) || kept >= keep.messages;
        if over && kept > 0 {
            break;
        }
        kept += 1;
    }
    let mut start = messages.len().saturating_sub(kept);
    while messages.get(start).is_some_and(|first| role(first) == "tool")
        && start + 1 < messages.len()
    {
        start += 1;
    }
    messages.get(start..).unwrap_or_default()
}

/// Estimated tokens of one message, its tool calls included.
pub fn tokens_of_message(message: &Value) -> u64 {
    let content = match message.get("content") {
        Some(Value::String(text)) => tokens_of(text),
        None | Some(Value::Null) => 0,
        Some(other) => tokens_of(&other.to_string()),
    };
    let calls = message.get("tool_calls").map_or(0, |calls| tokens_of(&calls.to_string()));
    content.saturating_add(calls).saturating_add(TOKENS_PER_MESSAGE)
}

pub(crate) fn role(message: &Value) -> &str {
    message.get("role").and_then(Value::as_str).unwrap_or_default()
}
