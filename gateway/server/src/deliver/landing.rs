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
    letter, notice, orders, schedule,
    worker::Worker,
};

/// A delivery that came back.
pub(super) struct Flown {
    pub positions: Vec<u64>,
    pub ticket: Ticket,
    pub receipt: Receipt,
    /// Whether something of the event was erased before it could be sent.
    pub gap: bool,
}

impl Worker {
    /// Takes in what became of a delivery.
    pub(super) fn landed(&mut self, flown: Result<Flown, tokio::task::JoinError>) {
        // A task that was stopped with us has nothing to tell.
        let Ok(Flown { positions, ticket, receipt, gap }) = flown else { return };
        let Some(first) = positions.first().copied() else { return };
        let now = self.now();
        self.unsaved = true;
        if gap {
            self.standing.gap.get_or_insert(first);
        }
        let (sample, asked) = match &receipt {
            Receipt::Taken => (Sample::Good, None),
            Receipt::Busy { for_ms, .. } => (Sample::Throttled, *for_ms),
            Receipt::Gone | Receipt::Refused(_) => (Sample::Bad, None),
        };
        let dice = schedule::dice(&self.consumer.name, first, 0);
        let change = self.breaker.record(now, ticket, sample, asked, dice);
        let back = change.is_some_and(|change| change.to == BreakerState::Closed);
        let gone = receipt == Receipt::Gone;
        let failed = match receipt {
            Receipt::Taken => None,
            Receipt::Gone => Some(("answered 410".to_owned(), None)),
            Receipt::Busy { for_ms, why } => {
                self.hold = self.hold.max(now.plus(for_ms.unwrap_or(1_000)));
                Some((why, for_ms))
            }
            Receipt::Refused(why) => Some((why, None)),
        };
        for position in positions {
            match &failed {
                None => self.taken(position),
                Some((why, for_ms)) => self.retry(position, now, why.clone(), *for_ms),
            }
        }
        if failed.is_none() {
            self.all_is_well(now, back);
        }
        if gone && self.standing.disabled.is_none() {
            self.disable(Actor::system("deliveries"), "the receiver answered 410: it is gone");
        }
    }

    fn taken(&mut self, position: u64) {
        self.count("delivered");
        self.standing.delivered += 1;
        self.settle(position);
    }

    /// Something was taken; `back`: for the first time after a while.
    fn all_is_well(&mut self, now: Millis, back: bool) {
        if self.standing.failing_since.take().is_some() {
            tracing::info!(subscription = self.consumer.name, "deliveries are taken again");
        }
        if back {
            self.lanes.hurry(now);
        }
        // What was too much for one message to people is not told at once in the next.
        if let Some(people) = &self.consumer.people {
            self.hold = self.hold.max(now.plus(people.digest_ms));
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
        if self.standing.failing_since.is_none() {
            let (subscription, host) = (&self.consumer.name, self.consumer.host());
            tracing::warn!(subscription, host, why, "a delivery failed; it is tried again");
        }
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

/// Writes the letter about these events and takes it there.
pub(super) async fn take(
    engine: &Engine,
    feed: &Feed,
    consumer: &Consumer,
    courier: &dyn Courier,
    rows: Vec<Row>,
) -> (Receipt, bool) {
    let unread = |error: ReadFailed| (Receipt::Refused(format!("not sent: {error}")), false);
    let mut items = Vec::with_capacity(rows.len());
    for row in rows {
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
        items.push(item);
    }
    let letter = match (&consumer.people, items.first()) {
        (Some(people), _) => notice::write(engine, consumer, people, &items).await,
        (None, Some(item)) => letter::write(engine, consumer, item).await.map(Some),
        (None, None) => Ok(None),
    };
    let letter = match letter {
        Ok(Some(letter)) => letter,
        // Nothing of it is news any more.
        Ok(None) => return (Receipt::Taken, false),
        Err(error) => return unread(error),
    };
    let now = engine.clock().now();
    let receipt = courier.take(&letter, now).await;
    if receipt == Receipt::Taken
        && let Some(first) = items.first()
    {
        let after = engine.clock().now().since(first.recorded.envelope.at);
        let labels = [("subscription", consumer.name.clone())];
        metrics::histogram!("backstop_delivery_seconds", &labels).record(after as f64 / 1000.0);
    }
    (receipt, letter.gap)
}
