//! The open reviews in the order in which people see them.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use backstop_domain::{Event, Millis, Priority, ReviewId, Sampled};
use backstop_ledger::{Ledger, ReadFailed, Recorded, ReviewFilter, ReviewPhase, ReviewSummary};

use super::follow::Projection;

/// How long a past decision counts for the rate of decisions, in milliseconds.
const RATE_MS: u64 = 3_600_000;
/// Most past decisions that are kept, for likeness and rate.
const PAST_MAX: usize = 2_000;

/// The projection.
#[derive(Default)]
pub struct Board {
    loaded: bool,
    open: HashMap<ReviewId, Arc<ReviewSummary>>,
    past: VecDeque<Arc<ReviewSummary>>,
}

/// The open reviews as they stood at one position.
#[derive(Default)]
pub struct View {
    /// Grows whenever anything here changes.
    pub version: u64,
    /// Open reviews, first the one to decide first.
    pub rows: Vec<Arc<ReviewSummary>>,
    /// Those that closed lately, newest first.
    pub past: Vec<Arc<ReviewSummary>>,
    /// Those that several people decide apart, open or closed lately, by the one that a call waits
    /// for, which stands first.
    apart: HashMap<ReviewId, Vec<Arc<ReviewSummary>>>,
}

impl Projection for Board {
    type View = View;

    async fn load(&mut self, ledger: &dyn Ledger, _: Millis) -> Result<(), ReadFailed> {
        let rows = ledger.open_reviews().await?;
        let open = rows.into_iter().map(|row| (row.id.clone(), Arc::new(row))).collect();
        let before = std::mem::replace(&mut self.open, open);
        if self.loaded {
            // Whatever is no longer open closed while nobody looked.
            let gone: Vec<ReviewId> =
                before.into_keys().filter(|id| !self.open.contains_key(id)).collect();
            for id in gone {
                if let Some(row) = ledger.review(&id).await? {
                    self.remember(Arc::new(row));
                }
            }
        } else {
            let phase = Some(ReviewPhase::Decided);
            let filter = ReviewFilter { phase, latest: true, limit: 500, ..Default::default() };
            let mut past = ledger.reviews(filter).await?.rows;
            past.sort_by_key(|row| row.updated);
            past.into_iter().for_each(|row| self.remember(Arc::new(row)));
        }
        self.loaded = true;
        Ok(())
    }

    async fn take(&mut self, ledger: &dyn Ledger, events: &[Recorded]) -> Result<bool, ReadFailed> {
        let mut changed = false;
        for event in events {
            changed |= self.follow(ledger, event).await?;
        }
        Ok(changed)
    }

    fn view(&self, version: u64) -> View {
        let mut rows: Vec<_> = self.open.values().cloned().collect();
        rows.sort_by(|a, b| (rank(a), &a.id).cmp(&(rank(b), &b.id)));
        let mut apart: HashMap<ReviewId, Vec<Arc<ReviewSummary>>> = HashMap::new();
        for row in self.past.iter().chain(&rows) {
            if let Some(Sampled::Overlap { of }) = &row.sampled {
                apart.entry(of.clone()).or_default().push(Arc::clone(row));
            }
        }
        for rows in apart.values_mut() {
            rows.sort_by(|a, b| (a.is_drawn(), &a.id).cmp(&(b.is_drawn(), &b.id)));
        }
        View { version, rows, past: self.past.iter().rev().cloned().collect(), apart }
    }
}

impl Board {
    /// Goes on by one event; tells whether it changed anything.
    async fn follow(
        &mut self,
        ledger: &dyn Ledger,
        recorded: &Recorded,
    ) -> Result<bool, ReadFailed> {
        let Some(id) = recorded.envelope.stream.review_id() else { return Ok(false) };
        // A row that was read later than this knows of it already.
        let known = self.open.get(&id);
        if known.is_some_and(|row| row.seq >= recorded.envelope.seq) {
            return Ok(false);
        }
        let row = match &recorded.event {
            Ok(Event::Review(event)) => {
                let before = known.map(|row| ReviewSummary::clone(row));
                match ReviewSummary::fold(before, &recorded.envelope, event) {
                    Some(row) => Some(row),
                    // One that was closed is open again.
                    None => ledger.review(&id).await?,
                }
            }
            _ => ledger.review(&id).await?,
        };
        let Some(row) = row.map(Arc::new) else { return Ok(true) };
        if row.phase.is_open() {
            self.past.retain(|past| past.id != id);
            self.open.insert(id, row);
        } else {
            self.open.remove(&id);
            self.remember(row);
        }
        Ok(true)
    }

    fn remember(&mut self, row: Arc<ReviewSummary>) {
        self.past.retain(|past| past.id != row.id);
        self.past.push_back(row);
        if self.past.len() > PAST_MAX {
            self.past.pop_front();
        }
    }
}

/// When a review's turn is. It is due first what is due first; a high priority counts as due two
/// hours sooner, a low one as eight hours later. Time passes for all alike, so whatever waits comes
/// nearer to the top: nothing starves.
fn rank(row: &ReviewSummary) -> u64 {
    match row.priority {
        Priority::High => row.due.0.saturating_sub(2 * 3_600_000),
        Priority::Normal => row.due.0,
        Priority::Low => row.due.0.saturating_add(8 * 3_600_000),
    }
}

impl View {
    /// Whether that person does not see it, because they see another one of those that are decided
    /// apart: the one in which they have a part, else the first that is free.
    pub fn sees_another(&self, row: &ReviewSummary, person: &str, now: Millis) -> bool {
        let Some(Sampled::Overlap { of }) = &row.sampled else { return false };
        let all = self.apart.get(of).map(Vec::as_slice).unwrap_or_default();
        let others = || all.iter().filter(|other| other.id != row.id);
        let free =
            |other: &&Arc<ReviewSummary>| other.phase.is_open() && other.held_by(now).is_none();
        let before = all.iter().take_while(|other| other.id != row.id);
        others().any(|other| other.involves(person, now))
            || (!row.involves(person, now) && before.filter(free).count() > 0)
    }

    /// How many reviews of that queue people closed in the last hour.
    pub fn decided_lately(&self, queue: &str, now: Millis) -> usize {
        let lately = |row: &&Arc<ReviewSummary>| {
            row.queue == queue
                && row.phase == ReviewPhase::Decided
                && now.since(row.updated) < RATE_MS
        };
        self.past.iter().filter(lately).count()
    }

    /// The last decisions on reviews of that policy that some of the same rules or checks led to,
    /// the likest first.
    pub fn alike(&self, policy: &str, because: &[String], not: &ReviewId) -> Vec<&ReviewSummary> {
        let shared =
            |row: &ReviewSummary| row.because.iter().filter(|by| because.contains(by)).count();
        let mut rows: Vec<&ReviewSummary> = self
            .past
            .iter()
            .map(AsRef::as_ref)
            .filter(|row| row.policy == policy && row.id != *not)
            .filter(|row| row.phase == ReviewPhase::Decided && shared(row) > 0)
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse((shared(row), row.updated)));
        rows.truncate(5);
        rows
    }
}

#[cfg(test)]
mod tests;
