//! Conditions of policies: CEL text is parsed, checked against the schemas, and evaluated by us.
//!
//! The parser is the `cel` crate's; types, cost and evaluation are ours, because they decide who
//! gets money. Nothing here reads a clock, draws a random number or waits.
//!
//! The way of a source: [`Scope`] (what may be named) → [`compile`] (every problem at once, with
//! its range) → [`Expression`] → [`Expression::evaluate`] over an [`Environment`].

mod check;
mod compared;
mod dates;
mod environment;
mod error;
mod evaluate;
mod facts;
mod functions;
mod look;
mod parse;
mod pieces;
mod possible;
mod problem;
mod sample;
mod scan;
mod scope;
mod syntax;
mod template;
mod tree;
pub mod types;
mod value;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use check::{Checked, Checker};
use facts::{Fact, facts};
use functions::Takes;
use tree::Node;

pub use compared::{Compared, Comparison};
pub use environment::{Calendar, Environment};
pub use error::EvalError;
pub use look::{Seen, functions as known_functions, look};
pub use pieces::{Piece, PieceKind, pieces};
pub use possible::Claim;
pub use problem::{About, Doubt, Problem};
pub use sample::Sampling;
pub use scope::Scope;
pub use template::{Template, whole_expression};
pub use types::{Bounds, Field, Fields, Texts, Type};
pub use value::Value;

/// What the place of an expression asks of its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// `when`, `unless`: true or false, and nothing else.
    Condition,
    /// Anything.
    Any,
    /// A text.
    Text,
    /// A list of texts, as in `allow`.
    Texts,
    /// A number, as in `calc`.
    Number,
}

/// A checked expression, ready to be evaluated any number of times.
#[derive(Debug, Clone)]
pub struct Expression {
    source: String,
    node: Node,
    kind: Type,
    want: Want,
    uses: BTreeSet<String>,
    samples: bool,
    comparisons: Vec<Comparison>,
    learnt: Arc<Learnt>,
}

/// What the loader learns of an expression; calls do not need it.
#[derive(Debug)]
struct Learnt {
    when_true: BTreeSet<Fact>,
    when_false: BTreeSet<Fact>,
    doubts: Vec<Doubt>,
}

/// Checks `source` against `scope`.
///
/// # Errors
/// Every problem found, with its range in `source`; never empty.
pub fn compile(source: &str, scope: &Scope, want: Want) -> Result<Expression, Vec<Problem>> {
    let syntax = parse::parse(source)?;
    let mut checker = Checker::new(scope, source);
    let known = scope.facts().clone();
    let checked = match want {
        Want::Condition => checker.condition(&syntax, &known),
        _ => checker.check(&syntax, &known),
    };
    let Some(checked) = checked.filter(|_| checker.problems.is_empty()) else {
        return Err(checker.problems);
    };
    if !want.accepts(&checked) {
        let message = format!("{} is needed here, not {}", want.words(), checked.kind);
        return Err(vec![Problem::new(0..source.len(), message).maybe_help(want.help())]);
    }
    Ok(Expression {
        source: source.to_owned(),
        node: checked.node,
        kind: checked.kind,
        want,
        uses: checker.uses,
        samples: checker.samples,
        comparisons: checker.comparisons,
        learnt: Arc::new(Learnt {
            when_true: facts(&syntax, true, scope),
            when_false: facts(&syntax, false, scope),
            doubts: checker.doubts,
        }),
    })
}

impl Want {
    fn accepts(self, checked: &Checked) -> bool {
        let kind = &checked.kind;
        match self {
            Self::Condition | Self::Any => true,
            Self::Text => Takes::Text.accepts(kind),
            Self::Number => Takes::Number.accepts(kind),
            Self::Texts => kind.parts().iter().any(|part| match part {
                Type::Any => true,
                Type::List { item, .. } => Takes::Text.accepts(item),
                _ => false,
            }),
        }
    }

    /// How to come to what is wanted.
    fn help(self) -> Option<String> {
        let how = match self {
            Self::Text => "write `string(x)` around it",
            Self::Texts => "write a list, as in `[\"a\", \"b\"]`",
            Self::Number => "name a field that is a number, or compute one",
            Self::Condition | Self::Any => return None,
        };
        Some(how.to_owned())
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Condition => "true or false",
            Self::Any => "a value",
            Self::Text => "a text",
            Self::Texts => "a list of texts",
            Self::Number => "a number",
        }
    }

    /// Whether a value is what was asked for; untyped JSON shows only now.
    fn holds(self, value: &Value<'_>) -> bool {
        match self {
            Self::Any => true,
            Self::Condition => matches!(value, Value::Bool(_)),
            Self::Text => matches!(value, Value::Text(_)),
            Self::Number => value.as_f64().is_some(),
            Self::Texts => match value {
                Value::Items(items) => items.iter().all(serde_json::Value::is_string),
                Value::List(items) => items.iter().all(|item| item.as_text().is_some()),
                _ => false,
            },
        }
    }
}

impl Expression {
    /// The value for one call.
    ///
    /// # Errors
    /// When there is none, or not of the kind that was wanted; never a pass in its place.
    pub fn evaluate<'a>(
        &'a self,
        environment: &'a dyn Environment,
    ) -> Result<Value<'a>, EvalError> {
        self.evaluate_within(environment, evaluate::STEPS_MAX).0
    }

    /// The same with at most `steps` steps, and how many were taken.
    pub fn evaluate_within<'a>(
        &'a self,
        environment: &'a dyn Environment,
        steps: u64,
    ) -> (Result<Value<'a>, EvalError>, u64) {
        let evaluation = evaluate::Evaluation::new(environment, steps);
        let value = evaluation.run(&self.node).and_then(|value| {
            if self.want.holds(&value) {
                return Ok(value);
            }
            let (wanted, kind) = (self.want.words(), value.kind());
            Err(EvalError::new(format!("{wanted} is needed, not {kind}")))
        });
        (value, evaluation.spent())
    }

    /// Whether the condition holds for one call; only for [`Want::Condition`].
    ///
    /// # Errors
    /// As [`Self::evaluate`].
    pub fn holds(&self, environment: &dyn Environment) -> Result<bool, EvalError> {
        match self.evaluate(environment)? {
            Value::Bool(outcome) => Ok(outcome),
            other => Err(EvalError::new(format!("{} is not true or false", other.kind()))),
        }
    }

    /// The text as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it computes, whatever the layout: two with the same meaning give the same values.
    pub fn meaning(&self) -> String {
        format!("{:?}", self.node)
    }

    /// The type of the result.
    pub fn kind(&self) -> &Type {
        &self.kind
    }

    /// Places that are read, also through `values`, such as `output.lines.*.amount`, `signals`,
    /// `data.vendors.*.iban`; `*` stands for any element or key.
    pub fn uses(&self) -> impl Iterator<Item = &str> {
        self.uses.iter().map(String::as_str)
    }

    /// Whether `path`, or a place inside it, or one that holds it, is read.
    pub fn reads(&self, path: &str) -> bool {
        let inside = |a: &str, b: &str| {
            a.strip_prefix(b).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.uses.iter().any(|used| inside(used, path) || inside(path, used))
    }

    /// What may be meant, and is worth a second look.
    pub fn doubts(&self) -> &[Doubt] {
        &self.learnt.doubts
    }

    /// Whether the result depends on `sample`.
    pub fn samples(&self) -> bool {
        self.samples
    }
}
