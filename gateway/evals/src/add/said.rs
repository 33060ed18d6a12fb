//! What services said in a recorded call, as lines of a record.
//!
//! The ledger keeps their scores under a digest of what was asked, not the question: the texts are
//! the call's own. So the case is played once more, unredacted, and each question that it puts is
//! looked up by its digest.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use backstop_domain::{Basis, CallEvent, Digest};
use backstop_engine::Services;
use backstop_engine::replay::RecordedCall;
use backstop_policy::judge::PaidKind;
use backstop_upstream::{BoxFuture, Recordings, Score, Service, service_line};
use parking_lot::Mutex;
use serde_json::{Map, Value};

use super::json_body;
use crate::run::{Setting, Tape, replay_with};
use crate::suite::{Case, Suite};

type Said = BTreeMap<Digest, Result<Score, String>>;

/// A line for each question to a service that `case` puts and the call has the answer to. `models`
/// are the lines of its models.
///
/// # Errors
/// In words, if a body is gone or the case cannot be played.
pub(super) fn lines(
    setting: &Setting,
    suite: &Suite,
    call: &RecordedCall,
    case: &Case,
    models: &[Value],
) -> Result<Vec<Value>, String> {
    let said = Arc::new(said(call)?);
    if said.is_empty() {
        return Ok(Vec::new());
    }
    let heard: Arc<Mutex<Vec<String>>> = Arc::default();
    let services = setting.workspace.gateway.services.keys().map(|name| {
        let (said, heard) = (Arc::clone(&said), Arc::clone(&heard));
        (name.clone(), Arc::new(Witness { name: name.clone(), said, heard }) as Arc<dyn Service>)
    });
    let services = Services::new(services.collect());
    let tape = Recordings::of_lines(models.iter().map(Value::to_string))?;
    let tape = Tape::of(Arc::new(tape));
    replay_with(setting, suite, case, &tape, services).map_err(|fault| fault.to_string())?;
    let mut lines: Vec<Value> = Vec::new();
    for line in heard.lock().iter() {
        let mut line: Map<String, Value> = serde_json::from_str(line).map_err(|f| f.to_string())?;
        // The key is that of the unredacted texts.
        line.remove("key");
        let line = Value::Object(line);
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    Ok(lines)
}

/// Every score of the call, by the digest of what was asked.
fn said(call: &RecordedCall) -> Result<Said, String> {
    let bases = call.events.iter().filter_map(|event| event.as_call()).filter_map(basis);
    let mut said = Said::new();
    for paid in bases.flat_map(|basis| &basis.paid) {
        let Some(asked) = paid.asked else { continue };
        if let Some(digest) = paid.said {
            let score = json_body(call, digest, "what a service said")?;
            let score = serde_json::from_value(score).map_err(|fault| fault.to_string())?;
            said.insert(asked, Ok(score));
        } else if let (true, Some(why)) = (paid.attempts.is_empty(), &paid.failed) {
            said.insert(asked, Err(why.clone()));
        }
    }
    Ok(said)
}

fn basis(event: &CallEvent) -> Option<&Basis> {
    match event {
        CallEvent::RequestJudged { basis, .. } => Some(basis),
        CallEvent::AnswerJudged(judged) => Some(&judged.basis),
        _ => None,
    }
}

/// A service that says what it said then, and keeps the question.
struct Witness {
    name: String,
    said: Arc<Said>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Service for Witness {
    fn score<'a>(
        &'a self,
        texts: &'a [String],
        kind: &'a str,
        _: Duration,
    ) -> BoxFuture<'a, Result<Score, String>> {
        let ask = PaidKind::Service {
            service: self.name.clone(),
            texts: texts.to_vec(),
            kind: kind.to_owned(),
        };
        let said = ask.digest(None).and_then(|asked| self.said.get(&asked)).cloned();
        if let Some(said) = &said {
            self.heard.lock().push(service_line(&self.name, texts, kind, said, None));
        }
        let said = said.unwrap_or_else(|| Err("the call did not ask this".to_owned()));
        Box::pin(async move { said })
    }
}
