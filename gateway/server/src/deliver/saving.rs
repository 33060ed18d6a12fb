//! How a consumer's task writes down where it stands: in one piece with what is told of it.

use std::time::Duration;

use backstop_domain::Stream;
use backstop_ledger::{Append, AppendError, NewEvent, Progress, ReadFailed, Transaction};

use super::worker::Worker;

/// Positions settled out of order; beyond that those on their way get rows of their own, so that
/// the cursor moves on.
const SETTLED_MAX: usize = 256;
/// Pause while the ledger is too busy.
const PAUSE: Duration = Duration::from_millis(50);

/// Why a worker cannot go on for now.
#[derive(Debug, thiserror::Error)]
pub(super) enum Halt {
    /// The ledger cannot be read.
    #[error(transparent)]
    Read(#[from] ReadFailed),
    /// Nothing is written any more, until the process starts anew.
    #[error("{0}")]
    Written(String),
}

impl Worker {
    /// Up to where everything is settled or has a row of its own.
    pub(super) fn cursor(&self) -> u64 {
        self.lanes.first_fresh().map_or(self.read, |first| first.saturating_sub(1))
    }

    /// Before a step is written: what is on its way too long gets a row of its own.
    pub(super) fn make_room(&mut self) {
        if self.settled.len() <= SETTLED_MAX {
            return;
        }
        for position in self.lanes.flying_fresh() {
            if let Some(row) = self.lanes.keep(position) {
                let delivery = row.delivery(None);
                self.put.insert(position, delivery);
                self.settled.insert(position);
            }
        }
    }

    /// Writes down where the consumer stands. It rides along: whoever crashes before is given
    /// something twice, never not at all. The first place alone is hurried, since somebody waits.
    pub(super) async fn save(&mut self) -> Result<(), Halt> {
        self.make_room();
        loop {
            let transaction = self.step().await?;
            match self.engine.ledger().append(transaction).await {
                Ok(_) => break,
                // Somebody else was quicker, or there is much to write: once more.
                Err(AppendError::Busy | AppendError::Conflict { .. }) => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(Halt::Written(error.to_string())),
            }
        }
        self.saved = self.standing.cursor;
        self.put.clear();
        self.done.clear();
        self.news.clear();
        (self.unsaved, self.new) = (false, false);
        Ok(())
    }

    async fn step(&mut self) -> Result<Transaction, Halt> {
        let cursor = self.cursor();
        self.settled = self.settled.split_off(&(cursor + 1));
        self.standing.cursor = cursor;
        self.standing.settled = self.settled.iter().copied().collect();
        self.standing.flying = self.lanes.flying_fresh();
        let progress = Progress {
            standing: self.standing.clone(),
            put: self.put.values().cloned().collect(),
            done: self.done.iter().copied().collect(),
        };
        let appends = self.told().await?;
        let step = Transaction::of(appends).with_progress(progress);
        Ok(if self.new { step.hurried() } else { step })
    }

    /// What is to be told in the ledger.
    async fn told(&self) -> Result<Vec<Append>, Halt> {
        if self.news.is_empty() {
            return Ok(Vec::new());
        }
        let stream = Stream::control(&format!("subscription.{}", self.consumer.name));
        let expected_seq = self.engine.ledger().stream(&stream, 0).await?.len() as u64;
        let now = self.now();
        let events = self.news.iter().map(|(actor, event)| {
            let id = self.engine.ids().event(now);
            NewEvent::control(id, now, actor.clone(), event.clone())
        });
        Ok(vec![Append { stream, expected_seq, after: None, events: events.collect() }])
    }
}
