//! What becomes of a delivery: taken, tried again later, parked, or the consumer disabled.

use backstop_domain::{
    Actor, Millis,
    guard::{BreakerState, Sample, Ticket},
};
use backstop_engine::Engine;
use backstop_ledger::ReadFailed;

use super::{
    Consumer,
    courier::{Courier, Receipt},
    feed::Feed,
    lanes::Row,
    letter, orders, schedule,
    worker::Worker,
};

/// A delivery that came back.
pub(super) struct Flown {
    pub position: u64,
    pub ticket: Ticket,
    pub receipt: Receipt,
    /// Whether something of the event was erased before it could be sent.
    pub gap: bool,
}

impl Worker {
    /// Takes in what became of a delivery.
    pub(super) fn landed(&mut self, flown: Result<Flown, tokio::task::JoinError>) {
        // A task that was stopped with us has nothing to tell.
        let Ok(Flown { position, ticket, receipt, gap }) = flown else { return };
        let now = self.now();
        self.unsaved = true;
        if gap {
            self.standing.gap.get_or_insert(position);
        }
        let (sample, asked) = match &receipt {
            Receipt::Taken => (Sample::Good, None),
            Receipt::Busy { for_ms, .. } => (Sample::Throttled, *for_ms),
            Receipt::Gone | Receipt::Refused(_) => (Sample::Bad, None),
        };
        let dice = schedule::dice(&self.consumer.name, position, 0);
        let change = self.breaker.record(now, ticket, sample, asked, dice);
        let back = change.is_some_and(|change| change.to == BreakerState::Closed);
        match receipt {
            Receipt::Taken => self.taken(position, now, back),
            Receipt::Gone => {
                self.retry(position, now, "answered 410".to_owned(), None);
                if self.standing.disabled.is_none() {
                    let why = "the receiver answered 410: it is gone";
                    self.disable(Actor::system("deliveries"), why);
                }
            }
            Receipt::Busy { for_ms, why } => {
                self.hold = self.hold.max(now.plus(for_ms.unwrap_or(1_000)));
                self.retry(position, now, why, for_ms);
            }
            Receipt::Refused(why) => self.retry(position, now, why, None),
        }
    }

    fn taken(&mut self, position: u64, now: Millis, back: bool) {
        self.count("delivered");
        self.standing.delivered += 1;
        self.standing.failing_since = None;
        self.settle(position);
        if back {
            self.lanes.hurry(now);
        }
    }

    /// That one is over.
    fn settle(&mut self, position: u64) {
        let Some(row) = self.lanes.end(position) else { return };
        self.put.remove(&position);
        if row.kept {
            self.done.insert(position);
        } else {
            self.settled.insert(position);
        }
    }

    /// That one is tried again later, or parked if it was tried often enough.
    fn retry(&mut self, position: u64, now: Millis, why: String, asked_ms: Option<u64>) {
        let since = *self.standing.failing_since.get_or_insert(now);
        let tries = self.lanes.get(position).map_or(1, |row| row.tries);
        let dice = schedule::dice(&self.consumer.name, position, tries);
        self.settled.insert(position);
        if let Some(pause) = schedule::pause_ms(tries, dice) {
            self.count("failed");
            let due = now.plus(pause.max(asked_ms.unwrap_or(0)));
            if let Some(row) = self.lanes.again(position, due, why) {
                self.put.insert(position, row.delivery(None));
            }
        } else if let Some(mut row) = self.lanes.end(position) {
            self.count("parked");
            let subscription = &self.consumer.name;
            tracing::warn!(subscription, position, why, "an event was parked");
            row.last = Some(why.clone());
            self.put.insert(position, row.delivery(Some(why)));
        }
        if now.since(since) >= schedule::FAILING_MAX_MS && self.standing.disabled.is_none() {
            self.disable(Actor::system("deliveries"), "nothing was taken for five days");
        }
    }

    /// Nothing is delivered any more; the place is kept.
    pub(super) fn disable(&mut self, actor: Actor, reason: &str) {
        tracing::warn!(subscription = self.consumer.name, reason, "a subscription was disabled");
        self.standing.disabled = Some(reason.to_owned());
        self.news.push((actor, orders::changed(&self.consumer.name, "disabled", reason)));
        self.unsaved = true;
    }

    fn count(&self, result: &'static str) {
        let labels = [("subscription", self.consumer.name.clone()), ("result", result.to_owned())];
        metrics::counter!("backstop_deliveries_total", &labels).increment(1);
    }
}

/// Writes the letter and takes it there.
pub(super) async fn take(
    engine: &Engine,
    feed: &Feed,
    consumer: &Consumer,
    courier: &dyn Courier,
    row: Row,
) -> (Receipt, bool) {
    let unread = |error: ReadFailed| (Receipt::Refused(format!("not sent: {error}")), false);
    let item = match row.item {
        Some(item) => item,
        None => match feed.at(row.position).await {
            Ok(Some(item)) => item,
            Ok(None) => {
                return (Receipt::Refused("not sent: there is no such event".into()), false);
            }
            Err(error) => return unread(error),
        },
    };
    let letter = match letter::write(engine, consumer, &item).await {
        Ok(letter) => letter,
        Err(error) => return unread(error),
    };
    let now = engine.clock().now();
    let receipt = courier.take(&letter, now).await;
    if receipt == Receipt::Taken {
        let after = engine.clock().now().since(item.recorded.envelope.at);
        let labels = [("subscription", consumer.name.clone())];
        metrics::histogram!("backstop_delivery_seconds", &labels).record(after as f64 / 1000.0);
    }
    (receipt, letter.gap)
}
