//! A call in memory: its folded state, what it has not written yet, and those who wait for it.
//!
//! Events are folded first and written after; what was not written is shown to nobody. The state
//! here is only ever the fold of its events.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use backstop_domain::{
    Actor, CallEvent, CallId, CallState, Digest, Event, EventId, Illegal, Millis, ReviewEvent,
    Stream,
};
use backstop_ledger::{Append, Body, KeyClaim, Ledger, NewEvent, Pending, Scope, Transaction};
use backstop_policy::{Policy, judge::Facts};
use backstop_upstream::{Answer as Provided, LimitPermit};
use tokio::sync::{Mutex, Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    estimate::Rendered, ids::Ids, keys::Place as KeyPlace, places::Place, stages::Stages,
    upstream_answer::Answers,
};

/// A call in memory.
pub(crate) struct LiveCall {
    /// Its id.
    pub id: CallId,
    /// Fingerprint of its request, for those who come with the same key.
    pub fingerprint: Digest,
    /// Its idempotency key.
    pub place: Option<KeyPlace>,
    /// Held by whoever moves the call on.
    pub cell: Mutex<Live>,
    /// Stops what the call waits for.
    pub cancelled: CancellationToken,
    /// A person moved it on: whoever sleeps for it looks again.
    pub woken: Notify,
    /// What is on disk, for those who wait.
    pub shown: watch::Sender<Shown>,
}

/// What those who wait for a call are shown. Never more than the disk has.
#[derive(Debug, Clone, Default)]
pub enum Shown {
    /// It goes on by itself.
    #[default]
    Working,
    /// A person is asked.
    InReview(Arc<Snapshot>),
    /// It ended.
    Ended(Arc<Snapshot>),
    /// It waits on disk for the next start, or for whoever reads it anew.
    Parked,
    /// It cannot be written down, so nothing is said of it.
    Broken(String),
}

/// A call as it stands on disk.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The call.
    pub id: CallId,
    /// Its state.
    pub state: Arc<CallState>,
    /// The bytes that the outcome lets leave; empty when there are none.
    pub answer: Option<Vec<u8>>,
    /// What the provider sent, if the answer is a model's as it was and still in memory.
    pub(crate) provided: Option<Arc<Provided>>,
    /// Where its time went.
    pub stages: Stages,
    /// Whether the disk has all of it. Only `durability: relaxed` shows more than the disk has.
    pub on_disk: bool,
}

/// What the holder of a call works with.
pub(crate) struct Live {
    /// The policy that the call is pinned to.
    pub policy: Arc<Policy>,
    /// The fold of its events; shared with those who are shown it.
    pub state: Arc<CallState>,
    /// What every judgement of it rests on.
    pub facts: Arc<Facts>,
    /// Answers that this process has in hand, by digest.
    pub answers: Answers,
    /// Request id or trace of the caller.
    pub correlation: Option<String>,
    /// W3C `traceparent`, to pass on.
    pub traceparent: Option<String>,
    /// Where its time went.
    pub stages: Stages,
    /// Its first request, as it was rendered at the door.
    pub rendered: Option<Rendered>,
    /// The caller's owner; the outer `None`: it stands only in the stored request.
    pub owner: Option<Option<String>>,
    /// When the request was read.
    pub started: tokio::time::Instant,
    /// Since when the loop waits for people, if it does.
    pub rests_since: Option<tokio::time::Instant>,
    /// Leave that it took at the door; given back when the automatic part is over.
    pub door: Vec<LimitPermit>,
    /// Its place among the calls in flight; given back with it.
    pub place: Option<Place>,
    /// Whether a task runs it; at most one does.
    pub running: bool,
    /// Whether its end was shown and counted.
    pub finished: bool,
    /// Why it is ahead of the disk for good.
    lost: Option<Stop>,
    /// Events of its own stream that are not written yet.
    unwritten: Vec<NewEvent>,
    /// Bytes that they name.
    bodies: BTreeMap<Digest, Body>,
    /// The idempotency key that the first write takes.
    key: Option<KeyClaim>,
    /// Last seq on its way to disk.
    written: u64,
    /// The event of that seq; `None` before the first one.
    last: Option<EventId>,
    /// The newest write.
    pending: Option<Pending>,
}

