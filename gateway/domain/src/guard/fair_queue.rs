//! Those who wait for one thing, fair by tenant: each gets the same share of the work that is let
//! through, whatever it sends, measured in what its calls cost.
//!
//! Start-time fair queueing: a tenant's next call starts, in virtual time, where its last one ended
//! by cost, and the earliest start goes first. Within a tenant the first comes first, until one has
//! waited long: then the newest, which still has time left to be of use.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::{String, ToString};

use crate::units::Millis;

/// From this wait on, in milliseconds, the newest of a tenant goes first.
pub const PRESSED_MS: u64 = 500;

/// The number that somebody waits under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(pub u64);

/// Somebody who waits, by their number.
#[derive(Debug, Clone, Copy)]
struct Waiter {
    number: Number,
    cost: u64,
    since: Millis,
    until: Millis,
}

/// One tenant.
#[derive(Debug, Clone, Default)]
struct Flow {
    /// Where its next call starts, in virtual time.
    start: u64,
    /// By time of coming.
    waiters: VecDeque<Waiter>,
}

/// Whose turn it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Who.
    pub number: Number,
    /// Of which tenant.
    pub tenant: String,
    /// Its time was over before its turn came: it is let through no more.
    pub late: bool,
}

/// The queue. Numbers must be new and rise.
#[derive(Debug, Clone, Default)]
pub struct FairQueue {
    flows: BTreeMap<String, Flow>,
    /// Where the call that went last started.
    virtual_time: u64,
    waiting: usize,
}

impl FairQueue {
    /// How many wait.
    pub const fn len(&self) -> usize {
        self.waiting
    }

    /// Whether nobody waits.
    pub const fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Lets somebody wait, at most until `until`.
    pub fn push(&mut self, number: Number, tenant: &str, cost: u64, since: Millis, until: Millis) {
        let flow = self.flows.entry(tenant.to_string()).or_default();
        if flow.waiters.is_empty() {
            // Who was away has earned nothing by it.
            flow.start = flow.start.max(self.virtual_time);
        }
        flow.waiters.push_back(Waiter { number, cost: cost.max(1), since, until });
        self.waiting += 1;
    }

    /// Whose turn it is now; tenants that `goes_last` names only if nobody else waits.
    pub fn take(&mut self, now: Millis, goes_last: impl Fn(&str) -> bool) -> Option<Turn> {
        let waiting = self.flows.iter().filter(|(_, flow)| !flow.waiters.is_empty());
        let (tenant, _) =
            waiting.min_by_key(|(tenant, flow)| (goes_last(tenant.as_str()), flow.start))?;
        let tenant = tenant.clone();
        let flow = self.flows.get_mut(&tenant)?;
        let waited = flow.waiters.front().map_or(0, |oldest| now.since(oldest.since));
        let next = if waited > PRESSED_MS {
            flow.waiters.pop_back()?
        } else {
            flow.waiters.pop_front()?
        };
        self.waiting -= 1;
        let late = next.until <= now;
        if !late {
            self.virtual_time = self.virtual_time.max(flow.start);
            flow.start = flow.start.saturating_add(next.cost);
        }
        self.forget();
        Some(Turn { number: next.number, tenant, late })
    }

    /// Somebody waits no more; `false` if they did not.
    pub fn give_up(&mut self, number: Number, tenant: &str) -> bool {
        let Some(flow) = self.flows.get_mut(tenant) else { return false };
        let Ok(place) = flow.waiters.binary_search_by_key(&number, |waiter| waiter.number) else {
            return false;
        };
        flow.waiters.remove(place);
        self.waiting -= 1;
        self.forget();
        true
    }

    /// For how long the one who came first has waited, in milliseconds.
    pub fn longest(&self, now: Millis) -> u64 {
        let oldest = self.flows.values().filter_map(|flow| flow.waiters.front());
        oldest.map(|waiter| now.since(waiter.since)).max().unwrap_or(0)
    }

    /// Tenants that are remembered.
    pub fn tenants(&self) -> usize {
        self.flows.len()
    }

    /// Forgets whoever owes nothing; when nobody waits, nobody does.
    fn forget(&mut self) {
        if self.waiting == 0 {
            self.flows.clear();
            self.virtual_time = 0;
            return;
        }
        let now = self.virtual_time;
        self.flows.retain(|_, flow| !flow.waiters.is_empty() || flow.start > now);
    }
}
