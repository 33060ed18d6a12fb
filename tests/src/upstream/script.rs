//! Scripts in messages: what the model does the first time it reads one, the second, and so on.

use super::{Reply, chunks, completion};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

/// Counts how often each script was read.
#[derive(Debug, Default)]
pub struct Script(Mutex<HashMap<String, usize>>);

impl Script {
    /// The reply to `request`, a chat completion request.
    pub fn reply(&self, request: &Value) -> Reply {
        let text = user_text(request);
        let Some(script) = text.split_once("script: ").map(|(_, script)| script) else {
            return spoken(request, &json!({ "content": format!("You said: {text}") }));
        };
        let mut values = serde_json::Deserializer::from_str(script).into_iter::<Value>();
        let steps = match values.next() {
            Some(Ok(Value::Array(steps))) if !steps.is_empty() => steps,
            other => panic!("`script: ` is followed by a list of steps, not by {other:?}"),
        };
        let mut counts = self.0.lock().expect("no script has panicked");
        let count = counts.entry(text.clone()).or_default();
        let step = &steps[(*count).min(steps.len() - 1)];
        *count += 1;
        spoken(request, step)
    }
}

/// The newest message of the user that holds a script; else the newest.
fn user_text(request: &Value) -> String {
    let messages = request["messages"].as_array().map_or(&[][..], Vec::as_slice);
    let texts: Vec<String> =
        messages.iter().filter(|message| message["role"] == "user").map(text_of).collect();
    let scripted = texts.iter().rev().find(|text| text.contains("script: "));
    scripted.or(texts.last()).cloned().unwrap_or_default()
}

fn text_of(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("")
        }
        _ => String::new(),
    }
}

/// One step as an HTTP reply: an error, a raw body, a completion, or the same as a stream.
fn spoken(request: &Value, step: &Value) -> Reply {
    let status = step["status"].as_u64().unwrap_or(200) as u16;
    let streamed = request["stream"] == true && status == 200;
    let body = match (&step["raw"], status, streamed) {
        (Value::String(raw), _, _) => raw.clone(),
        (_, 200, true) => chunks(request, step),
        (_, 200, false) => completion(request, step).to_string(),
        _ => error(status, step).to_string(),
    };
    let kind = if streamed { "text/event-stream" } else { "application/json" };
    let headers = step["headers"].as_object().into_iter().flatten();
    Reply {
        status,
        headers: headers
            .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect(),
        content_type: step["content_type"].as_str().unwrap_or(kind).to_owned(),
        body,
        delay: Duration::from_millis(step["delay_ms"].as_u64().unwrap_or(0)),
    }
}

fn error(status: u16, step: &Value) -> Value {
    let message = step["error"].as_str().unwrap_or("the script says so");
    json!({ "error": { "message": message, "type": "scripted", "param": null,
                       "code": status.to_string() } })
}
