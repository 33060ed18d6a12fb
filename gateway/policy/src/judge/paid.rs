//! What costs money or time: services, judges and further votes. Asked here, carried out by the
//! engine, settled here.

use backstop_domain::{Digest, FailureClass, Finding, Signal, Status};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::checks::{Came, not_applicable};
use super::places::Place;
use super::state::{ChoiceState, Judging, Stage};
use crate::answer::Answer;
use crate::compiled::{Check, Kind};

/// Something to ask, under the id by which its result is brought.
#[derive(Debug, Clone)]
pub struct PaidAsk {
    /// Its id.
    pub id: u32,
    /// What to ask.
    pub ask: Ask,
    /// Longest time, in milliseconds; `None` is the attempt's.
    pub timeout_ms: Option<u64>,
}

/// What to ask of whom.
#[derive(Debug, Clone)]
pub enum Ask {
    /// A service: `POST {texts, kind}`.
    Service {
        /// Its name in the gateway file.
        service: String,
        /// What it judges.
        texts: Vec<String>,
        /// Name of the check.
        kind: String,
    },
    /// A judge: one attempt with purpose `judge`.
    Judge {
        /// The model that is asked.
        model: String,
        /// The request, as [`crate::Policy::request`] makes them.
        request: Value,
    },
    /// Further answers to the call's own request: that many attempts with purpose `vote`, or none
    /// if not all can be paid for.
    Votes {
        /// How many more.
        more: u32,
        /// The model that gave the first.
        model: String,
    },
}

impl Ask {
    /// Whether a service is asked, and no model.
    pub const fn is_service(&self) -> bool {
        matches!(self, Self::Service { .. })
    }

    /// Digest of what is sent, by which a replay knows it again. `own` is the call's own request,
    /// which votes send once more; without it they cannot be sent.
    pub fn digest(&self, own: Option<&Value>) -> Option<Digest> {
        let request = match self {
            Self::Service { service, texts, kind } => {
                let sent = json!({ "service": service, "texts": texts, "kind": kind });
                return Some(Digest::of_json(&sent));
            }
            Self::Judge { request, .. } => request,
            Self::Votes { .. } => own?,
        };
        Some(Digest::of(request.to_string().as_bytes()))
    }
}

/// What was asked and for whom, until its result comes.
#[derive(Debug, Clone)]
pub enum Paid {
    /// For a check of one choice.
    Check {
        /// Its place among the policy's checks.
        check: usize,
        /// The choice.
        choice: usize,
    },
    /// For a source of a confidence block.
    Source(super::confidence::Slot),
}

/// What was brought.
#[derive(Debug, Clone)]
pub enum PaidResult {
    /// A service's score.
    Service(ServiceScore),
    /// A judge's answer.
    Judge(Answer),
    /// Further answers, in the order of their attempts.
    Votes(Vec<Vote>),
}

/// What a service says.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ServiceScore {
    /// Its score, in [0, 1]; high is bad.
    pub score: Option<f64>,
    /// What it found, as `{kind, text, path}`.
    pub found: Vec<Value>,
}

/// One further answer.
#[derive(Debug, Clone)]
pub struct Vote {
    /// The answer.
    pub answer: Answer,
    /// The attempt that gave it.
    pub attempt: u32,
    /// The provider's answer as it came.
    pub raw: Value,
}

