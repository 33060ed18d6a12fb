//! The facts of a call, past tense. Written once decided and before being acted on.
//!
//! Stored and wire format: fields are added as optional ones, never renamed or removed; anything
//! else is a new type name. No floats. Golden files in `tests/golden/events` pin every type.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    AttemptEnded, AttemptStarted, Basis, Compensation, Criticality, Decision, Digest, Drawn,
    Effect, Ended, FailureClass, Finding, Forked, MicroMoney, Millis, Mode, Paused, ReviewId,
    RunEnd, Scored, Subject, Usage, guard::Level,
};

/// What happened to a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "body", rename_all = "snake_case")]
pub enum CallEvent {
    /// The call exists from here on.
    CallReceived(Received),
    /// Another request with the same idempotency key joined.
    DuplicateJoined {
        /// Its request id.
        request: String,
    },
    /// Input checks and `before` rules ran.
    RequestJudged {
        /// What they say, in file order.
        findings: Vec<Finding>,
        /// What that rests on beside the request.
        #[serde(default, skip_serializing_if = "Basis::is_empty")]
        basis: Basis,
    },
    /// The answer cache was asked.
    CacheLooked {
        /// The kept answer, if there was one.
        hit: Option<Subject>,
    },
    /// A request is about to be sent to a model.
    AttemptStarted(AttemptStarted),
    /// That request is over.
    AttemptEnded(AttemptEnded),
    /// A guard of ours did not let a request out.
    AttemptBlocked {
        /// The model.
        model: String,
        /// `limit`, `budget`, `breaker_open`, `quota`, `throttled`, `timeout`, `shed`.
        class: FailureClass,
        /// When it may be tried again, if known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Millis>,
        /// Which guard and whose, in words.
        reason: String,
    },
    /// An answer was judged. The subject is what would be released: mended, if it was.
    AnswerJudged(Judged),
    /// The decision on what was judged, or on a failure.
    VerdictReached(Decision),
    /// The found spans were masked; what stands there now is judged anew.
    AnswerMasked {
        /// The answer as masked.
        subject: Subject,
    },
    /// A wait is over.
    WaitEnded,
    /// The policy's fallback gave an answer.
    FallbackTaken {
        /// Row of the fallback, from 0.
        row: u32,
        /// Its answer.
        subject: Subject,
        /// Samples that were drawn for the first time in this call.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        drawn: Vec<Drawn>,
    },
    /// The policy's fallback gave none.
    FallbackFailed {
        /// Why.
        reason: String,
        /// Samples that were drawn for the first time in this call.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        drawn: Vec<Drawn>,
    },
    /// A person is asked.
    ReviewRequested(Requested),
    /// A person, or the due time, answered.
    ReviewResolved(Resolved),
    /// The decision was taken back inside the undo window.
    DecisionUndone {
        /// The review that is open again.
        review: ReviewId,
    },
    /// The fallback was shown to a caller who cannot wait. It is not the outcome.
    InterimReleased {
        /// Digest of what was shown.
        digest: Digest,
    },
    /// An earlier run had told another outcome. `call_ended` follows in the same commit.
    OutcomeRevised {
        /// What was told.
        from: RunEnd,
        /// What holds from here on.
        to: RunEnd,
    },
    /// Tool calls leave with the answer. `call_ended` follows in the same commit.
    EffectsReleased {
        /// In the order of the answer; never empty.
        effects: Vec<Effect>,
    },
    /// The run ended.
    CallEnded(Ended),
    /// A new run started at a checkpoint. The only event that can follow an outcome.
    RunForked(Forked),
    /// What the superseded run released is to be made good. Stands beside its `run_forked`.
    CompensationRequested {
        /// In the order of release; never empty.
        compensations: Vec<Compensation>,
    },
    /// An operator holds the call where it is.
    CallPaused(Paused),
    /// It goes on from there, by an operator's word or because the time is over.
    CallResumed {
        /// Name of the state that it goes on in.
        state: String,
        /// Why, if an operator said so; nobody did when the time was over, or before reasons were
        /// kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

impl CallEvent {
    /// Name of the type, as stored.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CallReceived(_) => "call_received",
            Self::DuplicateJoined { .. } => "duplicate_joined",
            Self::RequestJudged { .. } => "request_judged",
            Self::CacheLooked { .. } => "cache_looked",
            Self::AttemptStarted(_) => "attempt_started",
            Self::AttemptEnded(_) => "attempt_ended",
            Self::AttemptBlocked { .. } => "attempt_blocked",
            Self::AnswerJudged(_) => "answer_judged",
            Self::VerdictReached(_) => "verdict_reached",
            Self::AnswerMasked { .. } => "answer_masked",
            Self::WaitEnded => "wait_ended",
            Self::FallbackTaken { .. } => "fallback_taken",
            Self::FallbackFailed { .. } => "fallback_failed",
            Self::ReviewRequested(_) => "review_requested",
            Self::ReviewResolved(_) => "review_resolved",
            Self::DecisionUndone { .. } => "decision_undone",
            Self::InterimReleased { .. } => "interim_released",
            Self::OutcomeRevised { .. } => "outcome_revised",
            Self::EffectsReleased { .. } => "effects_released",
            Self::CallEnded(_) => "call_ended",
            Self::RunForked(_) => "run_forked",
            Self::CompensationRequested { .. } => "compensation_requested",
            Self::CallPaused(_) => "call_paused",
            Self::CallResumed { .. } => "call_resumed",
        }
    }
}

