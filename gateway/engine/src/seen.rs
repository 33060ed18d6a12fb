//! What operators see of a call: one log line, and numbers by policy, outcome, class and stage.
//! Never a word of a request or an answer.

use backstop_domain::{CallEvent, ForkKind};

use crate::{admit::Refused, live::Snapshot};

/// Counts a transition, by the event that made it.
pub(crate) fn transition(policy: &str, from: &'static str, to: &'static str, event: &CallEvent) {
    let class = match event {
        CallEvent::AttemptBlocked { class, .. } => class.name(),
        CallEvent::VerdictReached(decision) => decision.class.map_or("none", |class| class.name()),
        CallEvent::AttemptEnded(ended) => match &ended.result {
            backstop_domain::AttemptResult::Failed { class, .. } => class.name(),
            backstop_domain::AttemptResult::Answered { .. } => "none",
        },
        _ => "none",
    };
    metrics::counter!(
        "backstop_transitions_total",
        "policy" => policy.to_owned(), "from" => from, "to" => to, "class" => class,
    )
    .increment(1);
    tracing::debug!(policy, from, to, class, event = event.name(), "transition");
}

/// Counts a request that was refused at the door: there is no call that tells of it.
pub(crate) fn refused(policy: &str, refused: &Refused) {
    let (policy, why) = match refused {
        // Anybody can make names up: they are no labels.
        Refused::UnknownPolicy { .. } => ("", "unknown_policy"),
        Refused::NotAllowed { .. } => (policy, "not_allowed"),
        Refused::InvalidInput { .. } => (policy, "invalid_input"),
        Refused::KeyReused { .. } => (policy, "key_reused"),
        Refused::Erased { .. } => (policy, "erased"),
        Refused::Limited { .. } => (policy, "limit"),
        Refused::Shed { .. } => (policy, "shed"),
        Refused::Paused { .. } => (policy, "paused"),
        // These may come before the name is looked at.
        Refused::Unavailable { .. } => ("", "unavailable"),
        Refused::Stop(_) => (policy, "storage"),
    };
    let labels = [("policy", policy.to_owned()), ("why", why.to_owned())];
    metrics::counter!("backstop_refused_total", &labels).increment(1);
}

/// Counts a new run of a call.
pub(crate) fn forked(policy: &str, how: ForkKind) {
    let labels = [("policy", policy.to_owned()), ("how", how.name().to_owned())];
    metrics::counter!("backstop_forks_total", &labels).increment(1);
}

/// Counts an attempt that is over.
pub(crate) fn attempt(model: &str, purpose: &'static str, class: &'static str, took: f64) {
    let model = model.to_owned();
    metrics::counter!(
        "backstop_attempts_total",
        "model" => model.clone(), "purpose" => purpose, "class" => class,
    )
    .increment(1);
    metrics::histogram!("backstop_attempt_seconds", "model" => model).record(took);
}

/// Counts a call that was asked a second time because the first was late.
pub(crate) fn hedged(model: &str, won: &'static str) {
    metrics::counter!("backstop_hedges_total", "model" => model.to_owned(), "won" => won)
        .increment(1);
}

/// The one line of a call, and its numbers.
pub(crate) fn call_ended(snapshot: &Snapshot) {
    let state = &snapshot.state;
    let Some(ended) = state.ended() else { return };
    let policy = state.received.policy.clone();
    let class = ended.cause.class.map_or("none", |class| class.name());
    metrics::counter!(
        "backstop_calls_total",
        "policy" => policy.clone(), "outcome" => ended.outcome.name(),
        "answered_by" => ended.answered_by.name(), "class" => class,
    )
    .increment(1);
    let stages = &snapshot.stages;
    let parts = [
        ("queue", stages.queue),
        ("model", stages.model),
        ("people", stages.people),
        ("checks", stages.checks),
        ("ledger", stages.ledger),
        ("other", stages.other()),
    ];
    for (stage, time) in parts {
        let labels = [("policy", policy.clone()), ("stage", stage.to_owned())];
        metrics::histogram!("backstop_stage_seconds", &labels).record(time.as_secs_f64());
    }
    tracing::info!(
        call = %snapshot.id,
        policy,
        caller = state.received.caller,
        outcome = ended.outcome.name(),
        answered_by = ended.answered_by.name(),
        class,
        attempts = state.attempts.len(),
        cost_micro = state.cost().0,
        total_ms = millis(stages.total),
        model_ms = millis(stages.model),
        overhead_us = u64::try_from(stages.overhead().as_micros()).unwrap_or(u64::MAX),
        revision = %state.received.revision.short(),
        "call ended"
    );
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
