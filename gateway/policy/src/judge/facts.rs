//! What is known of a call: built once, extended cheaply with what an answer brings.
//!
//! Time and the sample's salt are handed in. Large things (data files) are borrowed, never copied.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use backstop_domain::{Cause, Drawn, MicroMoney, Millis, Signal, Source, Status};
use serde_json::{Map, Value, json};

use super::input::{Contract, contract};
use super::request::Request;
use super::samples::Samples;
use crate::compiled::Policy;
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
    request: Request,
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
    pub fn new(policy: Arc<Policy>, mut asked: Asked) -> Self {
        let samples = Samples::new(Some(core::mem::take(&mut asked.salt)), Vec::new());
        Self {
            request: Request::new(&policy, asked),
            policy,
            samples,
            contract: OnceLock::new(),
            pretended: Pretended::default(),
            data: None,
            watch: None,
        }
    }

    /// With what the call has used so far, for conditions on `call.attempts` and `call.cost`.
    pub fn set_progress(&mut self, attempts: u32, cost: MicroMoney) {
        self.request.set_progress(attempts, cost);
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The input.
    pub fn input(&self) -> &Value {
        self.request.input()
    }

    /// The caller's messages that are passed on.
    pub fn messages(&self) -> &[Value] {
        self.request.messages()
    }

    /// The chat body, if it is passed through.
    pub fn body(&self) -> Option<&Value> {
        self.request.passed_on()
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
            let (input, messages, body) = (self.input(), self.messages(), self.request.body());
            return json!({ "input": input, "messages": messages, "body": body });
        }
        let parts = key.iter().map(|(root, path)| {
            let value = self.request.variable(root).unwrap_or(&Value::Null);
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
        self.local.get(name).or_else(|| self.facts.request.variable(name))
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
