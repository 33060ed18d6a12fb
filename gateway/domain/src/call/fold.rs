//! `fold`: how each event changes a call. Total: what does not fit is refused, never guessed.

use alloc::{collections::BTreeMap, sync::Arc, vec, vec::Vec};

use crate::{
    Act, CallEvent, CallState, Cause, Decision, FailureClass, Judged, Millis, OnExpiry, Phase,
    Received, Requested, Resolution, Resolved, Source, Subject, Topic,
    call::{Approval, Used, fork::Folded},
};

/// An event that cannot follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{event}` cannot follow in state `{phase}`")]
pub struct Illegal {
    /// Name of the event.
    pub event: &'static str,
    /// Name of the state.
    pub phase: &'static str,
}

impl CallState {
    /// The call as `event`, which happened at `at`, leaves it.
    ///
    /// # Errors
    /// [`Illegal`] if the event cannot follow; nothing has changed then.
    pub fn fold(state: Option<Self>, event: &CallEvent, at: Millis) -> Result<Self, Illegal> {
        let Some(mut state) = state else {
            return match event {
                CallEvent::CallReceived(received) => Ok(Self::received(received.clone(), at)),
                other => Err(Illegal { event: other.name(), phase: "nothing" }),
            };
        };
        state.advance(event, at)?;
        Ok(state)
    }

    /// As [`Self::fold`], in place.
    ///
    /// # Errors
    /// [`Illegal`] if the event cannot follow; nothing has changed then.
    pub fn advance(&mut self, event: &CallEvent, at: Millis) -> Result<(), Illegal> {
        let illegal = Illegal { event: event.name(), phase: self.phase.name() };
        match event {
            CallEvent::RunForked(forked) => *self = self.clone().fork(forked).ok_or(illegal)?,
            event => self.apply(event, at).ok_or(illegal)?,
        }
        self.seq += 1;
        self.at = self.at.max(at);
        self.log.push(Arc::new(Folded { event: event.clone(), at }));
        Ok(())
    }

    fn received(received: Received, at: Millis) -> Self {
        let first = Folded { event: CallEvent::CallReceived(received.clone()), at };
        Self {
            run: 1,
            seq: 1,
            at,
            received_at: at,
            deadline: received.deadline,
            received,
            phase: Phase::Admitted,
            request_findings: Vec::new(),
            attempts: Vec::new(),
            used: Used::default(),
            spent: BTreeMap::new(),
            asked: None,
            blocked: None,
            judged: None,
            causes: Vec::new(),
            fallback_tried: false,
            decided: Vec::new(),
            resolved: None,
            still_to_ask: Vec::new(),
            shown: None,
            origin: None,
            changes: 0,
            interim: None,
            people: None,
            effects: Vec::new(),
            revises: None,
            revised: None,
            log: vec![Arc::new(first)],
        }
    }

