//! `next`: what is to be done now. The engine carries the step out and records what happened.

use alloc::{boxed::Box, string::ToString, vec::Vec};

use super::{budget::affordable, decide::decide, pause};
use crate::{
    Ask, AttemptEnded, AttemptResult, CallEvent, CallState, Ended, FailureClass, Millis, Phase,
    Plan, ReviewSpec, SkipReason, Subject,
};

/// What is to be done now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Record this event: the machine decided it alone.
    Record(Box<CallEvent>),
    /// Run the checks on the request; record `request_judged`.
    JudgeRequest,
    /// Ask the answer cache; record `cache_looked`.
    LookInCache,
    /// Pass the guards and ask a model; record `attempt_blocked`, or `attempt_started` and
    /// `attempt_ended`.
    Ask(Ask),
    /// Judge an answer, votes and judges included; record `answer_judged`.
    Judge(Subject),
    /// Mask what these checks found; record `answer_masked`.
    Mask {
        /// The answer.
        subject: Subject,
        /// Names of checks.
        checks: Vec<alloc::string::String>,
    },
    /// Take the policy's fallback; record `fallback_taken` or `fallback_failed`.
    TakeFallback,
    /// Open this review; record `review_requested`.
    OpenReview(ReviewSpec),
    /// Sleep, then record this event.
    Sleep {
        /// Until when.
        until: Millis,
        /// What to record then.
        then: Box<CallEvent>,
    },
    /// A person, or the due time of the review, moves the call on.
    AwaitReview,
    /// The run ended.
    Done,
}

/// What is to be done now.
///
/// It is not asked while an attempt is in flight: one that is found here was cut off by a crash,
/// and is recorded as `interrupted`.
pub fn next(plan: &Plan, state: &CallState) -> Step {
    if let Some(step) = interrupted(state) {
        return step;
    }
    match &state.phase {
        Phase::Admitted => Step::JudgeRequest,
        Phase::LookingUp { .. } => Step::LookInCache,
        Phase::Attempting { ask, .. } => {
            unaffordable(plan, state, ask).unwrap_or_else(|| Step::Ask(ask.clone()))
        }
        Phase::Waiting { until, .. } => {
            Step::Sleep { until: *until, then: Box::new(CallEvent::WaitEnded) }
        }
        Phase::Paused { paused, before, .. } => {
            Step::Sleep { until: paused.until, then: Box::new(pause::over(state, paused, before)) }
        }
        Phase::Checking { subject } => Step::Judge(subject.clone()),
        Phase::Masking { subject, checks } => {
            Step::Mask { subject: subject.clone(), checks: checks.clone() }
        }
        Phase::Deciding(_) => decide(plan, state).map_or(Step::Done, |decision| {
            Step::Record(Box::new(CallEvent::VerdictReached(decision)))
        }),
        Phase::FallingBack => Step::TakeFallback,
        Phase::Opening { reviews } => {
            reviews.first().map_or(Step::Done, |review| Step::OpenReview(review.clone()))
        }
        Phase::InReview { .. } => Step::AwaitReview,
        Phase::Releasing { until, ended, .. } => {
            Step::Sleep { until: *until, then: Box::new(end(state, ended)) }
        }
        Phase::Ending(ended) => Step::Record(Box::new(end(state, ended))),
        Phase::Ended(_) => Step::Done,
    }
}

/// The end, or what is told before it.
fn end(state: &CallState, ended: &Ended) -> CallEvent {
    state.revision(ended).unwrap_or_else(|| CallEvent::CallEnded(ended.clone()))
}

/// A first attempt is no rung, and a wait may have lasted longer than it should: nothing is asked
/// that budget and deadline do not allow.
fn unaffordable(plan: &Plan, state: &CallState, ask: &Ask) -> Option<Step> {
    let why = affordable(plan, state, &ask.model, 1, state.at).err()?;
    let (class, reason) = match why {
        SkipReason::Deadline => {
            (FailureClass::Timeout, "the deadline leaves no time for another attempt")
        }
        _ => (FailureClass::Budget, "the budget cannot pay for another attempt"),
    };
    let (model, reason) = (ask.model.clone(), reason.to_string());
    let blocked = CallEvent::AttemptBlocked { model, class, until: None, reason };
    Some(Step::Record(Box::new(blocked)))
}

/// What it took is not known, so what was reserved for it is charged.
fn interrupted(state: &CallState) -> Option<Step> {
    if matches!(state.phase, Phase::Ended(_)) {
        return None;
    }
    let attempt = state.in_flight()?;
    let ended = AttemptEnded {
        attempt: attempt.started.attempt,
        result: AttemptResult::Failed {
            class: FailureClass::Interrupted,
            message: "the gateway stopped before the answer came".to_string(),
            status: None,
            until: None,
            raw: None,
        },
        took_ms: 0,
        usage: attempt.started.estimate,
        cost: attempt.started.cost,
    };
    Some(Step::Record(Box::new(CallEvent::AttemptEnded(ended))))
}
