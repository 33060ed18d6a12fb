//! Forgetting on time: idempotency keys, requests and answers whose time is over, then the words
//! of events but for outcomes and decisions, then theirs. Envelopes and digests stay; what an open
//! call or review rests on stays too.

use std::time::Duration;

use backstop_domain::{Actor, ControlEvent, Millis};
use backstop_ledger::{Retention, Swept, Transaction};
use backstop_policy::Retain;

use crate::{
    engine::{Engine, Inner},
    erasure::{EraseRefused, Erasures},
    in_force::InForce,
};

/// The control stream that tells what was forgotten.
const RETENTION: &str = "retention";

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
    async fn sweep(&self) -> Result<Swept, EraseRefused> {
        let now = self.clock.now();
        let over = over(&self.workspace.load(), now);
        let own = Erasures { ledger: &self.ledger, ids: &self.ids, now };
        own.sweep(over, &Actor::system("retention"), || !self.tasks.is_draining()).await
    }
}

impl Erasures<'_> {
    /// Forgets what its time is over for, while `goes_on`, and leaves an event that says so.
    ///
    /// # Errors
    /// [`EraseRefused`] if the ledger fails; what was forgotten until then stays forgotten.
    pub async fn sweep(
        &self,
        over: Retention,
        actor: &Actor,
        goes_on: impl Fn() -> bool,
    ) -> Result<Swept, EraseRefused> {
        let mut all = Swept::default();
        loop {
            let swept = self.ledger.sweep(over).await?;
            all.keys += swept.keys;
            all.bodies += swept.bodies;
            all.more = swept.more;
            if !swept.more || !goes_on() {
                break;
            }
            tokio::time::sleep(BREATH).await;
        }
        if (all.keys, all.bodies) != (0, 0) {
            let append = self.append(RETENTION, actor, vec![told(over, all)]).await?;
            self.ledger.append(Transaction::of(vec![append])).await?;
        }
        Ok(all)
    }
}

fn told(over: Retention, swept: Swept) -> ControlEvent {
    ControlEvent::RetentionApplied {
        keys: swept.keys,
        bodies: swept.bodies,
        bodies_before: over.bodies_unused_since.unwrap_or_default(),
        events_before: over.events_unused_since.unwrap_or_default(),
        labels_before: over.labels_unused_since.unwrap_or_default(),
    }
}

/// What may be forgotten at that time. Bodies are shared, by digest, so none goes before the last
/// who may need it: the longest that anybody asked for counts.
pub fn over(workspace: &InForce, now: Millis) -> Retention {
    let longest = |all: u64, own: fn(&Retain) -> Option<u64>| {
        let own = workspace.policies.values().filter_map(|policy| own(&policy.retain));
        Millis(now.0.saturating_sub(own.fold(all, u64::max)))
    };
    let gateway = workspace.gateway.store.retain;
    let bodies = longest(gateway.bodies_ms, |own| own.bodies_ms);
    // What happened is told for as long as anything of it is kept, and how it ended longest.
    let events = longest(gateway.events_ms, |own| own.events_ms).min(bodies);
    let labels = longest(gateway.labels_ms, |own| own.labels_ms).min(events);
    Retention {
        keys_of_calls_ended_before: Some(bodies),
        bodies_unused_since: Some(bodies),
        events_unused_since: Some(events),
        labels_unused_since: Some(labels),
    }
}
