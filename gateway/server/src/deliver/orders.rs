//! What operators can tell a consumer's task to do. Each order is written down, with who gave it
//! and why, before it is acknowledged.

use backstop_domain::{Actor, ControlEvent};
use backstop_ledger::{Again, Delivery, DeliveryFilter};
use tokio::sync::oneshot;

use super::{
    reading::row_of,
    saving::Halt,
    worker::{WINDOW, Worker},
};

/// An order.
#[derive(Debug)]
pub(super) struct Order {
    pub actor: Actor,
    pub reason: String,
    pub what: What,
    pub answer: oneshot::Sender<Result<u64, Denied>>,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Deliver again; whatever waits is due at once.
    Enable,
    /// Deliver nothing; the place is kept.
    Disable,
    /// Give parked events another chance: those at these positions, or the first thousand.
    Parked(Vec<u64>),
    /// Give a stretch of the log again.
    Range {
        /// Its first position.
        from: u64,
        /// Its last one.
        until: u64,
    },
}

/// Why an order was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// There is no such subscription in the gateway file.
    #[error("there is no such subscription in gateway.yaml")]
    Unknown,
    /// It does not fit how things stand.
    #[error("{0}")]
    Unfit(String),
    /// It could not be written down.
    #[error("it could not be written down: {0}")]
    Failed(String),
}

/// The event that says so.
pub(super) fn changed(subscription: &str, to: &str, reason: &str) -> ControlEvent {
    ControlEvent::SubscriptionChanged {
        subscription: subscription.to_owned(),
        to: to.to_owned(),
        reason: reason.to_owned(),
        from: None,
        until: None,
    }
}

impl Worker {
    /// Carries out an order and answers it.
    pub(super) async fn obey(&mut self, order: Order) {
        let Order { actor, reason, what, answer } = order;
        let mut done = self.carry_out(actor, &reason, what).await;
        if done.is_ok()
            && let Err(halt) = self.save().await
        {
            done = Err(Denied::Failed(halt.to_string()));
        }
        // Whoever asked sees it at once. They may have gone; it stands all the same.
        self.show();
        drop(answer.send(done));
    }

    async fn carry_out(&mut self, actor: Actor, reason: &str, what: What) -> Result<u64, Denied> {
        match what {
            What::Enable => self.enable(actor, reason),
            What::Disable => {
                if self.standing.disabled.is_none() {
                    self.disable(actor, reason);
                }
                Ok(0)
            }
            What::Parked(positions) => {
                let parked = self.parked(&positions).await;
                let parked = parked.map_err(|halt| Denied::Failed(halt.to_string()))?;
                self.unpark(actor, reason, parked)
            }
            What::Range { from, until } => self.give_again(actor, reason, from, until),
        }
    }

    fn enable(&mut self, actor: Actor, reason: &str) -> Result<u64, Denied> {
        if !self.consumer.enabled {
            let why = "gateway.yaml says `enabled: false`; change it there";
            return Err(Denied::Unfit(why.to_owned()));
        }
        if self.standing.disabled.take().is_some() {
            self.news.push((actor, changed(&self.consumer.name, "enabled", reason)));
        }
        self.standing.failing_since = None;
        self.start_afresh();
        Ok(self.lanes.len() as u64)
    }

    async fn parked(&self, positions: &[u64]) -> Result<Vec<Delivery>, Halt> {
        let (ledger, name) = (self.engine.ledger(), &self.consumer.name);
        let all = DeliveryFilter { parked: true, ..DeliveryFilter::default() };
        if positions.is_empty() {
            return Ok(ledger.deliveries(name, all).await?);
        }
        let mut found = Vec::new();
        for position in positions {
            let one = DeliveryFilter { after: position.saturating_sub(1), limit: 1, ..all };
            found.extend(ledger.deliveries(name, one).await?);
        }
        found.retain(|one| positions.contains(&one.position));
        found.dedup_by_key(|one| one.position);
        Ok(found)
    }

    fn unpark(&mut self, actor: Actor, reason: &str, parked: Vec<Delivery>) -> Result<u64, Denied> {
        if self.lanes.len() > 2 * WINDOW {
            let why = "too much waits already; try again when it is delivered";
            return Err(Denied::Unfit(why.to_owned()));
        }
        let now = self.now();
        let (first, last) = (parked.first(), parked.last());
        let (from, until) = (first.map(|one| one.position), last.map(|one| one.position));
        let count = parked.len() as u64;
        for one in parked {
            let again = Delivery { tries: 0, due: now, parked: None, ..one };
            self.put.insert(again.position, again.clone());
            self.lanes.add(row_of(again));
        }
        if count > 0 {
            self.tell_again(actor, reason, from, until);
        }
        Ok(count)
    }

    fn give_again(
        &mut self,
        actor: Actor,
        reason: &str,
        from: u64,
        until: u64,
    ) -> Result<u64, Denied> {
        // What was not read yet comes anyway, and must not come before what precedes it.
        let until = until.min(self.read);
        if from == 0 || from > until {
            let read = self.read;
            let why = format!(
                "there is nothing from position {from} to {until} to give again; what comes after \
                 {read} is still to be given for the first time"
            );
            return Err(Denied::Unfit(why));
        }
        if let Some(Again { next, until }) = self.standing.again {
            let why = format!("positions {next} to {until} are still being given again");
            return Err(Denied::Unfit(why));
        }
        self.standing.again = Some(Again { next: from, until });
        self.tell_again(actor, reason, Some(from), Some(until));
        Ok(until - from + 1)
    }

    fn tell_again(&mut self, actor: Actor, reason: &str, from: Option<u64>, until: Option<u64>) {
        let event = ControlEvent::SubscriptionChanged {
            subscription: self.consumer.name.clone(),
            to: "redelivered".to_owned(),
            reason: reason.to_owned(),
            from,
            until,
        };
        self.news.push((actor, event));
        self.unsaved = true;
    }
}
