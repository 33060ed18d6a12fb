//! How a consumer's task takes up what was kept, and reads ahead within its window.

use std::sync::Arc;

use backstop_domain::Millis;
use backstop_ledger::{Delivery, DeliveryFilter};

use super::{
    feed::Item,
    lanes::Row,
    saving::Halt,
    worker::{WINDOW, Worker},
};

impl Worker {
    /// Takes up what was kept, and counts a try for what was on its way when the process ended.
    pub(super) async fn take_up(&mut self) -> Result<(), Halt> {
        let mut after = 0;
        loop {
            let filter = DeliveryFilter { after, ..DeliveryFilter::default() };
            let page = self.engine.ledger().deliveries(&self.consumer.name, filter).await?;
            let Some(last) = page.last() else { break };
            after = last.position;
            page.into_iter().for_each(|kept| self.lanes.add(row_of(kept)));
        }
        let now = self.now();
        for position in std::mem::take(&mut self.standing.flying) {
            let Some(item) = self.feed.at(position).await? else { continue };
            let interrupted = Some("the gateway stopped meanwhile".to_owned());
            let row = Row { tries: 1, kept: true, last: interrupted, ..self.fresh(item, now) };
            self.put.insert(position, row.delivery(None));
            self.settled.insert(position);
            self.lanes.add(row);
            self.unsaved = true;
        }
        Ok(())
    }

    /// Reads on in the stretch that is to be given again.
    pub(super) async fn read_again(&mut self) -> Result<(), Halt> {
        let Some(mut again) = self.standing.again else { return Ok(()) };
        if self.lanes.len() >= WINDOW / 2 {
            return Ok(());
        }
        let page = self.feed.after(again.next.saturating_sub(1)).await?;
        let now = self.now();
        let until = page.last().map_or(again.until, |last| last.position().min(again.until));
        for item in page.into_iter().filter(|item| item.position() <= again.until) {
            if self.consumer.wants(&item) && !self.lanes.has(item.position()) {
                let row = Row { kept: true, ..self.fresh(item, now) };
                self.put.insert(row.position, row.delivery(None));
                self.settled.insert(row.position);
                self.lanes.add(row);
            }
        }
        again.next = until + 1;
        self.standing.again = (again.next <= again.until).then_some(again);
        self.unsaved = true;
        Ok(())
    }

    /// Reads on in the log, as far as there is room.
    pub(super) async fn read_on(&mut self) -> Result<(), Halt> {
        while self.lanes.len() < WINDOW {
            let page = self.feed.after(self.read).await?;
            if page.is_empty() {
                break;
            }
            let now = self.now();
            for item in page {
                if self.lanes.len() >= WINDOW {
                    return Ok(());
                }
                let position = item.position();
                self.read = position;
                if self.consumer.wants(&item) && !self.settled.contains(&position) {
                    let row = self.fresh(item, now);
                    self.lanes.add(row);
                }
            }
        }
        Ok(())
    }

    /// People are told in one lane, a while later: what comes meanwhile goes along.
    fn fresh(&self, item: Arc<Item>, now: Millis) -> Row {
        let at = item.recorded.envelope.at;
        let (lane, due) = match &self.consumer.people {
            Some(people) => (self.consumer.name.clone(), at.plus(people.digest_ms).max(now)),
            None => (item.about.lane.0.clone(), now),
        };
        let position = item.position();
        Row { position, lane, tries: 0, due, at, kept: false, last: None, item: Some(item) }
    }
}

pub(super) fn row_of(kept: Delivery) -> Row {
    let Delivery { position, lane, tries, due, last, .. } = kept;
    Row { position, lane, tries, due, at: due, kept: true, last, item: None }
}
