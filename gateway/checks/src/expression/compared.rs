//! The comparisons of an expression, and how each came out: what tests cover, and what a change of
//! a value would turn round.

use std::cell::RefCell;
use std::ops::Range;

use serde_json::Value as Json;

use super::environment::Environment;
use super::evaluate::Evaluation;
use super::value::Value;
use super::{Expression, evaluate};

/// One comparison, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Where it stands in the source.
    pub range: Range<usize>,
    /// `==`, `<`, `in` and so on.
    pub operator: &'static str,
    /// Where the operator stands.
    pub operator_at: Range<usize>,
    /// The place on the left, such as `output.total_cents`, if it is one.
    pub left: Option<String>,
    /// The place on the right, if it is one.
    pub right: Option<String>,
    /// Whether it compares numbers.
    pub numeric: bool,
}

/// How a comparison came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// Its place in [`Expression::comparisons`].
    pub site: usize,
    /// The value on the left.
    pub left: Json,
    /// The value on the right; of a list or look-up the first elements or keys.
    pub right: Json,
    /// What it came to.
    pub holds: bool,
}

/// Most elements that are kept of a list on the right of `in`.
const KEPT_MAX: usize = 16;
/// Most comparisons that are kept of one evaluation: a macro makes one for each element.
const SEEN_MAX: usize = 256;

/// Notes what was compared.
#[derive(Debug, Default)]
pub(super) struct Recorder(RefCell<Vec<Compared>>);

impl Recorder {
    pub(super) fn note(&self, site: usize, left: &Value<'_>, right: &Value<'_>, holds: bool) {
        let mut seen = self.0.borrow_mut();
        if seen.len() < SEEN_MAX {
            let left = left.clone().into_json();
            seen.push(Compared { site, left, right: kept(right), holds });
        }
    }
}

fn kept(value: &Value<'_>) -> Json {
    let many =
        matches!(value, Value::Items(_) | Value::List(_) | Value::Fields(_) | Value::Object(_));
    match value.clone().elements() {
        Ok(items) if many => items.into_iter().take(KEPT_MAX).map(Value::into_json).collect(),
        _ => value.clone().into_json(),
    }
}

impl Expression {
    /// Its comparisons, those behind `values` left out: they stand elsewhere.
    pub fn comparisons(&self) -> &[Comparison] {
        &self.comparisons
    }

    /// Evaluates once more and tells every comparison that was made on the way; what an error cut
    /// off is not among them.
    pub fn compared(&self, environment: &dyn Environment) -> Vec<Compared> {
        let recorder = Recorder::default();
        let evaluation = Evaluation::watched(environment, evaluate::STEPS_MAX, &recorder);
        drop(evaluation.run(&self.node));
        recorder.0.into_inner()
    }
}
