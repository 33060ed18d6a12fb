//! Verdicts, and the rungs and ladders by which a policy asks for them.

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

/// What happens next, least strict first: of several offers the greatest wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing objects.
    Accept,
    /// Ask the same model again, told what is wrong; or mask what was found.
    Repair,
    /// The same request again, or wait until it may be sent.
    Retry,
    /// Ask the next model.
    NextModel,
    /// The policy's deterministic answer.
    Fallback,
    /// A person decides.
    Escalate,
    /// No answer leaves.
    Reject,
}

impl Verdict {
    /// The word used in policies, events and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Repair => "repair",
            Self::Retry => "retry",
            Self::NextModel => "next_model",
            Self::Fallback => "fallback",
            Self::Escalate => "escalate",
            Self::Reject => "reject",
        }
    }
}

/// One rung of a ladder, with everything but its texts: those are rendered when an objection is
/// made, because they may speak of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rung {
    /// Ends as `refused`.
    Reject,
    /// A person decides.
    Escalate(Escalation),
    /// The policy's `fallback:` answers.
    Fallback,
    /// The next model, or skip ahead to the one named; never back.
    NextModel {
        /// Name of a model in the plan; `None` is the next one.
        to: Option<String>,
    },
    /// The same request again.
    Retry {
        /// How often per call.
        times: u32,
        /// First backoff, in milliseconds; doubles, with full jitter.
        backoff_ms: u64,
    },
    /// Wait until the limiter or the breaker allows.
    Wait {
        /// Longest wait in milliseconds; `None` is the deadline.
        at_most_ms: Option<u64>,
    },
    /// Ask again with what was found, or mask it.
    Repair {
        /// How often per call.
        times: u32,
        /// Another model to ask; `None` is the same one.
        model: Option<String>,
        /// Mask the spans that this check found, without a model.
        mask: Option<String>,
    },
}

impl Rung {
    /// The verdict that it asks for.
    pub const fn verdict(&self) -> Verdict {
        match self {
            Self::Reject => Verdict::Reject,
            Self::Escalate(_) => Verdict::Escalate,
            Self::Fallback => Verdict::Fallback,
            Self::NextModel { .. } => Verdict::NextModel,
            Self::Retry { .. } | Self::Wait { .. } => Verdict::Retry,
            Self::Repair { .. } => Verdict::Repair,
        }
    }
}

/// Which queue a review goes to, and how it tightens what the queue asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    /// Name of the queue.
    pub queue: String,
    /// Own due time in milliseconds of the queue's opening hours; `None` is the queue's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_ms: Option<u64>,
    /// How urgent.
    #[serde(default)]
    pub priority: Priority,
    /// How many people must approve, if more than the queue asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<u8>,
    /// Whether a second person sees the first one's vote; `true` only tightens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blind: Option<bool>,
    /// What the reviewer sees first.
    #[serde(default)]
    pub show: Show,
    /// Paths that may be edited; `None`: all of an output, nothing of a tool call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub may_edit: Option<Vec<String>>,
}

impl Escalation {
    /// A bare escalation to that queue.
    pub const fn to(queue: String) -> Self {
        Self {
            queue,
            due_ms: None,
            priority: Priority::Normal,
            approvals: None,
            blind: None,
            show: Show::All,
            may_edit: None,
        }
    }
}

/// How urgent a review is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// After the others.
    Low,
    /// In turn.
    #[default]
    Normal,
    /// Before the others.
    High,
}

/// What a reviewer sees first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Show {
    /// Everything.
    #[default]
    All,
    /// The paths that confidence was weak on.
    Weak,
    /// These paths.
    Paths(Vec<String>),
}

/// The rungs that one objection takes, in order. It ends, unseen, in the plan's `otherwise`.
pub type Ladder = Vec<Rung>;
