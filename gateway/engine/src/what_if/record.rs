//! A call's record as a scene that can be played again.

use std::collections::{BTreeMap, BTreeSet};

use backstop_domain::{
    AttemptResult, CallEvent, Digest, Finding, Judged, Millis, Received, Source, Status, Verdict,
};
use backstop_ledger::Recorded;
use backstop_policy::judge::{Caller, Pretended};
use backstop_policy::tried::{Attempt, Scene};
use backstop_policy::{Answer, Policy};

use crate::replay::Stored;

/// A call that can be played again, and the verdicts that it came to before a person decided.
pub(super) struct Record {
    pub scene: Scene,
    pub verdicts: Vec<Verdict>,
}

/// The bodies that a call's events name and that playing it again needs.
pub fn bodies(events: &[Recorded]) -> Vec<Digest> {
    let named = events.iter().filter_map(|recorded| match recorded.as_call()? {
        CallEvent::CallReceived(received) => Some(received.request),
        CallEvent::AttemptEnded(ended) => match &ended.result {
            AttemptResult::Answered { answer, .. } => Some(*answer),
            AttemptResult::Failed { .. } => None,
        },
        _ => None,
    });
    named.collect()
}

/// Reads the newest run.
pub(super) fn read(
    policy: &Policy,
    events: &[Recorded],
    kept: &BTreeMap<Digest, Vec<u8>>,
) -> Result<Record, String> {
    let mut reading = Reading::of(policy, kept);
    let run = events.last().map_or(0, |last| last.envelope.run);
    for recorded in events {
        let at = recorded.envelope.at;
        match (&recorded.event, recorded.as_call()) {
            (Err(why), _) => return Err(format!("an event cannot be read: {why}")),
            (_, Some(CallEvent::CallReceived(received))) => reading.received(received, at)?,
            (_, Some(CallEvent::ReviewResolved(_))) => break,
            (_, Some(event)) if recorded.envelope.run == run => reading.event(event)?,
            _ => {}
        }
    }
    reading.done()
}

struct Reading<'r> {
    policy: &'r Policy,
    kept: &'r BTreeMap<Digest, Vec<u8>>,
    scene: Option<Scene>,
    /// Numbers of attempts whose answer is the call's.
    asked: BTreeSet<u32>,
    /// Where the answer of each stands among the scene's.
    answered: BTreeMap<u32, usize>,
    verdicts: Vec<Verdict>,
}

impl<'r> Reading<'r> {
    fn of(policy: &'r Policy, kept: &'r BTreeMap<Digest, Vec<u8>>) -> Self {
        Self {
            policy,
            kept,
            scene: None,
            asked: BTreeSet::new(),
            answered: BTreeMap::new(),
            verdicts: Vec::new(),
        }
    }

    fn received(&mut self, received: &Received, at: Millis) -> Result<(), String> {
        let bytes = self.kept.get(&received.request).ok_or("the request was erased")?;
        let stored: Stored =
            serde_json::from_slice(bytes).map_err(|error| format!("the request: {error}"))?;
        let (name, tenant) = (received.caller.clone(), received.tenant.clone());
        let caller = Caller { name, tenant, roles: stored.roles };
        let mut scene = Scene::asked(stored.input, stored.messages, stored.body, caller, at);
        scene.key.clone_from(&received.key);
        scene.tags.clone_from(&received.tags);
        scene.door = received.held_at_door.as_ref().map(|door| door.class);
        self.scene = Some(scene);
        Ok(())
    }

    fn event(&mut self, event: &CallEvent) -> Result<(), String> {
        let Some(scene) = &mut self.scene else { return Ok(()) };
        match event {
            CallEvent::RequestJudged { findings, .. } => {
                paid(self.policy, findings, &mut scene.pretended);
            }
            CallEvent::CacheLooked { hit: Some(_) } => {
                return Err("it was answered from the cache".to_owned());
            }
            CallEvent::AttemptStarted(started) if started.purpose.is_answer() => {
                self.asked.insert(started.attempt);
            }
            CallEvent::AttemptBlocked { class, .. } => scene.attempts.push(Attempt::Fails(*class)),
            CallEvent::AttemptEnded(ended) if self.asked.contains(&ended.attempt) => {
                match &ended.result {
                    AttemptResult::Failed { class, .. } => {
                        scene.attempts.push(Attempt::Fails(*class));
                    }
                    AttemptResult::Answered { answer, .. } => {
                        let bytes = self.kept.get(answer).ok_or("an answer was erased")?;
                        let answer = Answer::from_bytes(bytes).map_err(|e| e.to_string())?;
                        self.answered.insert(ended.attempt, scene.attempts.len());
                        scene.attempts.push(Attempt::Answers(answer, Pretended::default()));
                    }
                }
            }
            CallEvent::AnswerJudged(judged) if judged.subject.source == Source::Model => {
                let place = judged.subject.attempt.and_then(|n| self.answered.get(&n));
                let attempt = place.and_then(|at| scene.attempts.get_mut(*at));
                if let Some(Attempt::Answers(_, pretended)) = attempt {
                    signals(judged, pretended);
                    paid(self.policy, &judged.findings, pretended);
                }
            }
            CallEvent::VerdictReached(decision) => {
                let begins = matches!(decision.act, backstop_domain::Act::Begin { .. });
                if !(begins && decision.verdict == Verdict::Accept) {
                    self.verdicts.push(decision.verdict);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn done(self) -> Result<Record, String> {
        let mut scene = self.scene.ok_or("there is no request in its record")?;
        if scene.attempts.is_empty() {
            // No model was asked; if a change has one asked, what it says is not known.
            scene.attempts.push(Attempt::Answers(Answer::default(), Pretended::default()));
        }
        Ok(Record { scene, verdicts: self.verdicts })
    }
}

/// Signals as they were computed: of several places the lowest, as it decided.
fn signals(judged: &Judged, pretended: &mut Pretended) {
    for scored in &judged.signals {
        let known = pretended.signals.get(&scored.name).copied();
        let lowest = match (known, scored.value) {
            (Some(Some(known)), Some(value)) => Some(known.min(value)),
            (Some(None), _) | (_, None) => None,
            (None, value) => value,
        };
        pretended.signals.insert(scored.name.clone(), lowest);
    }
}

/// What paid checks came to; the free ones are computed again.
fn paid(policy: &Policy, findings: &[Finding], pretended: &mut Pretended) {
    for check in policy.checks.iter().filter(|check| check.is_paid()) {
        let came = findings.iter().find(|finding| finding.by == check.by);
        let status = came.map(|finding| finding.status);
        if let Some(status @ (Status::Pass | Status::Fail | Status::Error)) = status {
            pretended.checks.insert(check.name.clone(), status);
        }
    }
}
