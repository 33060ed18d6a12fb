//! The whole record of one world, held to the invariants: chain, order, machines, projections, and
//! every decision taken again.

use std::collections::{BTreeMap, BTreeSet};

use backstop_domain::{
    CallEvent, CallId, CallState, Digest, Envelope, Event, Resolution, ReviewEvent, ReviewState,
    Stream, call::decide,
};
use backstop_ledger::{Ledger, MemoryLedger, Recorded};

use super::files;

/// What the record holds, for a figure.
#[derive(Debug, Clone, Copy, Default)]
pub struct Held {
    /// Calls.
    pub calls: usize,
    /// Runs of them.
    pub runs: usize,
    /// Reviews.
    pub reviews: usize,
}

/// Holds the record to the invariants.
///
/// # Errors
/// The first that is broken, in words.
pub async fn check(
    kept: &MemoryLedger,
    events: &[Recorded],
    read: &[String],
) -> Result<Held, String> {
    chain(events)?;
    for (place, id) in read.iter().enumerate() {
        let there = events.get(place).map(|one| one.envelope.id.as_str());
        if there != Some(id) {
            return Err(format!("the feed told {id} at {}, the ledger has {there:?}", place + 1));
        }
    }
    let mut held = Held::default();
    let mut calls: BTreeMap<Stream, CallState> = BTreeMap::new();
    let mut reviews: BTreeMap<Stream, ReviewState> = BTreeMap::new();
    let mut keys = BTreeSet::new();
    for recorded in events {
        let (around, at) = (&recorded.envelope, recorded.envelope.at);
        let wrong = |why: String| {
            format!("{} {}: {why}{}", around.stream, around.seq, way(events, &around.stream))
        };
        match &recorded.event {
            Ok(Event::Call(event)) => {
                let before = calls.remove(&around.stream);
                again(before.as_ref(), event).map_err(wrong)?;
                if let CallEvent::CallReceived(received) = event
                    && !keys.insert((received.policy.clone(), received.key.clone()))
                {
                    return Err(wrong(format!("a second call for key {:?}", received.key)));
                }
                let folded = CallState::fold(before, event, at);
                let state = folded.map_err(|illegal| wrong(illegal.to_string()))?;
                if state.run != around.run {
                    return Err(wrong(format!("written for run {}, of {}", around.run, state.run)));
                }
                calls.insert(around.stream.clone(), state);
            }
            Ok(Event::Review(event)) => {
                let before = reviews.remove(&around.stream);
                released_once(before.as_ref(), event).map_err(wrong)?;
                let folded = ReviewState::fold(before, event, at);
                let state = folded.map_err(|illegal| wrong(illegal.to_string()))?;
                reviews.insert(around.stream.clone(), state);
            }
            Ok(Event::Control(_)) => {}
            Err(why) => return Err(wrong(why.to_string())),
        }
    }
    for (stream, state) in &calls {
        let id = stream.call_id().ok_or("a call's stream has its id")?;
        projected(kept, &id, state).await?;
        let runs = state.runs();
        held.runs += runs.len();
        if runs.last().is_none_or(|run| run.ended.is_none()) {
            return Err(format!("{id} has no outcome"));
        }
    }
    (held.calls, held.reviews) = (calls.len(), reviews.len());
    said(events)?;
    Ok(held)
}

/// Every event of a stream with its seq, run and author: what somebody who looks for a fault needs.
fn way(events: &[Recorded], stream: &Stream) -> String {
    let ours = events.iter().filter(|one| one.envelope.stream == *stream);
    let line = |one: &Recorded| {
        let Envelope { seq, run, at, kind, actor, .. } = &one.envelope;
        format!("\n    {seq:>3} run {run} {at:?} {kind} by {}", actor.id)
    };
    ours.map(line).collect()
}

