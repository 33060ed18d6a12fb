//! A small engine for tests: scripted models and checks in, the way of a call out.

use alloc::{
    collections::{BTreeMap, VecDeque},
    string::{String, ToString},
    vec,
    vec::Vec,
};

use crate::{
    AtDoor, AttemptEnded, AttemptResult, AttemptStarted, Basis, Budget, CallEvent, CallState,
    Criticality, Digest, Ended, Escalation, Face, FailureClass, Finding, ForkKind, Forked, Judged,
    MicroMoney, Millis, Mode, ModelPlan, Objection, Plan, RESERVE_MS, Received, Requested,
    Resolution, Resolved, ReviewId, Rung, Source, Status, Step, Subject, Usage, next,
};

/// What a scripted model does when it is asked.
#[derive(Debug, Clone)]
pub(super) enum Says {
    Answer(&'static str),
    Fails(FailureClass, Option<u64>),
    Blocked(FailureClass, Option<u64>),
}

/// A world in which one call lives.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub plan: Plan,
    pub now: u64,
    pub state: Option<CallState>,
    /// What the models say, in order of asking; then they all answer `good`.
    pub says: VecDeque<Says>,
    /// What the checks say of an answer's text, beside passing.
    pub checks: BTreeMap<&'static str, Vec<Finding>>,
    /// What `before` says.
    pub before: Vec<Finding>,
    /// The fallback's text; `None` fails.
    pub fallback: Option<&'static str>,
    pub cached: Option<&'static str>,
    pub complete: bool,
    pub writes: bool,
    /// Rules are `for: model`: a person's answer is not held to them.
    pub for_models: bool,
    /// The answer that is of the wrong shape, and how.
    pub shape: Option<(&'static str, FailureClass)>,
    /// Why the door was shut when the call came.
    pub door: Option<AtDoor>,
    /// Every event so far, and when.
    pub log: Vec<(CallEvent, Millis)>,
    /// What happened, by name, with models and verdicts.
    pub way: Vec<String>,
}

pub(super) fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

pub(super) fn model(name: &str) -> ModelPlan {
    ModelPlan { name: name.into(), price: None, backoff_max_ms: 8_000 }
}

pub(super) fn to(queue: &str) -> Rung {
    Rung::Escalate(Escalation::to(queue.into()))
}

pub(super) fn ask_again() -> Rung {
    Rung::Repair { times: 1, model: None, mask: None }
}

pub(super) fn retry(times: u32) -> Rung {
    Rung::Retry { times, backoff_ms: 500 }
}

pub(super) fn onward() -> Rung {
    Rung::NextModel { to: None }
}

/// An objection by `by` that takes the ladder of that name.
pub(super) fn objects(by: &str) -> Finding {
    Finding {
        class: Some(FailureClass::Rule),
        message: "it is wrong".into(),
        objection: Some(Objection { ladder: by.into(), texts: vec![], excluded: vec![] }),
        ..Finding::plain(by, Status::Fail)
    }
}

pub(super) fn world() -> World {
    let plan = Plan {
        policy: "test".into(),
        revision: digest("revision"),
        criticality: Criticality::Standard,
        mode: Mode::Enforce,
        models: vec![model("small"), model("large")],
        deadline_ms: 30_000,
        reserve_ms: RESERVE_MS,
        budget: Budget { attempts: 4, tokens: None, cost: None, changes: 1 },
        ladders: BTreeMap::from([
            ("on.transport".to_string(), vec![retry(1), onward(), Rung::Fallback]),
            ("on.overloaded".to_string(), vec![onward(), Rung::Fallback]),
            ("on.throttled".to_string(), vec![Rung::Wait { at_most_ms: None }, onward()]),
        ]),
        otherwise: to("people"),
        has_fallback: true,
        cached: false,
        repeatable: true,
    };
    World {
        plan,
        now: 1_000_000,
        state: None,
        says: VecDeque::new(),
        checks: BTreeMap::new(),
        before: vec![],
        fallback: Some("fallback"),
        cached: None,
        complete: true,
        writes: false,
        for_models: false,
        shape: None,
        door: None,
        log: vec![],
        way: vec![],
    }
}

impl World {
    pub fn ladder(mut self, name: &str, rungs: Vec<Rung>) -> Self {
        self.plan.ladders.insert(name.into(), rungs);
        self
    }

