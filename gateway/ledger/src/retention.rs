//! What a ledger forgets, and when. Events and their envelopes it never forgets.

use backstop_domain::Millis;

/// What may be forgotten now. Times count from the end of a call, never from its start: a key
/// outlives the longest review, and no body of an open call or review is touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Keys of calls that ended before this time are free again.
    pub keys_of_calls_ended_before: Option<Millis>,
    /// Requests and answers that nothing used since this time are erased; their digests stay. What
    /// is not private, such as the files that a revision was compiled from, is kept.
    pub bodies_unused_since: Option<Millis>,
    /// Events from before this time are compacted: of those whose words stand beside them only
    /// outcomes and decisions can be read from here on. Every envelope stays, so the chain holds.
    pub events_unused_since: Option<Millis>,
    /// Words of outcomes and decisions from before this time go too.
    pub labels_unused_since: Option<Millis>,
}

impl Retention {
    /// Everything that nothing used since this time.
    pub const fn all(since: Millis) -> Self {
        Self {
            keys_of_calls_ended_before: None,
            bodies_unused_since: Some(since),
            events_unused_since: Some(since),
            labels_unused_since: Some(since),
        }
    }

    /// Until when bodies of each class go.
    pub(crate) const fn by_class(self) -> [(BodyClass, Option<Millis>); 3] {
        [
            (BodyClass::Plain, self.bodies_unused_since),
            (BodyClass::OfEvent, self.events_unused_since),
            (BodyClass::OfDecision, self.labels_unused_since),
        ]
    }
}

/// What a body belongs to, which says how long it is kept. A body of two classes has the later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum BodyClass {
    /// A request, an answer, a file.
    Plain = 0,
    /// The words of an event.
    OfEvent = 1,
    /// The words of an outcome or a decision.
    OfDecision = 2,
}

/// What a sweep would forget now, all in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Over {
    /// Idempotency keys.
    pub keys: u64,
    /// Requests and answers: how many, and their bytes.
    pub bodies: (u64, u64),
    /// Words of events, likewise.
    pub events: (u64, u64),
    /// Words of outcomes and decisions, likewise.
    pub labels: (u64, u64),
}

/// What was forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Idempotency keys.
    pub keys: u64,
    /// Bodies.
    pub bodies: u64,
    /// Whether there was more than one sweep takes: appends wait for a sweep, so it is short.
    pub more: bool,
}