    /// `None`: the event cannot follow. Each kind looks before it changes anything.
    pub(super) fn apply(&mut self, event: &CallEvent, at: Millis) -> Option<()> {
        // After an outcome nothing more happens in its run, not even a late result.
        self.ended().is_none().then_some(())?;
        match event {
            CallEvent::CallReceived(_) => None,
            CallEvent::DuplicateJoined { .. } => Some(()),
            CallEvent::RequestJudged { findings, .. } => {
                (matches!(self.phase, Phase::Admitted) && self.in_flight().is_none())
                    .then_some(())?;
                self.request_findings.clone_from(findings);
                self.phase = Phase::Deciding(Topic::Request(findings.clone()));
                Some(())
            }
            CallEvent::CacheLooked { hit } => self.looked(hit.clone()),
            CallEvent::AttemptStarted(started) => self.started(started, at),
            CallEvent::AttemptEnded(ended) => self.attempt_ended(ended),
            CallEvent::AttemptBlocked { class, until, reason, .. } => {
                let Phase::Attempting { ask, in_flight: None } = &self.phase else { return None };
                self.blocked = Some(ask.clone());
                let message = reason.clone();
                self.phase =
                    Phase::Deciding(Topic::Failure { class: *class, message, until: *until });
                Some(())
            }
            CallEvent::AnswerJudged(judged) => self.answer_judged(judged),
            CallEvent::VerdictReached(decision) => self.act(decision),
            CallEvent::AnswerMasked { subject } => {
                let Phase::Masking { subject: before, .. } = &self.phase else { return None };
                (before.source == subject.source).then_some(())?;
                self.phase = Phase::Checking { subject: subject.clone() };
                Some(())
            }
            CallEvent::WaitEnded => {
                let Phase::Waiting { until, ask } = &self.phase else { return None };
                (at >= *until).then_some(())?;
                self.phase = Phase::Attempting { ask: ask.clone(), in_flight: None };
                Some(())
            }
            CallEvent::FallbackTaken { subject, .. } => {
                (matches!(self.phase, Phase::FallingBack) && subject.source == Source::Fallback)
                    .then_some(())?;
                self.fallback_tried = true;
                self.phase = Phase::Checking { subject: subject.clone() };
                Some(())
            }
            CallEvent::FallbackFailed { reason, .. } => {
                matches!(self.phase, Phase::FallingBack).then_some(())?;
                self.fallback_tried = true;
                self.phase = Phase::Deciding(Topic::NoFallback { reason: reason.clone() });
                Some(())
            }
            CallEvent::ReviewRequested(requested) => self.review_requested(requested),
            CallEvent::ReviewResolved(resolved) => self.review_resolved(resolved),
            CallEvent::DecisionUndone { review } => self.undone(review, at),
            CallEvent::InterimReleased { digest } => {
                matches!(self.phase, Phase::InReview { .. } | Phase::Releasing { .. })
                    .then_some(())?;
                self.interim = Some(*digest);
                Some(())
            }
            CallEvent::OutcomeRevised { .. }
            | CallEvent::EffectsReleased { .. }
            | CallEvent::CallEnded(_)
            | CallEvent::RunForked(_)
            | CallEvent::CompensationRequested { .. }
            | CallEvent::CallPaused(_)
            | CallEvent::CallResumed { .. } => self.of_the_run(event, at),
        }
    }

    fn answer_judged(&mut self, judged: &Judged) -> Option<()> {
        let Phase::Checking { subject } = &self.phase else { return None };
        (subject.source == judged.subject.source && self.in_flight().is_none()).then_some(())?;
        if judged.subject.source != Source::Human {
            self.origin = Some(judged.subject.source);
        }
        self.judged = Some(judged.clone());
        self.phase = Phase::Deciding(Topic::Answer);
        Some(())
    }

    fn looked(&mut self, hit: Option<Subject>) -> Option<()> {
        let Phase::LookingUp { model } = &self.phase else { return None };
        self.phase = match hit {
            Some(subject) => {
                (subject.source == Source::Cache).then_some(())?;
                self.asked = Some(first_ask(model));
                Phase::Checking { subject }
            }
            None => Phase::Attempting { ask: first_ask(model), in_flight: None },
        };
        Some(())
    }

    fn act(&mut self, decision: &Decision) -> Option<()> {
        let Phase::Deciding(topic) = &self.phase else { return None };
        let phase = self.after(&decision.act)?;
        let changes = self.changes.checked_add(u32::from(decision.renewed.is_some()))?;
        if decision.verdict != crate::Verdict::Accept {
            self.causes.push(cause(decision, topic, self.judged.as_ref()));
        }
        for rung in &decision.spends {
            let count = self.spent.entry(rung.clone()).or_insert(0);
            *count = count.saturating_add(1);
        }
        if let Some(deadline) = decision.renewed {
            self.deadline = deadline;
            self.used = Used::default();
            self.spent.clear();
            // Another answer will come: who let the last one pass has not seen it.
            self.decided.clear();
            self.changes = changes;
        }
        if matches!(decision.act, Act::Review { .. }) {
            self.still_to_ask.clear();
        }
        self.phase = phase;
        Some(())
    }

