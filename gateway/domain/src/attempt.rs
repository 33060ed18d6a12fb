//! One request to a model, from its start to its end. Stored and wire format, as in
//! [`crate::event`].

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::{Digest, FailureClass, MicroMoney, Millis, Usage};

/// What a request to a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The answer.
    Answer,
    /// The answer, told what was wrong with the last one.
    Repair,
    /// One more answer, to count agreement.
    Vote,
    /// A score of an answer.
    Judge,
    /// The same request again, because the first is late.
    Hedge,
}

impl Purpose {
    /// The word used in events and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Repair => "repair",
            Self::Vote => "vote",
            Self::Judge => "judge",
            Self::Hedge => "hedge",
        }
    }

    /// Whether its answer is judged as the call's answer.
    pub const fn is_answer(self) -> bool {
        matches!(self, Self::Answer | Self::Repair | Self::Hedge)
    }
}

/// A request is about to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptStarted {
    /// Number within the run, from 1.
    pub attempt: u32,
    /// Name of the model.
    pub model: String,
    /// What it is for.
    pub purpose: Purpose,
    /// Body digest of the request as sent.
    pub request: Digest,
    /// What is reserved for it.
    pub estimate: Usage,
    /// Money reserved for it.
    pub cost: MicroMoney,
}

/// A request is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptEnded {
    /// Which attempt.
    pub attempt: u32,
    /// How it went.
    pub result: AttemptResult,
    /// Milliseconds from sending to the last byte.
    pub took_ms: u64,
    /// Tokens that it took: reported, or estimated where nothing was.
    pub usage: Usage,
    /// Money that it took.
    pub cost: MicroMoney,
}

/// How a request to a model went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptResult {
    /// An answer came.
    Answered {
        /// Body digest of the provider's answer, byte for byte.
        raw: Digest,
        /// Digest of the answer in our form (`engine::answer`); what is judged.
        answer: Digest,
        /// Why the model stopped, in the provider's word.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        finish: Option<String>,
    },
    /// None came.
    Failed {
        /// The failure class.
        class: FailureClass,
        /// In words, without secrets.
        message: String,
        /// HTTP status, if one came.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// When the provider asked to be tried again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Millis>,
        /// The start of what came instead, by body digest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        raw: Option<Digest>,
    },
}
