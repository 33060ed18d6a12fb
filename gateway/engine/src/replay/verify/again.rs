//! Goes through the events one by one: what is to be done next, and whether that is what was done.

use std::{collections::BTreeMap, sync::Arc};

use backstop_domain::{
    Ask, AttemptEnded, AttemptResult, AttemptStarted, Basis, CallEvent, CallState, Digest, Event,
    FailureClass, Judged, Millis, Outcome, Phase, Purpose, Received, Requested, Step, Subject,
    next,
};
use backstop_ledger::Recorded;
use backstop_policy::{Answer, Policy};
use serde_json::{Value, json};

use super::{NotKnown, Verified, told::Told};
use crate::replay::{difference::Difference, hand::Hand, record::RecordedCall, unknown::Unknown};

/// What the replay comes to for one event.
enum Made {
    /// It came from outside.
    Given,
    /// This event.
    Event(Box<CallEvent>),
    /// Another step, which this event does not record.
    Step(&'static str),
}

impl Made {
    fn event(event: CallEvent) -> Self {
        Self::Event(Box::new(event))
    }
}

pub(super) struct Replay<'r> {
    hand: Hand<'r>,
    state: CallState,
    /// The call before each vote and judge since the last judgement: one that a crash cut off is
    /// judged from the start.
    before: BTreeMap<u32, CallState>,
    verified: &'r mut Verified,
}

impl<'r> Replay<'r> {
    pub fn new(
        record: &'r RecordedCall,
        policy: &Arc<Policy>,
        received: &Received,
        at: Millis,
        verified: &'r mut Verified,
    ) -> Option<Self> {
        let hand = Hand::new(record, Arc::clone(policy), None);
        let first = CallEvent::CallReceived(received.clone());
        let state = CallState::fold(None, &first, at).ok()?;
        let mut replay = Self { hand, state, before: BTreeMap::new(), verified };
        let made = replay.received(received);
        let made = made.map(|received| Made::event(CallEvent::CallReceived(received)));
        replay.hold(1, &first, made);
        Some(replay)
    }
}

