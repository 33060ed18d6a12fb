//! How many second requests a model bears: a share of its first attempts, saved up one by one.
//!
//! From any moment on, hedges are at most that share of the first attempts and what was saved
//! before, so a slow model is never asked twice as much just because it is slow.

const MILLION: u64 = 1_000_000;
/// Hedges that can be saved up.
const SAVED_MAX: u64 = 10;

/// When a second request is sent because the first is late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HedgeRules {
    /// After this time, in milliseconds.
    pub after_ms: u64,
    /// At most for this share of first attempts, in millionths.
    pub share: u32,
}

/// Counts what is saved up, in millionths of a hedge.
#[derive(Debug, Clone, Copy, Default)]
pub struct HedgeBudget {
    saved: u64,
}

impl HedgeBudget {
    /// Counts a first attempt.
    pub fn first(&mut self, share: u32) {
        self.saved = self.saved.saturating_add(u64::from(share)).min(SAVED_MAX * MILLION);
    }

    /// Whether one may be sent.
    pub const fn allows(&self) -> bool {
        self.saved >= MILLION
    }

    /// Spends one.
    pub const fn spend(&mut self) {
        self.saved = self.saved.saturating_sub(MILLION);
    }
}
