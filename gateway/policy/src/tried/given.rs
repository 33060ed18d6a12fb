//! What a test starts from: the example with what the test changes in it.

use std::collections::BTreeMap;

use backstop_domain::{FailureClass, Millis, Signal, Status};
use serde_json::{Value, json};

use super::change::put;
use crate::answer::{Answer, Choice, ToolCall};
use crate::compiled::{InputOf, Policy};
use crate::judge::{Caller, Pretended};
use crate::path::Root;
use crate::raw::{Change, CheckStatus, Example, Given, Reply, ReviewAct, Test};
use crate::source::Sources;

/// When a test's call is received, unless it says: the 5th of January 2026, 10:00 UTC.
const RECEIVED_MS: u64 = 1_767_607_200_000;

/// What one attempt comes to.
#[derive(Debug, Clone)]
pub enum Attempt {
    /// An answer, with what the test says of its signals and checks.
    Answers(Answer, Pretended),
    /// None.
    Fails(FailureClass),
}

/// A call as a test, a fault or a record tells it.
#[derive(Debug, Clone)]
pub struct Scene {
    /// What the caller sends.
    pub input: Value,
    /// The conversation.
    pub messages: Vec<Value>,
    /// The request body, where the policy passes it through.
    pub body: Option<Value>,
    /// Who asks.
    pub caller: Caller,
    /// Idempotency key; without one conditions see the call's id, `test`.
    pub key: Option<String>,
    /// What the caller sent along.
    pub tags: BTreeMap<String, String>,
    /// When.
    pub received: Millis,
    /// One per attempt; the last one is repeated.
    pub attempts: Vec<Attempt>,
    /// The class that shuts the door, if one does.
    pub door: Option<FailureClass>,
    /// What the request's checks come to.
    pub pretended: Pretended,
    /// Reference data in place of the policy's.
    pub data: Option<Value>,
    /// Models that always fail, and how.
    pub failing: BTreeMap<String, FailureClass>,
    /// Whether `answers` were listed: then the last of them is looked at, else the first.
    pub listed: bool,
    /// What people do, in order.
    pub review: Vec<ReviewAct>,
}

/// The parts of a scene by name, so that paths can change them.
#[derive(Debug, Clone, Default)]
struct Stage {
    input: Option<Value>,
    messages: Option<Value>,
    output: Option<Value>,
    tool: Option<Value>,
    signals: Value,
    caller: Value,
    checks: BTreeMap<String, Status>,
    data: Option<Value>,
}

pub(super) fn scene(policy: &Policy, sources: &Sources, test: &Test) -> Result<Scene, String> {
    let reader = Reader { sources, by: sources.path(policy.written.file) };
    let mut stage = Stage { signals: json!({}), caller: json!({}), ..Stage::default() };
    if let Some(example) = &policy.written.example {
        reader.lay(&mut stage, &example.value)?;
    }
    reader.lay(&mut stage, &test.given)?;
    if let Some(caller) = &test.caller {
        stage.caller = reader.value(caller)?;
    }
    if let Some(data) = &test.data {
        stage.replace_data(policy, reader.value(data)?)?;
    }
    for change in &test.change {
        stage.change(policy, change)?;
    }
    let input = stage.whole_input(policy)?;
    let messages = stage.message_list()?;
    let body = policy.passes_through().then(|| json!({ "messages": messages }));
    let door = test
        .fail
        .as_ref()
        .map(|class| class.value)
        .filter(|class| matches!(class, FailureClass::Shed | FailureClass::Limit));
    Ok(Scene {
        body,
        caller: stage.who(),
        key: None,
        tags: BTreeMap::new(),
        received: received(test)?,
        attempts: attempts(&reader, &stage, test)?,
        door,
        pretended: stage.pretended(),
        listed: !test.answers.is_empty(),
        review: test.review.clone(),
        data: stage.data.clone(),
        failing: BTreeMap::new(),
        input,
        messages,
    })
}