    pub fn says(mut self, says: impl IntoIterator<Item = Says>) -> Self {
        self.says = says.into_iter().collect();
        self
    }

    /// The checks object to that answer.
    pub fn objecting(mut self, answer: &'static str, by: &[&str]) -> Self {
        self.checks.insert(answer, by.iter().map(|name| objects(name)).collect());
        self
    }

    /// Of the wrong shape is that answer; it takes the class's ladder.
    pub fn misshapen(mut self, answer: &'static str, class: FailureClass) -> Self {
        self.shape = Some((answer, class));
        self
    }

    /// Whether that event could follow now.
    pub fn follows(&self, event: &CallEvent) -> bool {
        CallState::fold(self.state.clone(), event, Millis(self.now)).is_ok()
    }

    pub fn state(&self) -> &CallState {
        self.state.as_ref().unwrap()
    }

    pub fn ended(&self) -> &Ended {
        self.state().ended().unwrap_or_else(|| panic!("not ended: {:?}", self.state().phase))
    }

    pub fn record(&mut self, event: CallEvent) {
        let at = Millis(self.now);
        if let CallEvent::VerdictReached(decision) = &event {
            self.way.push(decision.verdict.name().to_string());
        }
        let folded = CallState::fold(self.state.take(), &event, at);
        self.state = Some(folded.unwrap_or_else(|error| panic!("{error}: {event:?}")));
        self.log.push((event, at));
    }

    /// Receives a call and carries it on until it ends or a person is asked.
    pub fn run(&mut self) {
        if self.state.is_none() {
            let received = self.received();
            self.record(CallEvent::CallReceived(received));
        }
        for _ in 0..200 {
            match next(&self.plan, self.state()) {
                Step::AwaitReview | Step::Done => return,
                step => self.carry_out(step),
            }
        }
        panic!("the call does not come to an end: {:?}", self.way);
    }

    pub fn received(&self) -> Received {
        Received {
            policy: "test".into(),
            revision: self.plan.revision,
            caller: "shop".into(),
            tenant: None,
            key: None,
            fingerprint: digest("body"),
            request: digest("request"),
            tags: BTreeMap::new(),
            face: Face::Calls,
            criticality: Criticality::Standard,
            mode: self.plan.mode,
            deadline: Millis(self.now + self.plan.deadline_ms),
            estimates: vec![],
            traceparent: None,
            canary_of: None,
            level: crate::guard::Level::Normal,
            held_at_door: self.door.clone(),
        }
    }

    /// Carries one step out.
    pub fn step(&mut self, step: Step) {
        self.carry_out(step);
    }

    fn carry_out(&mut self, step: Step) {
        match step {
            Step::Record(event) => self.record(*event),
            Step::JudgeRequest => {
                self.record(CallEvent::RequestJudged {
                    findings: self.before.clone(),
                    basis: Basis::default(),
                });
            }
            Step::LookInCache => {
                let hit = self.cached.map(|text| Subject {
                    source: Source::Cache,
                    digest: digest(text),
                    attempt: None,
                    model: None,
                });
                self.record(CallEvent::CacheLooked { hit });
            }
            Step::Ask(ask) => self.ask(&ask.model, ask.purpose),
            Step::Judge(subject) => self.record(CallEvent::AnswerJudged(self.judge(subject))),
            Step::Mask { subject, .. } => {
                let subject = Subject { digest: digest("masked"), ..subject };
                self.record(CallEvent::AnswerMasked { subject });
            }
            Step::TakeFallback => self.take_fallback(),
            Step::OpenReview(review) => {
                self.way.push(review.to.queue.clone());
                self.record(CallEvent::ReviewRequested(Requested {
                    review: ReviewId::from("rev_1"),
                    queue: review.to.queue,
                    due: Millis(self.now + 60_000),
                    subject: self.state().subject().map(|subject| subject.digest),
                }));
            }
            Step::Sleep { until, then } => {
                self.now = self.now.max(until.0);
                self.record(*then);
            }
            Step::AwaitReview | Step::Done => {}
        }
    }

