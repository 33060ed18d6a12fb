//! What is said of a call on either face: everything but its answer.
//!
//! It borrows from the call, and is put into words where it leaves. The order of the fields is the
//! order on the wire.

use std::{borrow::Cow, collections::BTreeMap};

use backstop_domain::{
    AttemptResult, CallId, Cause, Digest, Effect, Ended, FailureClass, Finding, Phase, ReviewId,
    Scored, Status, Usage, call::Attempt, guard::Level,
};
use backstop_engine::Snapshot;
use serde::Serialize;
use serde_json::Value;

use crate::veil::{MASK, Veil};

/// What is said of a call on either face: everything but its answer.
#[derive(Serialize)]
pub struct Told<'a> {
    id: &'a CallId,
    policy: &'a str,
    revision: Digest,
    state: &'static str,
    attempts: Vec<Tried<'a>>,
    cost_micro: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    findings: Option<Vec<Found<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signals: Option<Vec<Measured<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mended: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    review: Option<Asked<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    runs: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    effects: Vec<Acted<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    durability: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_by: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<Cow<'a, Cause>>,
    #[serde(skip_serializing_if = "is_false")]
    unreviewed: bool,
    #[serde(skip_serializing_if = "is_false")]
    unchecked: bool,
    /// Whether what leaves stands in for an answer that a person has yet to decide on.
    #[serde(skip_serializing_if = "is_false")]
    pub interim: bool,
}

/// An attempt.
#[derive(Serialize)]
struct Tried<'a> {
    attempt: u32,
    model: &'a str,
    purpose: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    took_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    #[serde(flatten)]
    came: Came<'a>,
}

/// What an attempt came to.
#[derive(Serialize)]
#[serde(untagged)]
enum Came<'a> {
    Nothing { result: &'static str },
    Answer { result: &'static str, finish: Option<&'a str> },
    Failure { result: &'static str, message: &'a str, status: Option<u16> },
}

/// A finding, as callers and reviewers see it.
#[derive(Serialize)]
pub struct Found<'a> {
    by: &'a str,
    status: Status,
    class: Option<FailureClass>,
    at: Option<&'a str>,
    message: &'a str,
}

/// A signal as people read it: numbers in 0 to 1, where the ledger keeps millionths.
#[derive(Serialize)]
struct Measured<'a> {
    name: &'a str,
    value: Option<f64>,
    accept: Option<f64>,
    at: Option<&'a str>,
    note: &'a str,
}

/// The review that the call waits for.
#[derive(Serialize)]
struct Asked<'a> {
    id: &'a ReviewId,
    queue: &'a str,
}

/// A tool call that left.
#[derive(Serialize)]
struct Acted<'a> {
    effect_key: &'a str,
    tool: &'a str,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
pub(super) const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// What is said of a call on either face. `unchecked` is whether its answer leaves unchecked by
/// choice.
pub fn told<'a>(snapshot: &'a Snapshot, veil: &Veil, unchecked: bool) -> Told<'a> {
    let state = &snapshot.state;
    let (judged, ended) = (state.judged.as_ref(), state.ended());
    let found = match judged {
        Some(judged) => Some(judged.findings.as_slice()),
        None => Some(state.request_findings.as_slice()).filter(|found| !found.is_empty()),
    };
    let (review, queue) = match &state.phase {
        Phase::InReview { review, queue, .. } | Phase::Releasing { review, queue, .. } => {
            (Some(review), queue.as_str())
        }
        _ => (None, ""),
    };
    let acted = |one: &'a Effect| Acted { effect_key: &one.key, tool: &one.tool };
    Told {
        id: &snapshot.id,
        policy: &state.received.policy,
        revision: state.received.revision,
        state: state.state_name(),
        attempts: state.attempts.iter().map(|one| tried(one, veil)).collect(),
        cost_micro: state.cost().0,
        level: Some(state.received.level).filter(|level| !level.is_normal()).map(Level::name),
        tags: &state.received.tags,
        findings: found.map(|found| found.iter().map(|one| Found::of(one, veil)).collect()),
        signals: judged
            .map(|judged| judged.signals.iter().map(|one| measured(one, veil)).collect()),
        mended: judged.map(|judged| judged.mended.as_slice()),
        review: review.map(|id| Asked { id, queue }),
        runs: if state.run > 1 { crate::runs::runs(state, veil) } else { Vec::new() },
        effects: state.effects.iter().map(acted).collect(),
        durability: (!snapshot.on_disk).then_some("relaxed"),
        outcome: ended.map(|ended| ended.outcome.name()),
        answered_by: ended.map(|ended| ended.answered_by.name()),
        cause: ended.map(|ended| cause(ended, veil)),
        unreviewed: ended.is_some_and(|ended| ended.unreviewed),
        unchecked: ended.is_some() && unchecked,
        interim: false,
    }
}

fn cause<'a>(ended: &'a Ended, veil: &Veil) -> Cow<'a, Cause> {
    let text = veil.words(&ended.cause.text);
    if text == ended.cause.text {
        return Cow::Borrowed(&ended.cause);
    }
    Cow::Owned(Cause { text: text.to_owned(), ..ended.cause.clone() })
}

impl<'a> Found<'a> {
    /// A finding without the words that are hidden from the viewer.
    pub fn of(finding: &'a Finding, veil: &Veil) -> Self {
        Self {
            by: &finding.by,
            status: finding.status,
            class: finding.class,
            at: finding.at.as_deref(),
            message: if veil.is_lifted() { &finding.message } else { MASK },
        }
    }
}

fn measured<'a>(scored: &'a Scored, veil: &Veil) -> Measured<'a> {
    Measured {
        name: &scored.name,
        value: scored.value.map(|value| value.as_f64()),
        accept: scored.accept.map(|accept| accept.as_f64()),
        at: scored.at.as_deref(),
        note: veil.words(&scored.note),
    }
}

fn tried<'a>(attempt: &'a Attempt, veil: &Veil) -> Tried<'a> {
    let (started, ended) = (&attempt.started, attempt.ended.as_ref());
    Tried {
        attempt: started.attempt,
        model: &started.model,
        purpose: started.purpose.name(),
        took_ms: ended.map(|ended| ended.took_ms),
        usage: ended.map(|ended| ended.usage),
        came: match ended.map(|ended| &ended.result) {
            None => Came::Nothing { result: "in_flight" },
            Some(AttemptResult::Answered { finish, .. }) => {
                Came::Answer { result: "answered", finish: finish.as_deref() }
            }
            Some(AttemptResult::Failed { class, message, status, .. }) => {
                let message = veil.words(message);
                Came::Failure { result: class.name(), message, status: *status }
            }
        },
    }
}
