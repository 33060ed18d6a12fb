//! The policy's own answer: the first row that matches, validated again before it is used.

use backstop_checks::path::Path;
use backstop_domain::{Cause, Digest};
use serde_json::{Map, Value, json};

use super::formula;
use super::{Facts, View};
use crate::answer::Answer;
use crate::compiled::{OutputOf, Policy, Row, RowAnswer, Shape};

/// Why the fallback gives no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FallbackError {
    /// The policy has none.
    #[error("the policy has no `fallback:`")]
    None,
    /// No row answers.
    #[error("no row of the fallback answers: {0}")]
    NoRow(String),
    /// A row's answer is not to the contract.
    #[error("row {row} of the fallback breaks the output's schema at `{pointer}`: {message}")]
    OffSchema {
        /// The row, from 0.
        row: usize,
        /// Where in the answer.
        pointer: String,
        /// What is wrong.
        message: String,
    },
}

impl Policy {
    /// The fallback's answer and the row that gave it. `last_good` gives the last good answer under
    /// the key of a row, not older than its `within`, if there is one. A row that cannot be
    /// computed is passed over for the next.
    ///
    /// # Errors
    /// [`FallbackError`] if there is no fallback, or no row answers to the contract.
    pub fn fallback(
        &self,
        facts: &Facts,
        cause: &Cause,
        last_good: impl Fn(Digest, Option<u64>) -> Option<Answer>,
    ) -> Result<(usize, Answer), FallbackError> {
        if self.fallback.is_empty() {
            return Err(FallbackError::None);
        }
        let mut view = facts.view();
        view.set_cause(cause);
        let mut why = FallbackError::NoRow("no condition holds".to_owned());
        for (index, row) in self.fallback.iter().enumerate() {
            match self.row(row, index, facts, &view, &last_good) {
                Ok(Some(answer)) => return Ok((index, answer)),
                Ok(None) => {}
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    fn row(
        &self,
        row: &Row,
        index: usize,
        facts: &Facts,
        view: &View<'_>,
        last_good: &impl Fn(Digest, Option<u64>) -> Option<Answer>,
    ) -> Result<Option<Answer>, FallbackError> {
        let by = format!("fallback.{index}");
        let failed = |message| FallbackError::NoRow(format!("row {index}: {message}"));
        if let Some(when) = &row.when
            && !formula::holds(when, view, &by).map_err(failed)?
        {
            return Ok(None);
        }
        let value = match &row.answer {
            RowAnswer::Value(shape) => shaped(shape, view, &by).map_err(failed)?,
            RowAnswer::LastGood { within_ms, same } => {
                let key = self.last_good_key(facts, same);
                return Ok(last_good(key, *within_ms));
            }
        };
        self.hold(index, &value)?;
        Ok(Some(Answer::value(&value)))
    }

    fn hold(&self, row: usize, value: &Value) -> Result<(), FallbackError> {
        let off = |pointer: &str, message: &str| FallbackError::OffSchema {
            row,
            pointer: pointer.to_owned(),
            message: message.to_owned(),
        };
        match &self.output {
            OutputOf::Schema(schema) => match schema.validate(value).first() {
                Some(problem) => Err(off(&problem.pointer, &problem.message)),
                None => Ok(()),
            },
            OutputOf::Text if !value.is_string() => Err(off("", "it has to be a text")),
            _ => Ok(()),
        }
    }

    /// Under which key last good answers to requests like this one are kept: one per list of
    /// paths that a `last_good` row compares.
    pub fn last_good_keys(&self, facts: &Facts) -> Vec<Digest> {
        let rows = self.fallback.iter().filter_map(|row| match &row.answer {
            RowAnswer::LastGood { same, .. } => Some(self.last_good_key(facts, same)),
            RowAnswer::Value(_) => None,
        });
        rows.collect()
    }

    /// The key and the oldest age, in milliseconds, that row `row` of the fallback asks for, if it
    /// answers with the last good answer.
    pub fn last_good_of(&self, facts: &Facts, row: usize) -> Option<(Digest, Option<u64>)> {
        match &self.fallback.get(row)?.answer {
            RowAnswer::LastGood { within_ms, same } => {
                Some((self.last_good_key(facts, same), *within_ms))
            }
            RowAnswer::Value(_) => None,
        }
    }

    fn last_good_key(&self, facts: &Facts, same: &[Path]) -> Digest {
        let values: Value = if same.is_empty() {
            facts.input().clone()
        } else {
            let places = same.iter().map(|path| {
                let found = path.select(facts.input()).unwrap_or_default();
                Value::Array(found.into_iter().map(|(_, value)| value.clone()).collect())
            });
            places.collect()
        };
        Digest::of_json(&json!({ "policy": self.name, "same": values }))
    }
}

fn shaped(shape: &Shape, view: &View<'_>, by: &str) -> Result<Value, String> {
    match shape {
        Shape::Constant(value) => Ok(value.clone()),
        Shape::Formula(expression) => formula::value(expression, view, by),
        Shape::Text(template) => formula::text(template, view, by).map(Value::String),
        Shape::List(items) => items.iter().map(|item| shaped(item, view, by)).collect(),
        Shape::Object(fields) => {
            let mut made = Map::new();
            for (name, shape) in fields {
                made.insert(name.clone(), shaped(shape, view, by)?);
            }
            Ok(Value::Object(made))
        }
    }
}
