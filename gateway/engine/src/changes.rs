//! What guards did of themselves, written down: breakers that opened or closed, latches that fell,
//! canaries that were taken back, levels of degradation; and what operators told them to do.

use std::{collections::HashMap, sync::Arc};

use backstop_domain::{Actor, ControlEvent, Stream};
use backstop_ledger::{AppendError, NewEvent, Transaction};
use parking_lot::Mutex;
use tokio::sync::{
    Notify,
    oneshot::{Receiver, Sender, channel},
};

use crate::{engine::Inner, live::Stop, reviews::TRIES};

/// Changes that wait to be written; bounded by what each gate keeps.
#[derive(Default)]
pub(crate) struct Changes {
    waiting: Mutex<Vec<Change>>,
    come: Notify,
    /// Held while an operator's act is written and carried out.
    pub orders: tokio::sync::Mutex<()>,
}

/// A change, who made it, and who waits until it is on disk.
struct Change {
    event: ControlEvent,
    actor: Actor,
    told: Option<Sender<Result<(), Stop>>>,
}

impl Changes {
    /// Takes over what changed at a guard, if anything did.
    pub fn take(&self, changes: Vec<ControlEvent>) {
        if !changes.is_empty() {
            let actor = Actor::system("guards");
            let changes = changes.into_iter();
            let changes = changes.map(|event| Change { event, actor: actor.clone(), told: None });
            self.waiting.lock().extend(changes);
            self.come.notify_one();
        }
    }

    /// Takes over what somebody changed who waits until it is on disk.
    pub fn tell(&self, event: ControlEvent, actor: Actor) -> Receiver<Result<(), Stop>> {
        let (send, written) = channel();
        self.waiting.lock().push(Change { event, actor, told: Some(send) });
        self.come.notify_one();
        written
    }
}

impl Inner {
    /// Writes changes down as they come, until the gateway drains.
    pub(crate) async fn watch_changes(self: Arc<Self>) {
        let mut seqs = HashMap::new();
        loop {
            let changes = std::mem::take(&mut *self.changes.waiting.lock());
            for Change { event, actor, told } in changes {
                let done = self.record_change(&mut seqs, &actor, event).await;
                if let Some(told) = told {
                    drop(told.send(done));
                }
            }
            tokio::select! {
                biased;
                () = self.changes.come.notified() => {}
                () = self.tasks.draining() => return,
            }
        }
    }

    /// Writes one change down.
    ///
    /// # Errors
    /// [`Stop`] if it is not on disk; that is in the log too.
    pub(crate) async fn record_change(
        &self,
        seqs: &mut HashMap<Stream, u64>,
        actor: &Actor,
        change: ControlEvent,
    ) -> Result<(), Stop> {
        seen(&change);
        let done = self.write_change(seqs, actor, change).await;
        if let Err(error) = &done {
            tracing::error!(%error, "a change is not recorded");
        }
        done
    }

    async fn write_change(
        &self,
        seqs: &mut HashMap<Stream, u64>,
        actor: &Actor,
        change: ControlEvent,
    ) -> Result<(), Stop> {
        let Some(stream) = stream(&change) else { return Ok(()) };
        // Another process may have written there: then its place is read anew, once.
        let mut again = true;
        loop {
            let seq = match seqs.get(&stream) {
                Some(seq) => *seq,
                None => self.ledger.stream(&stream, 0).await?.len() as u64,
            };
            let event = self.control_event(actor.clone(), change.clone());
            let transaction = Transaction::one(stream.clone(), seq, vec![event]);
            match self.ledger.append(transaction).await {
                Ok(_) => {
                    seqs.insert(stream, seq + 1);
                    return Ok(());
                }
                Err(AppendError::Conflict { .. }) if again => {
                    again = false;
                    seqs.remove(&stream);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits until what somebody changed is on disk.
    pub(crate) async fn written(&self, written: Receiver<Result<(), Stop>>) -> Result<(), Stop> {
        let stopped = || Stop::Broken("the gateway is stopping".to_owned());
        tokio::select! {
            done = written => done.map_err(|_| stopped())?,
            () = self.tasks.draining() => Err(stopped()),
        }
    }

    /// Writes an operator's act down and waits for the disk.
    ///
    /// # Errors
    /// [`Stop`] if it is not on disk.
    pub(crate) async fn tell(
        &self,
        stream: &Stream,
        actor: &Actor,
        act: &ControlEvent,
    ) -> Result<(), Stop> {
        let mut tries = TRIES;
        loop {
            let seq = self.ledger.stream(stream, 0).await?.len() as u64;
            let event = self.control_event(actor.clone(), act.clone());
            let transaction = Transaction::one(stream.clone(), seq, vec![event]);
            match self.ledger.append(transaction).await {
                Err(AppendError::Conflict { .. }) if tries > 1 => tries -= 1,
                done => return done.map(drop).map_err(Stop::from),
            }
        }
    }

    /// An event of a control stream that happens now.
    pub(crate) fn control_event(&self, actor: Actor, event: ControlEvent) -> NewEvent {
        let now = self.clock.now();
        NewEvent::control(self.ids.event(now), now, actor, event)
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
        ControlEvent::LevelChanged { .. } => Some(crate::load::stream()),
        // Whoever does these writes them down.
        ControlEvent::RevisionLoaded { .. }
        | ControlEvent::SubscriptionChanged { .. }
        | ControlEvent::BodiesErased { .. }
        | ControlEvent::RetentionApplied { .. }
        | ControlEvent::OperatorActed { .. }
        | ControlEvent::SignedIn { .. }
        | ControlEvent::SignedOut(_)
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
        ControlEvent::LevelChanged { from, to, reason, .. } => {
            metrics::counter!("backstop_level_changes_total", "to" => to.name()).increment(1);
            tracing::warn!(from = from.name(), to = to.name(), reason, "the level changed");
        }
        ControlEvent::ShadowJudged { .. }
        | ControlEvent::RevisionLoaded { .. }
        | ControlEvent::SubscriptionChanged { .. }
        | ControlEvent::BodiesErased { .. }
        | ControlEvent::RetentionApplied { .. }
        | ControlEvent::OperatorActed { .. }
        | ControlEvent::SignedIn { .. }
        | ControlEvent::SignedOut(_)
        | ControlEvent::PageViewed { .. } => {}
    }
}
