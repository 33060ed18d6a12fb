//! What guards did of themselves, written down: breakers that opened or closed, latches that fell,
//! canaries that were taken back.

use std::{collections::HashMap, sync::Arc};

use backstop_domain::{Actor, ControlEvent, Event, Stream};
use backstop_ledger::{AppendError, NewEvent, Transaction};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::engine::Inner;

/// Changes that wait to be written; bounded by what each gate keeps.
#[derive(Default)]
pub(crate) struct Changes {
    waiting: Mutex<Vec<ControlEvent>>,
    come: Notify,
}

impl Changes {
    /// Takes over what changed at a guard, if anything did.
    pub fn take(&self, changes: Vec<ControlEvent>) {
        if !changes.is_empty() {
            self.waiting.lock().extend(changes);
            self.come.notify_one();
        }
    }
}

impl Inner {
    /// Writes changes down as they come, until the gateway drains.
    pub(crate) async fn watch_changes(self: Arc<Self>) {
        let mut seqs = HashMap::new();
        loop {
            let changes = std::mem::take(&mut *self.changes.waiting.lock());
            for change in changes {
                self.record_change(&mut seqs, change).await;
            }
            tokio::select! {
                biased;
                () = self.changes.come.notified() => {}
                () = self.tasks.draining() => return,
            }
        }
    }

    pub(crate) async fn record_change(
        &self,
        seqs: &mut HashMap<Stream, u64>,
        change: ControlEvent,
    ) {
        seen(&change);
        let Some(stream) = stream(&change) else { return };
        // Another process may have written there: then its place is read anew, once.
        for _ in 0..2 {
            let seq = match seqs.get(&stream) {
                Some(seq) => *seq,
                None => match self.ledger.stream(&stream, 0).await {
                    Ok(events) => events.len() as u64,
                    Err(error) => return tracing::error!(%error, "a change is not recorded"),
                },
            };
            let transaction =
                Transaction::one(stream.clone(), seq, vec![self.as_event(change.clone())]);
            match self.ledger.append(transaction).await {
                Ok(_) => {
                    seqs.insert(stream, seq + 1);
                    return;
                }
                Err(AppendError::Conflict { .. }) => {
                    seqs.remove(&stream);
                }
                Err(error) => return tracing::error!(%error, "a change is not recorded"),
            }
        }
        tracing::error!(%stream, "a change is not recorded: somebody else writes there");
    }

    fn as_event(&self, change: ControlEvent) -> NewEvent {
        let now = self.clock.now();
        NewEvent {
            id: self.ids.event(now),
            at: now,
            actor: Actor::system("guards"),
            run: 0,
            causation: None,
            correlation: None,
            revision: None,
            event: Event::Control(change),
        }
    }
}

fn stream(change: &ControlEvent) -> Option<Stream> {
    match change {
        ControlEvent::BreakerChanged { model, .. } => {
            Some(Stream::control(&format!("model.{model}")))
        }
        ControlEvent::LatchChanged { provider, .. } => {
            Some(Stream::control(&format!("provider.{provider}")))
        }
        ControlEvent::CanaryReturned { policy, .. } => Some(crate::revisions::stream(policy)),
        ControlEvent::ShadowJudged { call, .. } => Some(crate::revisions::shadow(call)),
        // Whoever does these writes them down.
        ControlEvent::RevisionLoaded { .. }
        | ControlEvent::SubscriptionChanged { .. }
        | ControlEvent::BodiesErased { .. }
        | ControlEvent::OperatorActed { .. }
        | ControlEvent::SignedIn { .. }
        | ControlEvent::SignedOut
        | ControlEvent::PageViewed { .. } => None,
    }
}

fn seen(change: &ControlEvent) {
    match change {
        ControlEvent::BreakerChanged { model, from, to, reason, quality_of: Some(of), .. } => {
            metrics::counter!(
                "backstop_quality_breaker_changes_total",
                "model" => model.clone(), "policy" => of.policy.clone(), "to" => to.clone(),
            )
            .increment(1);
            let policy = &of.policy;
            tracing::warn!(model, policy, from, to, reason, "a quality breaker changed");
        }
        ControlEvent::BreakerChanged { model, from, to, reason, .. } => {
            metrics::counter!(
                "backstop_breaker_changes_total", "model" => model.clone(), "to" => to.clone(),
            )
            .increment(1);
            tracing::warn!(model, from, to, reason, "a breaker changed");
        }
        ControlEvent::LatchChanged { provider, until, reason } => {
            let latched = if until.is_some() { "latched" } else { "free" };
            metrics::counter!(
                "backstop_latch_changes_total",
                "provider" => provider.clone(), "to" => latched,
            )
            .increment(1);
            tracing::warn!(provider, latched, reason, "a credential changed");
        }
        ControlEvent::CanaryReturned { policy, revision, reason, .. } => {
            let draft = revision.short();
            metrics::counter!("backstop_canary_returned_total", "policy" => policy.clone())
                .increment(1);
            tracing::error!(policy, %draft, reason, "a canary was taken back");
        }
        ControlEvent::ShadowJudged { .. }
        | ControlEvent::RevisionLoaded { .. }
        | ControlEvent::SubscriptionChanged { .. }
        | ControlEvent::BodiesErased { .. }
        | ControlEvent::OperatorActed { .. }
        | ControlEvent::SignedIn { .. }
        | ControlEvent::SignedOut
        | ControlEvent::PageViewed { .. } => {}
    }
}
