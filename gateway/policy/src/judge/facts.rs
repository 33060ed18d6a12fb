//! What is known of a call: built once, extended cheaply with what an answer brings.
//!
//! Time and the sample's salt are handed in. Large things (data files) are borrowed, never copied.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use backstop_domain::{Cause, Drawn, MicroMoney, Millis, Signal, Source, Status};
use serde_json::{Map, Value, json};

use super::input::{Contract, contract};
use super::samples::Samples;
use crate::compiled::{InputOf, Policy};
use crate::prompt::keep_newest;
use crate::tried::Made;

/// A request, as the edge hands it in.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The input, as [`Policy::read_input`] made it: the chat body, for a policy that passes it
    /// through.
    pub input: Value,
    /// The caller's messages beside it. A body that is passed through brings its own.
    pub messages: Vec<Value>,
    /// The chat body that is passed through, where the input is another thing.
    pub body: Option<Value>,
    /// Who asks.
    pub caller: Caller,
    /// Id of the call.
    pub id: String,
    /// Idempotency key, if one was sent.
    pub key: Option<String>,
    /// What the caller sent along.
    pub tags: BTreeMap<String, String>,
    /// When the call was received.
    pub received: Millis,
    /// Secret that keys `sample`.
    pub salt: Vec<u8>,
}

/// Who asks.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// Its name in the gateway file.
    pub name: String,
    /// Its tenant.
    pub tenant: Option<String>,
    /// Its roles.
    pub roles: Vec<String>,
}

/// The facts of one call, for every judgement of it.
#[derive(Debug)]
pub struct Facts {
    policy: Arc<Policy>,
    fixed: BTreeMap<&'static str, Value>,
    messages: Vec<Value>,
    body: Option<Value>,
    samples: Samples,
    contract: OnceLock<Option<Contract>>,
    /// What a policy's own test says of signals and checks. Empty in every real call.
    pretended: Pretended,
    /// Data that a test puts in the place of the policy's.
    data: Option<Value>,
    /// Notes comparisons, in tests that ask for them.
    watch: Option<Arc<Watch>>,
}

/// Signals and results of checks that a policy's own test states instead of having them computed.
#[derive(Debug, Clone, Default)]
pub struct Pretended {
    /// By name in `signals`; `None` is missing.
    pub signals: BTreeMap<String, Option<Signal>>,
    /// By name of the check.
    pub checks: BTreeMap<String, Status>,
    /// Rules that cannot be computed, by their name in findings.
    pub broken_rules: BTreeSet<String>,
    /// Confidence sources that cannot be computed, by name in `signals`.
    pub broken_sources: BTreeSet<String>,
}

/// Notes the comparisons that conditions make.
#[derive(Debug, Default)]
pub(crate) struct Watch(std::sync::Mutex<Vec<Made>>);

impl Watch {
    pub fn saw(&self, made: impl Iterator<Item = Made>) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).extend(made);
    }

    /// What was noted so far.
    pub fn take(&self) -> Vec<Made> {
        let mut noted = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        core::mem::take(&mut *noted)
    }
}

impl Facts {
    /// The facts of that request.
    pub fn new(policy: Arc<Policy>, asked: Asked) -> Self {
        let mut fixed = BTreeMap::new();
        let call = json!({
            "id": asked.id, "key": asked.key.as_ref().unwrap_or(&asked.id), "tags": asked.tags,
            "received": asked.received.0, "attempts": 0, "cost": 0.0,
        });
        fixed.insert("call", call);
        fixed.insert("now", Value::from(asked.received.0));
        let caller = &asked.caller;
        let tenant = caller.tenant.as_deref().unwrap_or_default();
        let who = json!({ "name": caller.name, "tenant": tenant, "roles": caller.roles });
        fixed.insert("caller", who);
        let mut messages = asked.messages;
        // What is judged is what the model reads, on whatever face it came in.
        if let Some(body) = passed_on(&policy, &asked.input, asked.body.as_ref()) {
            messages = body.get("messages").and_then(Value::as_array).cloned().unwrap_or_default();
        }
        if let Some(message) = newest_message(&messages, &asked.input) {
            fixed.insert("message", Value::String(message));
        }
        if let Some(keep) = policy.conversation {
            messages = keep_newest(messages, keep);
        }
        fixed.insert("messages", messages.iter().map(plain).collect());
        fixed.insert("history", history(&messages));
        fixed.insert("input", asked.input);
        Self {
            policy,
            fixed,
            messages,
            body: asked.body,
            samples: Samples::new(Some(asked.salt), Vec::new()),
            contract: OnceLock::new(),
            pretended: Pretended::default(),
            data: None,
            watch: None,
        }
    }

