//! Where a call could still go when an answer is not known: which ends the plan leaves open, and
//! what it may still spend.

use std::collections::BTreeSet;

use backstop_domain::{CallState, Ended, MicroMoney, Outcome, Plan, Rung};
use serde::Serialize;

/// What an end means to who runs the gateway, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An answer without a person.
    Automatic,
    /// A person was asked.
    Person,
    /// No answer, and nobody was asked.
    Nothing,
}

impl Kind {
    /// The kind of an end; `asked`: whether a person was.
    pub const fn of(ended: &Ended, asked: bool) -> Self {
        match ended.outcome {
            _ if asked => Self::Person,
            Outcome::Accepted | Outcome::Observed | Outcome::Fallback => Self::Automatic,
            Outcome::Approved | Outcome::Edited | Outcome::Rejected | Outcome::Expired => {
                Self::Person
            }
            Outcome::Refused | Outcome::Failed | Outcome::Cancelled => Self::Nothing,
        }
    }

    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Person => "person",
            Self::Nothing => "nothing",
        }
    }
}

/// The ends that any answers could still lead to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bounds {
    /// The best of them.
    pub best: Kind,
    /// The worst.
    pub worst: Kind,
    /// All of them.
    pub could: BTreeSet<Kind>,
    /// Queues that could be asked.
    pub queues: BTreeSet<String>,
    /// The least that the call costs.
    pub cost_at_least: MicroMoney,
    /// The most, if its budget or its estimates say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_at_most: Option<MicroMoney>,
}

impl Bounds {
    /// What is still open for a call in that state under that plan.
    pub(super) fn of(plan: &Plan, state: &CallState) -> Self {
        let spent = state.cost();
        Self {
            cost_at_least: spent,
            cost_at_most: Some(spent.plus(left(plan, state))),
            ..Self::of_all(plan)
        }
    }

    /// What is open for any call under that plan.
    pub(super) fn of_all(plan: &Plan) -> Self {
        // Any answer may be the one that nothing objects to.
        let mut could = BTreeSet::from([Kind::Automatic]);
        let mut queues = BTreeSet::new();
        let rungs = plan.ladders.values().flatten().chain([&plan.otherwise]);
        for rung in rungs {
            match rung {
                Rung::Escalate(to) => {
                    could.insert(Kind::Person);
                    queues.insert(to.queue.clone());
                }
                Rung::Reject => drop(could.insert(Kind::Nothing)),
                _ => {}
            }
        }
        // A fallback that is objected to, or that no row gives, ends in a refusal.
        if matches!(plan.otherwise, Rung::Fallback) {
            could.insert(Kind::Nothing);
        }
        Self {
            best: could.first().copied().unwrap_or(Kind::Automatic),
            worst: could.last().copied().unwrap_or(Kind::Nothing),
            could,
            queues,
            cost_at_least: MicroMoney(0),
            cost_at_most: plan.budget.cost,
        }
    }
}

/// The most that the rest may cost: the budget's rest, or each attempt that is left at the dearest
/// estimate.
fn left(plan: &Plan, state: &CallState) -> MicroMoney {
    let attempts = plan.budget.attempts.saturating_sub(state.used.attempts);
    let dearest = state.received.estimates.iter().map(|estimate| estimate.cost).max();
    let by_attempts = dearest.unwrap_or_default().0.saturating_mul(u64::from(attempts));
    let by_budget = plan.budget.cost.map(|most| most.0.saturating_sub(state.used.cost.0));
    MicroMoney(by_budget.map_or(by_attempts, |budget| budget.min(by_attempts)))
}
