//! A recorded call as a case: redacted, with what the models answered and what a person made of it.
//!
//! Redaction happens once, over everything together, so that the redacted request still has the
//! redacted answer. Whether it does is for the caller to try: a case is only worth keeping if it
//! replays.

use std::collections::BTreeMap;

use backstop_checks::text::{Finds, PersonalData, Secrets};
use backstop_domain::{AttemptResult, CallEvent, Digest, Outcome, Purpose, Resolution};
use backstop_engine::replay::RecordedCall;
use backstop_policy::path::{Path, Root};
use backstop_policy::{Answer, Policy};
use serde_json::{Map, Value, json};

use crate::suite::{Case, Who};

/// A call turned into a case.
#[derive(Debug)]
pub struct Added {
    /// The case.
    pub case: Case,
    /// Lines for the suite's record.
    pub record: Vec<String>,
    /// How many different texts were hidden.
    pub hidden: usize,
    /// Where the truth comes from, in words.
    pub truth: &'static str,
}

/// Turns `call`, of `policy`, into the case `id`.
///
/// # Errors
/// In words, if the call's request or an answer was erased or cannot be read.
pub fn add(call: &RecordedCall, policy: &Policy, id: &str) -> Result<Added, String> {
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
    let lines = attempts(call, policy)?;
    let mut hide = Hide::default();
    hide.private(policy, &case);
    hide.found_in(&serde_json::to_value(&case).map_err(|fault| fault.to_string())?);
    for line in &lines {
        hide.found_in(line);
    }
    let case: Case = serde_json::from_str(&hide.apply(&text(&case)?)).map_err(|f| f.to_string())?;
    let record = lines.iter().map(|line| Ok(hide.apply(&text(line)?)));
    let record = record.collect::<Result<_, String>>()?;
    Ok(Added { case, record, hidden: hide.0.len(), truth })
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
            AttemptResult::Failed { class, message, status, .. } => {
                let failure = match status {
                    Some(status) => json!({ "status": status, "message": message }),
                    None => json!({ "class": class, "message": message }),
                };
                line.insert("failure".to_owned(), failure);
            }
        }
        lines.push(Value::Object(line));
    }
    Ok(lines)
}

/// Texts to hide, each with what stands in its place; the same text gets the same word everywhere.
#[derive(Default)]
struct Hide(BTreeMap<String, String>);

impl Hide {
    fn add(&mut self, text: &str, kind: &str) {
        // A text that short stands in too many others to be replaced everywhere.
        if text.chars().count() >= 4 && !self.0.contains_key(text) {
            let number = self.0.len() + 1;
            self.0.insert(text.to_owned(), format!("[{kind}-{number}]"));
        }
    }

    /// Whatever stands where the policy says `private`.
    fn private(&mut self, policy: &Policy, case: &Case) {
        for path in &policy.private {
            let Ok(path) = Path::parse(path, &[Root::Input]) else { continue };
            for (_, value) in path.matches(&case.input) {
                self.leaves(value);
            }
        }
    }

    fn leaves(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.add(text, "private"),
            Value::Array(items) => items.iter().for_each(|item| self.leaves(item)),
            Value::Object(fields) => fields.values().for_each(|field| self.leaves(field)),
            _ => {}
        }
    }

    /// Secrets and personal data of every kind that can be found.
    fn found_in(&mut self, value: &Value) {
        let judges: [&dyn Finds; 2] = [&Secrets::all(), &PersonalData::all()];
        for judge in judges {
            for found in judge.find(value) {
                // Of a secret only its ends are told: the whole stands at its place.
                let at = value.pointer(&found.path).and_then(Value::as_str);
                if let Some(whole) = at.and_then(|text| text.get(found.span.clone())) {
                    self.add(whole, found.kind);
                }
            }
        }
    }

    /// `json` with each text replaced, as it stands in JSON. Longer ones first: one may hold
    /// another.
    fn apply(&self, json: &str) -> String {
        let mut order: Vec<(&String, &String)> = self.0.iter().collect();
        order.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        let mut out = json.to_owned();
        for (text, by) in order {
            let quoted = Value::from(text.as_str()).to_string();
            let inside = quoted.trim_matches('"');
            let twice = Value::from(inside).to_string();
            out = out.replace(inside, by).replace(twice.trim_matches('"'), by);
        }
        out
    }
}
