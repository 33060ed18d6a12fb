//! A compiled policy as the machine sees it: ladders, budgets, deadlines and queues as plain data.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{Digest, FailureClass, MicroMoney, verdict::Ladder, verdict::Rung};

/// What steers one call. Made by the policy crate from a checked file; never changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Name of the policy.
    pub policy: String,
    /// Revision that the call is pinned to.
    pub revision: Digest,
    /// What goes first under load.
    pub criticality: Criticality,
    /// Whether verdicts are carried out.
    pub mode: Mode,
    /// Models in the order in which they are tried; never empty.
    pub models: Vec<ModelPlan>,
    /// The automatic part, in milliseconds from `call_received`.
    pub deadline_ms: u64,
    /// Kept back for fallback or escalation, in milliseconds.
    pub reserve_ms: u64,
    /// What the automatic part may spend.
    pub budget: Budget,
    /// Every ladder that an objection may name: `on.schema`, `rules.x`, `rules.x.on_error`,
    /// `checks.y`, `confidence.0`. `on.<class>` stands for each class with a ladder of its own.
    pub ladders: BTreeMap<String, Ladder>,
    /// The last rung of every ladder: fallback, escalate or reject.
    pub otherwise: Rung,
    /// Whether the policy has a `fallback:`.
    pub has_fallback: bool,
    /// Whether accepted answers are kept, and looked for first.
    pub cached: bool,
    /// `false`: asking the model already acts, so an interrupted attempt is never sent again.
    pub repeatable: bool,
}

/// Reserve before the deadline that no attempt may use (RULES.md section 2).
pub const RESERVE_MS: u64 = 250;

impl Plan {
    /// Name of the ladder of a failure class.
    pub fn class_ladder(class: FailureClass) -> String {
        alloc::format!("on.{class}")
    }

    /// The place of a model in the order of trial.
    pub fn model_index(&self, name: &str) -> Option<usize> {
        self.models.iter().position(|model| model.name == name)
    }
}

/// One model of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelPlan {
    /// Name in the gateway file.
    pub name: String,
    /// Price, for the cost budget; `None` when the file gives none.
    pub price: Option<Price>,
    /// Longest backoff before it is asked again, in milliseconds.
    pub backoff_max_ms: u64,
}

/// Money per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Price {
    /// Input tokens.
    pub input: MicroMoney,
    /// Input tokens that the provider had cached.
    pub cached: MicroMoney,
    /// Output tokens.
    pub output: MicroMoney,
}

impl Price {
    /// What that usage costs, rounded up to a millionth.
    pub fn cost(&self, usage: Usage) -> MicroMoney {
        let fresh = usage.input.saturating_sub(usage.cached);
        let parts = [(fresh, self.input), (usage.cached, self.cached), (usage.output, self.output)];
        let total: u128 =
            parts.iter().map(|(tokens, price)| u128::from(*tokens) * u128::from(price.0)).sum();
        MicroMoney(u64::try_from(total.div_ceil(1_000_000)).unwrap_or(u64::MAX))
    }
}

/// Tokens of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Input tokens, cached ones too.
    pub input: u64,
    /// Of these, the ones that the provider had cached.
    #[serde(default)]
    pub cached: u64,
    /// Output tokens.
    pub output: u64,
}

impl Usage {
    /// Input and output.
    pub const fn total(self) -> u64 {
        self.input.saturating_add(self.output)
    }
}

/// What the automatic part of a call may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Requests to models: asks, retries, repairs, votes, judges, hedges.
    pub attempts: u32,
    /// Tokens in and out.
    pub tokens: Option<u64>,
    /// Money.
    pub cost: Option<MicroMoney>,
    /// How often a person may send an answer back.
    pub changes: u32,
}

/// What goes first under load.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Criticality {
    /// Goes last; answered without a model under load.
    Sheddable,
    /// The default.
    #[default]
    Standard,
    /// Goes first.
    Critical,
}

impl Criticality {
    /// The word used in policies and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sheddable => "sheddable",
            Self::Standard => "standard",
            Self::Critical => "critical",
        }
    }
}

/// Whether verdicts are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Yes.
    #[default]
    Enforce,
    /// Judged and recorded; the first answer leaves, marked unchecked.
    Observe,
}

/// What becomes of a review that nobody decided in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnExpiry {
    /// Ends as `expired`, without an answer.
    #[default]
    Reject,
    /// The policy's fallback answers.
    Fallback,
    /// The model's answer leaves, marked unreviewed. Needs `approve_unseen: true`.
    Approve,
}