impl Replay<'_> {
    /// What of the received facts follows from policy and request.
    fn received(&self, recorded: &Received) -> Result<Received, Unknown> {
        let facts = self.hand.facts.as_ref().map_err(Clone::clone)?;
        let policy = &self.hand.policy;
        Ok(Received {
            policy: policy.name.clone(),
            revision: policy.plan.revision,
            mode: policy.plan.mode,
            estimates: crate::estimate::per_model(policy, facts).0,
            ..recorded.clone()
        })
    }

    pub fn all(mut self) {
        for recorded in self.hand.record.events.iter().skip(1) {
            if self.verified.difference.is_some() {
                return;
            }
            let seq = recorded.envelope.seq;
            match &recorded.event {
                Ok(Event::Call(event)) => self.one(recorded, seq, event),
                Ok(_) => {}
                Err(why) => {
                    let reason = Unknown::event(recorded, why);
                    self.verified.unknown.push(NotKnown { seq, reason });
                    return;
                }
            }
        }
    }

    fn one(&mut self, recorded: &Recorded, seq: u64, event: &CallEvent) {
        let made = self.made(event);
        self.hold(seq, event, made);
        match CallState::fold(Some(self.state.clone()), event, recorded.envelope.at) {
            Ok(state) => self.state = state,
            Err(illegal) => {
                let why = json!(illegal.to_string());
                let other = Difference::other(seq, event, "nothing", why);
                self.verified.difference.get_or_insert(other);
            }
        }
        let anew = matches!(
            event,
            CallEvent::AnswerJudged(_) | CallEvent::RequestJudged { .. } | CallEvent::RunForked(_)
        );
        if anew {
            self.before.clear();
        }
    }

    fn hold(&mut self, seq: u64, recorded: &CallEvent, made: Result<Made, Unknown>) {
        match made {
            Ok(Made::Given) => self.verified.given += 1,
            Ok(Made::Event(event)) => {
                self.verified.compared += 1;
                self.verified.difference = Difference::between(seq, recorded, &event);
            }
            Ok(Made::Step(step)) => {
                self.verified.difference =
                    Some(Difference::other(seq, recorded, step, Value::Null));
            }
            Err(reason) => self.verified.unknown.push(NotKnown { seq, reason }),
        }
    }

    fn made(&mut self, event: &CallEvent) -> Result<Made, Unknown> {
        if is_from_outside(event) {
            return Ok(Made::Given);
        }
        if let CallEvent::CallResumed { .. } = event {
            // At the end of the pause the machine says so itself; before it, an operator.
            let made = next(&self.hand.policy.plan, &self.state);
            return Ok(match made {
                Step::Sleep { then, .. } if *then == *event => Made::Event(then),
                _ => Made::Given,
            });
        }
        if let CallEvent::AttemptEnded(ended) = event {
            // That a crash cut it off the machine says itself, and nobody else in those words.
            return match next(&self.hand.policy.plan, &self.state) {
                Step::Record(made) if *made == *event => Ok(Made::Event(made)),
                _ => self.attempt_ended(ended),
            };
        }
        match event {
            // That a first one was late came from outside; what is asked then did not.
            CallEvent::AttemptStarted(started) if started.purpose == Purpose::Hedge => {
                return Ok(self.hedged());
            }
            // Whether it was to be asked is seen with the judgement that asked it.
            CallEvent::AttemptStarted(started) if !started.purpose.is_answer() => {
                self.before.insert(started.attempt, self.state.clone());
                return self.beside(started);
            }
            _ => {}
        }
        match (next(&self.hand.policy.plan, &self.state), event) {
            (Step::Record(_) | Step::Sleep { .. }, CallEvent::EffectsReleased { .. }) => {
                self.effects()
            }
            (Step::Record(made), _) => Ok(Made::Event(made)),
            (Step::Sleep { then, .. }, _) => Ok(Made::Event(then)),
            (Step::JudgeRequest, CallEvent::RequestJudged { basis, .. }) => {
                self.request_judged(basis)
            }
            (Step::LookInCache, CallEvent::CacheLooked { hit }) => {
                let hit = hit.clone().filter(|_| self.hand.policy.cache.is_some());
                Ok(Made::event(CallEvent::CacheLooked { hit }))
            }
            (Step::Ask(ask), _) => self.asked(&ask, event),
            (Step::Judge(subject), CallEvent::AnswerJudged(judged)) => {
                self.answer_judged(&subject, &judged.basis)
            }
            (Step::Mask { subject, checks }, CallEvent::AnswerMasked { .. }) => {
                let subject = self.hand.mask(&subject, &checks)?;
                Ok(Made::event(CallEvent::AnswerMasked { subject }))
            }
            (
                Step::TakeFallback,
                CallEvent::FallbackTaken { .. } | CallEvent::FallbackFailed { .. },
            ) => self.fallback(event),
            (Step::OpenReview(spec), CallEvent::ReviewRequested(requested)) => {
                let subject = self.state.subject().map(|subject| subject.digest);
                // A queue that is gone from the gateway file is asked with nothing to show.
                let subject = requested.subject.and(subject);
                let queue = spec.to.queue;
                let made = Requested { queue, subject, ..requested.clone() };
                Ok(Made::event(CallEvent::ReviewRequested(made)))
            }
            (step, _) => Ok(Made::Step(name(&step))),
        }
    }

    /// The tool calls that leave with the answer that the run ends with.
    fn effects(&self) -> Result<Made, Unknown> {
        let (Phase::Ending(ended) | Phase::Releasing { ended, .. }) = &self.state.phase else {
            return Ok(Made::Step("verdict_reached"));
        };
        let Some(digest) = ended.answer else { return Ok(Made::Step("call_ended")) };
        let answer = self.hand.answer(digest)?;
        let (call, run) = (&self.hand.record.id, self.state.run);
        let effects = crate::finish::effects(call, run, &answer);
        Ok(Made::event(CallEvent::EffectsReleased { effects }))
    }

    fn request_judged(&mut self, basis: &Basis) -> Result<Made, Unknown> {
        let state = self.start_of(basis);
        let mut told = Told::of(basis, &self.state);
        let findings = self.hand.judge_request(&state, &mut told)?;
        self.all_drawn()?;
        let basis = told.basis();
        Ok(Made::event(CallEvent::RequestJudged { findings, basis }))
    }

    fn answer_judged(&mut self, subject: &Subject, basis: &Basis) -> Result<Made, Unknown> {
        let state = self.start_of(basis);
        let mut told = Told::of(basis, &self.state);
        let judged = self.hand.judge(&state, subject, &mut told)?;
        self.all_drawn()?;
        let basis = told.basis();
        Ok(Made::event(CallEvent::AnswerJudged(Judged { basis, ..judged })))
    }

    /// Whether every sample that was asked for stands in the record.
    fn all_drawn(&self) -> Result<(), Unknown> {
        let undrawn = self.hand.facts.as_ref().map(backstop_policy::judge::Facts::undrawn);
        match undrawn.ok().and_then(|all| all.into_iter().next()) {
            Some(by) => Err(Unknown::NotWritten { what: format!("a sample of `{by}`") }),
            None => Ok(()),
        }
    }

    /// The call as it was when the judgement of that basis began.
    fn start_of(&self, basis: &Basis) -> CallState {
        let first = basis.paid.iter().flat_map(|paid| &paid.attempts).min();
        let named = first.and_then(|attempt| self.before.get(attempt));
        // Without a basis it can only be said that it began before the first of them.
        let before = if basis.paid.is_empty() { self.before.values().next() } else { named };
        before.unwrap_or(&self.state).clone()
    }

    fn asked(&mut self, ask: &Ask, event: &CallEvent) -> Result<Made, Unknown> {
        let model = ask.model.clone();
        if let CallEvent::AttemptBlocked { class, until, reason, .. } = event
            && *class != FailureClass::InvalidRequest
        {
            let (class, until, reason) = (*class, *until, reason.clone());
            return Ok(Made::event(CallEvent::AttemptBlocked { model, class, until, reason }));
        }
        match (self.hand.request(&self.state, ask)?, event) {
            (Err(error), _) => Ok(Made::event(CallEvent::AttemptBlocked {
                model,
                class: FailureClass::InvalidRequest,
                until: None,
                reason: error.to_string(),
            })),
            (Ok(body), CallEvent::AttemptStarted(_)) => {
                let started = self.started(&model, ask.purpose, &body);
                Ok(Made::event(CallEvent::AttemptStarted(started)))
            }
            _ => Ok(Made::Step("attempt_started")),
        }
    }

    fn started(&self, model: &str, purpose: Purpose, body: &Value) -> AttemptStarted {
        let (estimate, cost) = self.hand.estimate(model, body);
        let attempt = u32::try_from(self.state.attempts.len()).unwrap_or(u32::MAX);
        AttemptStarted {
            attempt: attempt.saturating_add(1),
            model: model.to_owned(),
            purpose,
            request: Digest::of(body.to_string().as_bytes()),
            estimate,
            cost,
        }
    }

    /// The request that is under way, once more.
    fn hedged(&self) -> Made {
        let under_way = self.state.attempts.last().filter(|attempt| attempt.ended.is_none());
        under_way.map_or(Made::Step("attempt_ended"), |first| {
            let attempt = first.started.attempt.saturating_add(1);
            let again =
                AttemptStarted { attempt, purpose: Purpose::Hedge, ..first.started.clone() };
            Made::event(CallEvent::AttemptStarted(again))
        })
    }

    /// A vote or a judge: what is reserved for it follows from what is sent.
    fn beside(&self, started: &AttemptStarted) -> Result<Made, Unknown> {
        let what = format!("the request of attempt {}", started.attempt);
        let bytes = self.hand.record.body(started.request, &what)?;
        let body: Value =
            serde_json::from_slice(bytes).map_err(|error| Unknown::damaged(&what, &error))?;
        let made = self.started(&started.model, started.purpose, &body);
        Ok(Made::event(CallEvent::AttemptStarted(made)))
    }

    /// What a model said came from outside; its form of ours, and its price, did not.
    fn attempt_ended(&self, ended: &AttemptEnded) -> Result<Made, Unknown> {
        let attempts = &self.state.attempts;
        let started = attempts.iter().find(|attempt| attempt.started.attempt == ended.attempt);
        let Some(started) = started else { return Ok(Made::Step("attempt_started")) };
        let cost = self.hand.price(&started.started.model, ended.usage);
        let result = match &ended.result {
            AttemptResult::Answered { raw, .. } => {
                let what = format!("what the model sent for attempt {}", ended.attempt);
                let bytes = self.hand.record.body(*raw, &what)?;
                let body = backstop_upstream::completion_of(bytes);
                let answer = body.as_ref().map(Answer::from_completion);
                let Some(Ok(answer)) = answer else {
                    return Err(Unknown::damaged(&what, &"it is no chat completion"));
                };
                let finish = answer.choices.first().and_then(|choice| choice.finish.clone());
                AttemptResult::Answered { raw: *raw, answer: answer.digest(), finish }
            }
            failed => failed.clone(),
        };
        let made = AttemptEnded { result, cost, ..ended.clone() };
        Ok(Made::event(CallEvent::AttemptEnded(made)))
    }

    fn fallback(&mut self, event: &CallEvent) -> Result<Made, Unknown> {
        let (row, kept, drawn) = match event {
            CallEvent::FallbackTaken { row, subject, drawn } => {
                (Some(*row), Some(subject.digest), drawn)
            }
            CallEvent::FallbackFailed { drawn, .. } => (None, None, drawn),
            _ => return Ok(Made::Step("fallback_taken")),
        };
        // The last good answer is the one that was taken, in the row that took it.
        let row = row.and_then(|row| usize::try_from(row).ok());
        let asked = match (&self.hand.facts, row) {
            (Ok(facts), Some(row)) => self.hand.policy.last_good_of(facts, row),
            _ => None,
        };
        let good = match (&asked, kept) {
            (Some(_), Some(digest)) => Some(self.hand.answer(digest)?),
            _ => None,
        };
        let last_good = |key: Digest, within: Option<u64>| {
            good.clone().filter(|_| asked == Some((key, within)))
        };
        let drawn = drawn.clone();
        Ok(Made::event(match self.hand.fallback(&self.state, last_good)? {
            Ok((row, subject)) => CallEvent::FallbackTaken { row, subject, drawn },
            Err(reason) => CallEvent::FallbackFailed { reason, drawn },
        }))
    }
}

