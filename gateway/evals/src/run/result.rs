//! What came of each case: plain data, written to reports, shards and baselines.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::recorded::Miss;

/// Version of the format; a reader refuses what it does not know.
pub const SCHEMA: &str = "backstop.eval/1";

/// What came of one case, once.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Ran {
    /// The case.
    pub case: String,
    /// Which of several times, from 0.
    pub repeat: u32,
    /// What it is drawn with when cases are resampled.
    pub cluster: String,
    /// How it ended: an outcome, or `in_review`. Empty if it could not be run.
    pub end: String,
    /// The queue that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Whose answer it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<String>,
    /// Rules and checks that objected on the way, in order, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fired: Vec<String>,
    /// Whether it came to the end that the case expects; `None`: it expects none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<bool>,
    /// What differs from what was expected, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<String>,
    /// What each score says of the answer that left, or that lies before a person.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scores: BTreeMap<String, bool>,
    /// Whether that answer is right by all scores that count; `None`: the case has no truth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right: Option<bool>,
    /// The answer that left, or that lies before a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// Its first tool call, as `{name, args}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<Value>,
    /// Requests to models.
    pub attempts: u32,
    /// Of these, repairs.
    pub repairs: u32,
    /// Money, in millionths.
    pub cost_micro: u64,
    /// From received to ended or resting with a person, in milliseconds.
    pub took_ms: u64,
    /// Requests that the record does not know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub misses: Vec<Miss>,
    /// Why it could not be run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Ran {
    /// Whether it says anything: it was run, with answers to everything it asked.
    pub fn is_valid(&self) -> bool {
        self.error.is_none() && self.misses.is_empty()
    }

    /// Whether an answer left without a person.
    pub fn is_automatic(&self) -> bool {
        matches!(self.end.as_str(), "accepted" | "fallback")
    }

    /// Whether a person was asked.
    pub fn is_escalated(&self) -> bool {
        matches!(self.end.as_str(), "in_review" | "approved" | "edited" | "rejected" | "expired")
    }
}

/// What came of every case of one suite.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Results {
    /// The suite.
    pub suite: String,
    /// Revision of the policy.
    pub revision: String,
    /// `replay` or `live`.
    pub tier: String,
    /// In the order of cases, then repeats.
    pub ran: Vec<Ran>,
}
