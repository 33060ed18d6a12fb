//! The words of a breaker: its rules, its states, and what goes in and out.

use crate::units::Millis;

/// When a breaker opens and how it closes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerRules {
    /// The stretch that shares are taken over, in milliseconds.
    pub window_ms: u64,
    /// Failures in a row that open it.
    pub failures: u32,
    /// Share of failures that opens it, in millionths.
    pub share: u32,
    /// Share of slow calls that opens it, in millionths.
    pub slow_share: u32,
    /// Samples below which no share counts.
    pub least: u64,
    /// From when a call is slow, in milliseconds.
    pub slow_ms: u64,
    /// The first cool-down, in milliseconds.
    pub cool_down_ms: u64,
    /// The longest cool-down, in milliseconds.
    pub cool_down_max_ms: u64,
    /// Successful probes that close it.
    pub probes: u32,
    /// How long a probe may take before it counts as failed, in milliseconds.
    pub probe_ms: u64,
    /// How long a model that came back takes to bear its full load again, in milliseconds; 0: it
    /// bears it at once.
    pub warm_up_ms: u64,
}

impl Default for BreakerRules {
    fn default() -> Self {
        Self {
            window_ms: 60_000,
            failures: 5,
            share: 500_000,
            slow_share: 800_000,
            least: 10,
            slow_ms: 30_000,
            cool_down_ms: 15_000,
            cool_down_max_ms: 40_000,
            probes: 3,
            probe_ms: 30_000,
            warm_up_ms: 30_000,
        }
    }
}

/// What became of an admitted call, as far as the model's availability goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// It answered.
    Good,
    /// Transport, 5xx, a timeout.
    Bad,
    /// It asked to wait: no failure, but no proof of health for a probe.
    Throttled,
    /// It says nothing about the model: our own cancellation, the caller's mistake.
    Neutral,
}

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls pass.
    Closed,
    /// No call passes until then.
    Open {
        /// When the first probe may go.
        until: Millis,
    },
    /// One probe at a time passes.
    HalfOpen,
    /// No call passes: a person took the model out of use.
    Isolated,
    /// Calls pass whatever becomes of them: a person knows better.
    HeldClosed,
}

impl BreakerState {
    /// The word for events and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen => "half_open",
            Self::Isolated => "isolated",
            Self::HeldClosed => "held_closed",
        }
    }
}

/// How a person holds a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// No call passes.
    Isolated,
    /// Every call passes.
    Closed,
}

impl Hold {
    pub(super) const fn state(self) -> BreakerState {
        match self {
            Self::Isolated => BreakerState::Isolated,
            Self::Closed => BreakerState::HeldClosed,
        }
    }
}

/// A change of state, to be recorded as an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Before.
    pub from: BreakerState,
    /// After.
    pub to: BreakerState,
    /// What led to it, as a word for events.
    pub cause: &'static str,
}

/// The breaker does not admit the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// When it may be worth asking again; `None` while isolated for good.
    pub until: Option<Millis>,
    /// Where it stands; closed while the model warms up.
    pub state: BreakerState,
}
