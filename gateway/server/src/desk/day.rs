//! The calls of the last day, as little of each as the overview counts.

use std::collections::{BTreeMap, BTreeSet};

use backstop_domain::{CallId, FailureClass, MicroMoney, Millis, Outcome};
use backstop_ledger::{CallFilter, CallSummary, Ledger, ReadFailed, Recorded};

use super::follow::Projection;

/// How far the overview looks back, in milliseconds.
pub const DAY_MS: u64 = 24 * 3_600_000;
/// Most calls that are counted; the newest ones.
pub const CALLS_MAX: usize = 10_000;
/// Calls read at once.
const PAGE: usize = 500;

/// What is counted of a call.
#[derive(Clone, Copy)]
pub struct Counted {
    /// When it came in.
    pub received: Millis,
    /// How it ended; `None` while it is open.
    pub outcome: Option<Outcome>,
    /// The class of the failure that it is about, or that it ended by.
    pub class: Option<FailureClass>,
    /// Money so far.
    pub cost: MicroMoney,
    /// Whether it has not ended.
    pub open: bool,
}

impl From<&CallSummary> for Counted {
    fn from(call: &CallSummary) -> Self {
        let CallSummary { received, outcome, class, cost, .. } = *call;
        Self { received, outcome, class, cost, open: call.is_open() }
    }
}

/// The projection: the newest calls, in the order in which they came in.
#[derive(Default)]
pub struct Day(BTreeMap<(Millis, CallId), Counted>);

impl Day {
    fn count(&mut self, calls: &[CallSummary]) {
        for call in calls {
            self.0.insert((call.received, call.id.clone()), call.into());
        }
        while self.0.len() > CALLS_MAX {
            self.0.pop_first();
        }
    }
}

impl Projection for Day {
    type View = Vec<Counted>;

    async fn load(&mut self, ledger: &dyn Ledger, now: Millis) -> Result<(), ReadFailed> {
        let since = Some(Millis(now.0.saturating_sub(DAY_MS)));
        self.0.clear();
        let mut filter = CallFilter { since, limit: PAGE, ..CallFilter::default() };
        while self.0.len() < CALLS_MAX {
            let page = ledger.calls(filter.clone()).await?;
            self.count(&page.rows);
            filter.after = page.next;
            if filter.after.is_none() {
                break;
            }
        }
        Ok(())
    }

    async fn take(&mut self, ledger: &dyn Ledger, events: &[Recorded]) -> Result<bool, ReadFailed> {
        let streams = events.iter().map(|event| &event.envelope.stream);
        let moved: BTreeSet<CallId> = streams.filter_map(|stream| stream.call_id()).collect();
        let moved: Vec<CallId> = moved.into_iter().collect();
        for ids in moved.chunks(PAGE) {
            let filter = CallFilter { ids: ids.to_vec(), limit: PAGE, ..CallFilter::default() };
            self.count(&ledger.calls(filter).await?.rows);
        }
        Ok(!moved.is_empty())
    }

    /// Newest first.
    fn view(&self, _: u64) -> Vec<Counted> {
        self.0.values().rev().copied().collect()
    }
}
