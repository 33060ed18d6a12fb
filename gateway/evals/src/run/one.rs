//! One case through one engine: asked as a caller would ask, read back from its record.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use backstop_domain::{CallEvent, Digest, Event, Face, Phase, Purpose, Status};
use backstop_engine::{Caller, Engine, Refused, Snapshot, Submit};
use backstop_ledger::Recorded;
use backstop_policy::{Answer, Policy};
use serde_json::{Value, json};

use super::result::Ran;
use crate::suite::{Case, Scorer, Subject, Suite};

/// Longer than any deadline of an automatic part.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Runs a case, and scores what came of it.
pub(super) async fn run(engine: &Engine, suite: &Suite, case: &Case, repeat: u32) -> Ran {
    let blank =
        Ran { case: case.id.clone(), repeat, cluster: case.cluster().to_owned(), ..Ran::default() };
    match ask(engine, &suite.policy, case, repeat).await {
        Ok(Came::Of(seen)) => scored(engine, suite, case, Ran { ..seen.into_ran(blank) }).await,
        Ok(Came::Refused(why)) => {
            let ran = Ran { end: "refused".to_owned(), ..blank };
            let mut ran = scored(engine, suite, case, ran).await;
            ran.differs.extend(ran.expected.filter(|met| !met).map(|_| why));
            ran
        }
        Err(why) => Ran { error: Some(why), ..blank },
    }
}

/// What came of asking.
enum Came {
    /// A call.
    Of(Box<Seen>),
    /// A refusal at the door.
    Refused(String),
}

/// A call that ended, or rests with a person.
struct Seen {
    snapshot: Snapshot,
    events: Vec<Recorded>,
    answer: Option<Answer>,
}

async fn ask(engine: &Engine, policy: &Policy, case: &Case, repeat: u32) -> Result<Came, String> {
    let admitted = match engine.submit(submit(policy, case, repeat)).await {
        Ok(admitted) => admitted,
        Err(Refused::InvalidInput { problems, .. }) => {
            let told: Vec<String> =
                problems.into_iter().map(|(at, what)| format!("{at}: {what}")).collect();
            return Err(format!("the input is not to its schema: {}", told.join("; ")));
        }
        Err(Refused::Stop(stop)) => return Err(stop.to_string()),
        Err(refused) => return Ok(Came::Refused(refused.to_string())),
    };
    let id = admitted.id;
    let found = engine.wait(&id, LONGEST).await.map_err(|stop| stop.to_string())?;
    let snapshot = found.ok_or("the call did not come to be")?;
    let events = engine.events(&id, 0).await.map_err(|stop| stop.to_string())?;
    let digest = match snapshot.state.ended() {
        Some(ended) => ended.answer,
        None => snapshot.state.subject().map(|subject| subject.digest),
    };
    let answer = match digest {
        Some(digest) => stored(engine, digest).await?,
        None => None,
    };
    Ok(Came::Of(Box::new(Seen { snapshot, events, answer })))
}

fn submit(policy: &Policy, case: &Case, repeat: u32) -> Submit {
    let who = case.caller.clone().unwrap_or_default();
    let body = policy.passes_through().then(|| case.input.clone());
    let own = body.as_ref().and_then(|body| body.get("messages")).and_then(Value::as_array);
    let messages = own.cloned().unwrap_or_else(|| case.messages.clone());
    // A pass-through policy knows the conversation from the body alone.
    Submit {
        policy: policy.name.clone(),
        caller: Caller {
            name: who.name.unwrap_or_else(|| "evals".to_owned()),
            tenant: who.tenant,
            roles: who.roles,
            ..Caller::default()
        },
        face: Face::Calls,
        messages,
        body,
        input: case.input.clone(),
        // The same key in every run: what samples draw by it stays the same.
        key: Some(format!("{}#{repeat}", case.id)),
        fingerprint: Digest::of_json(&case.input),
        tags: BTreeMap::new(),
        deadline_ms: None,
        criticality: None,
        request_id: "evals".to_owned(),
        traceparent: None,
    }
}

async fn stored(engine: &Engine, digest: Digest) -> Result<Option<Answer>, String> {
    let body = engine.ledger().body(digest).await.map_err(|fault| fault.to_string())?;
    let bytes = body.and_then(|body| body.bytes);
    bytes.map(|bytes| Answer::from_bytes(&bytes).map_err(|fault| fault.0)).transpose()
}

impl Seen {
    fn into_ran(self, blank: Ran) -> Ran {
        let Self { snapshot, events, answer } = self;
        let state = &snapshot.state;
        let queue = match &state.phase {
            Phase::InReview { queue, .. } => Some(queue.clone()),
            _ => state.resolved.as_ref().map(|resolved| resolved.queue.clone()),
        };
        let repairs = state.attempts.iter().filter(|one| one.started.purpose == Purpose::Repair);
        let answered_by = state.ended().map(|ended| ended.answered_by.name().to_owned());
        let tool = answer.as_ref().and_then(|answer| answer.choices.first()).and_then(|choice| {
            let call = choice.tool_calls.first()?;
            let args: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
            Some(json!({ "name": call.name, "args": args }))
        });
        Ran {
            end: state.state_name().to_owned(),
            queue,
            answered_by,
            fired: fired(&events),
            output: answer.as_ref().and_then(value),
            tool,
            attempts: u32::try_from(state.attempts.len()).unwrap_or(u32::MAX),
            repairs: u32::try_from(repairs.count()).unwrap_or(u32::MAX),
            cost_micro: state.cost().0,
            took_ms: state.at.since(state.received_at),
            ..blank
        }
    }
}

