//! How many retries a model bears: a share of its first attempts, so that retries never make an
//! outage worse.
//!
//! In every window, retries are at most `at_least` plus the share of first attempts in it.

use crate::guard::window::Window;
use crate::units::Millis;

const FIRST: usize = 0;
const RETRY: usize = 1;
const MILLION: u64 = 1_000_000;

/// The size of a [`RetryBudget`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryRules {
    /// Retries per first attempt, in millionths.
    pub share: u32,
    /// Retries per window that are always allowed.
    pub at_least: u64,
    /// The window, in milliseconds.
    pub window_ms: u64,
}

impl Default for RetryRules {
    fn default() -> Self {
        Self { share: 100_000, at_least: 3, window_ms: 60_000 }
    }
}

/// Counts first attempts and retries of one model.
#[derive(Debug, Clone)]
pub struct RetryBudget {
    rules: RetryRules,
    window: Window<2>,
}

impl RetryBudget {
    /// A budget with nothing counted yet.
    pub fn new(rules: RetryRules) -> Self {
        Self { rules, window: Window::new(rules.window_ms) }
    }

    /// Takes over other rules; what was counted stays, unless the window changes.
    pub fn reload(&mut self, rules: RetryRules) {
        if rules.window_ms != self.rules.window_ms {
            self.window = Window::new(rules.window_ms);
        }
        self.rules = rules;
    }

    /// Counts a first attempt.
    pub fn first(&mut self, now: Millis) {
        self.window.count(now, FIRST);
    }

    /// Whether a retry would be allowed. `keep_half` leaves half of the budget to others: for
    /// sheddable work.
    pub fn allows(&mut self, now: Millis, keep_half: bool) -> bool {
        // Firsts of slightly less and retries of slightly more than the window: the promise holds
        // in every window, wherever it starts.
        let [firsts, _] = self.window.within(now);
        let [_, retries] = self.window.covering(now);
        let share = u128::from(firsts) * u128::from(self.rules.share) / u128::from(MILLION);
        let all = u64::try_from(share).unwrap_or(u64::MAX).saturating_add(self.rules.at_least);
        retries < if keep_half { all / 2 } else { all }
    }

    /// Spends one retry; `false`, and nothing spent, if none is left.
    pub fn retry(&mut self, now: Millis, keep_half: bool) -> bool {
        let allowed = self.allows(now, keep_half);
        if allowed {
            self.window.count(now, RETRY);
        }
        allowed
    }
}
