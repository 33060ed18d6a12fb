//! Forgetting on time: idempotency keys, requests and answers whose time is over. Events stay, and
//! so do their digests; what an open call or review rests on stays too.

use std::time::Duration;

use backstop_domain::Millis;
use backstop_ledger::{ReadFailed, Retention, Swept};

use crate::{
    engine::{Engine, Inner},
    in_force::InForce,
};

/// Between two rounds.
const EVERY: Duration = Duration::from_secs(3600);
/// Before the first one: a start has better things to do.
const AT_FIRST: Duration = Duration::from_secs(60);
/// Between two sweeps of one round, for the appends that waited meanwhile.
const BREATH: Duration = Duration::from_millis(50);

impl Engine {
    /// From here on forgets in the background what its time is over for, until the gateway drains.
    pub fn forget_on_time(&self) {
        let inner = self.0.clone();
        self.0.tasks.start(async move {
            let mut pause = AT_FIRST;
            loop {
                tokio::select! {
                    biased;
                    () = inner.tasks.draining() => return,
                    () = tokio::time::sleep(pause) => {}
                }
                pause = EVERY;
                match inner.sweep().await {
                    Ok(Swept { keys: 0, bodies: 0, .. }) => {}
                    Ok(Swept { keys, bodies, .. }) => tracing::info!(keys, bodies, "forgotten"),
                    Err(error) => tracing::error!(%error, "what is over could not be forgotten"),
                }
            }
        });
    }
}

impl Inner {
    /// One round; what it forgot.
    async fn sweep(&self) -> Result<Swept, ReadFailed> {
        let mut all = Swept::default();
        loop {
            let kept_ms = longest(&self.workspace.load());
            let before = Some(Millis(self.clock.now().0.saturating_sub(kept_ms)));
            let over =
                Retention { keys_of_calls_ended_before: before, bodies_unused_since: before };
            let swept = self.ledger.sweep(over).await?;
            all.keys += swept.keys;
            all.bodies += swept.bodies;
            if !swept.more || self.tasks.is_draining() {
                return Ok(all);
            }
            tokio::time::sleep(BREATH).await;
        }
    }
}

/// The longest that anybody asked to keep bodies, in milliseconds: bodies are shared, by digest, so
/// none goes before the last who may need it.
fn longest(workspace: &InForce) -> u64 {
    let own = workspace.policies.values().filter_map(|policy| policy.retain.bodies_ms);
    own.fold(workspace.gateway.store.retain.bodies_ms, u64::max)
}
