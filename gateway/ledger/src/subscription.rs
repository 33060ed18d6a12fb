//! What the ledger keeps about consumers of events: how far each has come, and what it could not
//! be given yet. The log itself is the outbox; nothing here is truth about calls.

use backstop_domain::Millis;
use serde::{Deserialize, Serialize};

/// Deliveries that one reading gives at most.
pub(crate) const DELIVERIES_MAX: usize = 1000;

/// Where one consumer stands. Kept for ever, also while it is disabled or gone from the gateway
/// file: whoever comes back goes on where they were.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Standing {
    /// Its name in the gateway file.
    pub name: String,
    /// Every event up to this position was handed over, is none of its business, or stands among
    /// its deliveries.
    pub cursor: u64,
    /// Positions after the cursor that are settled all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settled: Vec<u64>,
    /// Positions that are on their way for the first time. After a crash each has had one try.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flying: Vec<u64>,
    /// A stretch of the log that is to be handed over again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
    /// Why it gets nothing, if it was disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<String>,
    /// Since when nothing was taken, if nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Millis>,
    /// The first event that retention had reached before it was handed over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<u64>,
    /// Events that were handed over.
    #[serde(default)]
    pub delivered: u64,
}

/// A stretch of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Again {
    /// The next position of it.
    pub next: u64,
    /// Its last position.
    pub until: u64,
}

/// An event that a consumer was not given at the first try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The event's position.
    pub position: u64,
    /// What its order is kept within: the stream of its call, or its own.
    pub lane: String,
    /// Tries so far, counted when they start.
    pub tries: u32,
    /// When it is tried next.
    pub due: Millis,
    /// Why it is not tried any more, if it is parked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked: Option<String>,
    /// How the last try went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
}

/// A step of one consumer, which becomes true in one piece.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// Where it stands from here on.
    pub standing: Standing,
    /// Deliveries as they stand from here on.
    pub put: Vec<Delivery>,
    /// Positions of deliveries that are over.
    pub done: Vec<u64>,
}

/// Which deliveries of a consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeliveryFilter {
    /// Parked ones; else those that wait.
    pub parked: bool,
    /// After that position.
    pub after: u64,
    /// At most so many; 0 for as many as one reading gives.
    pub limit: usize,
}

impl DeliveryFilter {
    /// How many are given at most.
    pub(crate) const fn most(self) -> usize {
        match self.limit {
            1..DELIVERIES_MAX => self.limit,
            _ => DELIVERIES_MAX,
        }
    }

    /// Whether it takes that one.
    pub(crate) const fn takes(self, delivery: &Delivery) -> bool {
        delivery.parked.is_some() == self.parked && delivery.position > self.after
    }
}