/// What a call says that people decided, people decided.
fn said(events: &[Recorded]) -> Result<(), String> {
    let (mut taken, mut decided): (Vec<_>, Vec<_>) = (Vec::new(), Vec::new());
    for Recorded { envelope, event } in events {
        match event {
            Ok(Event::Call(CallEvent::ReviewResolved(resolved))) => {
                taken.push((Stream::review(&resolved.review), &resolved.resolution));
            }
            Ok(Event::Review(ReviewEvent::ReviewDecided { resolution, .. })) => {
                decided.push((envelope.stream.clone(), resolution));
            }
            _ => {}
        }
    }
    let by_people = |taken: &&(Stream, &Resolution)| !matches!(taken.1, Resolution::Expired { .. });
    match taken.iter().filter(by_people).find(|taken| !decided.contains(taken)) {
        None => Ok(()),
        Some((review, what)) => Err(format!("a call took {what:?} from {review}: nobody said so")),
    }
}

/// Every event.
///
/// # Errors
/// If the ledger cannot be read.
pub async fn all(kept: &MemoryLedger) -> Result<Vec<Recorded>, String> {
    let mut events: Vec<Recorded> = Vec::new();
    loop {
        let page = kept.feed(events.len() as u64, 1000).await.map_err(|error| error.to_string())?;
        if page.is_empty() {
            return Ok(events);
        }
        events.extend(page);
    }
}

fn chain(events: &[Recorded]) -> Result<(), String> {
    let mut previous = Digest::from_bytes([0; 32]);
    let mut seqs: BTreeMap<&Stream, u64> = BTreeMap::new();
    for Recorded { envelope, .. } in events {
        let Envelope { position, stream, seq, previous_hash, hash, .. } = envelope;
        if *previous_hash != previous || envelope.computed_hash() != *hash {
            return Err(format!("the chain breaks at {position}"));
        }
        let last = seqs.entry(stream).or_default();
        if *seq != *last + 1 {
            return Err(format!("{stream} goes from {last} to {seq}"));
        }
        (*last, previous) = (*seq, *hash);
    }
    Ok(())
}

/// A recorded decision is the one that the machine takes on the same state today.
fn again(before: Option<&CallState>, event: &CallEvent) -> Result<(), String> {
    let (Some(state), CallEvent::VerdictReached(recorded)) = (before, event) else { return Ok(()) };
    let workspace = files::workspace();
    let policy = workspace.policies.get(&state.received.policy).ok_or("the policy is there")?;
    match decide(&policy.plan, state) {
        Some(decided) if decided == *recorded => Ok(()),
        other => Err(format!("decided {recorded:?}, and now {other:?}")),
    }
}

/// Nothing is decided after a withdrawal, and nobody decides twice.
fn released_once(before: Option<&ReviewState>, event: &ReviewEvent) -> Result<(), String> {
    let open = before.is_some_and(|review| review.standing.is_open());
    match event {
        ReviewEvent::ReviewDecided { .. } | ReviewEvent::ReviewExpired { .. } if !open => {
            Err(format!("{} on a review that is closed", event.name()))
        }
        _ => Ok(()),
    }
}

/// The row of a call says what the fold of its events says.
async fn projected(kept: &MemoryLedger, id: &CallId, state: &CallState) -> Result<(), String> {
    let row = kept.call(id).await.map_err(|error| error.to_string())?;
    let row = row.ok_or_else(|| format!("{id} has no row"))?;
    let ended = state.ended();
    let told = (row.run, row.seq, row.outcome, row.answer, row.deadline);
    let (outcome, answer) = (ended.map(|ended| ended.outcome), ended.and_then(|e| e.answer));
    let folded = (state.run, state.seq, outcome, answer, state.deadline);
    if told != folded {
        return Err(format!("the row of {id} says {told:?}, its events {folded:?}"));
    }
    let same = ended.is_some() || row.phase.name() == state.phase.name();
    same.then_some(()).ok_or_else(|| {
        format!("the row of {id} says {}, its events {}", row.phase.name(), state.phase.name())
    })
}
