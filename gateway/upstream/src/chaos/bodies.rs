//! Bodies as a provider would send them: whole or in pieces, with log-probabilities if asked.

use serde_json::{Value, json};

/// A proxy's error page.
pub(super) const PAGE: &str = "<html><head><title>502 Bad Gateway</title></head><body>\
     <center><h1>502 Bad Gateway</h1></center></body></html>";

/// Characters per token, as far as this server counts.
const TOKEN_CHARS: usize = 4;

/// The content that is sent when nothing else was set: what the last message said.
pub(super) fn echo(request: &Value) -> String {
    let last = request.get("messages").and_then(Value::as_array).and_then(|all| all.last());
    json!({"echo": last.and_then(|message| message.get("content"))}).to_string()
}

/// An assistant's message with that text.
pub(super) fn message(content: &str) -> Value {
    json!({"role": "assistant", "content": content, "refusal": null})
}

/// A whole `chat.completion` with as many choices as asked for.
pub(super) fn answer(request: &Value, message: &Value, finish: &str) -> Value {
    let content = message.get("content").and_then(Value::as_str).unwrap_or_default();
    let wants_logprobs = request.get("logprobs") == Some(&Value::Bool(true));
    let logprobs = wants_logprobs.then(|| json!({"content": tokens(content), "refusal": null}));
    let count = request.get("n").and_then(Value::as_u64).unwrap_or(1).clamp(1, 16);
    let choices: Vec<Value> = (0..count)
        .map(|index| {
            json!({"index": index, "message": message, "logprobs": logprobs,
                "finish_reason": finish})
        })
        .collect();
    let input = request.get("messages").map_or(0, |messages| messages.to_string().len() / 4);
    let output = content.chars().count().div_ceil(TOKEN_CHARS) * choices.len();
    json!({
        "id": "chatcmpl-chaos", "object": "chat.completion", "created": 1_700_000_000,
        "model": request.get("model").cloned().unwrap_or_else(|| json!("chaos")),
        "system_fingerprint": "fp_chaos",
        "choices": choices,
        "usage": {"prompt_tokens": input, "completion_tokens": output,
            "total_tokens": input + output, "prompt_tokens_details": {"cached_tokens": 0}},
    })
}

/// The body on the wire: as it is, or in pieces.
pub(super) fn wire(answer: &Value, streamed: bool) -> String {
    if !streamed {
        return answer.to_string();
    }
    let mut head = answer.clone();
    let parts = head.as_object_mut();
    let (choices, usage) = match parts {
        Some(parts) => (parts.remove("choices"), parts.remove("usage")),
        None => (None, None),
    };
    let piece = |choices: Value, usage: Value| {
        let mut piece = head.clone();
        if let Some(piece) = piece.as_object_mut() {
            piece.insert("object".to_owned(), json!("chat.completion.chunk"));
            piece.insert("choices".to_owned(), choices);
            piece.insert("usage".to_owned(), usage);
        }
        format!("data: {piece}\n\n")
    };
    let mut body = String::from(": the line is alive\n\n");
    for choice in choices.as_ref().and_then(Value::as_array).into_iter().flatten() {
        for delta in deltas(choice) {
            body.push_str(&piece(json!([delta]), Value::Null));
        }
    }
    body.push_str(&piece(json!([]), usage.unwrap_or(Value::Null)));
    body.push_str("data: [DONE]\n\n");
    body
}

fn deltas(choice: &Value) -> Vec<Value> {
    let index = choice.get("index").cloned().unwrap_or_default();
    let message = choice.get("message").cloned().unwrap_or_default();
    let logprobs = choice.pointer("/logprobs/content").and_then(Value::as_array);
    let delta = |delta: Value, logprobs: Value, finish: Value| {
        let index = index.clone();
        json!({"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish})
    };
    let mut all =
        vec![delta(json!({"role": "assistant", "content": ""}), Value::Null, Value::Null)];
    if let Some(refusal) = message.get("refusal").filter(|refusal| refusal.is_string()) {
        all.push(delta(json!({"refusal": refusal}), Value::Null, Value::Null));
    }
    let content = message.get("content").and_then(Value::as_str).unwrap_or_default();
    for (place, token) in pieces(content).into_iter().enumerate() {
        let of_token = logprobs.and_then(|all| all.get(place));
        let of_token = of_token.map_or(Value::Null, |token| json!({"content": [token]}));
        all.push(delta(json!({"content": token}), of_token, Value::Null));
    }
    let finish = choice.get("finish_reason").cloned().unwrap_or_default();
    all.push(delta(json!({}), Value::Null, finish));
    all
}

fn tokens(content: &str) -> Vec<Value> {
    let token = |token: String| {
        json!({"token": token, "bytes": token.as_bytes(), "logprob": -0.01,
            "top_logprobs": [{"token": token, "bytes": token.as_bytes(), "logprob": -0.01}]})
    };
    pieces(content).into_iter().map(token).collect()
}

fn pieces(content: &str) -> Vec<String> {
    let chars: Vec<char> = content.chars().collect();
    chars.chunks(TOKEN_CHARS).map(|piece| piece.iter().collect()).collect()
}