    fn ask(&mut self, model: &str, purpose: crate::Purpose) {
        self.way.push(model.to_string());
        let says = self.says.pop_front().unwrap_or(Says::Answer("good"));
        let until = |after: Option<u64>| after.map(|ms| Millis(self.now + ms));
        if let Says::Blocked(class, after) = says {
            let (model, reason) = (model.to_string(), "a guard".to_string());
            return self.record(CallEvent::AttemptBlocked {
                model,
                class,
                until: until(after),
                reason,
            });
        }
        let attempt = u32::try_from(self.state().attempts.len()).unwrap() + 1;
        self.record(CallEvent::AttemptStarted(AttemptStarted {
            attempt,
            model: model.to_string(),
            purpose,
            request: digest("request"),
            estimate: Usage::default(),
            cost: MicroMoney(0),
        }));
        self.now += 100;
        let result = match says {
            Says::Answer(text) => AttemptResult::Answered {
                raw: digest(text),
                answer: digest(text),
                finish: Some("stop".into()),
            },
            Says::Fails(class, after) => AttemptResult::Failed {
                class,
                message: "it failed".into(),
                status: None,
                until: after.map(|ms| Millis(self.now + ms)),
                raw: None,
            },
            Says::Blocked(..) => panic!("handled above"),
        };
        let usage = Usage { input: 10, cached: 0, output: 10 };
        let cost = MicroMoney(100);
        let took_ms = 100;
        self.record(CallEvent::AttemptEnded(AttemptEnded {
            attempt,
            result,
            took_ms,
            usage,
            cost,
        }));
    }

    fn judge(&self, subject: Subject) -> Judged {
        let judges = !self.for_models || subject.source != Source::Human;
        let found = self.checks.iter().find(|(text, _)| digest(text) == subject.digest);
        let found = found.filter(|_| judges);
        Judged {
            findings: found.map(|(_, findings)| findings.clone()).unwrap_or_default(),
            shape: self.shape.filter(|(text, _)| digest(text) == subject.digest).map(|(_, c)| c),
            subject,
            signals: vec![],
            mended: vec![],
            complete: self.complete,
            writes: self.writes,
            basis: Basis::default(),
        }
    }

    fn take_fallback(&mut self) {
        match self.fallback {
            Some(text) => self.record(CallEvent::FallbackTaken {
                row: 0,
                subject: Subject {
                    source: Source::Fallback,
                    digest: digest(text),
                    attempt: None,
                    model: None,
                },
                drawn: vec![],
            }),
            None => {
                self.record(CallEvent::FallbackFailed { reason: "no row".into(), drawn: vec![] })
            }
        }
    }

    /// A person, or the due time, resolves the open review; then the call goes on.
    pub fn resolve(&mut self, resolution: Resolution, undo_ms: Option<u64>) {
        let crate::Phase::InReview { review, queue, .. } = self.state().phase.clone() else {
            panic!("no review is open: {:?}", self.state().phase)
        };
        self.record(CallEvent::ReviewResolved(Resolved {
            review,
            queue,
            resolution,
            by: vec!["ann".into()],
            reason: None,
            undo_until: undo_ms.map(|ms| Millis(self.now + ms)),
        }));
    }

    pub fn approve(&mut self) {
        let digest = self.state().subject().unwrap().digest;
        self.resolve(Resolution::Approved { subject: human(digest) }, None);
        self.run();
    }
}

pub(super) fn human(digest: Digest) -> Subject {
    Subject { source: Source::Human, digest, attempt: None, model: None }
}

impl World {
    /// A new run from that seq, as the engine records it.
    pub fn fork(&mut self, from_seq: u64) -> bool {
        let checkpoints = self.state().checkpoints();
        let Some(start) = checkpoints.iter().find(|start| start.seq == from_seq) else {
            return false;
        };
        self.now += 1_000;
        self.record(CallEvent::RunForked(Forked {
            from_run: start.run,
            from_seq,
            how: ForkKind::Rollback,
            state: start.state.to_string(),
            deadline: Millis(self.now + self.plan.deadline_ms),
            reason: "wrong".to_string(),
            by: "lee".to_string(),
        }));
        true
    }

    /// The seq of the first event of that name.
    pub fn seq_of(&self, name: &str) -> u64 {
        self.log.iter().position(|(event, _)| event.name() == name).unwrap() as u64 + 1
    }
}
