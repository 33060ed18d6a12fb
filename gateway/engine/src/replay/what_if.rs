//! `what_if`: a recorded call under another revision. Whoever asks what was asked then is given
//! what came then, in order; what was never asked is not known, and the plan says what is possible.
//! A person's word counts only for what that person saw, in that queue.

use std::sync::Arc;

use backstop_domain::{
    AnsweredBy, Ask, Basis, CallEvent, CallId, CallState, Cause, Decision, Digest, Ended,
    FailureClass, Millis, Outcome, Plan, Received, Requested, Resolved, ReviewSpec, Step, next,
};
use backstop_policy::{Answer, Policy, judge::Given};
use serde::Serialize;

use super::{
    bounds::Bounds,
    brought::{Brought, begin, end, fold, given},
    hand::Hand,
    pool::{Happened, Pool},
    record::RecordedCall,
    unknown::Unknown,
    went::{End, Went},
};

/// Most steps of one call: the machine ends long before.
const STEPS_MAX: usize = 2_000;

/// Another revision, and what is needed beside the record.
#[derive(Debug, Clone, Copy)]
pub struct Other<'p> {
    /// The revision.
    pub policy: &'p Arc<Policy>,
    /// The one that the call was pinned to, if its files are there: what rests on that revision
    /// (limits on tools, last good answers, a shortened deadline) is known only by it.
    pub pinned: Option<&'p Arc<Policy>>,
    /// The gateway's salt: with it, samples that were not drawn then can be drawn.
    pub salt: Option<&'p [u8]>,
}

/// A recorded call under another revision.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WhatIf {
    /// The call.
    pub call: CallId,
    /// The revision.
    pub revision: Digest,
    /// How it would have gone.
    #[serde(flatten)]
    pub went: Went,
}

/// Goes through a recorded call under another revision, and asks nobody.
pub fn what_if(record: &RecordedCall, other: Other<'_>) -> WhatIf {
    let went = match World::new(record, other) {
        Ok(Ok(mut world)) => {
            let end = world.go();
            world.went(end)
        }
        Ok(Err(ended)) => Went::at_the_door(ended),
        Err(reason) => Went::nothing_known(reason, &other.policy.plan),
    };
    WhatIf { call: record.id.clone(), revision: other.policy.plan.revision, went }
}

struct World<'r> {
    hand: Hand<'r>,
    state: CallState,
    now: Millis,
    pool: Pool<'r>,
    other: Other<'r>,
    decisions: Vec<Decision>,
    queues: Vec<String>,
}

impl<'r> World<'r> {
    /// The call as it comes in; the inner error is how it ends before a call exists.
    fn new(record: &'r RecordedCall, other: Other<'r>) -> Result<Result<Self, Ended>, Unknown> {
        let (received, at) = record.received()?;
        let salt = other.salt.map(<[u8]>::to_vec);
        let hand = Hand::new(record, Arc::clone(other.policy), salt);
        let facts = hand.facts.as_ref().map_err(Clone::clone)?;
        if let Err(problems) = other.policy.read_input(facts.input().clone()) {
            let first = problems.first().map(|one| format!("`{}`: {}", one.pointer, one.message));
            return Ok(Err(refused("input", first.unwrap_or_default(), None)));
        }
        let plan = &other.policy.plan;
        if let Some(door) = &received.held_at_door
            && !plan.ladders.contains_key(&Plan::class_ladder(door.class))
        {
            return Ok(Err(refused("door", door.reason.clone(), Some(door.class))));
        }
        let received = Received {
            policy: other.policy.name.clone(),
            revision: plan.revision,
            mode: plan.mode,
            estimates: crate::estimate::per_model(other.policy, facts).0,
            deadline: deadline(received, at, other),
            ..received.clone()
        };
        let state = CallState::fold(None, &CallEvent::CallReceived(received), at);
        let state = state.map_err(|error| Unknown::damaged("the call", &error))?;
        let pool = Pool::of(record);
        let (decisions, queues) = (Vec::new(), Vec::new());
        Ok(Ok(Self { hand, state, now: at, pool, other, decisions, queues }))
    }

