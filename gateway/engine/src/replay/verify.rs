//! `verify`: every event that the gateway made itself is made again, and must come out as it was
//! recorded, byte for byte. What came from outside (answers, grants, people, time) is taken as it
//! stands in the record.

mod again;
mod told;

use std::sync::Arc;

use backstop_domain::{CallId, CallState, Received};
use backstop_policy::Policy;
use serde::Serialize;
use serde_json::json;

use super::{difference::Difference, record::RecordedCall, unknown::Unknown};
use again::Replay;

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verified {
    /// The call.
    pub call: CallId,
    /// Its events.
    pub events: u64,
    /// Of these, those that were made again and held to the record.
    pub compared: u64,
    /// Those that came from outside and were taken as they stand.
    pub given: u64,
    /// Those that could not be made again, by seq, with the reason.
    pub unknown: Vec<NotKnown>,
    /// The first place where replay and record differ.
    pub difference: Option<Difference>,
}

/// An event that could not be made again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotKnown {
    /// Its place in the call.
    pub seq: u64,
    /// Why not.
    #[serde(flatten)]
    pub reason: Unknown,
}

/// What a verification comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The same, byte for byte.
    Equal,
    /// Something else.
    Different,
    /// A part of it cannot be known; all else is the same.
    Unknown,
}

impl Verified {
    /// What it comes to.
    pub const fn verdict(&self) -> Verdict {
        match (&self.difference, self.unknown.is_empty()) {
            (Some(_), _) => Verdict::Different,
            (None, true) => Verdict::Equal,
            (None, false) => Verdict::Unknown,
        }
    }
}

/// Makes a call's events again under the revision that it is pinned to; `policy` is `None` if that
/// revision's files are gone.
pub fn verify(record: &RecordedCall, policy: Option<&Arc<Policy>>) -> Verified {
    let mut verified = Verified {
        call: record.id.clone(),
        events: record.events.len() as u64,
        compared: 0,
        given: 0,
        unknown: Vec::new(),
        difference: None,
    };
    match record.received() {
        Ok((received, at)) => match policy {
            Some(policy) => {
                if let Some(replay) = Replay::new(record, policy, received, at, &mut verified) {
                    replay.all();
                }
            }
            None => folds(record, received, &mut verified),
        },
        Err(reason) => verified.unknown.push(NotKnown { seq: 1, reason }),
    }
    verified
}

/// Without its policy nothing can be decided again; that the events follow each other can be seen.
fn folds(record: &RecordedCall, received: &Received, verified: &mut Verified) {
    let (policy, revision) = (received.policy.clone(), received.revision.short());
    verified.unknown.push(NotKnown { seq: 1, reason: Unknown::RevisionGone { policy, revision } });
    let mut state = None;
    for recorded in &record.events {
        let Some(event) = recorded.as_call() else { return };
        match CallState::fold(state.take(), event, recorded.envelope.at) {
            Ok(folded) => state = Some(folded),
            Err(illegal) => {
                let seq = recorded.envelope.seq;
                let other = Difference::other(seq, event, "nothing", json!(illegal.to_string()));
                verified.difference = Some(other);
                return;
            }
        }
    }
}
