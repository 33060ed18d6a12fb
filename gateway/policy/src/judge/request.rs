//! What conditions see of a request. A variable is made when it is first asked for: few conditions
//! look at all of them.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use backstop_domain::{MicroMoney, Millis};
use serde_json::{Value, json};

use super::facts::{Asked, Caller};
use crate::compiled::{InputOf, Policy};
use crate::prompt::keep_newest;

/// A request, as far as it is known before a model is asked.
#[derive(Debug)]
pub(super) struct Request {
    input: Value,
    body: Option<Value>,
    passed: Passed,
    /// The messages that are passed on; `None`: all of the body that is passed through.
    kept: Option<Vec<Value>>,
    message: Option<Value>,
    caller: Caller,
    id: String,
    key: Option<String>,
    tags: BTreeMap<String, String>,
    received: Millis,
    progress: (u32, MicroMoney),
    made: Variables,
}

/// Which body goes on to the model, if the policy passes one through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passed {
    Nothing,
    Input,
    Body,
}

/// The variables that were asked for.
#[derive(Debug, Default)]
struct Variables {
    call: OnceLock<Value>,
    now: OnceLock<Value>,
    caller: OnceLock<Value>,
    messages: OnceLock<Value>,
    history: OnceLock<Value>,
}

impl Request {
    /// That request under that policy.
    pub fn new(policy: &Policy, asked: Asked) -> Self {
        let passed = match policy.input {
            InputOf::Body => Passed::Input,
            _ if policy.passes_through() && asked.body.is_some() => Passed::Body,
            _ => Passed::Nothing,
        };
        let mut request = Self {
            input: asked.input,
            body: asked.body,
            passed,
            kept: (passed == Passed::Nothing).then_some(asked.messages),
            message: None,
            caller: asked.caller,
            id: asked.id,
            key: asked.key,
            tags: asked.tags,
            received: asked.received,
            progress: (0, MicroMoney(0)),
            made: Variables::default(),
        };
        request.message = newest_message(request.messages(), &request.input).map(Value::String);
        if let Some(keep) = policy.conversation {
            request.kept = Some(keep_newest(request.messages().to_vec(), keep));
        }
        request
    }

    /// What the call has used so far.
    pub fn set_progress(&mut self, attempts: u32, cost: MicroMoney) {
        if self.progress != (attempts, cost) {
            self.progress = (attempts, cost);
            self.made.call = OnceLock::new();
        }
    }

    /// The input.
    pub const fn input(&self) -> &Value {
        &self.input
    }

    /// The chat body beside the input.
    pub const fn body(&self) -> Option<&Value> {
        self.body.as_ref()
    }

    /// The chat body that goes on to the model, if the policy passes one through.
    pub const fn passed_on(&self) -> Option<&Value> {
        match self.passed {
            Passed::Nothing => None,
            Passed::Input => Some(&self.input),
            Passed::Body => self.body.as_ref(),
        }
    }

    /// The messages that are passed on. What is judged is what the model reads, on whatever face it
    /// came in.
    pub fn messages(&self) -> &[Value] {
        let passed = || self.passed_on().and_then(|body| body.get("messages")?.as_array());
        self.kept.as_ref().or_else(passed).map_or(&[], Vec::as_slice)
    }

    /// The value of a variable; `None` where it is not known.
    pub fn variable(&self, name: &str) -> Option<&Value> {
        let (made, messages) = (&self.made, || self.messages());
        match name {
            "input" => Some(&self.input),
            "message" => self.message.as_ref(),
            "messages" => {
                Some(made.messages.get_or_init(|| messages().iter().map(plain).collect()))
            }
            "history" => Some(made.history.get_or_init(|| history(messages()))),
            "caller" => Some(made.caller.get_or_init(|| self.caller())),
            "call" => Some(made.call.get_or_init(|| self.call())),
            "now" => Some(made.now.get_or_init(|| Value::from(self.received.0))),
            _ => None,
        }
    }

    fn caller(&self) -> Value {
        let Caller { name, tenant, roles } = &self.caller;
        json!({ "name": name, "tenant": tenant.as_deref().unwrap_or_default(), "roles": roles })
    }

    fn call(&self) -> Value {
        let (attempts, cost) = self.progress;
        json!({
            "id": self.id, "key": self.key.as_ref().unwrap_or(&self.id), "tags": self.tags,
            "received": self.received.0, "attempts": attempts,
            // Whole units of the currency: shown and compared by conditions, recorded nowhere.
            "cost": cost.0 as f64 / 1e6,
        })
    }
}

/// What the user said last: the input itself where that is a text.
fn newest_message(messages: &[Value], input: &Value) -> Option<String> {
    if let Value::String(text) = input {
        return Some(text.clone());
    }
    let user = |message: &&Value| crate::prompt::role(message) == "user";
    messages.iter().rev().find(user).map(text_of)
}

/// The words of a message, parts that are no text left out.
pub(crate) fn text_of(message: &Value) -> String {
    match message.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts = parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str));
            texts.collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

/// A message as conditions see it.
fn plain(message: &Value) -> Value {
    json!({ "role": crate::prompt::role(message), "content": text_of(message) })
}

/// Earlier tool calls of the conversation, each with its result if one is there.
fn history(messages: &[Value]) -> Value {
    let mut calls = Vec::new();
    for message in messages {
        for call in message.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
            calls.push(past_call(call, messages));
        }
    }
    Value::Array(calls)
}

fn past_call(call: &Value, messages: &[Value]) -> Value {
    let id = call.get("id").and_then(Value::as_str).unwrap_or_default();
    let text = |name: &str| {
        call.pointer(&format!("/function/{name}")).and_then(Value::as_str).unwrap_or_default()
    };
    let answers = |message: &&Value| {
        crate::prompt::role(message) == "tool"
            && message.get("tool_call_id").and_then(Value::as_str) == Some(id)
    };
    let result = messages.iter().find(answers).map(text_of);
    let args: Value = serde_json::from_str(text("arguments")).unwrap_or_else(|_| json!({}));
    json!({
        "name": text("name"), "args": args,
        "status": result.as_deref().map_or("open", status_of),
        "result": result.unwrap_or_default(),
    })
}

/// `error` where the result says so itself; a tool that says nothing of the kind went well.
fn status_of(result: &str) -> &'static str {
    let said: Option<Value> = serde_json::from_str(result).ok();
    let failed = said.as_ref().is_some_and(|value| {
        let error = value.get("error").is_some_and(|error| !error.is_null() && error != false);
        let status = value.get("status").and_then(Value::as_str);
        error || status.is_some_and(|word| matches!(word, "error" | "failed" | "denied"))
    });
    if failed { "error" } else { "ok" }
}