/// Everything of a request that later decisions rest on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    /// Name of the policy.
    pub policy: String,
    /// Revision that the call is pinned to.
    pub revision: Digest,
    /// Name of the caller; `local` on a loopback without keys.
    pub caller: String,
    /// Its tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Idempotency key, as sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Digest of the request body in canonical JSON, for the idempotency key.
    pub fingerprint: Digest,
    /// Body digest of the normalised request (`engine::request`).
    pub request: Digest,
    /// What the caller sent along, echoed back.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// W3C `traceparent` that the caller sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// Which face it came in by.
    pub face: Face,
    /// The class that it runs under: the policy's, or lower if the caller said so.
    #[serde(default)]
    pub criticality: Criticality,
    /// Whether verdicts are carried out.
    #[serde(default)]
    pub mode: Mode,
    /// End of the automatic part.
    pub deadline: Millis,
    /// What one request to each model is expected to take.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub estimates: Vec<Estimate>,
    /// Set when a canary drew the call: the revision that all others are pinned to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary_of: Option<Digest>,
    /// What the gateway gave up under load when the call came.
    #[serde(default, skip_serializing_if = "Level::is_normal")]
    pub level: Level,
    /// Set when the caller's limits or the degradation level would have refused it at the door,
    /// and the policy names a ladder for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_at_door: Option<AtDoor>,
}

/// Why a call was received although the door was shut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtDoor {
    /// `shed` or `limit`.
    pub class: FailureClass,
    /// Which limit and whose, in words.
    pub reason: String,
    /// When it would be let in, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Millis>,
}

/// Which face a call came in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Face {
    /// `POST /v1/chat/completions`.
    Chat,
    /// `POST /v1/calls/{policy}`.
    Calls,
}

/// What one request to a model is expected to take, at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    /// Name of the model.
    pub model: String,
    /// Tokens, in and out.
    pub usage: Usage,
    /// Money.
    pub cost: MicroMoney,
}

/// An answer was judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// What was judged.
    pub subject: Subject,
    /// The failure class of its shape (`declined truncated malformed schema`), if it has none to
    /// be judged further. Its objection stands among the findings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<FailureClass>,
    /// What every check and rule says, in file order.
    pub findings: Vec<Finding>,
    /// Every signal that was computed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<Scored>,
    /// What local mending did to the text, step by step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mended: Vec<String>,
    /// Whether every check and rule that applies ran. Without it nothing is accepted.
    pub complete: bool,
    /// Whether it calls a tool that writes: `mode: observe` does not cover those.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub writes: bool,
    /// What was brought to it beside the answer.
    #[serde(default, skip_serializing_if = "Basis::is_empty")]
    pub basis: Basis,
}

/// A person is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requested {
    /// The review; its own stream holds the rest.
    pub review: ReviewId,
    /// Name of the queue.
    pub queue: String,
    /// When its terminal action is taken.
    pub due: Millis,
    /// What the person sees; `None`: they write the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Digest>,
}

/// A person, or the due time, answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    /// The review.
    pub review: ReviewId,
    /// Name of its queue.
    pub queue: String,
    /// What was decided.
    pub resolution: Resolution,
    /// Who decided; empty when it was the due time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
    /// Code and text of the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Until when it can be taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo_until: Option<Millis>,
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// The answer as it was. `answer_judged` of a human's subject follows in the same commit.
    Approved {
        /// What the person saw.
        subject: Subject,
    },
    /// Changed or written by the person. `answer_judged` follows in the same commit.
    Edited {
        /// What the person made of it.
        subject: Subject,
    },
    /// No.
    Rejected,
    /// Back to the model, with these words.
    ChangesRequested {
        /// What to tell the model.
        tell: String,
    },
    /// The policy's fallback shall answer.
    FallbackChosen,
    /// Nobody decided in time, or the queue was full or hopelessly late.
    Expired {
        /// The queue's terminal action.
        action: crate::OnExpiry,
    },
}

impl Resolution {
    /// The word used in summaries, letters and reports.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Approved { .. } => "approved",
            Self::Edited { .. } => "edited",
            Self::Rejected => "rejected",
            Self::ChangesRequested { .. } => "changes_requested",
            Self::FallbackChosen => "fallback_chosen",
            Self::Expired { .. } => "expired",
        }
    }
}
