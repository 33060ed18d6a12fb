//! Confidence blocks, compiled.

use std::collections::BTreeMap;

use backstop_checks::expression::Expression;
use backstop_checks::path::Path;
use backstop_domain::Signal;
use serde_json::Value;

/// How sure an answer must be at some places, and who says so.
#[derive(Debug)]
pub struct Block {
    /// Its name in findings and its ladder: `confidence.0`.
    pub by: String,
    /// Its place in file order.
    pub order: u32,
    /// Places below the output (or a tool's arguments); empty is the whole answer.
    pub at: Vec<Path>,
    /// The values that the output's schema lists at each of these places; none where it lists none.
    pub allowed: Vec<Vec<Value>>,
    /// Who says so, in order.
    pub from: Vec<ConfidenceSource>,
    /// How many of them must.
    pub need: Need,
    /// Thresholds.
    pub accept: Accept,
    /// Ladder for when one of its signals cannot be computed.
    pub on_error: String,
    /// Whose answers it judges.
    pub sources: super::SourceSet,
}

/// How many sources must be sure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// One; the rest is not asked.
    Any,
    /// Each.
    All,
}

/// One source of a signal.
#[derive(Debug)]
pub struct ConfidenceSource {
    /// Its name in `signals`.
    pub name: String,
    /// Asked only when this holds.
    pub when: Option<Expression>,
    /// Where the number comes from.
    pub evidence: Evidence,
}

/// Where a signal comes from.
#[derive(Debug)]
pub enum Evidence {
    /// Token log-probabilities of the value.
    Logprobs,
    /// Agreement of several answers.
    Votes {
        /// How many answers in all.
        k: u32,
        /// When two values agree.
        compare: backstop_checks::confidence::Compare,
    },
    /// A judge's score.
    Judge {
        /// Its prompt.
        prompt: String,
        /// The model that is asked.
        model: String,
    },
    /// A number that the model reports beside the value.
    Reported {
        /// Name of the field.
        field: String,
    },
    /// Computed.
    Calc(Expression),
}

/// Thresholds of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accept {
    /// One for every source.
    All(Signal),
    /// By model.
    ByModel(BTreeMap<String, Signal>),
    /// By source.
    BySource(BTreeMap<String, Signal>),
}

impl Accept {
    /// The threshold of that source for answers of that model. `None` is never reached.
    pub fn of(&self, source: &str, model: Option<&str>) -> Option<Signal> {
        match self {
            Self::All(signal) => Some(*signal),
            Self::ByModel(models) => model.and_then(|name| models.get(name)).copied(),
            Self::BySource(sources) => sources.get(source).copied(),
        }
    }
}
