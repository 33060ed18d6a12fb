//! What a judgement rests on that happens only once: written down beside it, so that a replay
//! judges again, asks nobody, and comes to the same.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::Digest;

/// Everything that was brought to one judgement beside the subject and what is known of the call.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Basis {
    /// What services and models were asked, in the order in which their results were brought.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paid: Vec<Paid>,
    /// Samples that were drawn for the first time in this call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drawn: Vec<Drawn>,
    /// The limit on a tool that had no room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full: Option<FullLimit>,
}

impl Basis {
    /// Whether nothing was brought.
    pub const fn is_empty(&self) -> bool {
        self.paid.is_empty() && self.drawn.is_empty() && self.full.is_none()
    }
}

/// One thing that a judgement had to ask, and what came of it: attempts, a service's answer, or
/// the words why nothing came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paid {
    /// Its number within the judgement.
    pub id: u32,
    /// Digest of what was asked: a service's request, or the body sent to a model. `None` if it
    /// could not even be put together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Digest>,
    /// The attempts that were made for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<u32>,
    /// Body digest of what a service said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<Digest>,
    /// Why nothing came of it, in the words that the judgement was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// One draw of a sample. It holds no float and not the key itself, which may be private.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drawn {
    /// The rule or check whose sample it is.
    pub by: String,
    /// First 16 hexadecimal digits of the key's SHA-256.
    pub key: String,
    /// The share, in millionths.
    pub share_millionths: u32,
    /// Whether the key fell into the share.
    pub taken: bool,
}

/// A limit on a tool that had no room for an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FullLimit {
    /// The tool that it denies.
    pub tool: String,
    /// Which limit and whose, in words.
    pub why: String,
}
