//! Drives one call of a test through the machine, as the engine does, with a clock of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use backstop_domain::call::{CallState, Step, next};
use backstop_domain::{
    AttemptEnded, AttemptResult, AttemptStarted, Basis, CallEvent, Cause, Digest, FailureClass,
    Finding, MicroMoney, Millis, Requested, ReviewId, Source, Status, Subject, Usage, Verdict,
};

use super::given::{Attempt, Scene, failing_as};
use super::opening::{asked, read, received};
use super::played::{Played, Reached};
use crate::answer::Answer;
use crate::compiled::Policy;
use crate::judge::{Facts, Given, Judging, PaidKind, PaidResult, Pretended, ServiceScore, Watch};

/// Most steps of one test: the machine ends long before.
const STEPS_MAX: usize = 500;
/// How long limits and breakers hold a model back in a test, in milliseconds.
pub(super) const HELD_MS: u64 = 1_000;

pub(super) struct World<'p> {
    pub(super) policy: &'p Arc<Policy>,
    pub(super) facts: Facts,
    pub(super) scene: Scene,
    pub(super) now: u64,
    pub(super) state: CallState,
    pub(super) answers: BTreeMap<Digest, (Answer, Pretended)>,
    before: Vec<Finding>,
    given: usize,
    /// What people did so far.
    pub(super) acts: usize,
    pub(super) seen: Played,
}

/// Plays a scene to its end; `watched` also notes every comparison that a condition makes.
pub(super) fn run(policy: &Arc<Policy>, scene: Scene, watched: bool) -> Played {
    let mut seen = Played::default();
    if scene.listed {
        seen.listed = scene.attempts.len();
    }
    let input = match read(policy, &scene) {
        Ok(input) => input,
        Err(why) => {
            seen.way.push(format!("input refused: {why}"));
            let (verdict, because) = (Verdict::Reject, vec!["input".to_owned()]);
            seen.verdicts.push(Reached { given: 0, verdict, because });
            seen.steps.push(verdict.name().to_owned());
            seen.outcome = Some("refused");
            seen.told = why;
            return seen;
        }
    };
    let mut facts = Facts::new(Arc::clone(policy), asked(&scene, input));
    facts.pretend(scene.pretended.clone());
    if let Some(data) = &scene.data {
        facts.replace_data(data.clone());
    }
    let watch = watched.then(|| Arc::new(Watch::default()));
    if let Some(watch) = &watch {
        facts.watch(Arc::clone(watch));
    }
    seen.classes.extend(scene.door);
    let received = CallEvent::CallReceived(received(policy, &scene));
    let Ok(state) = CallState::fold(None, &received, scene.received) else { return seen };
    let now = scene.received.0;
    let mut world = World {
        policy,
        facts,
        scene,
        now,
        state,
        answers: BTreeMap::new(),
        before: Vec::new(),
        given: 0,
        acts: 0,
        seen,
    };
    world.go();
    if let Some(watch) = watch {
        world.seen.compared = watch.take();
    }
    world.seen
}

