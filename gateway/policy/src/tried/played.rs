//! What was seen of a call that was played: everything that a test can expect, and what coverage
//! counts.

use std::collections::{BTreeMap, BTreeSet};

use backstop_checks::expression::Compared;
use backstop_domain::{FailureClass, RungRef, Scored, Status, Verdict};
use serde_json::Value;

use crate::answer::Answer;

/// A verdict that was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// Answers that had been given before it.
    pub given: usize,
    /// The verdict.
    pub verdict: Verdict,
    /// Whose offers had that verdict: `rules.x`, `checks.y`, a failure class.
    pub because: Vec<String>,
}

/// A comparison that was made while a condition was computed.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// Whose condition it is: `rules.x`, `fallback.0`.
    pub by: String,
    /// The condition.
    pub source: String,
    /// The comparison in it, and how it came out.
    pub compared: Compared,
}

/// What was seen of a call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Played {
    /// Verdicts in order; going on to the first model is none.
    pub verdicts: Vec<Reached>,
    /// What each rule, check and block came to, all answers together.
    pub came: BTreeMap<String, BTreeSet<Status>>,
    /// Rules and checks that objected or fired, in order, each once.
    pub fired: Vec<String>,
    /// Failure classes that occurred.
    pub classes: BTreeSet<FailureClass>,
    /// Rungs that were taken; `otherwise` is none.
    pub rungs: BTreeSet<RungRef>,
    /// Rows of the fallback that answered.
    pub rows: BTreeSet<u32>,
    /// Signals with the model whose answer they speak of.
    pub signals: Vec<(Option<String>, Scored)>,
    /// Queues that were asked.
    pub queues: Vec<String>,
    /// How it ended; `None` while a person is waited for.
    pub outcome: Option<&'static str>,
    /// What was released.
    pub answer: Option<Answer>,
    /// What the caller is told where there is no answer; empty if there is one.
    pub told: String,
    /// Models that were asked and verdicts, in order.
    pub steps: Vec<String>,
    /// What happened, step by step, in words.
    pub way: Vec<String>,
    /// Comparisons in conditions; empty unless they were asked for.
    pub compared: Vec<Made>,
    /// What could not be carried out.
    pub broken: Option<String>,
    /// Answers that the test lists; 0 if it lists none.
    pub(super) listed: usize,
}

impl Played {
    /// The verdict that a test speaks of: on the last answer that it lists, else the first.
    pub fn verdict(&self) -> Option<&'static str> {
        let found = match self.listed {
            0 => self.verdicts.first(),
            _ => {
                let of_last = self.verdicts.iter().find(|reached| reached.given >= self.listed);
                of_last.or_else(|| self.verdicts.last())
            }
        };
        found.map(|reached| reached.verdict.name())
    }

    /// Ids of the rules that fired.
    pub fn rules(&self) -> impl Iterator<Item = &str> {
        let rules =
            self.fired.iter().filter(|by| by.starts_with("before.") || by.contains("rules."));
        rules.filter_map(|by| by.rsplit('.').next())
    }

    /// Whether that rule fired.
    pub fn has_fired(&self, rule: &str) -> bool {
        self.rules().any(|fired| fired == rule)
    }

    /// The text that the caller gets: of the answer, or why there is none.
    pub fn text(&self) -> &str {
        match &self.answer {
            Some(answer) => answer.first_text().unwrap_or_default(),
            None => &self.told,
        }
    }

    /// What was released, as a value.
    pub fn value(&self) -> Option<Value> {
        let text = self.answer.as_ref()?.first_text()?;
        Some(serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)))
    }

    /// Whether a test could tell the two apart by what it may expect: verdicts, the way, queues,
    /// rules, the outcome, the answer.
    pub fn looks_like(&self, other: &Self) -> bool {
        let rules =
            |played: &Self| -> BTreeSet<String> { played.rules().map(str::to_owned).collect() };
        self.steps == other.steps
            && self.queues == other.queues
            && self.outcome == other.outcome
            && self.answer == other.answer
            && rules(self) == rules(other)
    }
}
