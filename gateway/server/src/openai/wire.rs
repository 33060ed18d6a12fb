//! A chat completion on the wire, field by field in the order in which OpenAI writes them.

use backstop_domain::CallId;
use serde::Serialize;
use serde_json::Value;

use crate::view::Told;

/// A chat completion.
#[derive(Serialize)]
pub struct Completion<'a> {
    pub id: &'a CallId,
    pub object: &'static str,
    pub created: u64,
    pub model: &'a str,
    pub choices: Vec<Choice<'a>>,
    pub usage: Usage,
    /// What Backstop says beside the answer.
    pub backstop: Told<'a>,
}

/// One of the answers.
#[derive(Serialize)]
pub struct Choice<'a> {
    index: usize,
    message: Message<'a>,
    logprobs: Option<&'a Value>,
    finish_reason: &'a str,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Option<&'a str>,
    refusal: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCall<'a>>,
}

#[derive(Serialize)]
struct ToolCall<'a> {
    id: &'a str,
    r#type: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    arguments: &'a str,
}

/// What it took, in tokens.
#[derive(Serialize)]
pub struct Usage {
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    pub total_tokens: u64,
    pub prompt_tokens_details: Prompt,
}

/// What the prompt took.
#[derive(Serialize)]
pub struct Prompt {
    pub cached_tokens: u64,
}

impl<'a> Choice<'a> {
    /// The choice at that place of an answer.
    pub fn of(
        index: usize,
        choice: &'a backstop_policy::Choice,
        logprobs: Option<&'a Value>,
    ) -> Self {
        let called = |call: &'a backstop_policy::ToolCall| ToolCall {
            id: &call.id,
            r#type: "function",
            function: Function { name: &call.name, arguments: &call.arguments },
        };
        let tool_calls: Vec<_> = choice.tool_calls.iter().map(called).collect();
        let finish_reason = match choice.finish.as_deref() {
            _ if !tool_calls.is_empty() => "tool_calls",
            Some(word) if word != "tool_calls" => word,
            _ => "stop",
        };
        let (content, refusal) = (choice.text.as_deref(), choice.refusal.as_deref());
        let message = Message { role: "assistant", content, refusal, tool_calls };
        Self { index, message, logprobs, finish_reason }
    }
}
