//! The way that a call took or would have taken, as far as it matters: its end, the decisions on
//! the way, whom it asked and what it cost.

use backstop_domain::{CallEvent, Decision, Ended, MicroMoney, Plan, Resolution};
use serde::Serialize;

use super::{
    bounds::{Bounds, Kind},
    record::RecordedCall,
    unknown::Unknown,
};

/// The way of a call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Went {
    /// How it ends.
    pub end: End,
    /// The decisions on the way, in order.
    pub decisions: Vec<Decision>,
    /// Queues that were asked, in order.
    pub queues: Vec<String>,
    /// Money that it took.
    pub cost: MicroMoney,
    /// Requests to models.
    pub attempts: u64,
    /// What a person said of the very answer that leaves here without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person_said: Option<Said>,
}

/// How a call ends.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum End {
    /// With that outcome.
    Ended {
        /// It.
        ended: Ended,
    },
    /// A person would be asked what nobody was asked then.
    Waits {
        /// The queue.
        queue: String,
    },
    /// It cannot be known.
    Unknown {
        /// Why not.
        #[serde(flatten)]
        reason: Unknown,
        /// What is possible.
        bounds: Bounds,
    },
}

/// What a person said of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// Good as it is.
    Approved,
    /// Not good: they changed it, or had it changed.
    Changed,
    /// No.
    Rejected,
}

impl Said {
    /// What the person did to the answer.
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Changed => "changed",
            Self::Rejected => "rejected",
        }
    }

    pub(super) const fn of(resolution: &Resolution) -> Option<Self> {
        match resolution {
            Resolution::Approved { .. } => Some(Self::Approved),
            Resolution::Edited { .. }
            | Resolution::ChangesRequested { .. }
            | Resolution::FallbackChosen => Some(Self::Changed),
            Resolution::Rejected => Some(Self::Rejected),
            Resolution::Expired { .. } => None,
        }
    }
}

impl End {
    /// Its name, with the queue that waits.
    pub fn label(&self) -> String {
        match self {
            Self::Waits { queue } => format!("in_review ({queue})"),
            end => end.name().to_owned(),
        }
    }

    /// Its name: an outcome, `in_review`, `unknown`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Ended { ended } => ended.outcome.name(),
            Self::Waits { .. } => "in_review",
            Self::Unknown { .. } => "unknown",
        }
    }
}

impl Went {
    /// The way that a recorded call took; `None` while it goes on by itself.
    pub fn recorded(record: &RecordedCall) -> Option<Self> {
        let mut went = Self {
            end: End::Waits { queue: String::new() },
            decisions: Vec::new(),
            queues: Vec::new(),
            cost: MicroMoney(0),
            attempts: 0,
            person_said: None,
        };
        let mut open = true;
        for event in record.events.iter().filter_map(backstop_ledger::Recorded::as_call) {
            match event {
                CallEvent::VerdictReached(decision) => went.decisions.push(decision.clone()),
                CallEvent::AttemptEnded(ended) => {
                    went.cost = went.cost.plus(ended.cost);
                    went.attempts += 1;
                }
                CallEvent::ReviewRequested(requested) => {
                    went.queues.push(requested.queue.clone());
                    went.end = End::Waits { queue: requested.queue.clone() };
                    open = false;
                }
                CallEvent::ReviewResolved(_) => open = true,
                CallEvent::DecisionUndone { .. } => open = false,
                CallEvent::CallEnded(ended) => {
                    went.end = End::Ended { ended: ended.clone() };
                    open = false;
                }
                _ => {}
            }
        }
        (!open).then_some(went)
    }

    /// Whether the same happens to the caller: the same outcome, the same answer, by the same.
    pub fn ends_like(&self, other: &Self) -> bool {
        match (&self.end, &other.end) {
            (End::Ended { ended: a }, End::Ended { ended: b }) => {
                (a.outcome, a.answered_by, a.answer, a.unreviewed)
                    == (b.outcome, b.answered_by, b.answer, b.unreviewed)
            }
            (End::Waits { queue: a }, End::Waits { queue: b }) => a == b,
            _ => false,
        }
    }

    /// What it means to who runs the gateway; `None` if it cannot be known.
    pub fn kind(&self) -> Option<Kind> {
        match &self.end {
            End::Ended { ended } => Some(Kind::of(ended, !self.queues.is_empty())),
            End::Waits { .. } => Some(Kind::Person),
            End::Unknown { .. } => None,
        }
    }

    /// It ended before it was a call.
    pub(super) const fn at_the_door(ended: Ended) -> Self {
        Self::only(End::Ended { ended })
    }

    /// Not even the request is there.
    pub(super) fn nothing_known(reason: Unknown, plan: &Plan) -> Self {
        Self::only(End::Unknown { reason, bounds: Bounds::of_all(plan) })
    }

    const fn only(end: End) -> Self {
        Self {
            end,
            decisions: Vec::new(),
            queues: Vec::new(),
            cost: MicroMoney(0),
            attempts: 0,
            person_said: None,
        }
    }
}
