//! A call as it was recorded: its events, and the bodies that a replay reads.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use backstop_domain::{
    AttemptResult, Basis, CallEvent, CallId, Digest, Drawn, Event, Millis, Received, Resolution,
};
use backstop_ledger::Recorded;
use backstop_policy::{
    Policy,
    judge::{Asked, Caller, Facts},
};
use serde::Deserialize;
use serde_json::Value;

use super::unknown::Unknown;

/// A call as it was recorded.
#[derive(Debug, Clone)]
pub struct RecordedCall {
    /// Its id.
    pub id: CallId,
    /// Its events, in order.
    pub events: Vec<Recorded>,
    /// The bodies that they name: all of [`bodies_of`] that the ledger has.
    pub bodies: Bodies,
}

/// Bytes by digest; `None` where they were erased.
pub type Bodies = HashMap<Digest, Option<Arc<[u8]>>>;

/// The request as it was kept.
#[derive(Debug, Deserialize)]
pub(crate) struct Stored {
    pub input: Value,
    pub messages: Vec<Value>,
    pub body: Option<Value>,
    #[serde(default)]
    pub roles: Vec<String>,
    #[serde(default)]
    pub owner: Option<String>,
}

impl Stored {
    /// The facts that every judgement of the call rests on.
    pub fn facts(
        self,
        id: &CallId,
        policy: &Arc<Policy>,
        received: &Received,
        at: Millis,
        salt: Vec<u8>,
    ) -> Facts {
        let asked = Asked {
            input: self.input,
            messages: self.messages,
            body: self.body,
            caller: Caller {
                name: received.caller.clone(),
                tenant: received.tenant.clone(),
                roles: self.roles,
            },
            id: id.0.clone(),
            key: received.key.clone(),
            tags: received.tags.clone(),
            received: at,
            salt,
        };
        Facts::new(Arc::clone(policy), asked)
    }
}

/// Every body that replaying these events may read, each once.
pub fn bodies_of(events: &[Recorded]) -> Vec<Digest> {
    let mut needed = BTreeSet::new();
    for event in events.iter().filter_map(Recorded::as_call) {
        match event {
            CallEvent::CallReceived(received) => drop(needed.insert(received.request)),
            CallEvent::AttemptEnded(ended) => {
                if let AttemptResult::Answered { raw, answer, .. } = &ended.result {
                    needed.extend([*raw, *answer]);
                }
            }
            CallEvent::AttemptStarted(started) if !started.purpose.is_answer() => {
                needed.insert(started.request);
            }
            CallEvent::CacheLooked { hit: Some(subject) }
            | CallEvent::AnswerMasked { subject }
            | CallEvent::FallbackTaken { subject, .. } => drop(needed.insert(subject.digest)),
            CallEvent::RequestJudged { basis, .. } => needed.extend(said(basis)),
            CallEvent::AnswerJudged(judged) => {
                needed.insert(judged.subject.digest);
                needed.extend(said(&judged.basis));
            }
            CallEvent::ReviewResolved(resolved) => {
                if let Resolution::Approved { subject } | Resolution::Edited { subject } =
                    &resolved.resolution
                {
                    needed.insert(subject.digest);
                }
            }
            _ => {}
        }
    }
    needed.into_iter().collect()
}

fn said(basis: &Basis) -> impl Iterator<Item = Digest> + '_ {
    basis.paid.iter().filter_map(|paid| paid.said)
}

impl RecordedCall {
    /// What was received, and when.
    ///
    /// # Errors
    /// [`Unknown`] if the first event is not there or cannot be read.
    pub fn received(&self) -> Result<(&Received, Millis), Unknown> {
        let first = self.events.first().ok_or(Unknown::NoCall)?;
        match &first.event {
            Ok(Event::Call(CallEvent::CallReceived(received))) => Ok((received, first.envelope.at)),
            Ok(_) => Err(Unknown::NoCall),
            Err(why) => Err(Unknown::event(first, why)),
        }
    }

    /// The bytes of that digest; `what` they are, in words.
    pub(super) fn body(&self, digest: Digest, what: &str) -> Result<&Arc<[u8]>, Unknown> {
        match self.bodies.get(&digest) {
            Some(Some(bytes)) => Ok(bytes),
            Some(None) => Err(Unknown::Erased { what: what.to_owned() }),
            None => Err(Unknown::Lost { what: what.to_owned() }),
        }
    }

    /// The request as it was kept.
    pub(super) fn request(&self, received: &Received) -> Result<Stored, Unknown> {
        let bytes = self.body(received.request, "the request")?;
        serde_json::from_slice(bytes).map_err(|error| Unknown::damaged("the request", &error))
    }

    /// Every sample that was drawn in it.
    pub(super) fn drawn(&self) -> Vec<Drawn> {
        let drawn =
            self.events.iter().filter_map(Recorded::as_call).flat_map(|event| match event {
                CallEvent::RequestJudged { basis, .. } => basis.drawn.as_slice(),
                CallEvent::AnswerJudged(judged) => judged.basis.drawn.as_slice(),
                CallEvent::FallbackTaken { drawn, .. }
                | CallEvent::FallbackFailed { drawn, .. } => drawn.as_slice(),
                _ => &[],
            });
        drawn.cloned().collect()
    }
}