/// Whether an event tells of something that no replay can make: a person, another request, an
/// operator.
fn is_from_outside(event: &CallEvent) -> bool {
    match event {
        CallEvent::DuplicateJoined { .. }
        | CallEvent::ReviewResolved(_)
        | CallEvent::DecisionUndone { .. }
        | CallEvent::InterimReleased { .. }
        | CallEvent::RunForked(_)
        | CallEvent::CompensationRequested { .. }
        | CallEvent::CallPaused(_) => true,
        CallEvent::OutcomeRevised { to, .. } => to.outcome == Outcome::Cancelled,
        CallEvent::CallEnded(ended) => ended.outcome == Outcome::Cancelled,
        _ => false,
    }
}

const fn name(step: &Step) -> &'static str {
    match step {
        Step::Record(_) => "verdict_reached",
        Step::JudgeRequest => "request_judged",
        Step::LookInCache => "cache_looked",
        Step::Ask(_) => "attempt_started",
        Step::Judge(_) => "answer_judged",
        Step::Mask { .. } => "answer_masked",
        Step::TakeFallback => "fallback_taken",
        Step::OpenReview(_) => "review_requested",
        Step::Sleep { .. } => "wait_ended",
        Step::AwaitReview => "review_resolved",
        Step::Done => "nothing",
    }
}
