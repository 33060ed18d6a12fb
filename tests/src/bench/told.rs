//! What became of a call, in the words that stories use.

use backstop_domain::{CallEvent, Decision, Ended, Finding, Millis, Phase, ReviewId};
use backstop_engine::Snapshot;
use backstop_policy::Answer;
use serde_json::Value;

/// A call and everything that was recorded of it.
#[derive(Debug, Clone)]
pub struct Told {
    /// As it stands.
    pub snapshot: Snapshot,
    /// Its events.
    pub events: Vec<CallEvent>,
    /// When each happened.
    pub times: Vec<Millis>,
}

impl Told {
    /// Its state; for an ended call its outcome.
    pub fn state(&self) -> &'static str {
        self.snapshot.state.state_name()
    }

    /// How it ended.
    ///
    /// # Panics
    /// If it did not.
    pub fn ended(&self) -> &Ended {
        self.snapshot.state.ended().unwrap_or_else(|| panic!("it is {}", self.state()))
    }

    /// Who answered.
    pub fn by(&self) -> &'static str {
        self.ended().answered_by.name()
    }

    /// The class that led to its end; empty if none did.
    pub fn class(&self) -> &'static str {
        self.ended().cause.class.map_or("", |class| class.name())
    }

    /// The answer as it left: JSON if it is some, else the text.
    pub fn output(&self) -> Value {
        let Some(answer) = self.answer() else { return Value::Null };
        let text = answer.first_text().unwrap_or_default();
        serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
    }

    /// The answer as it left.
    pub fn answer(&self) -> Option<Answer> {
        Answer::from_bytes(self.snapshot.answer.as_ref()?).ok()
    }

    /// Every verdict, in order.
    pub fn verdicts(&self) -> Vec<&'static str> {
        self.decisions().iter().map(|decision| decision.verdict.name()).collect()
    }

    /// Every decision on an answer or a failure; the one on the request is left out if it is to go
    /// on.
    pub fn decisions(&self) -> Vec<&Decision> {
        let decisions = self.events.iter().filter_map(|event| match event {
            CallEvent::VerdictReached(decision) => Some(decision),
            _ => None,
        });
        let plain = |decision: &&Decision| {
            matches!(decision.act, backstop_domain::Act::Begin { .. })
                && decision.verdict == backstop_domain::Verdict::Accept
        };
        decisions.filter(|decision| !plain(decision)).collect()
    }

    /// The models that were asked, with what for: `small answer`.
    pub fn attempts(&self) -> Vec<String> {
        let attempts = self.snapshot.state.attempts.iter();
        attempts
            .map(|one| format!("{} {}", one.started.model, one.started.purpose.name()))
            .collect()
    }

    /// Every finding of every judgement of an answer or a request.
    pub fn findings(&self) -> Vec<&Finding> {
        let all = self.events.iter().flat_map(|event| match event {
            CallEvent::AnswerJudged(judged) => judged.findings.as_slice(),
            CallEvent::RequestJudged { findings, .. } => findings.as_slice(),
            _ => &[],
        });
        all.collect()
    }

    /// When the event of that name happened first, in milliseconds from the call's start.
    ///
    /// # Panics
    /// If it never did.
    pub fn after(&self, name: &str) -> u64 {
        let at = self.events.iter().position(|event| event.name() == name);
        let at = at.unwrap_or_else(|| panic!("there is no {name}: {:?}", self.names()));
        self.times[at].since(self.times[0])
    }

    /// Names of its events.
    pub fn names(&self) -> Vec<&'static str> {
        self.events.iter().map(CallEvent::name).collect()
    }

    /// The review that it waits for, or whose undo window is open.
    ///
    /// # Panics
    /// If there is none.
    pub fn review(&self) -> ReviewId {
        match &self.snapshot.state.phase {
            Phase::InReview { review, .. } | Phase::Releasing { review, .. } => review.clone(),
            _ => panic!("nobody is asked: it is {}", self.state()),
        }
    }

    /// The queue that it waits in.
    ///
    /// # Panics
    /// If nobody is asked.
    pub fn queue(&self) -> &str {
        match &self.snapshot.state.phase {
            Phase::InReview { queue, .. } | Phase::Releasing { queue, .. } => queue,
            _ => panic!("nobody is asked: it is {}", self.state()),
        }
    }
}
