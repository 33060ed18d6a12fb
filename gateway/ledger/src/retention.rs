//! What a ledger forgets, and when. Events and their envelopes it never forgets.

use backstop_domain::Millis;

/// What may be forgotten now. Times count from the end of a call, never from its start: a key
/// outlives the longest review, and no body of an open call or review is touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Keys of calls that ended before this time are free again.
    pub keys_of_calls_ended_before: Option<Millis>,
    /// Private bodies that nothing used since this time are erased; their digests stay. Others,
    /// such as the files that a revision was compiled from, are kept.
    pub bodies_unused_since: Option<Millis>,
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