/// Why a call cannot be moved on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stop {
    /// The ledger did not take it.
    #[error(transparent)]
    Ledger(#[from] backstop_ledger::AppendError),
    /// The ledger cannot be read.
    #[error(transparent)]
    Read(#[from] backstop_ledger::ReadFailed),
    /// An event that the machine refuses: a fault of ours, and nothing leaves.
    #[error(transparent)]
    Illegal(#[from] Illegal),
    /// An event of the call was erased, or a newer Backstop wrote it.
    #[error("the call's events cannot be read: {0}")]
    Unreadable(backstop_ledger::Unreadable),
    /// The call could not be written down a moment ago.
    #[error("{0}")]
    Broken(String),
    /// A panic while the call was carried on: a fault of ours.
    #[error("a fault of the gateway's own; the call goes on from disk")]
    Panicked {
        /// Not twice: a call that panics again waits for the next start.
        first: bool,
    },
    /// A body that must be there is not.
    #[error("the ledger has lost body {0}")]
    Lost(Digest),
}

/// Where a call stood.
pub(crate) struct Mark {
    state: Arc<CallState>,
    written: u64,
    last: Option<EventId>,
}

impl Stop {
    /// Whether the same may go well a moment later.
    pub const fn may_pass(&self) -> bool {
        use backstop_ledger::AppendError::{Busy, Conflict};
        matches!(
            self,
            Self::Ledger(Busy | Conflict { .. }) | Self::Read(_) | Self::Panicked { first: true }
        )
    }

    /// Whether the call itself was moved on by somebody else, who knows more.
    pub fn is_overtaken(&self, call: &CallId) -> bool {
        let Self::Ledger(backstop_ledger::AppendError::Conflict { stream, .. }) = self else {
            return false;
        };
        *stream == Stream::call(call)
    }
}

impl LiveCall {
    /// A call that somebody is about to run.
    pub fn new(id: CallId, live: Live) -> Self {
        let received = &live.state.received;
        let scope = Scope { caller: received.caller.clone(), policy: received.policy.clone() };
        let place = received.key.clone().map(|key| (scope, key));
        Self {
            id,
            fingerprint: received.fingerprint,
            place,
            cell: Mutex::new(live),
            cancelled: CancellationToken::new(),
            woken: Notify::new(),
            shown: watch::Sender::new(Shown::Working),
        }
    }
}

impl Live {
    /// A call that has events behind it: `written` of them on disk, the last of which is `last`.
    pub fn new(
        policy: Arc<Policy>,
        facts: Arc<Facts>,
        state: CallState,
        (written, last): (u64, Option<EventId>),
    ) -> Self {
        Self {
            policy,
            state: Arc::new(state),
            facts,
            answers: Answers::default(),
            correlation: None,
            traceparent: None,
            stages: Stages::default(),
            rendered: None,
            owner: None,
            started: crate::stages::stopwatch(),
            rests_since: None,
            door: Vec::new(),
            place: None,
            running: false,
            finished: false,
            lost: None,
            unwritten: Vec::new(),
            bodies: BTreeMap::new(),
            key: None,
            written,
            last,
            pending: None,
        }
    }

    /// Folds an event and keeps it for the next write.
    ///
    /// # Errors
    /// [`Illegal`] if the machine refuses it; nothing has changed then.
    pub fn apply(
        &mut self,
        ids: &Ids,
        now: Millis,
        actor: Actor,
        event: CallEvent,
    ) -> Result<(), Illegal> {
        let from = self.state.phase.name();
        Arc::make_mut(&mut self.state).advance(&event, now)?;
        crate::seen::transition(&self.policy.name, from, self.state.phase.name(), &event);
        self.keep(ids, now, actor, Event::Call(event));
        Ok(())
    }

    /// Keeps an event that is folded already.
    pub fn keep(&mut self, ids: &Ids, now: Millis, actor: Actor, event: Event) {
        let causation = self.unwritten.last().map(|last| last.id.clone());
        self.unwritten.push(NewEvent {
            id: ids.event(now),
            at: now,
            actor,
            run: self.state.run,
            causation,
            correlation: self.correlation.clone(),
            revision: Some(self.policy.plan.revision),
            event,
        });
    }

    /// What an attempt was for, as a word.
    pub fn purpose_of(&self, attempt: u32) -> &'static str {
        let index = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
        self.state.attempts.get(index).map_or("answer", |one| one.started.purpose.name())
    }

    /// Bytes that an event names; written with it.
    pub fn body(&mut self, bytes: Vec<u8>) -> Digest {
        self.keep_body(Body::new(bytes, true))
    }

    /// As [`Self::body`], its digest being known already.
    pub fn keep_body(&mut self, body: Body) -> Digest {
        let digest = body.digest();
        self.bodies.insert(digest, body);
        digest
    }

    /// The key that the first write takes.
    pub fn claim(&mut self, key: KeyClaim) {
        self.key = Some(key);
    }

    /// Puts what is not written on its way. `hurry`: it is awaited, whatever its types say.
    pub fn write(&mut self, ledger: &dyn Ledger, id: &CallId, hurry: bool) {
        self.write_beside(ledger, id, hurry, Vec::new());
    }

    /// As [`Self::write`], in one transaction with these appends to other streams.
    pub fn write_beside(
        &mut self,
        ledger: &dyn Ledger,
        id: &CallId,
        hurry: bool,
        beside: Vec<Append>,
    ) {
        if self.unwritten.is_empty() && beside.is_empty() {
            return;
        }
        let events = std::mem::take(&mut self.unwritten);
        let count = events.len() as u64;
        let mut appends = Vec::with_capacity(1 + beside.len());
        if count > 0 {
            let stream = Stream::call(id);
            let after =
                std::mem::replace(&mut self.last, events.last().map(|last| last.id.clone()));
            appends.push(Append { stream, expected_seq: self.written, after, events });
        }
        // What concerns reviews is never relaxed: people act on it.
        let relaxed = self.policy.is_relaxed() && beside.is_empty();
        appends.extend(beside);
        let bodies = std::mem::take(&mut self.bodies).into_values();
        let mut transaction = Transaction::of(appends).with_bodies(bodies);
        if let Some(key) = self.key.take() {
            transaction = transaction.with_key(key);
        }
        if hurry {
            transaction = transaction.hurried();
        } else if relaxed {
            transaction = transaction.relaxed();
        }
        self.written += count;
        self.pending = Some(ledger.append(transaction));
    }

    /// Waits until everything that was written is on disk. Order is that of the writes, so the
    /// newest one stands for all before it.
    ///
    /// # Errors
    /// [`Stop::Ledger`] if the ledger refused it: the call must not be moved on, unless it goes
    /// [`Self::back_to`] where it was.
    pub async fn on_disk(&mut self) -> Result<(), Stop> {
        if let Some(lost) = &self.lost {
            return Err(lost.clone());
        }
        let Some(pending) = self.pending.as_mut() else { return Ok(()) };
        let started = crate::stages::stopwatch();
        // Awaited in its place: whoever gives up waiting leaves it to the next one.
        let written = pending.await;
        self.pending = None;
        self.stages.ledger += started.elapsed();
        if let Err(refused) = written {
            self.lost = Some(refused.into());
        }
        self.lost.clone().map_or(Ok(()), Err)
    }

    /// Where the call stands, before something that the ledger may refuse. What is not written yet
    /// goes on its way first, so that it is not refused along with it.
    pub fn mark(&mut self, ledger: &dyn Ledger, id: &CallId) -> Mark {
        self.write(ledger, id, false);
        Mark { state: Arc::clone(&self.state), written: self.written, last: self.last.clone() }
    }

    /// Takes back everything since the mark: the ledger has nothing of it.
    pub fn back_to(&mut self, mark: Mark) {
        (self.state, self.written, self.last) = (mark.state, mark.written, mark.last);
        self.unwritten.clear();
        self.bodies.clear();
        self.pending = None;
        self.lost = None;
    }

    /// Whether it rests on disk, with nothing on its way.
    pub const fn is_at_rest(&self) -> bool {
        !self.running && self.unwritten.is_empty() && self.pending.is_none() && self.lost.is_none()
    }
}

/// An event of a review's stream, made by `actor`.
pub(crate) fn review_event(
    ids: &Ids,
    now: Millis,
    actor: Actor,
    live: &Live,
    event: ReviewEvent,
) -> NewEvent {
    NewEvent {
        id: ids.event(now),
        at: now,
        actor,
        run: live.state.run,
        causation: None,
        correlation: live.correlation.clone(),
        revision: Some(live.policy.plan.revision),
        event: Event::Review(event),
    }
}

/// How long until `until`, for sleeping.
pub(crate) fn until(now: Millis, until: Millis) -> Duration {
    Duration::from_millis(until.since(now))
}
