//! What a test starts from: the example with what the test changes in it.

use std::collections::BTreeMap;

use backstop_domain::{FailureClass, Millis, Signal, Status};
use serde_json::{Value, json};

use crate::answer::{Answer, Choice, ToolCall};
use crate::compiled::{InputOf, Policy};
use crate::judge::{Caller, Pretended};
use crate::path::{Path, Root, Segment};
use crate::raw::{Change, CheckStatus, Example, Given, Reply, ReviewAct, Test};
use crate::source::Sources;

/// When a test's call is received, unless it says: the 5th of January 2026, 10:00 UTC.
const RECEIVED_MS: u64 = 1_767_607_200_000;

/// What one attempt comes to.
#[derive(Debug, Clone)]
pub(super) enum Attempt {
    /// An answer, with what the test says of its signals and checks.
    Answers(Answer, Pretended),
    /// None.
    Fails(FailureClass),
}

/// A call as a test tells it.
#[derive(Debug)]
pub(super) struct Scene {
    pub input: Value,
    pub messages: Vec<Value>,
    pub body: Option<Value>,
    pub caller: Caller,
    pub received: Millis,
    /// One per attempt; the last one is repeated.
    pub attempts: Vec<Attempt>,
    /// The class that shuts the door, if one does.
    pub door: Option<FailureClass>,
    /// What the request's checks come to.
    pub pretended: Pretended,
    /// Whether `answers` were listed: then the last of them is looked at, else the first.
    pub listed: bool,
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
    if test.data.is_some() {
        return Err("`data` of a test is not carried out in this version".to_owned());
    }
    for change in &test.change {
        stage.change(change)?;
    }
    let input = stage.whole_input(policy)?;
    let messages = stage.message_list()?;
    let body = policy.takes_body().then(|| input.clone());
    let door = test
        .fail
        .as_ref()
        .map(|class| class.value)
        .filter(|class| matches!(class, FailureClass::Shed | FailureClass::Limit));
    Ok(Scene {
        body,
        caller: stage.who(),
        received: received(test)?,
        attempts: attempts(&reader, &stage, test)?,
        door,
        pretended: stage.pretended(),
        listed: !test.answers.is_empty(),
        review: test.review.clone(),
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
    let choice = |choice| Attempt::Answers(Answer { choices: vec![choice] }, stage.pretended());
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
            let mut pretended = stage.pretended();
            pretended.signals.values_mut().for_each(|signal| *signal = None);
            Attempt::Answers(stage.answer(), pretended)
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
    fn change(&mut self, change: &Change) -> Result<(), String> {
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
            Root::Message => {
                let messages = self.messages.get_or_insert_with(|| json!([]));
                let message = json!({ "role": "user", "content": value });
                return match messages.as_array_mut() {
                    Some(messages) => {
                        messages.push(message);
                        Ok(())
                    }
                    None => Err("`messages` is no list".to_owned()),
                };
            }
            Root::ToolArgs => {
                let tool = self.tool.get_or_insert_with(|| json!({ "args": {} }));
                let tool = tool.as_object_mut().ok_or("`tool` is no object")?;
                tool.entry("args").or_insert_with(|| json!({}))
            }
            Root::Signals => &mut self.signals,
            Root::Caller => &mut self.caller,
            Root::Data | Root::ToolResults => {
                return Err(format!("`{path}` cannot be changed in this version"));
            }
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
        Pretended { signals: signals.collect(), checks: self.checks.clone() }
    }
}

/// Puts a value at a path, making objects on the way.
fn put(root: &mut Value, path: &Path, value: Value) -> Result<(), String> {
    let mut place = root;
    for segment in &path.segments {
        let Segment::Field(name) = segment else {
            return Err(format!("`{path}` names many places, a change needs one"));
        };
        if place.is_null() {
            *place = json!({});
        }
        place = match place {
            Value::Object(fields) => fields.entry(name.clone()).or_insert(Value::Null),
            Value::Array(items) => {
                let at = name.parse::<usize>().ok();
                let item = at.and_then(|at| items.get_mut(at));
                item.ok_or_else(|| format!("`{path}`: there is no element `{name}`"))?
            }
            _ => return Err(format!("`{path}`: `{name}` stands in no object")),
        };
    }
    *place = value;
    Ok(())
}

/// Changes an answer's output or arguments as a reviewer does.
pub(super) fn edited(answer: &Answer, changes: &[Change]) -> Result<Answer, String> {
    let mut edited = answer.clone();
    let Some(choice) = edited.choices.first_mut() else { return Ok(edited) };
    for change in changes {
        let path = &change.path.value;
        let value = change.value.constant().ok_or("an edit needs constants")?;
        if path.root == Root::ToolArgs {
            let call = choice.tool_calls.first_mut().ok_or("there is no tool call to edit")?;
            let mut args = serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({}));
            put(&mut args, path, value)?;
            call.arguments = args.to_string();
        } else if path.segments.is_empty() {
            choice.text = Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        } else {
            let text = choice.text.as_deref().unwrap_or("{}");
            let mut output = serde_json::from_str(text).unwrap_or_else(|_| json!({}));
            put(&mut output, path, value)?;
            choice.text = Some(output.to_string());
        }
    }
    Ok(edited)
}
