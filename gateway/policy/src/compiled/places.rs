//! Where the parts of a policy stand, by the names that findings and ladders use.

use std::collections::BTreeMap;

use crate::source::Span;

/// Places by name: `rules.x`, `rules.x.when`, `checks.y`, `on.schema`, `on.schema#0` (its first
/// rung), `confidence.0.accept`, `fallback.0`.
#[derive(Debug, Clone, Default)]
pub struct Places {
    spans: BTreeMap<String, Span>,
    stand_for: BTreeMap<String, String>,
}

impl Places {
    /// Where the part of that name stands; `None` for what no file writes, as a default ladder.
    pub fn get(&self, name: &str) -> Option<Span> {
        self.spans.get(name).copied()
    }

    /// The ladder that was written, where `ladder` is a copy of another one: a confidence block
    /// without a `then` takes `on.low_confidence`.
    pub fn written<'a>(&'a self, ladder: &'a str) -> &'a str {
        self.stand_for.get(ladder).map_or(ladder, String::as_str)
    }

    pub(crate) fn put(&mut self, name: &str, span: Span) {
        self.spans.insert(name.to_owned(), span);
    }

    pub(crate) fn stands_for(&mut self, copy: &str, written: &str) {
        self.stand_for.insert(copy.to_owned(), written.to_owned());
    }
}