    fn go(&mut self) -> End {
        for _ in 0..STEPS_MAX {
            let step = next(&self.other.policy.plan, &self.state);
            if matches!(step, Step::Done) {
                break;
            }
            match self.carry_out(step) {
                Ok(None) => {}
                Ok(Some(end)) => return end,
                Err(reason) => return self.unknown(reason),
            }
            if let Some(by) = self.undrawn() {
                return self.unknown(Unknown::Sample { by });
            }
        }
        match self.state.ended() {
            Some(ended) => End::Ended { ended: ended.clone() },
            None => self.unknown(Unknown::Lost { what: "the end of the call".to_owned() }),
        }
    }

    fn undrawn(&self) -> Option<String> {
        self.hand.facts.as_ref().ok().and_then(|facts| facts.undrawn().into_iter().next())
    }

    fn unknown(&self, reason: Unknown) -> End {
        End::Unknown { reason, bounds: Bounds::of(&self.other.policy.plan, &self.state) }
    }

    fn went(self, end: End) -> Went {
        let answer = match &end {
            End::Ended { ended } if !ended.outcome.is_a_persons() => ended.answer,
            _ => None,
        };
        // What left unseen here, and what a person made of it when they saw it.
        let free = answer.filter(|_| self.queues.is_empty());
        let said = free.and_then(|answer| self.pool.said_of(answer));
        Went {
            end,
            decisions: self.decisions,
            queues: self.queues,
            cost: self.state.cost(),
            attempts: self.state.attempts.len() as u64,
            person_said: said.and_then(|resolved| super::went::Said::of(&resolved.resolution)),
        }
    }

    /// Folds what follows.
    fn record(&mut self, event: &CallEvent) -> Result<(), Unknown> {
        fold(&mut self.state, event, self.now)
    }

    /// One step; an end if the call comes to one here.
    fn carry_out(&mut self, step: Step) -> Result<Option<End>, Unknown> {
        match step {
            Step::Record(event) => {
                if let CallEvent::VerdictReached(decision) = &*event {
                    self.decisions.push(decision.clone());
                }
                self.record(&event)?;
            }
            Step::JudgeRequest => {
                let state = self.state.clone();
                let mut bring = brought(&mut self.pool, &self.state, self.now, self.other, None);
                let findings = self.hand.judge_request(&state, &mut bring)?;
                (self.state, self.now) = (bring.state, bring.now);
                let basis = Basis::default();
                self.record(&CallEvent::RequestJudged { findings, basis })?;
            }
            Step::LookInCache => {
                let hit = self.pool.hit.filter(|_| self.other.policy.cache.is_some()).cloned();
                self.record(&CallEvent::CacheLooked { hit })?;
            }
            Step::Ask(ask) => self.ask(&ask)?,
            Step::Judge(subject) => {
                let state = self.state.clone();
                let given = given(&self.hand, &subject);
                let mut bring = brought(&mut self.pool, &self.state, self.now, self.other, given);
                let judged = self.hand.judge(&state, &subject, &mut bring)?;
                (self.state, self.now) = (bring.state, bring.now);
                self.record(&CallEvent::AnswerJudged(judged))?;
            }
            Step::Mask { subject, checks } => {
                let subject = self.hand.mask(&subject, &checks)?;
                self.record(&CallEvent::AnswerMasked { subject })?;
            }
            Step::TakeFallback => self.take_fallback()?,
            Step::OpenReview(spec) => return self.review(&spec),
            Step::Sleep { until, then } => {
                self.now = self.now.max(until);
                self.record(&then)?;
            }
            Step::AwaitReview | Step::Done => {
                return Err(Unknown::Lost { what: "what a person said".to_owned() });
            }
        }
        Ok(None)
    }