impl Judging<'_> {
    /// Asks every service and judge that applies, side by side.
    pub(super) fn paid_checks(&mut self) -> Vec<PaidAsk> {
        let mut asks = Vec::new();
        let policy = self.policy;
        for (at, check) in policy.checks.iter().enumerate() {
            if !check.is_paid() || !self.concerns(check) {
                continue;
            }
            for index in 0..self.choices.len() {
                let choice = self.choices.get(index);
                if let Some(came) = choice.and_then(|choice| self.pretended(check, choice)) {
                    self.see(index, check, came);
                    continue;
                }
                match self.paid_check(check, index) {
                    Ok(Some(ask)) => {
                        let paid = Paid::Check { check: at, choice: index };
                        asks.push(self.open(paid, ask, Some(check.timeout_ms)));
                    }
                    Ok(None) => self.see(index, check, not_applicable(check)),
                    Err(message) => {
                        if let Some(choice) = self.choices.get(index) {
                            let came = self.failed(check, choice, &message);
                            self.see(index, check, came);
                        }
                    }
                }
            }
        }
        asks
    }

    fn paid_check(&self, check: &Check, index: usize) -> Result<Option<Ask>, String> {
        let Some(choice) = self.choices.get(index) else { return Ok(None) };
        let Some(places) = self.places_of(check, choice)? else { return Ok(None) };
        match &check.kind {
            Kind::Service { service, .. } => {
                let texts = places.iter().map(shown).collect();
                let kind = check.name.clone();
                Ok(Some(Ask::Service { service: service.clone(), texts, kind }))
            }
            Kind::Judge { prompt, model, .. } => {
                let judged: Vec<String> = places.iter().map(shown).collect();
                self.judge_request(choice, prompt, model, &judged.join("\n\n")).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The request to a judge: its prompt over what is known, `subject` being what it judges.
    pub(super) fn judge_request(
        &self,
        choice: &ChoiceState<'_>,
        prompt: &str,
        model: &str,
        subject: &str,
    ) -> Result<Ask, String> {
        let prompt = self.policy.prompts.get(prompt).ok_or("its prompt is missing")?;
        let view = choice.view.with("subject", Value::from(subject));
        let context = self.facts.object(&view, &prompt.names());
        let mut messages = prompt.render(&context).map_err(|error| error.to_string())?;
        if prompt.adds_input() {
            messages.push(json!({ "role": "user", "content": subject }));
        }
        let mut body = prompt.settings().clone();
        let wire = self.policy.model(model).map_or(model, |model| model.wire.as_str());
        body.insert("model".to_owned(), Value::from(wire));
        body.insert("messages".to_owned(), Value::Array(messages));
        Ok(Ask::Judge { model: model.to_owned(), request: Value::Object(body) })
    }

    pub(super) fn open(&mut self, paid: Paid, ask: Ask, timeout_ms: Option<u64>) -> PaidAsk {
        let id = self.asked;
        self.asked += 1;
        self.open.insert(id, paid);
        PaidAsk { id, ask, timeout_ms }
    }

    /// Settles what was asked with what came of it.
    pub(super) fn settle(&mut self, paid: Paid, result: Result<PaidResult, String>) {
        match paid {
            Paid::Check { check, choice } => self.settle_check(check, choice, result),
            Paid::Source(slot) => self.settle_source(&slot, result),
        }
    }

    fn settle_check(&mut self, at: usize, index: usize, result: Result<PaidResult, String>) {
        let policy = self.policy;
        let (Some(check), Some(choice)) = (policy.checks.get(at), self.choices.get(index)) else {
            return;
        };
        let came = match scored(check, result) {
            Ok((score, found, reason)) => self.held_to(check, choice, score, found, &reason),
            Err(message) => self.failed(check, choice, &message),
        };
        self.see(index, check, came);
    }

    fn held_to(
        &self,
        check: &Check,
        choice: &ChoiceState<'_>,
        score: Signal,
        found: Vec<Value>,
        reason: &str,
    ) -> Came {
        let (fails, against) = match &check.kind {
            Kind::Judge { pass, .. } => (score < *pass, *pass),
            Kind::Service { fail_over, .. } => (score > *fail_over, *fail_over),
            _ => (false, score),
        };
        let status = if fails { "fail" } else { "pass" };
        let seen = json!({ "status": status, "score": score.as_f64(), "found": found });
        let evidence = Some(score.as_f64().to_string());
        let finding = if fails {
            let side = if score < against { "below" } else { "above" };
            let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            let (score, against) = (score.as_f64(), against.as_f64());
            let message = format!("`{}` scored {score}, {side} {against}{why}", check.name);
            self.objects(check, choice, String::new(), message, evidence)
        } else {
            Finding { evidence, ..Finding::pass(check.by.as_str()) }
        };
        Came { finding, seen: Some(seen) }
    }

    /// Records paid checks, signals and paid rules as skipped; whether there were any.
    pub(super) fn mark_skipped(&mut self) -> bool {
        let policy = self.policy;
        let mut skipped: Vec<(u32, &str)> = Vec::new();
        let paid = policy.checks.iter().filter(|check| check.is_paid() && self.concerns(check));
        skipped.extend(paid.map(|check| (check.order, check.by.as_str())));
        let rules = if self.is_request() { &policy.before } else { &policy.rules };
        let paid = rules.iter().filter(|rule| rule.paid);
        skipped.extend(paid.map(|rule| (rule.order, rule.by.as_str())));
        if !self.is_request() {
            skipped.extend(policy.confidence.iter().map(|block| (block.order, block.by.as_str())));
        }
        let any = !skipped.is_empty();
        for (order, by) in skipped {
            self.find(order, Finding::plain(by, Status::Skipped));
        }
        self.stage = Stage::Done;
        any
    }
}

/// A value as a judge reads it: a text as it is, all else as JSON.
fn shown(place: &Place<'_>) -> String {
    match place.value.as_ref() {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Score, finds and reason of a paid check.
fn scored(
    check: &Check,
    result: Result<PaidResult, String>,
) -> Result<(Signal, Vec<Value>, String), String> {
    match (&check.kind, result?) {
        (Kind::Service { service, .. }, PaidResult::Service(said)) => {
            let score = said.score.and_then(Signal::from_f64);
            let score = score.ok_or_else(|| format!("service `{service}` gave no score in 0 to 1"));
            Ok((score?, said.found, String::new()))
        }
        (Kind::Judge { .. }, PaidResult::Judge(answer)) => {
            let (score, reason) = judge_said(&answer)?;
            Ok((score, Vec::new(), reason))
        }
        _ => Err(format!("{} of another kind was brought", FailureClass::CheckError)),
    }
}

/// What a judge's answer says: `{score, reason}`.
pub(super) fn judge_said(answer: &Answer) -> Result<(Signal, String), String> {
    let text = answer.first_text().unwrap_or_default();
    let said = backstop_checks::read_json(text)
        .map_err(|fault| format!("the judge's answer is not JSON: {fault}"))?;
    let score = said.value.get("score").and_then(Value::as_f64).and_then(Signal::from_f64);
    let score = score.ok_or("the judge's answer has no `score` in 0 to 1")?;
    let reason = said.value.get("reason").and_then(Value::as_str).unwrap_or_default();
    Ok((score, reason.to_owned()))
}
