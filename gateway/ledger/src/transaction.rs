//! What goes into the ledger in one piece, and the promise that it is there.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use backstop_domain::{Actor, CallId, ControlEvent, Digest, Event, EventId, Millis, Stream};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::{AppendError, KeepingChange, Progress, StorageFault, kinds};

/// Everything that becomes true together, or not at all.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// Events, by stream; each stream at most once; empty only beside a consumer's progress.
    pub appends: Vec<Append>,
    /// Bytes that the events name by digest.
    pub bodies: Vec<Body>,
    /// The idempotency key that the call takes.
    pub key: Option<KeyClaim>,
    /// The step that a consumer of events takes.
    pub progress: Option<Progress>,
    /// Changes of what is kept.
    pub keeping: Vec<KeepingChange>,
    /// Whether the disk is hurried for it.
    pub durability: Durability,
}

impl Transaction {
    /// A transaction of these appends, as durable as their types ask for ([`crate::waiting`]).
    pub fn of(appends: Vec<Append>) -> Self {
        let durability = kinds::durability(&appends);
        Self {
            appends,
            bodies: Vec::new(),
            key: None,
            progress: None,
            keeping: Vec::new(),
            durability,
        }
    }

    /// Events of one stream alone; see [`Self::of`].
    pub fn one(stream: Stream, expected_seq: u64, events: Vec<NewEvent>) -> Self {
        Self::of(vec![Append { stream, expected_seq, after: None, events }])
    }

    /// With these bytes beside it.
    #[must_use]
    pub fn with_bodies(mut self, bodies: impl IntoIterator<Item = Body>) -> Self {
        self.bodies.extend(bodies);
        self
    }

    /// Taking that idempotency key.
    #[must_use]
    pub fn with_key(mut self, key: KeyClaim) -> Self {
        self.key = Some(key);
        self
    }

    /// With a step of a consumer of events.
    #[must_use]
    pub fn with_progress(mut self, progress: Progress) -> Self {
        self.progress = Some(progress);
        self
    }

    /// With changes of what is kept.
    #[must_use]
    pub fn with_keeping(mut self, keeping: impl IntoIterator<Item = KeepingChange>) -> Self {
        self.keeping.extend(keeping);
        self
    }

    /// Every event, in the order of positions.
    pub(crate) fn events(&self) -> impl Iterator<Item = &NewEvent> {
        self.appends.iter().flat_map(|append| &append.events)
    }

    /// The latest time of its events.
    pub(crate) fn last_time(&self) -> Millis {
        self.events().map(|new| new.at).max().unwrap_or_default()
    }

    /// On disk as soon as possible, although its types would ride along.
    #[must_use]
    pub const fn hurried(mut self) -> Self {
        self.durability = Durability::Await;
        self
    }

    /// On disk with the next one that is hurried, or soon: whoever it is for need not wait.
    #[must_use]
    pub const fn relaxed(mut self) -> Self {
        self.durability = Durability::Ride;
        self
    }
}

/// Events for the end of one stream.
#[derive(Debug, Clone)]
pub struct Append {
    /// The stream.
    pub stream: Stream,
    /// Its last seq as the writer knows it; 0 for a stream that does not exist yet.
    pub expected_seq: u64,
    /// Its last event, where the writer knows it. A number alone may fit by chance: when a write of
    /// the same writer was refused, and somebody else's came in its place.
    pub after: Option<EventId>,
    /// In order; never empty.
    pub events: Vec<NewEvent>,
}

impl Append {
    /// Whether a stream that ends so can be gone on with; `None` is one that does not exist.
    ///
    /// # Errors
    /// [`AppendError::Conflict`].
    pub(crate) fn fits(&self, head: Option<(u64, &EventId)>) -> Result<(), AppendError> {
        let found = head.map_or(0, |(seq, _)| seq);
        let other = self.after.as_ref().is_some_and(|after| head.is_none_or(|(_, id)| id != after));
        if found == self.expected_seq && !other {
            return Ok(());
        }
        let (stream, expected) = (self.stream.clone(), self.expected_seq);
        Err(AppendError::Conflict { stream, expected, found })
    }
}

