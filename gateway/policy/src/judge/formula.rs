//! Evaluates conditions, formulas and texts over the facts of a call.

use std::cell::OnceCell;

use backstop_checks::expression::{
    Calendar, Environment, EvalError, Expression, Sampling, Template,
};
use serde_json::Value;

use super::View;
use crate::tried::Made;

/// The facts as an expression sees them.
struct Seen<'a, 'f> {
    view: &'a View<'f>,
    /// The rule or check whose expression it is: its samples are its own.
    by: &'a str,
    /// Made only for an expression that draws.
    sampling: OnceCell<Option<Sampling>>,
}

impl Environment for Seen<'_, '_> {
    fn variable(&self, name: &str) -> Option<&Value> {
        self.view.variable(name)
    }

    fn calendar(&self, name: &str) -> Option<&dyn Calendar> {
        let calendar = self.view.facts().policy().calendars.0.get(name);
        calendar.map(|calendar| calendar.as_ref() as &dyn Calendar)
    }

    fn sampling(&self) -> Option<&Sampling> {
        let facts = self.view.facts();
        let made = || facts.samples().of(&facts.policy().name, self.by);
        self.sampling.get_or_init(made).as_ref()
    }
}

/// Evaluates, and notes what was drawn for it.
fn with<T>(
    view: &View<'_>,
    by: &str,
    evaluate: impl FnOnce(&Seen<'_, '_>) -> Result<T, EvalError>,
) -> Result<T, String> {
    let seen = Seen { view, by, sampling: OnceCell::new() };
    let result = evaluate(&seen);
    if let Some(Some(sampling)) = seen.sampling.get() {
        view.facts().samples().note(by, sampling, result.is_err());
    }
    result.map_err(|error| error.to_string())
}

/// Whether a condition holds.
///
/// # Errors
/// Why it cannot be computed, in words.
pub(super) fn holds(expression: &Expression, view: &View<'_>, by: &str) -> Result<bool, String> {
    with(view, by, |seen| {
        if let Some(watch) = view.facts().watched() {
            let (by, source) = (by.to_owned(), expression.source().to_owned());
            let made = expression.compared(seen).into_iter();
            watch.saw(made.map(|compared| Made {
                by: by.clone(),
                source: source.clone(),
                compared,
            }));
        }
        expression.holds(seen)
    })
}

/// The value of a formula.
///
/// # Errors
/// Why it cannot be computed, in words.
pub(super) fn value(expression: &Expression, view: &View<'_>, by: &str) -> Result<Value, String> {
    with(view, by, |seen| expression.evaluate(seen).map(|value| value.into_json()))
}

/// A text with its expressions filled in.
///
/// # Errors
/// Why it cannot be computed, in words.
pub(super) fn text(template: &Template, view: &View<'_>, by: &str) -> Result<String, String> {
    with(view, by, |seen| template.render(seen))
}
