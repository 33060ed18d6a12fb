//! Time for the rooms that act: passed in, so that tests turn it by hand.

use std::time::Duration;

use backstop_domain::Millis;
use tokio::time::Instant;

/// Tells the time in milliseconds since the Unix epoch. It never runs backwards.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Millis;
}

/// Counts on from a time read once, by the machine's monotonic clock: a corrected wall clock
/// neither opens a breaker nor ends a deadline. Follows tokio's paused time in tests.
#[derive(Debug, Clone, Copy)]
pub struct MonotonicClock {
    origin: Millis,
    started: Instant,
}

impl MonotonicClock {
    /// A clock that says `origin` now.
    pub fn starting_at(origin: Millis) -> Self {
        Self { origin, started: instant() }
    }
}

impl Clock for MonotonicClock {
    fn now(&self) -> Millis {
        self.origin.plus(millis(self.started.elapsed()))
    }
}

/// Where the timers of this crate start. They are tokio's, so that a paused clock moves them.
#[expect(clippy::disallowed_methods, reason = "timers run on tokio's time, as its sleeps do")]
pub(crate) fn instant() -> Instant {
    Instant::now()
}

/// Whole milliseconds of a duration.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
