//! A recorded call as a case: redacted, with what the models answered and what a person made of it.
//!
//! Redaction happens once, over everything together, so that the redacted request still has the
//! redacted answer. Whether it does is tried: a record is only worth keeping if it replays.

mod hide;
mod said;

use std::collections::BTreeMap;
use std::sync::Arc;

use backstop_domain::{AttemptResult, CallEvent, Digest, Outcome, Purpose, Resolution};
use backstop_engine::replay::RecordedCall;
use backstop_policy::{Answer, Policy};
use backstop_upstream::Recordings;
use serde_json::{Map, Value, json};

use crate::run::{Setting, Tape, replay, slim};
use crate::suite::{Case, Suite, Who};
use hide::Hide;

/// A call turned into a case.
#[derive(Debug)]
pub struct Added {
    /// The case.
    pub case: Case,
    /// Lines for the suite's record.
    pub record: Vec<String>,
    /// Whether they answer the request as it is asked now; else the case is to be recorded anew.
    pub replays: bool,
    /// How many different texts were hidden.
    pub hidden: usize,
    /// Where the truth comes from, in words.
    pub truth: &'static str,
}

/// Turns `call`, of the suite's policy, into the case `id`.
///
/// # Errors
/// In words, if the call's request or an answer was erased or cannot be read, or if the case could
/// not be asked once it is redacted.
pub fn add(
    setting: &Setting,
    suite: &Suite,
    call: &RecordedCall,
    id: &str,
) -> Result<Added, String> {
    let policy = &suite.policy;
    let (received, _) = call.received().map_err(|why| why.to_string())?;
    let stored = json_body(call, received.request, "the request")?;
    let mut case = Case::blank(id.to_owned());
    let part = |name: &str| stored.get(name).cloned().unwrap_or(Value::Null);
    case.input = if policy.passes_through() { part("body") } else { part("input") };
    if let (false, Value::Array(messages)) = (policy.passes_through(), part("messages")) {
        case.messages = messages;
    }
    case.caller = Some(Who { name: None, tenant: None, roles: texts_of(&part("roles")) });
    case.note = Some(format!("from a recorded call of revision {}", received.revision.short()));
    let truth = label(call, &mut case)?;
    let mut lines = attempts(call, policy)?;
    lines.extend(said::lines(setting, suite, call, &case, &lines)?);
    let mut hide = Hide::default();
    hide.private(policy, &case);
    hide.found_in(&serde_json::to_value(&case).map_err(|fault| fault.to_string())?);
    for line in &lines {
        hide.found_in(line);
    }
    let case: Case = serde_json::from_str(&hide.apply(&text(&case)?)).map_err(|f| f.to_string())?;
    let record = lines.iter().map(|line| Ok(slim(&hide.apply(&text(line)?), policy)));
    let record: Vec<String> = record.collect::<Result<_, String>>()?;
    let replays = replays(setting, suite, &case, &record)?;
    Ok(Added { case, record, replays, hidden: hide.len(), truth })
}

/// Whether the redacted case gets the redacted answers.
fn replays(
    setting: &Setting,
    suite: &Suite,
    case: &Case,
    record: &[String],
) -> Result<bool, String> {
    let tape = Tape::of(Arc::new(Recordings::of_lines(record.iter().cloned())?));
    let results = replay(setting, suite, &[case], &tape, &|_, _| {}).map_err(|f| f.to_string())?;
    if let Some(why) = results.ran.iter().find_map(|ran| ran.error.as_ref()) {
        return Err(format!(
            "redacted, the call could not be asked again ({why}); write the case by hand"
        ));
    }
    Ok(results.ran.iter().all(|ran| ran.is_valid()))
}

fn text(value: &impl serde::Serialize) -> Result<String, String> {
    serde_json::to_string(value).map_err(|fault| fault.to_string())
}