    fn ask(&mut self, ask: &Ask) -> Result<(), Unknown> {
        let model = ask.model.clone();
        let body = match self.hand.request(&self.state, ask)? {
            Ok(body) => body,
            Err(error) => {
                let class = FailureClass::InvalidRequest;
                let reason = error.to_string();
                return self.record(&CallEvent::AttemptBlocked {
                    model,
                    class,
                    until: None,
                    reason,
                });
            }
        };
        let request = Digest::of(body.to_string().as_bytes());
        let Some((happened, wait_ms)) = self.pool.next(&model, ask.purpose, request) else {
            return Err(Unknown::not_asked(&model, ask.purpose));
        };
        match *happened {
            Happened::Blocked(class, wait_ms, reason) => {
                let until = wait_ms.map(|wait| self.now.plus(wait));
                let reason = reason.to_owned();
                self.record(&CallEvent::AttemptBlocked { model, class, until, reason })
            }
            Happened::Sent(started, ended) => {
                let attempt = begin(&self.hand, &mut self.state, self.now, started, &body)?;
                self.now = self.now.plus(ended.took_ms);
                end(&self.hand, &mut self.state, self.now, attempt, ended, wait_ms)
            }
        }
    }

    fn take_fallback(&mut self) -> Result<(), Unknown> {
        // The last good answer of then is known only where it was taken then.
        let kept = self.pool.fallback.and_then(|(row, subject)| {
            let row = usize::try_from(row).ok()?;
            let facts = self.hand.facts.as_ref().ok()?;
            let asked = self.other.pinned?.last_good_of(facts, row)?;
            Some((asked, self.hand.answer(subject.digest).ok()?))
        });
        let unknown = std::cell::Cell::new(false);
        let last_good = |key: Digest, within: Option<u64>| -> Option<Answer> {
            let found = kept.as_ref().filter(|(asked, _)| *asked == (key, within));
            unknown.set(unknown.get() || found.is_none());
            found.map(|(_, answer)| answer.clone())
        };
        let taken = self.hand.fallback(&self.state, last_good)?;
        if unknown.get() {
            return Err(Unknown::LastGood);
        }
        let drawn = Vec::new();
        self.record(&match taken {
            Ok((row, subject)) => CallEvent::FallbackTaken { row, subject, drawn },
            Err(reason) => CallEvent::FallbackFailed { reason, drawn },
        })
    }

    fn review(&mut self, spec: &ReviewSpec) -> Result<Option<End>, Unknown> {
        let queue = spec.to.queue.clone();
        self.queues.push(queue.clone());
        let subject = self.state.subject().map(|subject| subject.digest);
        let found = self.pool.review(&queue, subject);
        let Some((resolved, took_ms, due_ms, id)) = found.and_then(|review| {
            let (resolved, took_ms) = review.resolved?;
            Some((resolved, took_ms, review.due_ms, review.id.clone()))
        }) else {
            return Ok(Some(End::Waits { queue }));
        };
        let due = self.now.plus(due_ms);
        let requested = Requested { review: id, queue, due, subject };
        self.record(&CallEvent::ReviewRequested(requested))?;
        self.now = self.now.plus(took_ms);
        let resolved = Resolved { undo_until: None, ..resolved.clone() };
        self.record(&CallEvent::ReviewResolved(resolved))?;
        Ok(None)
    }
}

fn brought<'w, 'r>(
    pool: &'w mut Pool<'r>,
    state: &CallState,
    now: Millis,
    other: Other<'r>,
    given: Option<Given<'static>>,
) -> Brought<'w, 'r> {
    let state = state.clone();
    Brought { pool, state, now, policy: other.policy, pinned: other.pinned, given }
}

/// The end of the automatic part: the other policy's, or what the caller shortened it to.
fn deadline(received: &Received, at: Millis, other: Other<'_>) -> Millis {
    let took = received.deadline.since(at);
    let own = other.policy.plan.deadline_ms;
    let full = other.pinned.is_some_and(|pinned| pinned.plan.deadline_ms == took);
    at.plus(if full { own } else { took.min(own) })
}

fn refused(by: &str, text: String, class: Option<FailureClass>) -> Ended {
    Ended {
        outcome: Outcome::Refused,
        answered_by: AnsweredBy::Nobody,
        answer: None,
        cause: Cause { class, by: Some(by.to_owned()), text },
        unreviewed: false,
        audits: Vec::new(),
    }
}
