//! What follows from a person's word, or from the due time.

use alloc::{
    string::{String, ToString},
    vec,
    vec::Vec,
};

use super::offer::written_reject;
use crate::{
    Act, AnsweredBy, Ask, CallState, Cause, Decision, Ended, Escalation, OnExpiry, Outcome, Plan,
    Purpose, Resolution, Resolved, Source, Subject, Verdict,
};

/// The decision on a word that brings no answer with it.
pub(super) fn resolved(plan: &Plan, state: &CallState) -> Option<Decision> {
    let resolved = state.resolved.as_ref()?;
    let by = alloc::format!("review.{}", resolved.queue);
    let mut renewed = None;
    let act = match &resolved.resolution {
        Resolution::Rejected => {
            let text = resolved.reason.clone().unwrap_or_default();
            Act::End(without_answer(Outcome::Rejected, &by, text))
        }
        Resolution::FallbackChosen if can_fall_back(plan, state) => Act::Fallback,
        Resolution::ChangesRequested { tell } if can_change(plan, state) => {
            renewed = Some(state.at.plus(plan.deadline_ms));
            Act::Ask(changed(plan, state, tell))
        }
        Resolution::Expired { action: OnExpiry::Fallback } if can_fall_back(plan, state) => {
            Act::Fallback
        }
        // One queue's silence is not the other's consent.
        Resolution::Expired { action: OnExpiry::Approve } if !state.still_to_ask.is_empty() => {
            Act::Review { reviews: state.still_to_ask.clone() }
        }
        Resolution::Expired { action: OnExpiry::Approve } => match passable(plan, state) {
            Some(subject) => Act::End(unseen(state, subject)),
            None => Act::End(without_answer(Outcome::Expired, EXPIRED, expired_text(resolved))),
        },
        Resolution::Expired { .. } => {
            Act::End(without_answer(Outcome::Expired, EXPIRED, expired_text(resolved)))
        }
        // What the person asked for cannot be done any more: no answer leaves.
        _ => Act::End(without_answer(Outcome::Refused, &by, "nothing is left to try".into())),
    };
    let verdict = match &act {
        Act::Fallback => Verdict::Fallback,
        Act::Ask(_) => Verdict::Repair,
        Act::Review { .. } => Verdict::Escalate,
        _ => Verdict::Reject,
    };
    let expired = matches!(resolved.resolution, Resolution::Expired { .. });
    Some(Decision {
        verdict,
        because: vec![if expired { EXPIRED.into() } else { by }],
        class: None,
        spends: Vec::new(),
        skipped: Vec::new(),
        overruled: Vec::new(),
        renewed,
        act,
    })
}

/// The cause of everything that a due time brings about (DESIGN.md section 7).
const EXPIRED: &str = "review_expired";
const EXPIRED_TEXT: &str = "nobody decided in time";

/// Why nobody decided: a queue that took nothing in said so.
fn expired_text(resolved: &Resolved) -> String {
    resolved.reason.clone().unwrap_or_else(|| EXPIRED_TEXT.into())
}

/// The answer on the table, unless not even a person could let it pass.
fn passable<'a>(plan: &Plan, state: &'a CallState) -> Option<&'a Subject> {
    let judged = state.judged.as_ref()?;
    let stopped = judged.findings.iter().any(|finding| written_reject(plan, finding));
    (judged.shape.is_none() && !stopped).then_some(&judged.subject)
}

const fn can_fall_back(plan: &Plan, state: &CallState) -> bool {
    plan.has_fallback && !state.fallback_tried
}

const fn can_change(plan: &Plan, state: &CallState) -> bool {
    state.changes < plan.budget.changes
}

fn changed(plan: &Plan, state: &CallState, tell: &str) -> Ask {
    let first = plan.models.first().map(|model| model.name.clone());
    let model = state.asked.as_ref().map(|ask| ask.model.clone()).or(first).unwrap_or_default();
    let purpose = if state.judged.is_some() { Purpose::Repair } else { Purpose::Answer };
    Ask { model, purpose, not_before: None, tell: vec![tell.into()], doublings: 0 }
}

fn without_answer(outcome: Outcome, by: &str, text: String) -> Ended {
    Ended {
        outcome,
        answered_by: AnsweredBy::Nobody,
        answer: None,
        cause: Cause { class: None, by: Some(by.into()), text },
        unreviewed: false,
        audits: Vec::new(),
    }
}

/// A queue's `approve` at expiry: explicit, and marked.
fn unseen(state: &CallState, subject: &Subject) -> Ended {
    Ended {
        outcome: Outcome::Expired,
        answered_by: whose(state, subject),
        answer: Some(subject.digest),
        cause: Cause { class: None, by: Some(EXPIRED.into()), text: EXPIRED_TEXT.to_string() },
        unreviewed: true,
        audits: Vec::new(),
    }
}

/// The end that a person's approval or edit leads to.
pub(super) fn by_a_person(state: &CallState, subject: &Subject) -> Ended {
    let edited = state.edited();
    let queue = state.decided.last().map(|approval| alloc::format!("review.{}", approval.queue));
    Ended {
        outcome: if edited { Outcome::Edited } else { Outcome::Approved },
        answered_by: if edited { AnsweredBy::Human } else { whose(state, subject) },
        answer: Some(subject.digest),
        cause: Cause { class: None, by: queue, text: String::new() },
        unreviewed: false,
        audits: Vec::new(),
    }
}

/// Whose words an answer is that a person let pass.
const fn whose(state: &CallState, subject: &Subject) -> AnsweredBy {
    let source = match state.origin {
        Some(origin) => origin,
        None => subject.source,
    };
    match source {
        Source::Model => AnsweredBy::Model,
        Source::Cache => AnsweredBy::Cache,
        Source::Fallback => AnsweredBy::Rule,
        Source::Human => AnsweredBy::Human,
    }
}

/// Two escalations to one queue become one review, with the tighter of each option.
pub(super) fn tightened(first: &Escalation, second: &Escalation) -> Escalation {
    let edits = match (&first.may_edit, &second.may_edit) {
        (Some(a), Some(b)) => Some(a.iter().filter(|path| b.contains(path)).cloned().collect()),
        (Some(paths), None) | (None, Some(paths)) => Some(paths.clone()),
        (None, None) => None,
    };
    Escalation {
        queue: first.queue.clone(),
        due_ms: match (first.due_ms, second.due_ms) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        },
        priority: first.priority.max(second.priority),
        approvals: first.approvals.max(second.approvals),
        blind: first.blind.max(second.blind),
        show: first.show.clone(),
        may_edit: edits,
    }
}
