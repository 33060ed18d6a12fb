//! Replays a suite from its record, on as many threads as there are cores.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use backstop_engine::{Engine, Ids, Parts, Services};
use backstop_ledger::MemoryLedger;
use backstop_upstream::{Clock, MonotonicClock};
use parking_lot::Mutex;

use super::recorded::{Misses, Tape};
use super::result::{Ran, Results};
use super::{Progress, RECEIVED, SALT, Setting, one};
use crate::suite::{Case, Suite, TierName};

/// Runs `cases` of `suite` against its record.
///
/// # Errors
/// If no thread or runtime can be made.
pub fn replay(
    setting: &Setting,
    suite: &Suite,
    cases: &[&Case],
    tape: &Tape,
    progress: Progress<'_>,
) -> std::io::Result<Results> {
    let repeats = suite.tier(TierName::Replay).repeats;
    let work: Vec<(&Case, u32)> =
        cases.iter().flat_map(|case| (0..repeats).map(move |repeat| (*case, repeat))).collect();
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let ran: Mutex<Vec<(usize, Ran)>> = Mutex::new(Vec::with_capacity(work.len()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(work.len());
    let alone = Alone { setting, suite, tape, services: None };
    let worker = || -> std::io::Result<()> {
        let runtime = paused()?;
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some((case, repeat)) = work.get(at) else { return Ok(()) };
            let came = runtime.block_on(alone.case(case, *repeat));
            ran.lock().push((at, came));
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, work.len());
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().unwrap_or_else(|_| Err(std::io::Error::other("a case panicked")))
        })
    })?;
    let mut ran = ran.into_inner();
    ran.sort_by_key(|(at, _)| *at);
    Ok(Results {
        suite: suite.name.clone(),
        revision: suite.policy.plan.revision.to_string(),
        tier: TierName::Replay.name().to_owned(),
        ran: ran.into_iter().map(|(_, ran)| ran).collect(),
    })
}

/// Runs one case against the record of models alone, with these services.
///
/// # Errors
/// If no runtime can be made.
pub fn replay_with(
    setting: &Setting,
    suite: &Suite,
    case: &Case,
    tape: &Tape,
    services: Services,
) -> std::io::Result<Ran> {
    let runtime = paused()?;
    let alone = Alone { setting, suite, tape, services: Some(services) };
    Ok(runtime.block_on(alone.case(case, 0)))
}

/// A runtime on a paused clock.
fn paused() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()
}

/// A gateway for one case alone.
struct Alone<'a> {
    setting: &'a Setting,
    suite: &'a Suite,
    tape: &'a Tape,
    /// `None`: those of the tape.
    services: Option<Services>,
}

impl Alone<'_> {
    async fn case(&self, case: &Case, repeat: u32) -> Ran {
        let clock: Arc<dyn Clock> = Arc::new(MonotonicClock::starting_at(RECEIVED));
        let misses = Misses::default();
        let gateway = &self.setting.workspace.gateway;
        let of_tape = || self.tape.services(gateway, &clock, &misses);
        let engine = Engine::new(Parts {
            workspace: Arc::clone(&self.setting.workspace),
            ledger: Arc::new(MemoryLedger::new()),
            models: self.tape.models(gateway, &clock, &misses),
            services: self.services.clone().unwrap_or_else(of_tape),
            clock,
            ids: Ids::seeded(u64::from(repeat)),
            salt: SALT.to_vec(),
        });
        let mut ran = one::run(&engine, self.suite, case, repeat).await;
        ran.misses = std::mem::take(&mut *misses.lock());
        ran
    }
}
