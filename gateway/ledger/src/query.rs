//! What can be asked of a ledger, and what it answers with.

use backstop_domain::{CallEvent, CallId, Digest, Envelope, Event, Millis, Outcome, ReviewEvent};
use serde::{Deserialize, Serialize};

use crate::{CallPhase, CallSummary, ReviewPhase, ReviewSummary};

/// An event as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// What stands around it, for ever.
    pub envelope: Envelope,
    /// What happened, or why that cannot be told.
    pub event: Result<Event, Unreadable>,
}

impl Recorded {
    /// The event, if it is a call's and can be read.
    pub fn as_call(&self) -> Option<&CallEvent> {
        match &self.event {
            Ok(Event::Call(event)) => Some(event),
            _ => None,
        }
    }

    /// The event, if it is a review's and can be read.
    pub fn as_review(&self) -> Option<&ReviewEvent> {
        match &self.event {
            Ok(Event::Review(event)) => Some(event),
            _ => None,
        }
    }
}

/// Why what happened cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Retention or an erasure took the body; the envelope and its digest remain.
    #[error("the body was erased")]
    Erased,
    /// The body should be there and is not: damage.
    #[error("the body is missing")]
    Missing,
    /// A newer Backstop wrote it, or it does not fit its type.
    #[error(transparent)]
    Unknown(#[from] backstop_domain::ReadError),
}

/// Bytes that stand beside the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBody {
    /// The bytes; `None` once erased.
    pub bytes: Option<Vec<u8>>,
    /// Whether it may hold what a caller or person wrote.
    pub private: bool,
}

/// What an idempotency key means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyBinding {
    /// The call that has it.
    pub call: CallId,
    /// Fingerprint of that call's request.
    pub fingerprint: Digest,
    /// Whether the call's words were erased at somebody's asking: it is not told of any more, and
    /// not made anew.
    pub erased: bool,
}

/// Which calls. Every field narrows; the default is all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallFilter {
    /// With one of these ids; empty means any.
    pub ids: Vec<CallId>,
    /// Of that policy.
    pub policy: Option<String>,
    /// Of that caller.
    pub caller: Option<String>,
    /// In that phase.
    pub phase: Option<CallPhase>,
    /// With that outcome.
    pub outcome: Option<Outcome>,
    /// Received at that time or later.
    pub since: Option<Millis>,
    /// Received before that time.
    pub until: Option<Millis>,
    /// After that place, from an earlier page.
    pub after: Option<Cursor>,
    /// How many; 0 means 50, and more than 500 means 500.
    pub limit: usize,
}

/// Which reviews. Every field narrows; the default is all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReviewFilter {
    /// In one of these queues; empty means any.
    pub queues: Vec<String>,
    /// In that phase.
    pub phase: Option<ReviewPhase>,
    /// Only those that still wait for a decision.
    pub open: bool,
    /// Of that policy.
    pub policy: Option<String>,
    /// Held by that person.
    pub holder: Option<String>,
    /// Of that call.
    pub call: Option<CallId>,
    /// Latest due first, in place of due first.
    pub latest: bool,
    /// After that place, from an earlier page.
    pub after: Option<Cursor>,
    /// How many; 0 means 50, and more than 500 means 500.
    pub limit: usize,
}

impl CallFilter {
    /// Whether the filter takes that call; every store must agree with this.
    pub fn takes(&self, call: &CallSummary) -> bool {
        (self.ids.is_empty() || self.ids.contains(&call.id))
            && self.policy.as_ref().is_none_or(|policy| *policy == call.policy)
            && self.caller.as_ref().is_none_or(|caller| *caller == call.caller)
            && self.phase.is_none_or(|phase| phase == call.phase)
            && self.outcome.is_none_or(|outcome| Some(outcome) == call.outcome)
            && self.since.is_none_or(|since| call.received >= since)
            && self.until.is_none_or(|until| call.received < until)
            && self.after.as_ref().is_none_or(|after| call.place() < *after)
    }
}

impl ReviewFilter {
    /// Whether the filter takes that review; every store must agree with this.
    pub fn takes(&self, review: &ReviewSummary) -> bool {
        (self.queues.is_empty() || self.queues.contains(&review.queue))
            && self.phase.is_none_or(|phase| phase == review.phase)
            && (!self.open || review.phase.is_open())
            && self.policy.as_ref().is_none_or(|policy| *policy == review.policy)
            && self.holder.as_ref().is_none_or(|holder| Some(holder) == review.holder.as_ref())
            && self.call.as_ref().is_none_or(|call| *call == review.call)
            && self.after.as_ref().is_none_or(|after| match self.latest {
                true => review.place() < *after,
                false => review.place() > *after,
            })
    }
}

/// A place in a list that stays right when rows come and go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cursor {
    /// The time that the list is ordered by, of the last row that was shown.
    pub at: Millis,
    /// The id of that row.
    pub id: String,
}

/// Calls, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CallsPage {
    /// The rows.
    pub rows: Vec<CallSummary>,
    /// Where the next page starts, if there may be one.
    pub next: Option<Cursor>,
}

/// Reviews, due first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReviewsPage {
    /// The rows.
    pub rows: Vec<ReviewSummary>,
    /// Where the next page starts, if there may be one.
    pub next: Option<Cursor>,
}

/// The number of rows that `limit` means.
pub(crate) const fn bounded(limit: usize) -> usize {
    match limit {
        0 => 50,
        1..=500 => limit,
        _ => 500,
    }
}

/// The number of events that one reading of the feed gives at most.
pub(crate) const FEED_MAX: usize = 1000;

impl CallSummary {
    /// Its place in the list of calls.
    pub(crate) fn place(&self) -> Cursor {
        Cursor { at: self.received, id: self.id.0.clone() }
    }
}

impl ReviewSummary {
    /// Its place in the list of reviews.
    pub(crate) fn place(&self) -> Cursor {
        Cursor { at: self.due, id: self.id.0.clone() }
    }
}

/// Cuts `rows` to `limit`, and says where the next page starts if anything was cut.
pub(crate) fn cut<T>(
    rows: &mut Vec<T>,
    limit: usize,
    place: impl Fn(&T) -> Cursor,
) -> Option<Cursor> {
    let more = rows.len() > limit;
    rows.truncate(limit);
    if more { rows.last().map(place) } else { None }
}
