//! What checks say: findings and signals about a subject. They report; they never act.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{Digest, FailureClass, Signal};

/// What was judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Whose answer it is.
    pub source: Source,
    /// Digest of the answer's bytes as they would be released.
    pub digest: Digest,
    /// The attempt that gave it, or that it was derived from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// The model that gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// Whose answer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A model's.
    Model,
    /// A model's, kept from an earlier call.
    Cache,
    /// The policy's.
    Fallback,
    /// A person's, approved or edited.
    Human,
}

/// What one check or rule says of a subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Who says it: `schema`, `rules.large-amount`, `checks.secrets`, `confidence.0`,
    /// `tools.x.args`.
    pub by: String,
    /// What it says.
    pub status: Status,
    /// The failure class, for `fail` and `error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<FailureClass>,
    /// JSON pointer into the answer or input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Why, in words for the caller and the reviewer. Empty for a pass.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// What it rests on, such as the text that was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// The ladder that it takes. `None` for a pass, and for one that only observes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objection: Option<Objection>,
    /// Queue of a blind audit that an `accept` asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub also_review: Option<String>,
}

/// What a check came to. Only `Pass` is a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It ran and found nothing to object to.
    Pass,
    /// It ran and objects (or a rule fired).
    Fail,
    /// It could not run.
    Error,
    /// Its `when` or `for` says that it does not apply.
    NotApplicable,
    /// Not run, because the answer will not be used anyway.
    Skipped,
}

/// The ladder that a finding takes, with the texts of its rungs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objection {
    /// Name of a ladder in the plan.
    pub ladder: String,
    /// One per rung, rendered: what a repair tells the model, what a reject tells the caller.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub texts: Vec<Option<String>>,
    /// Reviewers that an escalation of this objection excludes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded: Vec<String>,
}

impl Finding {
    /// A pass, by that check.
    pub fn pass(by: impl Into<String>) -> Self {
        Self::plain(by, Status::Pass)
    }

    /// Something to record that asks for nothing.
    pub fn plain(by: impl Into<String>, status: Status) -> Self {
        Self {
            by: by.into(),
            status,
            class: None,
            at: None,
            message: String::new(),
            evidence: None,
            objection: None,
            also_review: None,
        }
    }
}

/// One signal, as computed once and compared ever after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scored {
    /// Name in `signals`.
    pub name: String,
    /// The value; `None` is missing, which is never sure.
    pub value: Option<Signal>,
    /// The threshold that it was held to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept: Option<Signal>,
    /// Where in the answer; `None` is the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Why it is missing, or how it came about.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}
