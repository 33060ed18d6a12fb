//! Chat completions in OpenAI's form, whole and streamed, with log-probabilities when asked for.

use serde_json::{Value, json};

/// Share of probability on each token that the scripted model writes: e^-0.01, so it is sure.
const TOKEN_LOGPROB: f64 = -0.01;

/// The completion that `step` describes, with as many choices as `request` asks for.
pub fn completion(request: &Value, step: &Value) -> Value {
    let wanted = request["n"].as_u64().unwrap_or(1);
    let choices: Vec<Value> = (0..wanted)
        .map(|index| {
            json!({
                "index": index,
                "message": message(step),
                "finish_reason": finish(step),
                "logprobs": logprobs(request, step),
            })
        })
        .collect();
    json!({
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": request["model"],
        "choices": choices,
        "usage": usage(),
    })
}

/// The same as server-sent events.
pub fn chunks(request: &Value, step: &Value) -> String {
    let whole = completion(request, step);
    let mut events = String::new();
    for choice in whole["choices"].as_array().into_iter().flatten() {
        let mut delta = choice["message"].clone();
        for (index, call) in delta["tool_calls"].as_array_mut().into_iter().flatten().enumerate() {
            call["index"] = json!(index);
        }
        let parts = [
            (delta, choice["logprobs"].clone(), Value::Null),
            (json!({}), Value::Null, choice["finish_reason"].clone()),
        ];
        for (delta, logprobs, finish) in parts {
            let choice = json!({ "index": choice["index"], "delta": delta,
                                 "logprobs": logprobs, "finish_reason": finish });
            events.push_str(&event(&whole, json!([choice]), Value::Null));
        }
    }
    if request["stream_options"]["include_usage"] == true {
        events.push_str(&event(&whole, json!([]), usage()));
    }
    events + "data: [DONE]\n\n"
}

fn event(whole: &Value, choices: Value, usage: Value) -> String {
    let chunk = json!({
        "id": whole["id"], "object": "chat.completion.chunk", "created": whole["created"],
        "model": whole["model"], "choices": choices, "usage": usage,
    });
    format!("data: {chunk}\n\n")
}

fn message(step: &Value) -> Value {
    let mut message = json!({
        "role": "assistant",
        "content": step.get("content").cloned().unwrap_or(Value::Null),
        "refusal": step.get("refusal").cloned().unwrap_or(Value::Null),
    });
    if let Some(tool) = step.get("tool") {
        let arguments = match &tool["arguments"] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let function = json!({ "name": tool["name"], "arguments": arguments });
        message["tool_calls"] =
            json!([{ "id": "call_1", "type": "function", "function": function }]);
    }
    message
}

fn finish(step: &Value) -> Value {
    let natural = if step.get("tool").is_some() { "tool_calls" } else { "stop" };
    step.get("finish").cloned().unwrap_or_else(|| json!(natural))
}

/// One token per character, each sure.
fn logprobs(request: &Value, step: &Value) -> Value {
    let (true, Some(text)) = (request["logprobs"] == true, step["content"].as_str()) else {
        return Value::Null;
    };
    let tokens: Vec<Value> = text
        .chars()
        .map(|c| {
            let bytes = c.to_string().into_bytes();
            json!({ "token": c, "logprob": TOKEN_LOGPROB, "bytes": bytes, "top_logprobs": [] })
        })
        .collect();
    json!({ "content": tokens, "refusal": null })
}

fn usage() -> Value {
    json!({ "prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18 })
}
