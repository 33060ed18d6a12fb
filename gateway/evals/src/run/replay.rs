//! Replays a suite from its record, on as many threads as there are cores.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use backstop_engine::{Engine, Ids, Parts};
use backstop_ledger::MemoryLedger;
use backstop_upstream::{Clock, MonotonicClock};
use parking_lot::Mutex;

use super::recorded::{Misses, Tape, services};
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
    let worker = || -> std::io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()?;
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some((case, repeat)) = work.get(at) else { return Ok(()) };
            let came = runtime.block_on(one_case(setting, suite, tape, case, *repeat));
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

/// A gateway for one case alone.
async fn one_case(setting: &Setting, suite: &Suite, tape: &Tape, case: &Case, repeat: u32) -> Ran {
    let clock: Arc<dyn Clock> = Arc::new(MonotonicClock::starting_at(RECEIVED));
    let misses = Misses::default();
    let gateway = &setting.workspace.gateway;
    let engine = Engine::new(Parts {
        workspace: Arc::clone(&setting.workspace),
        ledger: Arc::new(MemoryLedger::new()),
        models: tape.models(gateway, &clock, &misses),
        services: services(gateway, &misses),
        clock,
        ids: Ids::seeded(u64::from(repeat)),
        salt: SALT.to_vec(),
    });
    let mut ran = one::run(&engine, suite, case, repeat).await;
    ran.misses = std::mem::take(&mut *misses.lock());
    ran
}
