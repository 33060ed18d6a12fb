//! Asks the models themselves: for the live tier, and to record a suite anew.

use std::sync::Arc;
use std::time::Duration;

use backstop_engine::{Engine, Ids, Models, Parts, Services};
use backstop_ledger::MemoryLedger;
use backstop_upstream::Clock;

use super::result::{Ran, Results};
use super::{Progress, SALT, Setting, one};
use crate::suite::{Case, Suite, TierName};

/// What a live run needs beside the suite.
pub struct LiveRun<'a> {
    /// The models for the next case: the same ones in the live tier, whose limits and breakers are
    /// those of one gateway; behind fresh gates where answers are recorded, because a replay has
    /// those too.
    pub models: Box<dyn Fn() -> Models + Sync + 'a>,
    /// The services, likewise.
    pub services: Box<dyn Fn() -> Services + Sync + 'a>,
    /// The clock of this machine.
    pub clock: Arc<dyn Clock>,
    /// How often each case is asked.
    pub repeats: u32,
    /// Most money, in millionths: cases that come after it is spent are errors.
    pub cost: Option<u64>,
}

/// Runs `cases` one after the other.
pub async fn live(
    setting: &Setting,
    suite: &Suite,
    cases: &[&Case],
    run: &LiveRun<'_>,
    progress: Progress<'_>,
) -> Results {
    let total = cases.len() * run.repeats as usize;
    let mut ran: Vec<Ran> = Vec::with_capacity(total);
    let mut spent = 0_u64;
    for case in cases {
        for repeat in 0..run.repeats {
            let came = if run.cost.is_some_and(|cap| spent >= cap) {
                let error = Some("the money of this run is spent".to_owned());
                let (case, cluster) = (case.id.clone(), case.cluster().to_owned());
                Ran { case, repeat, cluster, error, ..Ran::default() }
            } else {
                // A ledger of its own: one case's idempotency key never meets another run's.
                let engine = Engine::new(Parts {
                    workspace: Arc::clone(&setting.workspace),
                    ledger: Arc::new(MemoryLedger::new()),
                    models: (run.models)(),
                    services: (run.services)(),
                    clock: Arc::clone(&run.clock),
                    ids: Ids::from_os(),
                    salt: SALT.to_vec(),
                });
                let came = one::run(&engine, suite, case, repeat).await;
                engine.drain(Duration::ZERO).await;
                came
            };
            spent = spent.saturating_add(came.cost_micro);
            ran.push(came);
            progress(ran.len(), total);
        }
    }
    Results {
        suite: suite.name.clone(),
        revision: suite.policy.plan.revision.to_string(),
        tier: TierName::Live.name().to_owned(),
        ran,
    }
}
