//! Evaluates conditions, formulas and texts over the facts of a call.

use backstop_checks::expression::{Calendar, Environment, Expression, Sampling, Template};
use serde_json::Value;

use super::View;
use crate::tried::Made;

/// The facts as an expression sees them.
struct Seen<'a, 'f> {
    view: &'a View<'f>,
    sampling: Option<Sampling>,
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
        self.sampling.as_ref()
    }
}

/// `by` is the rule or check whose expression it is: its samples are its own.
fn seen<'a, 'f>(view: &'a View<'f>, by: &str) -> Seen<'a, 'f> {
    let facts = view.facts();
    let sampling = Sampling::fresh(facts.salt(), &facts.policy().name, by).ok();
    Seen { view, sampling }
}

/// Whether a condition holds.
///
/// # Errors
/// Why it cannot be computed, in words.
pub(super) fn holds(expression: &Expression, view: &View<'_>, by: &str) -> Result<bool, String> {
    let seen = seen(view, by);
    if let Some(watch) = view.facts().watched() {
        let (by, source) = (by.to_owned(), expression.source().to_owned());
        let made = expression.compared(&seen).into_iter();
        watch.saw(made.map(|compared| Made { by: by.clone(), source: source.clone(), compared }));
    }
    expression.holds(&seen).map_err(|error| error.to_string())
}

/// The value of a formula.
///
/// # Errors
/// Why it cannot be computed, in words.
pub(super) fn value(expression: &Expression, view: &View<'_>, by: &str) -> Result<Value, String> {
    let seen = seen(view, by);
    let value = expression.evaluate(&seen).map_err(|error| error.to_string())?;
    Ok(value.into_json())
}

/// A text with its expressions filled in.
///
/// # Errors
/// Why it cannot be computed, in words.
pub(super) fn text(template: &Template, view: &View<'_>, by: &str) -> Result<String, String> {
    template.render(&seen(view, by)).map_err(|error| error.to_string())
}
