//! Limits on tools: how often, or how much, within a window. Held for a call while its answer is
//! judged or waits for a person, kept from the moment it is released, given back if it never is.
//!
//! The window slides and the count is exact: "2/day" lets no third through within any 24 hours.

use std::{collections::HashMap, sync::Arc};

use backstop_domain::{CallId, FullLimit, Millis};
use backstop_policy::judge::ToolUse;
use backstop_upstream::Clock;
use parking_lot::Mutex;

/// Every limit on a tool, and what was taken of it.
pub(crate) struct ToolLimits {
    clock: Arc<dyn Clock>,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    taken: HashMap<Place, Vec<Taken>>,
    /// What each open call holds, so that it can be given back.
    held: HashMap<CallId, Vec<Place>>,
}

/// One count: of a policy's limit, under one key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Place {
    policy: String,
    limit: String,
    key: String,
}

/// What one call takes.
struct Taken {
    call: CallId,
    amount: u64,
    /// When its answer was released; `None` while the call is open, and then it counts too.
    released: Option<Millis>,
    window_ms: u64,
}

impl ToolLimits {
    /// Nothing taken yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, counts: Mutex::default() }
    }

    /// Holds what an answer takes, all of it or nothing. What the call held before is given back
    /// first: only its newest answer counts.
    pub fn hold(&self, policy: &str, call: &CallId, uses: &[ToolUse]) -> Result<(), FullLimit> {
        let now = self.clock.now();
        let mut counts = self.counts.lock();
        counts.let_go(call);
        for one in uses {
            if counts.used(&place(policy, one), now).saturating_add(one.amount) > one.most {
                let whose = if one.key.is_empty() { "everybody" } else { one.key.as_str() };
                let (most, window) = (one.most, window(one.window_ms));
                let why = format!("its limit of {most} per {window} is reached for `{whose}`");
                return Err(FullLimit { tool: one.tool.clone(), why });
            }
        }
        counts.hold(policy, call, uses);
        Ok(())
    }

    /// Holds it although the limit is reached: a person overruled that, and the next one counts it.
    pub fn hold_anyway(&self, policy: &str, call: &CallId, uses: &[ToolUse]) {
        let mut counts = self.counts.lock();
        counts.let_go(call);
        counts.hold(policy, call, uses);
    }

    /// The call ended. What it holds is counted from now on if its answer was released, else given
    /// back.
    pub fn end(&self, call: &CallId, released: bool) {
        let now = self.clock.now();
        let mut counts = self.counts.lock();
        if released { counts.keep(call, now) } else { counts.let_go(call) }
    }

    /// What a call released before this process started.
    pub fn remember(&self, policy: &str, call: &CallId, uses: &[ToolUse], at: Millis) {
        let mut counts = self.counts.lock();
        counts.let_go(call);
        counts.hold(policy, call, uses);
        counts.keep(call, at);
    }
}

impl Counts {
    fn hold(&mut self, policy: &str, call: &CallId, uses: &[ToolUse]) {
        for one in uses {
            let place = place(policy, one);
            let (amount, window_ms) = (one.amount, one.window_ms);
            let taken = Taken { call: call.clone(), amount, released: None, window_ms };
            self.taken.entry(place.clone()).or_default().push(taken);
            self.held.entry(call.clone()).or_default().push(place);
        }
    }

    /// What is taken now; what the window has left behind is forgotten.
    fn used(&mut self, place: &Place, now: Millis) -> u64 {
        let Some(taken) = self.taken.get_mut(place) else { return 0 };
        taken.retain(|one| one.released.is_none_or(|at| now.since(at) < one.window_ms));
        let used = taken.iter().fold(0, |sum: u64, one| sum.saturating_add(one.amount));
        if taken.is_empty() {
            self.taken.remove(place);
        }
        used
    }

    fn keep(&mut self, call: &CallId, now: Millis) {
        for place in self.held.remove(call).unwrap_or_default() {
            for one in self.taken.entry(place).or_default() {
                if one.call == *call && one.released.is_none() {
                    one.released = Some(now);
                }
            }
        }
    }

    fn let_go(&mut self, call: &CallId) {
        for place in self.held.remove(call).unwrap_or_default() {
            if let Some(taken) = self.taken.get_mut(&place) {
                taken.retain(|one| one.call != *call || one.released.is_some());
                if taken.is_empty() {
                    self.taken.remove(&place);
                }
            }
        }
    }
}

fn place(policy: &str, one: &ToolUse) -> Place {
    Place { policy: policy.to_owned(), limit: one.limit.clone(), key: one.key.clone() }
}

/// A window in words.
fn window(ms: u64) -> String {
    let units = [(86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1_000, "second")];
    for (unit, name) in units {
        if ms >= unit && ms.is_multiple_of(unit) {
            let count = ms / unit;
            return if count == 1 { name.to_owned() } else { format!("{count} {name}s") };
        }
    }
    format!("{ms} ms")
}
