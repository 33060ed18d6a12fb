//! How many retries a model bears: a share of its first attempts, in requests and in tokens, so
//! that retries never make an outage worse.
//!
//! In every window, retries are at most `at_least` plus the share of first attempts in it; and
//! where there are more than `at_least`, they take at most their share of the tokens.

use crate::guard::window::Window;
use crate::units::Millis;

const FIRST: usize = 0;
const RETRY: usize = 1;
const FIRST_TOKENS: usize = 2;
const RETRY_TOKENS: usize = 3;
const MILLION: u64 = 1_000_000;

/// The size of a [`RetryBudget`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryRules {
    /// Retries per first attempt, in millionths.
    pub share: u32,
    /// Tokens of retries per token of first attempts, in millionths.
    pub token_share: u32,
    /// Retries per window that are always allowed.
    pub at_least: u64,
    /// The window, in milliseconds.
    pub window_ms: u64,
}

impl Default for RetryRules {
    fn default() -> Self {
        Self { share: 100_000, token_share: 150_000, at_least: 3, window_ms: 60_000 }
    }
}

/// Counts first attempts and retries of one model.
#[derive(Debug, Clone)]
pub struct RetryBudget {
    rules: RetryRules,
    window: Window<4>,
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

    /// Counts a first attempt that is estimated to take so many tokens.
    pub fn first(&mut self, now: Millis, tokens: u64) {
        self.window.count(now, FIRST);
        self.window.add(now, FIRST_TOKENS, tokens);
    }

    /// Whether a retry of so many tokens would be allowed. `keep_half` leaves half of the budget
    /// to others: for sheddable work.
    pub fn allows(&mut self, now: Millis, tokens: u64, keep_half: bool) -> bool {
        // Firsts of slightly less and retries of slightly more than the window: the promise holds
        // in every window, wherever it starts.
        let [firsts, _, first_tokens, _] = self.window.within(now);
        let [_, retries, _, retried] = self.window.covering(now);
        let part = |all: u64| if keep_half { all / 2 } else { all };
        let few = self.rules.at_least;
        if retries >= part(share_of(firsts, self.rules.share).saturating_add(few)) {
            return false;
        }
        // A quiet model has too few first attempts to measure the first retries by.
        let most = part(share_of(first_tokens, self.rules.token_share));
        retries < part(few) || retried.saturating_add(tokens) <= most
    }

    /// Spends one retry of so many tokens; `false`, and nothing spent, if none is left.
    pub fn retry(&mut self, now: Millis, tokens: u64, keep_half: bool) -> bool {
        let allowed = self.allows(now, tokens, keep_half);
        if allowed {
            self.window.count(now, RETRY);
            self.window.add(now, RETRY_TOKENS, tokens);
        }
        allowed
    }
}

fn share_of(whole: u64, share_millionths: u32) -> u64 {
    let share = u128::from(whole) * u128::from(share_millionths) / u128::from(MILLION);
    u64::try_from(share).unwrap_or(u64::MAX)
}
