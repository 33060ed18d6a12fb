//! What was decided on one answer or failure: an event field, so that replay can compare it.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{Ended, Escalation, FailureClass, Millis, Purpose, Reason, Verdict};

/// A verdict and what it leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The strictest offer.
    pub verdict: Verdict,
    /// Whose offers had that verdict: names as in findings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<String>,
    /// The failure class that led here, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<FailureClass>,
    /// Rungs that this verdict spends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spends: Vec<RungRef>,
    /// Rungs that could not be taken, with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Skipped>,
    /// Objections that a person was shown and settled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overruled: Vec<String>,
    /// A new end of the automatic part, with a fresh budget: a person sent the answer back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewed: Option<Millis>,
    /// What is done now.
    pub act: Act,
}

/// One rung of one ladder of the plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RungRef {
    /// Name of the ladder.
    pub ladder: String,
    /// Place in it, from 0; its length stands for `otherwise`.
    pub rung: u32,
}

/// A rung that could not be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The rung.
    pub rung: RungRef,
    /// Why not.
    pub why: SkipReason,
}

/// Why a rung could not be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// Its count is spent, or a later rung of its ladder was taken.
    Spent,
    /// No model is left, or the named one was passed already.
    NoModelLeft,
    /// The policy has no fallback, or it was objected to.
    NoFallback,
    /// The budget cannot pay for another attempt.
    Budget,
    /// The deadline leaves no time.
    Deadline,
    /// The answer is not a model's.
    NotAModels,
    /// `repeatable: false`: it may have acted already.
    NotRepeatable,
    /// Nothing says when it may be tried again.
    NoTimeKnown,
    /// That queue has decided on this call.
    Decided,
    /// A person's answer is not asked again of a machine.
    Persons,
}

/// What is done now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Go on to the cache or the first attempt.
    Begin {
        /// The model to start with.
        model: String,
    },
    /// A kept answer that is objected to counts as none.
    Miss,
    /// Ask a model.
    Ask(Ask),
    /// Mask what these checks found.
    Mask {
        /// Names of checks.
        checks: Vec<String>,
    },
    /// Take the policy's fallback.
    Fallback,
    /// Ask people, one queue after another; all must approve.
    Review {
        /// In file order; never empty.
        reviews: Vec<ReviewSpec>,
    },
    /// End, at once or after the undo window.
    End(Ended),
}

/// What to ask of which model, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Name of the model.
    pub model: String,
    /// `answer` or `repair`.
    pub purpose: Purpose,
    /// Not before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Millis>,
    /// What to tell the model beside the findings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tell: Vec<String>,
    /// How often the output cap was doubled, after truncated answers.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub doublings: u32,
}

const fn is_zero(value: &u32) -> bool {
    *value == 0
}

/// One review to open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewSpec {
    /// Where to, and how tightened.
    pub to: Escalation,
    /// Who objected and why.
    pub reasons: Vec<Reason>,
    /// Reviewers who may not decide.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded: Vec<String>,
}