fn attempts(reader: &Reader<'_>, stage: &Stage, test: &Test) -> Result<Vec<Attempt>, String> {
    if let Some(class) = &test.fail {
        return Ok(vec![failing(class.value, stage)]);
    }
    if test.answers.is_empty() {
        return Ok(vec![Attempt::Answers(stage.answer(), stage.pretended())]);
    }
    let each = test.answers.iter().map(|reply| match reply {
        Reply::Fail(class) => Ok(failing(class.value, stage)),
        Reply::Answer(example) => {
            let mut mine = stage.clone();
            reader.lay(&mut mine, example)?;
            Ok(Attempt::Answers(mine.answer(), mine.pretended()))
        }
    });
    each.collect()
}

/// An attempt that ends in that class: classes of an answer's shape need an answer of that shape.
fn failing(class: FailureClass, stage: &Stage) -> Attempt {
    failing_as(class, Attempt::Answers(stage.answer(), stage.pretended()))
}

/// The same for what the attempt would have come to.
pub(super) fn failing_as(class: FailureClass, instead: Attempt) -> Attempt {
    let Attempt::Answers(answer, pretended) = instead else { return Attempt::Fails(class) };
    let choice = |choice| Attempt::Answers(Answer { choices: vec![choice] }, pretended.clone());
    let text = |text: &str| Choice { text: Some(text.to_owned()), ..Choice::default() };
    match class {
        FailureClass::Declined => {
            choice(Choice { refusal: Some("No.".to_owned()), ..Choice::default() })
        }
        FailureClass::Truncated => {
            choice(Choice { finish: Some("length".to_owned()), ..text("{\"cut") })
        }
        FailureClass::Malformed => choice(text("")),
        FailureClass::Schema => choice(text("{\"no such field\": 0}")),
        FailureClass::LowConfidence => {
            let mut pretended = pretended;
            pretended.signals.values_mut().for_each(|signal| *signal = None);
            Attempt::Answers(answer, pretended)
        }
        other => Attempt::Fails(other),
    }
}

fn received(test: &Test) -> Result<Millis, String> {
    let Some(now) = &test.now else { return Ok(Millis(RECEIVED_MS)) };
    let at: jiff::Timestamp =
        now.value.parse().map_err(|_| format!("`{}` is not a time", now.value))?;
    Ok(Millis(u64::try_from(at.as_millisecond()).unwrap_or_default()))
}

/// Reads values that stand in the policy or in files beside it.
struct Reader<'a> {
    sources: &'a Sources,
    by: &'a str,
}

impl Reader<'_> {
    fn value(&self, given: &Given) -> Result<Value, String> {
        let file = match given {
            Given::Value(data) => {
                return data.constant().ok_or_else(|| "expressions cannot stand here".to_owned());
            }
            Given::File(file) => file.beside(self.by),
        };
        let id = self.sources.find(&file).ok_or_else(|| format!("there is no file `{file}`"))?;
        let text = self.sources.text(id);
        if file.ends_with(".json") {
            return serde_json::from_str(text).map_err(|error| format!("`{file}`: {error}"));
        }
        Ok(Value::from(text))
    }

    /// Lays what an example says over what is there. An answer is a whole: an output takes the
    /// place of a tool call, and the other way round.
    fn lay(&self, stage: &mut Stage, example: &Example) -> Result<(), String> {
        let read = |given: &Option<Given>| given.as_ref().map(|g| self.value(g)).transpose();
        let (output, tool) = (read(&example.output)?, read(&example.tool)?);
        if output.is_some() || tool.is_some() {
            (stage.output, stage.tool) = (output, tool);
        }
        stage.input = read(&example.input)?.or(stage.input.take());
        stage.messages = read(&example.messages)?.or(stage.messages.take());
        for (name, share) in example.signals.iter() {
            let share = share.value.map(|share| f64::from(share.0) / 1e6);
            if let Some(signals) = stage.signals.as_object_mut() {
                signals.insert(name.as_str().to_owned(), json!(share));
            }
        }
        for (name, status) in example.checks.iter() {
            let status = match status {
                CheckStatus::Pass => Status::Pass,
                CheckStatus::Fail => Status::Fail,
                CheckStatus::Error => Status::Error,
            };
            stage.checks.insert(name.as_str().to_owned(), status);
        }
        Ok(())
    }
}

