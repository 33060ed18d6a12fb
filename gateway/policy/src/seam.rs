//! Stands in for `backstop_checks::expression` until that has landed: the same names, and every
//! evaluation is an error, so nothing passes by it.

use serde_json::Value;

/// A condition.
#[derive(Debug, Clone)]
pub struct Expression(());
/// A text with expressions.
#[derive(Debug, Clone)]
pub struct Template(());
/// Draws samples.
#[derive(Debug, Clone)]
pub struct Sampling(());
/// Opening hours.
pub trait Calendar {
    /// Whether it is open.
    fn is_open(&self, at_unix_ms: i64) -> bool;
}
/// The call, as an expression sees it.
pub trait Environment {
    /// A variable.
    fn variable(&self, name: &str) -> Option<&Value>;
    /// A calendar.
    fn calendar(&self, name: &str) -> Option<&dyn Calendar>;
    /// Samples.
    fn sampling(&self) -> Option<&Sampling>;
}
const NOT_YET: &str = "conditions cannot be computed yet";
impl Sampling {
    /// Draws anew.
    pub fn fresh(_: &[u8], _: &str, _: &str) -> Result<Self, String> {
        Ok(Self(()))
    }
}
impl Expression {
    /// Whether it holds.
    pub fn holds(&self, _: &dyn Environment) -> Result<bool, String> {
        Err(NOT_YET.to_owned())
    }
    /// Its value.
    pub fn json(&self, _: &dyn Environment) -> Result<Value, String> {
        Err(NOT_YET.to_owned())
    }
}
impl Template {
    /// Its text.
    pub fn render(&self, _: &dyn Environment) -> Result<String, String> {
        Err(NOT_YET.to_owned())
    }
}
