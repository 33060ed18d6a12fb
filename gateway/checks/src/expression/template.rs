//! Texts with `{{ expression }}` holes, and values that are an expression as a whole (`= …`).

use std::ops::Range;

use super::environment::Environment;
use super::error::EvalError;
use super::problem::Problem;
use super::scan::end_of_hole;
use super::scope::Scope;
use super::{Expression, Want, compile};

/// A text in which expressions are filled in.
#[derive(Debug, Clone)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    Hole(Box<Expression>),
}

impl Template {
    /// Compiles `text`, which starts at byte `offset` of the file that ranges count in.
    ///
    /// # Errors
    /// Every problem of every hole, and a hole that is not closed.
    pub fn compile(text: &str, offset: usize, scope: &Scope) -> Result<Self, Vec<Problem>> {
        let (mut parts, mut problems) = (Vec::new(), Vec::new());
        let mut at = 0;
        while let Some(open) = find(text, "{{", at) {
            let Some(close) = end_of_hole(text, open + 2) else {
                let range = open + offset..open + offset + 2;
                let problem = Problem::new(range, "`{{` has no `}}`");
                problems.push(problem.help("close it with two braces: `{{ input.field }}`"));
                break;
            };
            push_text(&mut parts, text.get(at..open));
            let source = text.get(open + 2..close).unwrap_or_default();
            match compile(source, scope, Want::Any) {
                Ok(expression) => parts.push(Part::Hole(Box::new(expression))),
                Err(found) => {
                    problems.extend(found.into_iter().map(|p| moved(p, offset + open + 2)));
                }
            }
            at = close + 2;
        }
        push_text(&mut parts, text.get(at..));
        if problems.is_empty() { Ok(Self { parts }) } else { Err(problems) }
    }

    /// The text for one call.
    ///
    /// # Errors
    /// When a hole has no value.
    pub fn render(&self, environment: &dyn Environment) -> Result<String, EvalError> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Hole(hole) => text.push_str(&hole.evaluate(environment)?.into_words()),
            }
        }
        Ok(text)
    }

    /// The expressions inside, in order.
    pub fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.parts.iter().filter_map(|part| match part {
            Part::Hole(hole) => Some(&**hole),
            Part::Text(_) => None,
        })
    }
}

/// The expression of a value that starts with `= `, and the byte at which it starts in `text`.
pub fn whole_expression(text: &str) -> Option<(usize, &str)> {
    let rest = text.strip_prefix("= ")?;
    Some((2, rest))
}

fn push_text(parts: &mut Vec<Part>, text: Option<&str>) {
    if let Some(text) = text.filter(|text| !text.is_empty()) {
        parts.push(Part::Text(text.to_owned()));
    }
}

fn find(text: &str, what: &str, from: usize) -> Option<usize> {
    text.get(from..)?.find(what).map(|at| at + from)
}

fn moved(problem: Problem, by: usize) -> Problem {
    let Range { start, end } = problem.range;
    Problem { range: start + by..end + by, ..problem }
}
