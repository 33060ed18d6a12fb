//! Drives one call of a test through the machine, as the engine does, with a clock of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use backstop_domain::call::{CallState, Step, next};
use backstop_domain::{
    AttemptEnded, AttemptResult, AttemptStarted, CallEvent, Cause, Digest, FailureClass, Finding,
    MicroMoney, Millis, Requested, Resolution, Resolved, ReviewId, Source, Status, Subject, Usage,
    Verdict,
};

use super::given::{Attempt, Scene, edited};
use super::opening::{asked, read, received};
use crate::answer::Answer;
use crate::compiled::Policy;
use crate::judge::{Facts, Given, Judging, PaidKind, PaidResult, Pretended, ServiceScore};
use crate::raw::ReviewAct;

/// Most steps of one test: the machine ends long before.
const STEPS_MAX: usize = 500;

/// What was seen of a call.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Verdicts with the number of answers given before each.
    pub verdicts: Vec<(usize, Verdict)>,
    /// Rules and checks that objected or fired, in order, each once.
    pub fired: Vec<String>,
    /// Queues that were asked.
    pub queues: Vec<String>,
    pub outcome: Option<&'static str>,
    pub answer: Option<Answer>,
    /// Answers that the test lists; 0 if it lists none.
    pub listed: usize,
    /// What could not be carried out.
    pub broken: Option<String>,
    pub way: Vec<String>,
}

struct World<'p> {
    policy: &'p Arc<Policy>,
    facts: Facts,
    scene: Scene,
    now: u64,
    state: CallState,
    answers: BTreeMap<Digest, (Answer, Pretended)>,
    before: Vec<Finding>,
    given: usize,
    acts: usize,
    seen: Seen,
}

pub(super) fn run(policy: &Arc<Policy>, scene: Scene) -> Seen {
    let mut seen = Seen::default();
    if scene.listed {
        seen.listed = scene.attempts.len();
    }
    let input = match read(policy, &scene) {
        Ok(input) => input,
        Err(why) => {
            seen.way.push(format!("input refused: {why}"));
            seen.verdicts.push((0, Verdict::Reject));
            seen.outcome = Some("refused");
            return seen;
        }
    };
    let mut facts = Facts::new(Arc::clone(policy), asked(&scene, input));
    facts.pretend(scene.pretended.clone());
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
            self.seen.way.push(format!("ended: {}", ended.outcome.name()));
        }
    }

    fn record(&mut self, event: CallEvent) {
        if let CallEvent::VerdictReached(decision) = &event {
            let begins = decision.verdict == Verdict::Accept
                && self.given == 0
                && matches!(decision.act, backstop_domain::Act::Begin { .. });
            if !begins {
                self.seen.verdicts.push((self.given, decision.verdict));
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
        self.record(CallEvent::RequestJudged { findings });
    }

    fn ask(&mut self, ask: &backstop_domain::Ask) {
        let attempts = &self.scene.attempts;
        let reply = attempts.get(self.given).or_else(|| attempts.last()).cloned();
        self.given += 1;
        self.seen.way.push(format!("asks {}", ask.model));
        match reply {
            Some(Attempt::Fails(class)) if is_ours(class) => {
                self.record(CallEvent::AttemptBlocked {
                    model: ask.model.clone(),
                    class,
                    until: None,
                    reason: "the test says so".to_owned(),
                });
            }
            Some(Attempt::Fails(class)) => self.attempt(
                ask,
                AttemptResult::Failed {
                    class,
                    message: "the test says so".to_owned(),
                    status: None,
                    until: None,
                    raw: None,
                },
            ),
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
                self.seen.way.push(format!("fallback, row {row}"));
                self.record(CallEvent::FallbackTaken { row, subject });
            }
            Err(error) => self.record(CallEvent::FallbackFailed { reason: error.to_string() }),
        }
    }

    /// Does what the test says that a person does.
    fn person(&mut self) {
        let Some(act) = self.scene.review.get(self.acts).cloned() else { return };
        self.acts += 1;
        let queue = self.seen.queues.last().cloned().unwrap_or_default();
        let shown = self.state.subject().cloned();
        let answer = shown.as_ref().and_then(|subject| self.answers.get(&subject.digest)).cloned();
        let human = |digest| Subject {
            source: Source::Human,
            digest,
            attempt: shown.as_ref().and_then(|subject| subject.attempt),
            model: shown.as_ref().and_then(|subject| subject.model.clone()),
        };
        let resolution = match (&act, answer) {
            (ReviewAct::Approve, Some((answer, _))) => {
                Resolution::Approved { subject: human(answer.digest()) }
            }
            (ReviewAct::Edit(changes), answer) => {
                let (answer, pretended) = answer.unwrap_or_default();
                match edited(&answer, changes) {
                    Ok(edited) => {
                        let digest = edited.digest();
                        self.answers.insert(digest, (edited, pretended));
                        Resolution::Edited { subject: human(digest) }
                    }
                    Err(why) => {
                        self.seen.broken = Some(why);
                        return;
                    }
                }
            }
            (ReviewAct::Reject, _) => Resolution::Rejected,
            (ReviewAct::Changes, _) => {
                Resolution::ChangesRequested { tell: "Once more.".to_owned() }
            }
            (ReviewAct::Fallback, _) => Resolution::FallbackChosen,
            (ReviewAct::Approve, None) => {
                self.seen.broken = Some("there is no answer to approve".to_owned());
                return;
            }
        };
        self.record(CallEvent::ReviewResolved(Resolved {
            review: ReviewId::from("rev_test"),
            queue,
            resolution,
            by: vec!["tester".to_owned()],
            reason: None,
            undo_until: None,
        }));
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
