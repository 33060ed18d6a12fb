//! Where a call's time went, stage by stage: for the overhead header and its histogram.

use std::time::Duration;

/// Time per stage. What is in none of them is the gateway's other work.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stages {
    /// Waiting for limiters, breakers and backoff.
    pub queue: Duration,
    /// Waiting for models, judges and services.
    pub model: Duration,
    /// Judging.
    pub checks: Duration,
    /// Waiting for the disk.
    pub ledger: Duration,
    /// Waiting for people: from the opened review to the decision, and its undo window.
    pub people: Duration,
    /// From the request read to the answer ready.
    pub total: Duration,
}

impl Stages {
    /// The gateway's own share: everything but models, people and waiting that a policy asked for.
    pub fn overhead(&self) -> Duration {
        self.total.saturating_sub(self.model + self.queue + self.people)
    }

    /// The gateway's work that is neither checks nor disk.
    pub fn other(&self) -> Duration {
        self.overhead().saturating_sub(self.checks).saturating_sub(self.ledger)
    }
}

/// Starts measuring how long something takes. Never a point in time: those come from the `Clock`.
#[expect(clippy::disallowed_methods, reason = "measures only; nothing is decided on it")]
pub(crate) fn stopwatch() -> tokio::time::Instant {
    tokio::time::Instant::now()
}
