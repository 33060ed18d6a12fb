//! What consumers were given, held to the record: everything that is their business, nothing that
//! is not, and each call in its order. It finds out for itself what an event is about.

use std::collections::BTreeMap;

use backstop_domain::{CallEvent, Event, ReviewEvent, Stream};
use backstop_ledger::Recorded;

use super::receivers::{Ears, Receiver};

/// What an event is about.
struct About<'a> {
    kind: &'a str,
    /// What its order is kept within.
    lane: Stream,
    policy: Option<String>,
}

/// Holds what every consumer was given to the record; how many events they took.
///
/// # Errors
/// The first thing that was not given, or not as promised.
pub fn check(ears: &Ears, events: &[Recorded]) -> Result<usize, String> {
    let about = about(events);
    let mut taken = 0;
    for receiver in &ears.0 {
        taken +=
            one(receiver, &about).map_err(|why| format!("{}: {why}", receiver.consumer.name))?;
    }
    Ok(taken)
}

fn one(receiver: &Receiver, about: &[About<'_>]) -> Result<usize, String> {
    let memory = receiver.memory.lock().unwrap();
    if let Some(wrong) = &memory.wrong {
        return Err(wrong.clone());
    }
    let since = memory.since.ok_or("no gateway ever started with it")?;
    let wanted = |about: &About<'_>| {
        about.kind != "subscription_changed"
            && receiver.consumer.wanted.takes(about.kind, about.policy.as_deref())
    };
    let mut firsts = BTreeMap::new();
    for (number, position) in memory.taken.iter().enumerate() {
        let there = usize::try_from(*position).ok().and_then(|at| about.get(at.checked_sub(1)?));
        if !there.is_some_and(wanted) {
            return Err(format!("{position} is none of its business"));
        }
        firsts.entry(*position).or_insert(number);
    }
    let mut before: BTreeMap<&Stream, (u64, usize)> = BTreeMap::new();
    for (place, about) in about.iter().enumerate() {
        let position = place as u64 + 1;
        if position <= since || !wanted(about) {
            continue;
        }
        let Some(first) = firsts.get(&position).copied() else {
            return Err(format!("it was never given {position}, a {}", about.kind));
        };
        if memory.parked.contains(&position) {
            continue;
        }
        if let Some((earlier, at)) = before.insert(&about.lane, (position, first))
            && first < at
        {
            return Err(format!("{position} of {} came before {earlier}", about.lane));
        }
    }
    Ok(memory.taken.len())
}

fn about(events: &[Recorded]) -> Vec<About<'_>> {
    let mut policies: BTreeMap<Stream, String> = BTreeMap::new();
    let mut calls: BTreeMap<Stream, Stream> = BTreeMap::new();
    let one = |recorded: &'_ Recorded| {
        let stream = recorded.envelope.stream.clone();
        match &recorded.event {
            Ok(Event::Call(CallEvent::CallReceived(received))) => {
                policies.insert(stream.clone(), received.policy.clone());
            }
            Ok(Event::Review(ReviewEvent::ReviewOpened(opened))) => {
                calls.insert(stream.clone(), Stream::call(&opened.call));
            }
            _ => {}
        }
        let lane = calls.get(&stream).unwrap_or(&stream).clone();
        let named = stream.as_str().strip_prefix("control/policy.").map(str::to_owned);
        (policies.get(&lane).cloned().or(named), lane)
    };
    let abouts = events.iter().map(one).collect::<Vec<_>>();
    let kinds = events.iter().map(|recorded| recorded.envelope.kind.as_str());
    let all = abouts.into_iter().zip(kinds);
    all.map(|((policy, lane), kind)| About { kind, lane, policy }).collect()
}
