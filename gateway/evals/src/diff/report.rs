//! What a comparison comes to, as it is written for machines; people read it as text or Markdown.

use std::collections::{BTreeMap, BTreeSet};

use backstop_domain::{CallId, Millis};
use backstop_engine::replay::Cause;
use serde::Serialize;

/// What a proposed workspace would have done to recorded calls.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diff {
    /// Of this format.
    pub version: u32,
    /// Calls that were looked at.
    pub calls: u64,
    /// Of these, those that end as they did.
    pub same: u64,
    /// Those that end otherwise.
    pub flipped: u64,
    /// Those whose end cannot be known without asking somebody.
    pub unknown: u64,
    /// Of those that end as they did, the ones whose policy is the very same revision.
    pub unchanged: u64,
    /// Calls that were left out, because they had not ended.
    pub open: u64,
    /// Calls that were left out, because they cannot be read.
    pub unreadable: u64,
    /// Calls that were left out, because they have several runs: they were rolled back or resumed.
    pub reran: u64,
    /// Policies that are another revision now.
    pub changed: BTreeSet<String>,
    /// Policies that the proposed workspace does not have, with their calls.
    pub gone: BTreeMap<String, u64>,
    /// What ends otherwise, most calls first.
    pub flips: Vec<Flip>,
    /// What cannot be known, most calls first.
    pub unknowns: Vec<Unknowns>,
    /// Reviews in each queue.
    pub reviews: BTreeMap<String, Queue>,
    /// Money, in millionths.
    pub cost: Queue,
    /// What people said then of answers that would leave without a person now.
    pub said: Said,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// Calls that end otherwise in the same way, because of the same.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Flip {
    /// The policy.
    pub policy: String,
    /// What makes it so.
    pub cause: Cause,
    /// How they ended.
    pub from: String,
    /// How they would end.
    pub to: String,
    /// How many.
    pub calls: u64,
    /// Some of them.
    pub examples: Vec<Example>,
    /// What people said then of answers that would leave without a person now.
    #[serde(skip_serializing_if = "Said::is_empty")]
    pub said: Said,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Example {
    /// Its id.
    pub call: CallId,
    /// When it was received.
    pub received: Millis,
    /// Why, in the policy's words; masked where the policy keeps something private.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// Calls whose end cannot be known, for the same reason.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Unknowns {
    /// The policy.
    pub policy: String,
    /// Why not.
    pub reason: String,
    /// How many.
    pub calls: u64,
    /// How many of them could end with an answer and without a person.
    pub could_be_automatic: u64,
    /// How many could be put to a person.
    pub could_ask_a_person: u64,
    /// How many could end without an answer.
    pub could_get_nothing: u64,
    /// Some of them.
    pub examples: Vec<CallId>,
}

/// A number then and now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Queue {
    /// Then.
    pub before: u64,
    /// Now, of calls whose end is known, and the least of the others.
    pub at_least: u64,
    /// Now, if every call that is not known takes the most.
    pub at_most: u64,
}

/// What people said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Said {
    /// Answers that they approved as they were.
    pub approved: u64,
    /// Answers that they changed, sent back or replaced.
    pub changed: u64,
    /// Answers that they rejected.
    pub rejected: u64,
}

impl Said {
    /// Whether nobody said anything.
    pub const fn is_empty(&self) -> bool {
        self.approved + self.changed + self.rejected == 0
    }
}

/// From where to where.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Between(pub f64, pub f64);

impl Diff {
    /// The share of calls that end otherwise, if none of the unknown ones does, and if all do.
    pub fn share(&self) -> Between {
        let of = |count: u64| if self.calls == 0 { 0.0 } else { count as f64 / self.calls as f64 };
        Between(of(self.flipped), of(self.flipped + self.unknown))
    }
}