fn texts_of(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn json_body(call: &RecordedCall, digest: Digest, what: &str) -> Result<Value, String> {
    let bytes = match call.bodies.get(&digest) {
        Some(Some(bytes)) => bytes,
        Some(None) => return Err(format!("{what} was erased")),
        None => return Err(format!("{what} is not in the ledger")),
    };
    serde_json::from_slice(bytes).map_err(|fault| format!("{what} cannot be read: {fault}"))
}

/// What a person made of the answer is the truth; without one the case expects the end that was.
fn label(call: &RecordedCall, case: &mut Case) -> Result<&'static str, String> {
    let events = || call.events.iter().rev().filter_map(|event| event.as_call());
    let decided = events().find_map(|event| match event {
        CallEvent::ReviewResolved(resolved) => Some(&resolved.resolution),
        _ => None,
    });
    match decided {
        Some(Resolution::Approved { subject } | Resolution::Edited { subject }) => {
            let answer = json_body(call, subject.digest, "the answer that a person let go")?;
            let answer: Answer = serde_json::from_value(answer).map_err(|f| f.to_string())?;
            truth_of(&answer, case);
            return Ok("a person's decision");
        }
        Some(Resolution::Rejected) => {
            case.tags.push("rejected".to_owned());
            case.expect.outcome = vec!["in_review".to_owned()];
            return Ok("a person said no: such a call should go to a person again");
        }
        _ => {}
    }
    let ended = events().find_map(|event| match event {
        CallEvent::CallEnded(ended) => Some(ended.outcome),
        _ => None,
    });
    if let Some(outcome) = ended.filter(|outcome| !matches!(outcome, Outcome::Cancelled)) {
        case.expect.outcome = vec![outcome.name().to_owned()];
    }
    Ok("nobody looked at it: the case expects the end that was, and says nothing of right or wrong")
}

fn truth_of(answer: &Answer, case: &mut Case) {
    let Some(choice) = answer.choices.first() else { return };
    if let Some(text) = &choice.text {
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str()));
        case.expect.output = Some(value);
    }
    if let Some(tool) = choice.tool_calls.first() {
        let args: Value = serde_json::from_str(&tool.arguments).unwrap_or_default();
        case.expect.tool = Some(json!({ "name": tool.name, "args": args }));
    }
}

/// Every exchange with a model, in the form of a record.
fn attempts(call: &RecordedCall, policy: &Policy) -> Result<Vec<Value>, String> {
    let events = || call.events.iter().filter_map(|event| event.as_call());
    let mut votes: BTreeMap<Digest, u32> = BTreeMap::new();
    let mut lines = Vec::new();
    for event in events() {
        let CallEvent::AttemptStarted(started) = event else { continue };
        let ended = events().find_map(|event| match event {
            CallEvent::AttemptEnded(ended) if ended.attempt == started.attempt => Some(ended),
            _ => None,
        });
        let Some(ended) = ended else { continue };
        let mut request = json_body(call, started.request, "a request to a model")?;
        let model = policy.models.iter().find(|model| model.name == started.model);
        let theirs = model.map_or(started.model.as_str(), |model| model.wire.as_str());
        if let Some(fields) = request.as_object_mut() {
            fields.insert("model".to_owned(), json!(theirs));
        }
        let mut line = Map::new();
        line.insert("request".to_owned(), request);
        if started.purpose == Purpose::Vote {
            let sample = votes.entry(started.request).or_default();
            *sample += 1;
            line.insert("sample".to_owned(), json!(sample));
        }
        match &ended.result {
            AttemptResult::Answered { raw, .. } => {
                let body = json_body(call, *raw, "an answer of a model")?;
                line.insert("body".to_owned(), body);
            }
            // By its class: a status alone does not tell a spent quota from a busy minute.
            AttemptResult::Failed { class, message, .. } => {
                let failure = json!({ "class": class, "message": message });
                line.insert("failure".to_owned(), failure);
            }
        }
        lines.push(Value::Object(line));
    }
    Ok(lines)
}
