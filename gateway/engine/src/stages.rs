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
    /// From the first byte of the request read to the answer ready, people's time left out.
    pub total: Duration,
}

impl Stages {
    /// The gateway's own share: everything but models and waiting that a policy asked for.
    pub fn overhead(&self) -> Duration {
        self.total.saturating_sub(self.model).saturating_sub(self.queue)
    }

    /// The gateway's work that is neither checks nor disk.
    pub fn other(&self) -> Duration {
        self.overhead().saturating_sub(self.checks).saturating_sub(self.ledger)
    }
}
