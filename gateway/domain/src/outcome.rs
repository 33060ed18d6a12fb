//! How a run ended, and the only types in which an answer may leave the gateway.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{Digest, FailureClass};

/// How a run ended. Exactly one per run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The model's answer, checked.
    Accepted,
    /// The policy's deterministic answer, checked.
    Fallback,
    /// A person let the answer pass as it was.
    Approved,
    /// A person changed or wrote the answer.
    Edited,
    /// A person said no.
    Rejected,
    /// The policy or a limit said no.
    Refused,
    /// Nobody decided in time.
    Expired,
    /// The caller or an operator stopped it.
    Cancelled,
    /// Nothing was left to try.
    Failed,
    /// `mode: observe`: the model's answer, unchecked by choice.
    Observed,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 10] = [
        Self::Accepted,
        Self::Fallback,
        Self::Approved,
        Self::Edited,
        Self::Rejected,
        Self::Refused,
        Self::Expired,
        Self::Cancelled,
        Self::Failed,
        Self::Observed,
    ];

    /// Whether a person decided it, so that the undo window applies.
    pub const fn is_a_persons(self) -> bool {
        matches!(self, Self::Approved | Self::Edited | Self::Rejected)
    }

    /// The word used in the API, in events and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Fallback => "fallback",
            Self::Approved => "approved",
            Self::Edited => "edited",
            Self::Rejected => "rejected",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Observed => "observed",
        }
    }
}

/// Whose words the answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnsweredBy {
    /// A model's.
    Model,
    /// A model's, from the answer cache.
    Cache,
    /// The policy's fallback.
    Rule,
    /// A person's.
    Human,
    /// There is no answer.
    Nobody,
}

impl AnsweredBy {
    /// The word used in the API, in events and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Cache => "cache",
            Self::Rule => "rule",
            Self::Human => "human",
            Self::Nobody => "nobody",
        }
    }
}

/// Why a call ended as it did, or took the way that it took.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Cause {
    /// The failure class that led here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<FailureClass>,
    /// The rule, check or ladder that led here, such as `rules.large-amount`; or `review_expired`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What to tell the caller.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// How.
    pub outcome: Outcome,
    /// Whose answer.
    pub answered_by: AnsweredBy,
    /// Digest of the answer that may leave; `None` when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Digest>,
    /// Why.
    #[serde(default)]
    pub cause: Cause,
    /// An answer that a queue's `approve` let out when nobody looked.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub unreviewed: bool,
    /// Queues of the blind audits that were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audits: Vec<String>,
}

/// An answer that may leave as a checked one. Only [`crate::call::CallState::release`] makes it,
/// from a recorded outcome whose digest matches; the edge consumes it.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "an answer that was released and never sent"]
pub struct Released {
    bytes: Vec<u8>,
    ended: Ended,
}

/// An answer that leaves unchecked by the policy author's choice (`mode: observe`).
#[derive(Debug, PartialEq, Eq)]
#[must_use = "an answer that was let go and never sent"]
pub struct Unchecked {
    bytes: Vec<u8>,
}

/// The fallback, shown while a person still decides. It is not the outcome.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "an interim answer that was never sent"]
pub struct Interim {
    bytes: Vec<u8>,
}

/// What may leave for a run that ended with an answer.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "an answer that was released and never sent"]
pub enum Leaving {
    /// Checked.
    Released(Released),
    /// Unchecked by choice.
    Unchecked(Unchecked),
}

/// Why an answer may not leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// The run has not ended.
    #[error("the call has not ended")]
    Open,
    /// The run ended without an answer.
    #[error("the call ended without an answer")]
    NoAnswer,
    /// The bytes are not those that were recorded.
    #[error("the answer differs from the recorded one")]
    Digest,
}

/// Lets `bytes` leave under that recorded end.
pub(crate) fn release(ended: &Ended, bytes: Vec<u8>) -> Result<Leaving, ReleaseError> {
    let recorded = ended.answer.ok_or(ReleaseError::NoAnswer)?;
    if Digest::of(&bytes) != recorded {
        return Err(ReleaseError::Digest);
    }
    Ok(match ended.outcome {
        Outcome::Observed => Leaving::Unchecked(Unchecked { bytes }),
        _ => Leaving::Released(Released { bytes, ended: ended.clone() }),
    })
}

/// Lets the recorded interim fallback leave.
pub(crate) fn release_interim(recorded: Digest, bytes: Vec<u8>) -> Result<Interim, ReleaseError> {
    if Digest::of(&bytes) == recorded { Ok(Interim { bytes }) } else { Err(ReleaseError::Digest) }
}

impl Released {
    /// The bytes to send, and the end that they were released under.
    pub fn into_parts(self) -> (Vec<u8>, Ended) {
        (self.bytes, self.ended)
    }
}

impl Unchecked {
    /// The bytes to send.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl Interim {
    /// The bytes to send.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
