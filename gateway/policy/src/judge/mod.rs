//! Judging: pure. A request or an answer goes in, findings come out; nothing is decided here.
//!
//! [`Judging`] is asked in steps, because some judges cost money or time and only the engine may
//! spend those: it says what it needs ([`Judging::next_paid`]), the engine brings it
//! ([`Judging::take`]), until nothing is missing ([`Judging::finish`]).

mod canary;
mod checks;
mod confidence;
mod edited;
mod facts;
mod fallback;
mod formula;
mod input;
mod limits;
mod mask;
mod objection;
mod paid;
mod places;
mod request;
mod rules;
mod samples;
mod scan;
mod shape;
mod state;
#[cfg(test)]
mod tests;
mod tools;

use std::borrow::Cow;

use backstop_domain::{Finding, Source, Subject};
use serde_json::Value;

use crate::answer::Answer;

pub use facts::{Asked, Caller, Facts, Pretended};
pub(crate) use facts::{View, Watch};
pub use fallback::FallbackError;
pub use input::{InputProblem, Requested};
pub use limits::{DoorLimit, ToolUse};
pub use mask::MaskRefused;
pub use paid::{Ask as PaidKind, PaidAsk, PaidResult, ServiceScore, Vote};
pub(crate) use request::text_of;
pub use scan::Scan;
pub use state::Judging;

/// An answer that is to be judged.
#[derive(Debug, Clone)]
pub struct Given<'a> {
    /// The answer.
    pub answer: Answer,
    /// Whose it is.
    pub source: Source,
    /// The attempt that gave it, or that it was derived from.
    pub attempt: Option<u32>,
    /// The model that gave it.
    pub model: Option<String>,
    /// The provider's answer as it came: token log-probabilities stand there.
    pub raw: Option<Cow<'a, Value>>,
}

impl Given<'_> {
    /// An answer of that model.
    pub fn of_model(answer: Answer, attempt: u32, model: &str, raw: Value) -> Self {
        let model = Some(model.to_owned());
        Self {
            answer,
            source: Source::Model,
            attempt: Some(attempt),
            model,
            raw: Some(Cow::Owned(raw)),
        }
    }

    /// An answer that no model just gave: cached, from the fallback, a person's, masked.
    pub fn of(answer: Answer, source: Source, attempt: Option<u32>, model: Option<String>) -> Self {
        Self { answer, source, attempt, model, raw: None }
    }

    fn subject(&self) -> Subject {
        Subject {
            source: self.source,
            digest: self.answer.digest(),
            attempt: self.attempt,
            model: self.model.clone(),
        }
    }
}

impl crate::compiled::Policy {
    /// The answer with everything masked that the named checks find in it. It is judged anew.
    ///
    /// # Errors
    /// [`MaskRefused`] if its shape is wrong, a check cannot run, or a find cannot be replaced.
    pub fn mask(
        &self,
        facts: &Facts,
        given: Given<'_>,
        checks: &[String],
    ) -> Result<Answer, MaskRefused> {
        mask::masked(facts, given, checks)
    }

    /// What a caller who cannot wait is told while a person decides; `None` if the policy has no
    /// words for that, or they cannot be filled in.
    pub fn pending_text(&self, facts: &Facts) -> Option<String> {
        let crate::compiled::PendingThen::Refuse(template) = &self.pending.then else {
            return None;
        };
        formula::text(template, &facts.view(), "pending").ok()
    }

    /// Of what was found in a person's answer, what stops it: its schema, and a written `reject`.
    pub fn blocked_for_person(&self, findings: &[Finding]) -> Vec<Finding> {
        let stops = |finding: &&Finding| backstop_domain::call::written_reject(&self.plan, finding);
        findings.iter().filter(stops).cloned().collect()
    }
}
