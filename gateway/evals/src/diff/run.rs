//! Goes through the calls, on every core there is: each thread reads, replays and adds up for
//! itself.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use backstop_domain::{CallId, Digest};
use backstop_engine::replay::{Other, RecordedCall, Went, what_if};
use backstop_policy::Policy;

use super::{
    report::Diff,
    tally::{Named, Tally},
};

/// Calls that a thread takes at a time.
const CHUNK: usize = 64;

/// Recorded calls, read by several threads.
pub trait Source: Sync {
    /// A reader for one thread.
    ///
    /// # Errors
    /// Why there is none, in words.
    fn reader(&self) -> Result<Box<dyn Reader + '_>, String>;
}

/// Reads recorded calls.
pub trait Reader {
    /// The call's events alone.
    ///
    /// # Errors
    /// Why they cannot be read, in words.
    fn events(&mut self, id: &CallId) -> Result<RecordedCall, String>;

    /// Adds the bodies that a replay reads.
    ///
    /// # Errors
    /// Why they cannot be read, in words.
    fn bodies(&mut self, call: &mut RecordedCall) -> Result<(), String>;

    /// The policy of a revision, if its files are there.
    fn policy(&mut self, name: &str, revision: Digest) -> Option<Arc<Policy>>;
}

/// What is compared with what.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The proposed policies, by name.
    pub to: &'a BTreeMap<String, Arc<Policy>>,
    /// The policies to compare with, by name; `None`: what the calls came to.
    pub from: Option<&'a BTreeMap<String, Arc<Policy>>>,
    /// The gateway's salt, for samples that were not drawn then.
    pub salt: Option<&'a [u8]>,
    /// How many threads.
    pub threads: usize,
}

/// Compares. `told` is called now and then with the number of calls that are done.
///
/// # Errors
/// Why the calls cannot be read, in words.
pub fn diff(
    ids: &[CallId],
    source: &dyn Source,
    question: Question<'_>,
    told: &(dyn Fn(usize) + Sync),
) -> Result<Diff, String> {
    let next = AtomicUsize::new(0);
    let done = AtomicUsize::new(0);
    let work = || -> Result<Tally, String> {
        let mut reader = source.reader()?;
        let mut tally = Tally::default();
        loop {
            let start = next.fetch_add(CHUNK, Ordering::Relaxed);
            let Some(chunk) = ids.get(start..ids.len().min(start.saturating_add(CHUNK))) else {
                return Ok(tally);
            };
            if chunk.is_empty() {
                return Ok(tally);
            }
            for id in chunk {
                one(id, reader.as_mut(), question, &mut tally)?;
            }
            told(done.fetch_add(chunk.len(), Ordering::Relaxed) + chunk.len());
        }
    };
    let tallies = thread::scope(|scope| {
        let workers: Vec<_> = (0..question.threads.max(1)).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|_| Err("a thread of ours failed".into())))
            .collect::<Result<Vec<Tally>, String>>()
    })?;
    let mut whole = Tally::default();
    for tally in tallies {
        whole.join(tally);
    }
    Ok(whole.report())
}

fn one(
    id: &CallId,
    reader: &mut dyn Reader,
    question: Question<'_>,
    tally: &mut Tally,
) -> Result<(), String> {
    let mut record = reader.events(id)?;
    let Ok((received, at)) = record.received() else {
        tally.unreadable();
        return Ok(());
    };
    // What people took back or sent on by hand no policy would have done.
    if record.events.iter().any(|event| event.envelope.run > 1) {
        tally.reran();
        return Ok(());
    }
    let (name, revision) = (received.policy.clone(), received.revision);
    let Some(went) = Went::recorded(&record) else {
        tally.open();
        return Ok(());
    };
    let Some(policy) = question.to.get(&name) else {
        tally.gone(&name);
        return Ok(());
    };
    let from = question.from.and_then(|from| from.get(&name));
    let then = from.map_or(revision, |from| from.plan.revision);
    if policy.plan.revision == then && then == revision {
        tally.unchanged(&went);
        return Ok(());
    }
    reader.bodies(&mut record)?;
    let pinned = reader.policy(&name, revision);
    let (pinned, salt) = (pinned.as_ref(), question.salt);
    let under = |policy| what_if(&record, Other { policy, pinned, salt }).went;
    let went = match from {
        Some(from) if from.plan.revision != revision => under(from),
        _ => went,
    };
    let call = Named { id, received: at, policy: &name };
    if policy.plan.revision == then {
        tally.unchanged(&went);
    } else if policy.plan.revision == revision {
        // Back to what the call was pinned to: what it came to is known.
        let now = Went::recorded(&record).unwrap_or_else(|| under(policy));
        tally.take(&call, policy, &went, &now);
    } else {
        tally.take(&call, policy, &went, &under(policy));
    }
    Ok(())
}