/// An event that has no place in the ledger yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Stable identity, never used before.
    pub id: EventId,
    /// When.
    pub at: Millis,
    /// Who.
    pub actor: Actor,
    /// Run of the call, from 1; 0 in control streams.
    pub run: u32,
    /// The event that led to this one.
    pub causation: Option<EventId>,
    /// What ties it to the outside, such as a request id.
    pub correlation: Option<String>,
    /// Revision of the policy that it was decided under.
    pub revision: Option<Digest>,
    /// What happened.
    pub event: Event,
}

impl NewEvent {
    /// An event of a control stream: of no call, no run, and no policy.
    pub fn control(id: EventId, at: Millis, actor: Actor, event: ControlEvent) -> Self {
        Self {
            id,
            at,
            actor,
            run: 0,
            causation: None,
            correlation: None,
            revision: None,
            event: Event::Control(event),
        }
    }
}

/// Bytes that stand beside the events: requests and answers, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    digest: Digest,
    bytes: Vec<u8>,
    private: bool,
}

impl Body {
    /// A body under its own digest. `private`: it may hold what a caller, model or person wrote,
    /// so retention erases it; any other body is kept.
    pub fn new(bytes: Vec<u8>, private: bool) -> Self {
        Self { digest: Digest::of(&bytes), bytes, private }
    }

    /// SHA-256 of the bytes.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether it may hold what a caller or person wrote.
    pub const fn is_private(&self) -> bool {
        self.private
    }
}

/// Within which an idempotency key means one call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Scope {
    /// Name of the caller.
    pub caller: String,
    /// Name of the policy.
    pub policy: String,
}

/// An idempotency key that a new call takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyClaim {
    /// Within which it means one call.
    pub scope: Scope,
    /// As the caller sent it.
    pub key: String,
    /// Digest of the request body in canonical JSON.
    pub fingerprint: Digest,
    /// The call.
    pub call: CallId,
}

/// When a transaction reaches the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// With the next commit, which starts at once.
    Await,
    /// With the next commit that something else asks for, or after a short while without one.
    Ride,
}

/// Where a transaction stands, now that it is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Position of its first event; the next free one if it had none.
    pub first: u64,
    /// Position of its last event.
    pub last: u64,
    /// The new seq of each stream, in the order of the appends.
    pub seqs: Vec<u64>,
}

/// A transaction on its way. Order is that of the calls of `append`; it goes its way whether or
/// not this is awaited. Ready only once the transaction is on disk, or refused.
#[derive(Debug)]
#[must_use = "nothing says yet that it is on disk"]
pub struct Pending(State);

#[derive(Debug)]
enum State {
    Settled(Option<Result<Committed, AppendError>>),
    OnItsWay(oneshot::Receiver<Result<Committed, AppendError>>),
}

impl Pending {
    /// One that is settled already.
    pub const fn settled(result: Result<Committed, AppendError>) -> Self {
        Self(State::Settled(Some(result)))
    }

    /// One that the writer settles through the other end.
    pub const fn on_its_way(answer: oneshot::Receiver<Result<Committed, AppendError>>) -> Self {
        Self(State::OnItsWay(answer))
    }
}

impl Future for Pending {
    type Output = Result<Committed, AppendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let closed = || Err(AppendError::Storage(StorageFault::Closed));
        match &mut self.0 {
            State::Settled(result) => Poll::Ready(result.take().unwrap_or_else(closed)),
            // A writer that went away without a word did not commit: nothing is acknowledged.
            State::OnItsWay(answer) => {
                Pin::new(answer).poll(context).map(|said| said.unwrap_or_else(|_| closed()))
            }
        }
    }
}