impl World<'_> {
    fn go(&mut self) {
        for _ in 0..STEPS_MAX {
            let step = next(&self.policy.plan, &self.state);
            if matches!(step, Step::Done) || self.seen.broken.is_some() {
                break;
            }
            if matches!(step, Step::AwaitReview) && self.scene.review.get(self.acts).is_none() {
                break;
            }
            self.carry_out(step);
        }
        if let Some(ended) = self.state.ended() {
            self.seen.outcome = Some(ended.outcome.name());
            let answer = ended.answer.and_then(|digest| self.answers.get(&digest));
            self.seen.answer = answer.map(|(answer, _)| answer.clone());
            if self.seen.answer.is_none() {
                self.seen.told.clone_from(&ended.cause.text);
            }
            self.seen.way.push(format!("ended: {}", ended.outcome.name()));
        }
    }

    pub(super) fn record(&mut self, event: CallEvent) {
        if let CallEvent::VerdictReached(decision) = &event {
            let begins = decision.verdict == Verdict::Accept
                && self.given == 0
                && matches!(decision.act, backstop_domain::Act::Begin { .. });
            self.seen.rungs.extend(decision.spends.iter().cloned());
            if !begins {
                self.seen.verdicts.push(Reached {
                    given: self.given,
                    verdict: decision.verdict,
                    because: decision.because.clone(),
                });
                self.seen.steps.push(decision.verdict.name().to_owned());
                let because = decision.because.join(", ");
                self.seen.way.push(format!("{} ({because})", decision.verdict.name()));
            }
        }
        match CallState::fold(Some(self.state.clone()), &event, Millis(self.now)) {
            Ok(state) => self.state = state,
            Err(illegal) => self.seen.broken = Some(illegal.to_string()),
        }
    }

    fn carry_out(&mut self, step: Step) {
        match step {
            Step::Record(event) => self.record(*event),
            Step::JudgeRequest => self.judge_request(),
            Step::LookInCache => self.record(CallEvent::CacheLooked { hit: None }),
            Step::Ask(ask) => self.ask(&ask),
            Step::Judge(subject) => self.judge(&subject),
            Step::Mask { subject, checks } => self.mask(subject, &checks),
            Step::TakeFallback => self.take_fallback(),
            Step::OpenReview(review) => {
                self.seen.queues.push(review.to.queue.clone());
                self.seen.way.push(format!("asks people: {}", review.to.queue));
                self.record(CallEvent::ReviewRequested(Requested {
                    review: ReviewId::from("rev_test"),
                    queue: review.to.queue,
                    due: Millis(self.now).plus(3_600_000),
                    subject: self.state.subject().map(|subject| subject.digest),
                }));
            }
            Step::Sleep { until, then } => {
                self.now = self.now.max(until.0);
                self.record(*then);
            }
            Step::AwaitReview => self.person(),
            Step::Done => {}
        }
    }

    fn note(&mut self, findings: &[Finding]) {
        for finding in findings {
            self.seen.came.entry(finding.by.clone()).or_default().insert(finding.status);
            self.seen.classes.extend(finding.class);
        }
        let objects = |finding: &&Finding| matches!(finding.status, Status::Fail | Status::Error);
        for finding in findings.iter().filter(objects) {
            let line = format!("{}: {}", finding.by, finding.message);
            if !self.seen.way.contains(&line) {
                self.seen.way.push(line);
            }
            if !self.seen.fired.contains(&finding.by) {
                self.seen.fired.push(finding.by.clone());
            }
        }
    }

    fn judge_request(&mut self) {
        let mut judging = Judging::of_request(&self.facts);
        pay(&mut judging);
        let findings = judging.finish_request();
        self.note(&findings);
        self.before.clone_from(&findings);
        self.record(CallEvent::RequestJudged { findings, basis: Basis::default() });
    }

    fn ask(&mut self, ask: &backstop_domain::Ask) {
        let attempts = &self.scene.attempts;
        let mut reply = attempts.get(self.given).or_else(|| attempts.last()).cloned();
        if let Some(class) = self.scene.failing.get(&ask.model) {
            reply = reply.map(|reply| failing_as(*class, reply));
        }
        self.given += 1;
        self.seen.steps.push(ask.model.clone());
        self.seen.way.push(format!("asks {}", ask.model));
        match reply {
            Some(Attempt::Fails(class)) if is_ours(class) => {
                self.seen.classes.insert(class);
                let until = self.until(class);
                self.record(CallEvent::AttemptBlocked {
                    model: ask.model.clone(),
                    class,
                    until,
                    reason: "the test says so".to_owned(),
                });
            }
            Some(Attempt::Fails(class)) => {
                self.seen.classes.insert(class);
                let until = self.until(class);
                let message = "the test says so".to_owned();
                let (status, raw) = (None, None);
                self.attempt(ask, AttemptResult::Failed { class, message, status, until, raw });
            }
            Some(Attempt::Answers(answer, pretended)) => {
                let digest = answer.digest();
                let finish = answer.choices.first().and_then(|choice| choice.finish.clone());
                self.answers.insert(digest, (answer, pretended));
                let raw = digest;
                self.attempt(ask, AttemptResult::Answered { raw, answer: digest, finish });
            }
            None => self.seen.broken = Some("the test gives no answer".to_owned()),
        }
    }

    /// When what holds a model back lets it go: limits, breakers and providers say so, a budget
    /// that is spent has nothing to say.
    fn until(&self, class: FailureClass) -> Option<Millis> {
        let tells = matches!(
            class,
            FailureClass::Limit | FailureClass::BreakerOpen | FailureClass::Throttled
        );
        tells.then(|| Millis(self.now).plus(HELD_MS))
    }

    fn attempt(&mut self, ask: &backstop_domain::Ask, result: AttemptResult) {
        let attempt = u32::try_from(self.state.attempts.len()).unwrap_or(u32::MAX) + 1;
        self.record(CallEvent::AttemptStarted(AttemptStarted {
            attempt,
            model: ask.model.clone(),
            purpose: ask.purpose,
            request: Digest::of(b"test"),
            estimate: Usage::default(),
            cost: MicroMoney(0),
        }));
        self.now += 100;
        self.record(CallEvent::AttemptEnded(AttemptEnded {
            attempt,
            result,
            took_ms: 100,
            usage: Usage::default(),
            cost: MicroMoney(0),
        }));
    }

    fn judge(&mut self, subject: &Subject) {
        let Some((answer, pretended)) = self.answers.get(&subject.digest).cloned() else {
            self.seen.broken = Some("an answer was lost".to_owned());
            return;
        };
        self.facts.pretend(pretended.clone());
        self.facts.set_progress(self.state.used.attempts, self.state.used.cost);
        let source = subject.source;
        let given = Given::of(answer, source, subject.attempt, subject.model.clone());
        let mut judging = Judging::of_answer(&self.facts, given, &self.before);
        pay(&mut judging);
        let (judged, answer) = judging.finish();
        self.answers.insert(judged.subject.digest, (answer, pretended));
        self.note(&judged.findings);
        let of = subject.model.clone();
        let signals = judged.signals.iter().map(|scored| (of.clone(), scored.clone()));
        self.seen.signals.extend(signals);
        self.record(CallEvent::AnswerJudged(judged));
    }

    fn mask(&mut self, subject: Subject, checks: &[String]) {
        let Some((answer, pretended)) = self.answers.get(&subject.digest).cloned() else { return };
        let given = Given::of(answer, subject.source, subject.attempt, subject.model.clone());
        match self.policy.mask(&self.facts, given, checks) {
            Ok(masked) => {
                let digest = masked.digest();
                self.answers.insert(digest, (masked, pretended));
                self.record(CallEvent::AnswerMasked { subject: Subject { digest, ..subject } });
            }
            Err(refused) => self.seen.broken = Some(refused.to_string()),
        }
    }

    fn take_fallback(&mut self) {
        let cause = self.state.causes.last().cloned().unwrap_or_else(Cause::default);
        match self.policy.fallback(&self.facts, &cause, |_, _| None) {
            Ok((row, answer)) => {
                let digest = answer.digest();
                let pretended =
                    Pretended { signals: BTreeMap::new(), ..self.scene.pretended.clone() };
                self.answers.insert(digest, (answer, pretended));
                let subject =
                    Subject { source: Source::Fallback, digest, attempt: None, model: None };
                let row = u32::try_from(row).unwrap_or(u32::MAX);
                self.seen.rows.insert(row);
                self.seen.way.push(format!("fallback, row {row}"));
                self.record(CallEvent::FallbackTaken { row, subject, drawn: Vec::new() });
            }
            Err(error) => {
                let reason = error.to_string();
                self.record(CallEvent::FallbackFailed { reason, drawn: Vec::new() });
            }
        }
    }
}

/// Classes of our own guards: the attempt is not let out.
const fn is_ours(class: FailureClass) -> bool {
    matches!(
        class,
        FailureClass::Limit | FailureClass::Budget | FailureClass::BreakerOpen | FailureClass::Shed
    )
}

/// Paid checks pass and further votes are missing, unless the test says otherwise.
fn pay(judging: &mut Judging<'_>) {
    loop {
        let asks = judging.next_paid();
        if asks.is_empty() {
            return;
        }
        for ask in asks {
            let result = match ask.ask {
                PaidKind::Service { .. } => {
                    Ok(PaidResult::Service(ServiceScore { score: Some(0.0), found: Vec::new() }))
                }
                PaidKind::Judge { .. } => {
                    Ok(PaidResult::Judge(Answer::text("{\"score\": 1, \"reason\": \"\"}")))
                }
                PaidKind::Votes { .. } => Err("no vote is held in a test".to_owned()),
            };
            judging.take(ask.id, result);
        }
    }
}
