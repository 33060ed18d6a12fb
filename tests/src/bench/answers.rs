//! What scripted models say, in OpenAI's form.

use backstop_domain::FailureClass;
use backstop_upstream::simulated::{answered, failed, from_body};
use backstop_upstream::{AttemptResult, Failure};
use serde_json::{Value, json};

/// `{"label": word}`, and the model is sure of it.
pub fn label(word: &str) -> AttemptResult {
    label_at(word, 0.99)
}

/// `{"label": word}`, of which the model is that sure.
pub fn label_at(word: &str, share: f64) -> AttemptResult {
    let tokens = [("{\"label\":\"", 1.0), (word, share), ("\"}", 1.0_f64)];
    let tokens: Vec<Value> = tokens
        .iter()
        .map(|(text, share)| {
            let bytes = text.as_bytes();
            json!({ "token": text, "logprob": share.ln(), "bytes": bytes, "top_logprobs": [] })
        })
        .collect();
    let content = format!("{{\"label\":\"{word}\"}}");
    reply(&content, json!({ "content": tokens, "refusal": null }))
}

/// A text with these log-probabilities.
pub fn reply(content: &str, logprobs: Value) -> AttemptResult {
    from_body(completion(json!([{
        "index": 0,
        "message": { "role": "assistant", "content": content, "refusal": null },
        "finish_reason": "stop",
        "logprobs": logprobs,
    }])))
}

/// Two choices of one answer.
pub fn twice(first: &str, second: &str) -> AttemptResult {
    let choice = |index: usize, content: &str| {
        json!({
            "index": index, "finish_reason": "stop", "logprobs": null,
            "message": { "role": "assistant", "content": content, "refusal": null },
        })
    };
    from_body(completion(json!([choice(0, first), choice(1, second)])))
}

/// A plain text.
pub fn says(content: &str) -> AttemptResult {
    reply(content, Value::Null)
}

/// What is no JSON and cannot be mended.
pub fn no_json() -> AttemptResult {
    says("I would say: ham")
}

/// An answer that was cut off.
pub fn cut() -> AttemptResult {
    answered(json!({ "role": "assistant", "content": "{\"label\": \"h" }), "length")
}

/// The model's own refusal.
pub fn declined() -> AttemptResult {
    answered(json!({ "role": "assistant", "content": null, "refusal": "I will not." }), "stop")
}

/// A tool call with these arguments.
pub fn calls_tool(name: &str, arguments: &Value) -> AttemptResult {
    let function = json!({ "name": name, "arguments": arguments.to_string() });
    let call = json!([{ "id": "call_1", "type": "function", "function": function }]);
    answered(json!({ "role": "assistant", "content": null, "tool_calls": call }), "tool_calls")
}

/// A failure of that class.
pub fn fails(class: FailureClass) -> AttemptResult {
    failed(class)
}

/// A 429 that asks to wait so many milliseconds.
pub fn throttled(retry_after_ms: u64) -> AttemptResult {
    let failure = Failure::new(FailureClass::Throttled, "too many requests");
    AttemptResult::Failed(Failure { retry_after_ms: Some(retry_after_ms), ..failure })
}

fn completion(choices: Value) -> Value {
    json!({
        "id": "chatcmpl-bench", "object": "chat.completion", "created": 0, "model": "bench",
        "choices": choices,
        "usage": { "prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25 },
    })
}