    /// With what the call has used so far, for conditions on `call.attempts` and `call.cost`.
    pub fn set_progress(&mut self, attempts: u32, cost: MicroMoney) {
        if let Some(call) = self.fixed.get_mut("call").and_then(Value::as_object_mut) {
            call.insert("attempts".to_owned(), Value::from(attempts));
            // Whole units of the currency: shown and compared by conditions, recorded nowhere.
            call.insert("cost".to_owned(), Value::from(cost.0 as f64 / 1e6));
        }
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The input.
    pub fn input(&self) -> &Value {
        self.fixed.get("input").unwrap_or(&Value::Null)
    }

    /// The caller's messages that are passed on.
    pub fn messages(&self) -> &[Value] {
        &self.messages
    }

    /// The chat body, if it is passed through.
    pub fn body(&self) -> Option<&Value> {
        passed_on(&self.policy, self.input(), self.body.as_ref())
    }

    /// What a passed-through request brings along. One that cannot be read was refused before a
    /// call existed; here it counts as a text without tools, which lets the least through.
    pub(super) fn contract(&self) -> Option<&Contract> {
        let read = || contract(&self.policy, self.body()?).ok();
        self.contract.get_or_init(read).as_ref()
    }

    /// Takes signals and results of checks from a test.
    pub(crate) fn pretend(&mut self, pretended: Pretended) {
        self.pretended = pretended;
    }

    /// Takes reference data from a test.
    pub(crate) fn replace_data(&mut self, data: Value) {
        self.data = Some(data);
    }

    /// Notes comparisons from here on.
    pub(crate) fn watch(&mut self, watch: Arc<Watch>) {
        self.watch = Some(watch);
    }

    pub(super) fn watched(&self) -> Option<&Watch> {
        self.watch.as_deref()
    }

    pub(crate) const fn pretended(&self) -> &Pretended {
        &self.pretended
    }

    /// With the samples that were drawn before in this call. `salt`: what was not drawn then is
    /// drawn anew; without it, it is an error, and [`Facts::undrawn`] names it.
    #[must_use]
    pub fn replaying(mut self, drawn: Vec<Drawn>, salt: Option<Vec<u8>>) -> Self {
        self.samples = Samples::new(salt, drawn);
        self
    }

    pub(crate) const fn samples(&self) -> &Samples {
        &self.samples
    }

    /// Samples that were drawn since this was last asked, to be recorded; each once per call.
    pub fn take_drawn(&self) -> Vec<Drawn> {
        self.samples.take()
    }

    /// The rules and checks whose samples were asked for and are not known: of a replay only.
    pub fn undrawn(&self) -> Vec<String> {
        self.samples.missing()
    }

    /// What must be equal for a kept answer to be the same: the paths of `cache.key`, or else the
    /// whole input, with the messages and the body that are passed on.
    pub fn cache_parts(&self) -> Value {
        let key = self.policy.cache.as_ref().map_or(&[][..], |cache| &cache.key);
        if key.is_empty() {
            return json!({ "input": self.input(), "messages": self.messages, "body": self.body });
        }
        let parts = key.iter().map(|(root, path)| {
            let value = self.fixed.get(root.as_str()).unwrap_or(&Value::Null);
            // Too many places to tell apart: all of it must be equal.
            let found = path.select(value).unwrap_or_else(|_| vec![(String::new(), value)]);
            let found: Vec<&Value> = found.into_iter().map(|(_, value)| value).collect();
            json!({ "at": format!("{root}.{path}"), "is": found })
        });
        parts.collect()
    }

    /// A view of these facts alone.
    pub(crate) fn view(&self) -> View<'_> {
        View { facts: self, local: BTreeMap::new() }
    }

    /// Every variable in `names`, as one object: what a prompt is rendered with.
    pub(crate) fn object(&self, view: &View<'_>, names: &[&str]) -> Value {
        let found = names.iter().filter_map(|name| {
            view.variable(name).map(|value| ((*name).to_owned(), value.clone()))
        });
        Value::Object(found.collect::<Map<_, _>>())
    }
}

/// The facts of a call and what one answer brings.
#[derive(Debug, Clone)]
pub(crate) struct View<'f> {
    facts: &'f Facts,
    local: BTreeMap<&'static str, Value>,
}

impl<'f> View<'f> {
    /// With one more variable, or another value of it.
    pub fn set(&mut self, name: &'static str, value: Value) {
        self.local.insert(name, value);
    }

    /// The same, with one more variable, or another value of it.
    pub fn with(&self, name: &'static str, value: Value) -> Self {
        let mut wider = self.clone();
        wider.set(name, value);
        wider
    }

    /// With what a check said, as `checks.<name>`.
    pub fn set_check(&mut self, name: &str, said: Value) {
        let checks = self.local.entry("checks").or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(checks) = checks {
            checks.insert(name.to_owned(), said);
        }
    }

    /// The value of a variable; `None` where it is not known.
    pub fn variable(&self, name: &str) -> Option<&Value> {
        if name == "data" {
            return Some(self.facts.data.as_ref().unwrap_or(&self.facts.policy.data));
        }
        self.local.get(name).or_else(|| self.facts.fixed.get(name))
    }

    /// The facts that it extends.
    pub const fn facts(&self) -> &'f Facts {
        self.facts
    }

    /// With whose answer it is.
    pub fn set_answer(&mut self, source: Source, model: Option<&str>, attempt: Option<u32>) {
        let by = match source {
            Source::Model => "model",
            Source::Cache => "cache",
            Source::Fallback => "fallback",
            Source::Human => "human",
        };
        self.set(
            "answer",
            json!({
                "by": by, "model": model.unwrap_or_default(), "attempt": attempt.unwrap_or(0),
            }),
        );
    }

    /// With what led here.
    pub fn set_cause(&mut self, cause: &Cause) {
        let by = cause.by.as_deref().unwrap_or_default();
        let named = |prefix| by.split_once(prefix).map_or("", |(_, name)| name);
        self.set(
            "cause",
            json!({
                "class": cause.class.map_or("", |class| class.name()),
                "rule": named("rules."), "check": named("checks."),
            }),
        );
    }
}

/// The chat body that goes on to the model, if the policy passes one through.
fn passed_on<'a>(policy: &Policy, input: &'a Value, body: Option<&'a Value>) -> Option<&'a Value> {
    match policy.input {
        InputOf::Body => Some(input),
        _ if policy.passes_through() => body,
        _ => None,
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
