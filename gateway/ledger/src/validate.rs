//! What a transaction must be before any store looks at it.

use std::collections::HashSet;

use backstop_domain::{Event, Stream};

use crate::{AppendError, Transaction};

/// Events in one transaction, at most.
const EVENTS_MAX: usize = 1000;
/// One body, at most, in bytes.
const BODY_MAX: usize = 64 * 1024 * 1024;
/// A stream's name, an id or an idempotency key, at most, in bytes.
const NAME_MAX: usize = 512;

/// Refuses what can never be appended, whatever the ledger holds.
pub(crate) fn well_formed(transaction: &Transaction) -> Result<(), AppendError> {
    let (mut streams, mut ids) = (HashSet::new(), HashSet::new());
    let mut events = 0;
    for append in &transaction.appends {
        if append.events.is_empty() {
            return Err(AppendError::Malformed("an append without events"));
        }
        if !streams.insert(&append.stream) {
            return Err(AppendError::Malformed("the same stream twice"));
        }
        events += append.events.len();
        within("stream name", append.stream.as_str().len(), NAME_MAX)?;
        for new in &append.events {
            within("event id", new.id.as_str().len(), NAME_MAX)?;
            belongs(&new.event, &append.stream)?;
            if !ids.insert(&new.id) {
                return Err(AppendError::Repeated { id: new.id.clone() });
            }
        }
    }
    if events == 0 && transaction.progress.is_none() {
        return Err(AppendError::Malformed("no events"));
    }
    within("number of events", events, EVENTS_MAX)?;
    if let Some(claim) = &transaction.key {
        within("idempotency key", claim.key.len(), NAME_MAX)?;
    }
    transaction.bodies.iter().try_for_each(|body| within("body", body.bytes().len(), BODY_MAX))
}

const fn within(what: &'static str, size: usize, bound: usize) -> Result<(), AppendError> {
    if size <= bound { Ok(()) } else { Err(AppendError::TooLarge { what, size, bound }) }
}

fn belongs(event: &Event, stream: &Stream) -> Result<(), AppendError> {
    let family = match event {
        Event::Call(_) => "call/",
        Event::Review(_) => "review/",
        Event::Control(_) => "control/",
    };
    match stream.as_str().strip_prefix(family) {
        Some(name) if !name.is_empty() => Ok(()),
        _ => Err(AppendError::Misplaced { stream: stream.clone(), kind: event.name() }),
    }
}
