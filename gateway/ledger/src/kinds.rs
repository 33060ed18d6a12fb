//! Two tables over every event type: who waits for the disk, and where the body stands.
//! The only place that says either.

use backstop_domain::{
    CallEvent, Event,
    envelope::{CALL_TYPES, CONTROL_TYPES, REVIEW_TYPES},
    upcast,
};

use crate::{Append, Durability, retention::BodyClass};

/// A body of at most this many bytes stands in its event's row, unless it may be private.
pub const INLINE_MAX: usize = 8 * 1024;

/// Whether an answer to somebody rests on an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// Yes: its transaction is awaited.
    Awaited,
    /// No: it rides along.
    Rides,
}

/// Where an event's body stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeping {
    /// In its row, for ever: facts without anybody's words.
    Inline,
    /// Beside the events by digest, so that it can be erased: it can quote a request, an answer or
    /// a person.
    Beside,
}

use Keeping::{Beside, Inline};
use Waiting::{Awaited, Rides};

/// Every type, once. `attempt_started` is awaited too where the policy says `repeatable: false`:
/// the engine hurries that transaction itself. `call_received` rides: nobody is told of a call
/// before a later event of it, or a look at the disk, says that it is there.
#[rustfmt::skip]
const KINDS: &[(&str, Waiting, Keeping)] = &[
    ("call_received",     Rides,   Beside), // key and tags are the caller's words
    ("duplicate_joined",  Rides,   Inline),
    ("request_judged",    Rides,   Beside),
    ("cache_looked",      Rides,   Inline),
    ("attempt_started",   Rides,   Inline),
    ("attempt_ended",     Rides,   Beside), // a provider's error message may quote the request
    ("attempt_blocked",   Rides,   Inline),
    ("answer_judged",     Rides,   Beside),
    ("verdict_reached",   Rides,   Beside),
    ("answer_masked",     Rides,   Inline),
    ("wait_ended",        Rides,   Inline),
    ("fallback_taken",    Rides,   Inline),
    ("fallback_failed",   Rides,   Beside),
    ("review_requested",  Awaited, Inline),
    ("review_resolved",   Awaited, Beside),
    ("decision_undone",   Awaited, Inline),
    ("interim_released",  Awaited, Inline),
    ("outcome_revised",   Rides,   Inline),
    ("effects_released",  Rides,   Inline),
    ("call_ended",        Awaited, Beside), // what the caller is told may quote the answer
    ("run_forked",        Awaited, Beside), // the reason may quote anything
    ("compensation_requested", Rides, Inline),
    ("call_paused",       Awaited, Beside), // the reason may quote anything
    ("call_resumed",      Awaited, Beside), // the reason may quote anything
    ("review_opened",     Awaited, Beside),
    ("review_claimed",    Awaited, Inline),
    ("review_renewed",    Awaited, Inline),
    ("review_released",   Awaited, Inline),
    ("vote_cast",         Awaited, Beside),
    ("review_decided",    Awaited, Beside),
    ("review_undone",     Awaited, Inline),
    ("review_expired",    Awaited, Inline),
    ("review_withdrawn",  Awaited, Inline),
    ("review_commented",  Awaited, Beside),
    ("review_step_taken", Rides,   Inline),
    ("review_set_aside",  Awaited, Inline),
    ("review_handed_over", Awaited, Beside), // the note is a person's words
    ("breaker_changed",   Rides,   Inline),
    ("latch_changed",     Rides,   Inline),
    ("revision_loaded",   Rides,   Inline),
    ("operator_acted",    Awaited, Inline),
    ("subscription_changed", Awaited, Inline),
    ("bodies_erased",     Awaited, Inline),
    ("retention_applied", Awaited, Inline),
    ("signed_in",         Awaited, Inline),
    ("signed_out",        Awaited, Inline),
    ("page_viewed",       Rides,   Inline),
    ("canary_returned",   Awaited, Inline),
    ("shadow_judged",     Rides,   Inline), // names of rules and outcomes, nobody's words
    ("level_changed",     Awaited, Inline),
];

fn row(kind: &str) -> Option<&'static (&'static str, Waiting, Keeping)> {
    KINDS.iter().find(|(name, ..)| *name == kind)
}

/// Whether an answer to somebody rests on events of that type; an unlisted type is awaited.
pub fn waiting(kind: &str) -> Waiting {
    row(kind).map_or(Awaited, |(_, waiting, _)| *waiting)
}

/// Where bodies of that type stand if they hold somebody's words; an unlisted type counts as
/// private.
pub fn keeping(kind: &str) -> Keeping {
    row(kind).map_or(Beside, |(.., keeping)| *keeping)
}

/// Whether the body of that event stands beside it, whatever its size. A type that had no words at
/// first is stored as it always was while it has none.
pub(crate) fn is_beside(event: &Event) -> bool {
    match event {
        Event::Call(CallEvent::CallResumed { reason: None, .. }) => false,
        event => keeping(event.name()) == Beside,
    }
}

/// Types that tell what a call came to and what people decided: what a compacted log still tells.
const LASTING: [&str; 5] =
    ["call_ended", "verdict_reached", "review_resolved", "vote_cast", "review_decided"];

/// How long bodies of that type are kept.
pub(crate) fn class(kind: &str) -> BodyClass {
    if LASTING.contains(&kind) { BodyClass::OfDecision } else { BodyClass::OfEvent }
}

/// The version in which this binary writes that type.
pub(crate) fn version(kind: &str) -> u16 {
    upcast::current(upcast::UPCASTS, kind)
}

/// Whether this binary knows that type in streams of that family.
pub(crate) fn is_known(family: &str, kind: &str) -> bool {
    match family {
        "call" => CALL_TYPES.contains(&kind),
        "review" => REVIEW_TYPES.contains(&kind),
        "control" => CONTROL_TYPES.contains(&kind),
        _ => false,
    }
}

/// What the types in these appends ask for.
pub(crate) fn durability(appends: &[Append]) -> Durability {
    let mut kinds = appends.iter().flat_map(|append| &append.events);
    if kinds.any(|new| waiting(new.event.name()) == Awaited) {
        Durability::Await
    } else {
        Durability::Ride
    }
}

#[cfg(test)]
mod tests {
    use super::{CALL_TYPES, CONTROL_TYPES, KINDS, REVIEW_TYPES};

    #[test]
    fn every_event_type_stands_in_the_table_exactly_once() {
        let known = CALL_TYPES.iter().chain(&REVIEW_TYPES).chain(&CONTROL_TYPES);
        for kind in known.clone() {
            assert_eq!(KINDS.iter().filter(|(name, ..)| name == kind).count(), 1, "{kind}");
        }
        assert_eq!(KINDS.len(), known.count());
    }
}