/// The answer as a value: JSON where it is JSON, else the text.
fn value(answer: &Answer) -> Option<Value> {
    let text = answer.first_text()?;
    Some(serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)))
}

/// Every rule and check that objected, in order, each once.
fn fired(events: &[Recorded]) -> Vec<String> {
    let mut fired: Vec<String> = Vec::new();
    for recorded in events {
        let findings = match &recorded.event {
            Ok(Event::Call(CallEvent::RequestJudged { findings, .. })) => findings,
            Ok(Event::Call(CallEvent::AnswerJudged(judged))) => &judged.findings,
            _ => continue,
        };
        for finding in findings {
            let objects = matches!(finding.status, Status::Fail | Status::Error);
            if objects && !fired.contains(&finding.by) {
                fired.push(finding.by.clone());
            }
        }
    }
    fired
}

/// Holds what came of a case to what the case expects.
async fn scored(engine: &Engine, suite: &Suite, case: &Case, mut ran: Ran) -> Ran {
    let expect = &case.expect;
    let mut met = true;
    let mut differs = |what: String| {
        met = false;
        ran.differs.push(what);
    };
    if !expect.outcome.is_empty() && !expect.outcome.contains(&ran.end) {
        differs(format!("it ended as {}, not {}", ran.end, expect.outcome.join(" or ")));
    }
    if let Some(queue) = &expect.queue
        && ran.queue.as_ref() != Some(queue)
    {
        let asked = ran.queue.as_deref().unwrap_or("none");
        differs(format!("the queue is {asked}, not {queue}"));
    }
    for name in &expect.fired {
        let bare = |fired: &String| fired == name || fired.ends_with(&format!(".{name}"));
        if !ran.fired.iter().any(bare) {
            differs(format!("`{name}` did not object"));
        }
    }
    let text = match &ran.output {
        Some(Value::String(text)) => text.to_lowercase(),
        Some(other) => other.to_string().to_lowercase(),
        None => String::new(),
    };
    for part in &expect.text_has {
        if !text.contains(&part.to_lowercase()) {
            differs(format!("the answer does not say `{part}`"));
        }
    }
    let says = expect.says_an_end();
    ran.expected = says.then_some(met);
    if ran.output.is_some() || ran.tool.is_some() {
        score(engine, suite, case, &mut ran).await;
    }
    ran
}

async fn score(engine: &Engine, suite: &Suite, case: &Case, ran: &mut Ran) {
    let (output, tool) = (ran.output.clone(), ran.tool.clone());
    let subject = Subject {
        input: case.input.clone(),
        output: output.as_ref(),
        tool: tool.as_ref(),
        expected: case.expect.output.as_ref(),
        expected_tool: case.expect.tool.as_ref(),
    };
    for (name, score) in &suite.scores {
        let said = match &score.scorer {
            Scorer::Judge { policy, pass, .. } => {
                judged(engine, policy, *pass, &subject, ran.repeat).await.map(Some)
            }
            scorer => scorer.score(&subject),
        };
        match said {
            Ok(Some(right)) => drop(ran.scores.insert(name.clone(), right)),
            Ok(None) => {}
            Err(why) => ran.error = Some(format!("score `{name}`: {why}")),
        }
    }
    let counted: Vec<bool> =
        suite.correct.iter().filter_map(|name| ran.scores.get(name).copied()).collect();
    ran.right = (!counted.is_empty()).then(|| counted.iter().all(|right| *right));
    if ran.right == Some(false) {
        let wrong = suite.correct.iter().filter(|name| ran.scores.get(*name) == Some(&false));
        let names: Vec<String> = wrong.map(|name| format!("`{name}`")).collect();
        ran.differs.push(format!("the answer is wrong by {}", names.join(", ")));
    }
}

/// A judge is a policy like any other: guarded, recorded, replayed.
async fn judged(
    engine: &Engine,
    policy: &str,
    pass: f64,
    subject: &Subject<'_>,
    repeat: u32,
) -> Result<bool, String> {
    let workspace = engine.workspace();
    let judge = workspace.policies.get(policy).ok_or("the judge is not in force")?;
    let input = json!({
        "input": subject.input, "output": subject.output, "expected": subject.expected,
    });
    let case = Case { input, ..Case::blank(format!("judge {policy}")) };
    let Came::Of(seen) = ask(engine, &Arc::clone(judge), &case, repeat).await? else {
        return Err("the judge was refused".to_owned());
    };
    let ran = seen.into_ran(Ran::default());
    let score = ran.output.as_ref().and_then(|output| output.get("score")).and_then(Value::as_f64);
    match score {
        Some(score) if ran.is_automatic() => Ok(score >= pass),
        _ => Err(format!("the judge ended as {} without a score", ran.end)),
    }
}