    /// Where a decision leads to.
    fn after(&self, act: &Act) -> Option<Phase> {
        Some(match act {
            Act::Begin { model } => Phase::LookingUp { model: model.clone() },
            Act::Miss => {
                let ask = self.asked.clone()?;
                Phase::Attempting { ask, in_flight: None }
            }
            Act::Ask(ask) => match ask.not_before {
                Some(until) if until > self.at => Phase::Waiting { until, ask: ask.clone() },
                _ => Phase::Attempting { ask: ask.clone(), in_flight: None },
            },
            Act::Mask { checks } => {
                let subject = self.judged.as_ref()?.subject.clone();
                Phase::Masking { subject, checks: checks.clone() }
            }
            Act::Fallback => Phase::FallingBack,
            Act::Review { reviews } => {
                (!reviews.is_empty()).then_some(())?;
                Phase::Opening { reviews: reviews.clone() }
            }
            Act::End(ended) => self.ending(ended),
        })
    }

    fn review_requested(&mut self, requested: &Requested) -> Option<()> {
        let Phase::Opening { reviews } = &self.phase else { return None };
        let (first, rest) = reviews.split_first()?;
        (first.to.queue == requested.queue).then_some(())?;
        self.people = Some(first.clone());
        self.phase = Phase::InReview {
            review: requested.review.clone(),
            queue: requested.queue.clone(),
            rest: rest.to_vec(),
        };
        Some(())
    }

    fn review_resolved(&mut self, resolved: &Resolved) -> Option<()> {
        let Phase::InReview { review, queue, rest } = &self.phase else { return None };
        (*review == resolved.review).then_some(())?;
        let edited = matches!(resolved.resolution, Resolution::Edited { .. });
        if let Resolution::Approved { subject } | Resolution::Edited { subject } =
            &resolved.resolution
        {
            let same = self.subject().is_some_and(|shown| shown.digest == subject.digest);
            (subject.source == Source::Human && (edited || same)).then_some(())?;
        }
        let queue = queue.clone();
        self.still_to_ask.clone_from(rest);
        self.resolved = Some(resolved.clone());
        self.shown.clone_from(&self.judged);
        self.phase = match &resolved.resolution {
            Resolution::Approved { subject } | Resolution::Edited { subject } => {
                self.decided.push(Approval { queue, edited });
                Phase::Checking { subject: subject.clone() }
            }
            // Another answer will come, and its own objections say who is asked.
            Resolution::ChangesRequested { .. } | Resolution::FallbackChosen => {
                self.still_to_ask.clear();
                Phase::Deciding(Topic::Resolved)
            }
            Resolution::Expired { action: OnExpiry::Approve } => {
                // Its silence counts for this answer, while other queues are still asked.
                self.decided.push(Approval { queue, edited: false });
                Phase::Deciding(Topic::Resolved)
            }
            Resolution::Rejected | Resolution::Expired { .. } => Phase::Deciding(Topic::Resolved),
        };
        Some(())
    }

    fn undone(&mut self, review: &crate::ReviewId, at: Millis) -> Option<()> {
        let Phase::Releasing { until, review: held, queue, .. } = &self.phase else { return None };
        (held == review && at < *until).then_some(())?;
        let (review, queue) = (review.clone(), queue.clone());
        if self.decided.last().is_some_and(|approval| approval.queue == queue) {
            self.decided.pop();
        }
        self.resolved = None;
        self.judged = self.shown.take();
        let rest = core::mem::take(&mut self.still_to_ask);
        self.phase = Phase::InReview { review, queue, rest };
        Some(())
    }
}

fn first_ask(model: &str) -> crate::Ask {
    crate::Ask {
        model: model.into(),
        purpose: crate::Purpose::Answer,
        not_before: None,
        tell: Vec::new(),
        doublings: 0,
    }
}

/// What led to a decision, as it is told to callers and fallbacks.
fn cause(decision: &Decision, topic: &Topic, judged: Option<&crate::Judged>) -> Cause {
    let by = decision.because.first().cloned();
    let findings = match topic {
        Topic::Request(findings) => findings.as_slice(),
        Topic::Answer => judged.map_or(&[][..], |judged| &judged.findings),
        _ => &[],
    };
    let found = findings.iter().find(|finding| Some(&finding.by) == by.as_ref());
    let text = match (topic, found) {
        (_, Some(finding)) => finding.message.clone(),
        (Topic::Failure { message, .. }, None) => message.clone(),
        (Topic::NoFallback { reason }, None) => reason.clone(),
        _ => alloc::string::String::new(),
    };
    let class: Option<FailureClass> = decision.class;
    Cause { class, by, text }
}
