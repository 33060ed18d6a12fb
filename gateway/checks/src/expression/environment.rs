//! What one evaluation may ask of the call: variables, calendars and samples, nothing else.

use serde_json::Value as Json;

use super::sample::Sampling;

/// The call, as an expression sees it.
pub trait Environment {
    /// The variable `name`, if this call has it.
    fn variable(&self, name: &str) -> Option<&Json>;

    /// The calendar `name`; none when nobody supplied it.
    fn calendar(&self, name: &str) -> Option<&dyn Calendar> {
        let _ = name;
        None
    }

    /// Who draws samples; none where drawing is not possible, and `sample` is then an error.
    fn sampling(&self) -> Option<&Sampling> {
        None
    }
}

/// Opening hours.
pub trait Calendar {
    /// Whether it is open at `at_unix_ms`, in milliseconds since the Unix epoch.
    fn is_open(&self, at_unix_ms: i64) -> bool;
}

/// Variables from one JSON object, for tests, tools and simple callers.
impl Environment for serde_json::Map<String, Json> {
    fn variable(&self, name: &str) -> Option<&Json> {
        self.get(name)
    }
}
