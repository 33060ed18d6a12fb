//! The facts of a review, past tense. Stored and wire format, as in [`crate::event`].

use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{CallId, Digest, Millis, OnExpiry, Priority, Resolution, ReviewId, Show};

/// What happened to a review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "body", rename_all = "snake_case")]
pub enum ReviewEvent {
    /// It waits in a queue.
    ReviewOpened(Opened),
    /// A person holds it, for a while.
    ReviewClaimed {
        /// The person.
        by: String,
        /// Fencing token: higher than every earlier one of this review.
        lease: u64,
        /// End of the lease.
        until: Millis,
    },
    /// The holder goes on holding it.
    ReviewRenewed {
        /// The lease that was shown.
        lease: u64,
        /// Its new end.
        until: Millis,
    },
    /// The holder gave it back.
    ReviewReleased {
        /// The lease that ended.
        lease: u64,
    },
    /// One of several people decided.
    VoteCast {
        /// The person.
        by: String,
        /// What they decided.
        vote: Resolution,
        /// Code and text of the reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// It is decided.
    ReviewDecided {
        /// Everyone whose vote counted.
        by: Vec<String>,
        /// What they decided.
        resolution: Resolution,
        /// Code and text of the reason.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Until when it can be taken back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        undo_until: Option<Millis>,
    },
    /// The decision was taken back inside the undo window.
    ReviewUndone {
        /// Who took it back.
        by: String,
    },
    /// Nobody decided in time.
    ReviewExpired {
        /// The terminal action that was taken.
        action: OnExpiry,
    },
    /// It is no longer asked.
    ReviewWithdrawn {
        /// Why: the caller cancelled, the run was superseded.
        reason: String,
    },
    /// A person said something.
    ReviewCommented {
        /// The person.
        by: String,
        /// What they said.
        text: String,
    },
    /// A step of the queue's chain of reminders was taken.
    ReviewStepTaken {
        /// Which step, from 0.
        step: u32,
        /// What it did, in words.
        did: String,
        /// The priority that it raised the review to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        priority: Option<Priority>,
        /// The queue in which the review is shown from here on, too.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        queue: Option<String>,
        /// The entries of `notify` that are to be told. What was told stands with deliveries: an
        /// event is never changed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notify: Vec<String>,
    },
    /// A person does not want to see it for a while, or ever. It stays with all others: this is no
    /// verdict.
    ReviewSetAside {
        /// The person.
        by: String,
        /// Until when; `None`: they leave it to others for good.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Millis>,
    },
    /// It was given to somebody, or to another queue. A hint to people, not a lock.
    ReviewHandedOver {
        /// Who did so.
        by: String,
        /// The person who shall decide.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
        /// The queue in which it waits from here on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        queue: Option<String>,
        /// Why, in their words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
}

impl ReviewEvent {
    /// Name of the type, as stored.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ReviewOpened(_) => "review_opened",
            Self::ReviewClaimed { .. } => "review_claimed",
            Self::ReviewRenewed { .. } => "review_renewed",
            Self::ReviewReleased { .. } => "review_released",
            Self::VoteCast { .. } => "vote_cast",
            Self::ReviewDecided { .. } => "review_decided",
            Self::ReviewUndone { .. } => "review_undone",
            Self::ReviewExpired { .. } => "review_expired",
            Self::ReviewWithdrawn { .. } => "review_withdrawn",
            Self::ReviewCommented { .. } => "review_commented",
            Self::ReviewStepTaken { .. } => "review_step_taken",
            Self::ReviewSetAside { .. } => "review_set_aside",
            Self::ReviewHandedOver { .. } => "review_handed_over",
        }
    }
}

/// Why a review is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewKind {
    /// A call waits for it.
    Decision,
    /// Nobody waits: an accepted answer is looked at blind.
    Audit,
}

/// How an answer came before a person, if neither its policy nor a rule's chance sent it there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampled {
    /// Several people decide the same apart. Nobody decides two of them.
    Overlap {
        /// The one that the call waits for; itself in that one.
        of: ReviewId,
    },
    /// Its answer is known.
    Known {
        /// The review that it is known from.
        of: ReviewId,
    },
    /// Somebody who got the answer reported it as wrong.
    Complaint,
}

impl Sampled {
    /// Whether nobody who decides may notice: who knows that they are measured decides otherwise.
    pub const fn is_hidden(&self) -> bool {
        !matches!(self, Self::Complaint)
    }
}

/// A review as it was opened. Numbers are those of the queue and the escalation at that moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// The call.
    pub call: CallId,
    /// The call's run: decisions for an older one are refused.
    pub generation: u32,
    /// The policy.
    pub policy: String,
    /// The queue.
    pub queue: String,
    /// Whether a call waits for it.
    pub kind: ReviewKind,
    /// Who objected and why, in file order.
    pub reasons: Vec<Reason>,
    /// Digest of what the person sees; `None`: they write the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Digest>,
    /// When its terminal action is taken.
    pub due: Millis,
    /// What that action is.
    pub on_expiry: OnExpiry,
    /// How urgent.
    #[serde(default)]
    pub priority: Priority,
    /// How many different people must approve.
    pub approvals: u8,
    /// Whether a second person sees the first one's vote.
    #[serde(default)]
    pub blind: bool,
    /// Who may not decide: people, callers, and teams with all that belong to them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded: Vec<String>,
    /// Paths that may be edited; `None`: everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub may_edit: Option<Vec<String>>,
    /// What is shown first.
    #[serde(default)]
    pub show: Show,
    /// Length of a claim's lease, in milliseconds.
    pub claim_ms: u64,
    /// Undo window before release, in milliseconds.
    pub undo_ms: u64,
    /// How often the answer may still be sent back to the model.
    pub changes_left: u32,
    /// How it came here, if not by its policy or by a rule's chance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampled: Option<Sampled>,
}

impl Opened {
    /// Whether it shall look as if a call waited for it, and none does: it was drawn to learn how
    /// people decide.
    pub fn is_drawn(&self) -> bool {
        self.kind == ReviewKind::Audit && self.sampled.as_ref().is_some_and(Sampled::is_hidden)
    }
}

/// Who objected and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The rule, check or class.
    pub by: String,
    /// In words.
    pub text: String,
}
