//! What an expression may name in one phase of a call: variables, shared values and calendars.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value as Json;

use super::facts::Fact;
use super::problem::Problem;
use super::syntax::Syntax;
use super::types::Type;
use super::{Expression, parse};

/// The names known in one phase. Cheap to clone; a clone can be narrowed for one rule.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    variables: BTreeMap<String, Type>,
    later: BTreeMap<String, (String, Option<String>)>,
    values: BTreeMap<String, Shared>,
    calendars: BTreeSet<String>,
    facts: BTreeSet<Fact>,
}

/// One entry of `values`.
#[derive(Debug, Clone)]
pub(super) enum Shared {
    Constant(Arc<Json>),
    Expression { source: Arc<str>, syntax: Arc<Syntax> },
}

impl Scope {
    /// A scope that knows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the variable `name`.
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, kind: Type) -> Self {
        self.variables.insert(name.into(), kind);
        self
    }

    /// Names a variable, or a field such as `checks.privacy`, that only a later phase knows.
    /// `sentence` says so: "`output` is not known before a model answered".
    #[must_use]
    pub fn later(mut self, path: impl Into<String>, sentence: impl Into<String>) -> Self {
        self.later.insert(path.into(), (sentence.into(), None));
        self
    }

    /// The same, with how to mend it.
    #[must_use]
    pub fn later_with(
        mut self,
        path: impl Into<String>,
        sentence: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        self.later.insert(path.into(), (sentence.into(), Some(help.into())));
        self
    }

    /// Adds the calendar `name`, so that `is_open("name", …)` may ask for it.
    #[must_use]
    pub fn calendar(mut self, name: impl Into<String>) -> Self {
        self.calendars.insert(name.into());
        self
    }

    /// Adds `values.name` as a constant.
    #[must_use]
    pub fn constant(mut self, name: impl Into<String>, value: Json) -> Self {
        self.values.insert(name.into(), Shared::Constant(Arc::new(value)));
        self
    }

    /// Adds `values.name` as an expression. It is parsed now, and checked where it is used,
    /// since it may use what its user may use.
    ///
    /// # Errors
    /// What the grammar does not allow; ranges count within `source`.
    pub fn share(&mut self, name: impl Into<String>, source: &str) -> Result<(), Vec<Problem>> {
        let syntax = Arc::new(parse::parse(source)?);
        let shared = Shared::Expression { source: source.into(), syntax };
        self.values.insert(name.into(), shared);
        Ok(())
    }

    /// The same scope where `condition` is known to be true, as a rule's texts know of its `when`:
    /// what the condition guards needs no second guard.
    #[must_use]
    pub fn given(mut self, condition: &Expression) -> Self {
        self.facts.extend(condition.learnt.when_true.iter().cloned());
        self
    }

    /// The same scope where `condition` is known to be false, as a rule's texts know of `unless`.
    #[must_use]
    pub fn given_not(mut self, condition: &Expression) -> Self {
        self.facts.extend(condition.learnt.when_false.iter().cloned());
        self
    }

    /// The type of the variable `name`.
    pub fn kind_of(&self, name: &str) -> Option<&Type> {
        self.variables.get(name)
    }

    /// Every variable with its type, by name.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &Type)> {
        self.variables.iter().map(|(name, kind)| (name.as_str(), kind))
    }

    /// The names under `values`.
    pub fn shared_names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// The calendars that `is_open` may ask for.
    pub fn calendar_names(&self) -> impl Iterator<Item = &str> {
        self.calendars.iter().map(String::as_str)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let values = (!self.values.is_empty()).then_some("values");
        self.variables.keys().map(String::as_str).chain(values)
    }

    /// What is said of a name of a later phase, and how to mend it.
    pub(super) fn sentence(&self, path: &str) -> Option<(String, Option<String>)> {
        self.later.get(path).cloned()
    }

    pub(super) fn value(&self, name: &str) -> Option<&Shared> {
        self.values.get(name)
    }

    pub(super) fn value_names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    pub(super) fn calendars(&self) -> &BTreeSet<String> {
        &self.calendars
    }

    pub(super) fn facts(&self) -> &BTreeSet<Fact> {
        &self.facts
    }
}