impl Stage {
    /// Puts data in the place of a file's, by name; the other files stay.
    fn replace_data(&mut self, policy: &Policy, with: Value) -> Result<(), String> {
        let (Value::Object(with), Value::Object(data)) = (with, self.data_of(policy)) else {
            return Err("`data` of a test is a map from the names under `data:`".to_owned());
        };
        for (name, value) in with {
            if !data.contains_key(&name) {
                return Err(format!("the policy has no data `{name}`"));
            }
            data.insert(name, value);
        }
        Ok(())
    }

    fn data_of(&mut self, policy: &Policy) -> &mut Value {
        self.data.get_or_insert_with(|| (*policy.data).clone())
    }

    /// Adds a message at the end of the conversation.
    fn say(&mut self, message: Value) -> Result<(), String> {
        let messages = self.messages.get_or_insert_with(|| json!([]));
        let messages = messages.as_array_mut().ok_or("`messages` is no list")?;
        messages.push(message);
        Ok(())
    }

    fn change(&mut self, policy: &Policy, change: &Change) -> Result<(), String> {
        let path = &change.path.value;
        let value = change.value.constant();
        let value = value.ok_or_else(|| format!("`{path}` needs a constant"))?;
        let place = match path.root {
            Root::Input => self.input.get_or_insert(Value::Null),
            Root::Output => {
                self.tool = None;
                self.output.get_or_insert(Value::Null)
            }
            Root::Messages => self.messages.get_or_insert_with(|| json!([])),
            Root::Message => return self.say(json!({ "role": "user", "content": value })),
            Root::ToolResults => {
                let id = json!({ "role": "tool", "tool_call_id": "call_0", "content": value });
                return self.say(id);
            }
            Root::Data => self.data_of(policy),
            Root::ToolArgs => {
                let tool = self.tool.get_or_insert_with(|| json!({ "args": {} }));
                let tool = tool.as_object_mut().ok_or("`tool` is no object")?;
                tool.entry("args").or_insert_with(|| json!({}))
            }
            Root::Signals => &mut self.signals,
            Root::Caller => &mut self.caller,
        };
        put(place, path, value)
    }

    fn whole_input(&self, policy: &Policy) -> Result<Value, String> {
        match policy.input {
            InputOf::Body => {
                let messages = self.messages.clone().unwrap_or_else(|| json!([]));
                Ok(json!({ "model": policy.name, "messages": messages }))
            }
            _ => self.input.clone().ok_or_else(|| {
                "the test has no input: add `example:` to the policy, or `input:` to the test"
                    .to_owned()
            }),
        }
    }

    fn message_list(&self) -> Result<Vec<Value>, String> {
        match &self.messages {
            None => Ok(Vec::new()),
            Some(Value::Array(messages)) => Ok(messages.clone()),
            Some(_) => Err("`messages` is no list".to_owned()),
        }
    }

    fn who(&self) -> Caller {
        let text = |name: &str| self.caller.get(name).and_then(Value::as_str).map(str::to_owned);
        let roles = self.caller.get("roles").and_then(Value::as_array);
        let roles = roles.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        Caller {
            name: text("name").unwrap_or_else(|| "test".to_owned()),
            tenant: text("tenant"),
            roles: roles.collect(),
        }
    }

    fn answer(&self) -> Answer {
        let mut answer = Answer { choices: vec![Choice::default()] };
        if let Some(output) = &self.output {
            answer = Answer::value(output);
        }
        if let (Some(tool), Some(choice)) = (&self.tool, answer.choices.first_mut()) {
            let name = tool.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            let arguments = tool.get("args").cloned().unwrap_or_else(|| json!({})).to_string();
            choice.tool_calls = vec![ToolCall { id: "call_1".to_owned(), name, arguments }];
        }
        answer
    }

    fn pretended(&self) -> Pretended {
        let signals = self
            .signals
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), value.as_f64().and_then(Signal::from_f64)));
        let (signals, checks) = (signals.collect(), self.checks.clone());
        Pretended { signals, checks, ..Pretended::default() }
    }
}
