//! Every condition of a policy, by the name of its place.

use backstop_checks::expression::Expression;

use super::{Policy, Rule, Tools};

/// A condition and whose it is.
#[derive(Debug, Clone, Copy)]
pub struct Condition<'p> {
    /// Its owner's name in findings: `rules.x`, `checks.y`, `fallback.0`.
    pub by: &'p str,
    /// The key that it stands under: `when` or `unless`.
    pub key: &'static str,
    /// The condition.
    pub expression: &'p Expression,
}

impl Condition<'_> {
    /// The name of its place in [`super::Places`].
    pub fn place(&self) -> String {
        format!("{}.{}", self.by, self.key)
    }
}

/// Names of the rows of a fallback; more rows than this are not named.
const ROWS: [&str; 16] = [
    "fallback.0",
    "fallback.1",
    "fallback.2",
    "fallback.3",
    "fallback.4",
    "fallback.5",
    "fallback.6",
    "fallback.7",
    "fallback.8",
    "fallback.9",
    "fallback.10",
    "fallback.11",
    "fallback.12",
    "fallback.13",
    "fallback.14",
    "fallback.15",
];

impl Policy {
    /// Every rule, in file order: over the request, the answer, and tool calls.
    pub fn all_rules(&self) -> Vec<&Rule> {
        let tools = match &self.tools {
            Tools::Listed(tools) => tools.as_slice(),
            Tools::Request => &[],
        };
        let of_tools = tools.iter().flat_map(|tool| &tool.rules);
        let mut rules: Vec<&Rule> = self.before.iter().chain(&self.rules).chain(of_tools).collect();
        rules.sort_by_key(|rule| rule.order);
        rules
    }

    /// Every condition: of rules, checks and rows of the fallback.
    pub fn conditions(&self) -> Vec<Condition<'_>> {
        let of_rules = self.all_rules().into_iter().flat_map(|rule| {
            let when = condition(&rule.by, "when", rule.when.as_ref());
            when.into_iter().chain(condition(&rule.by, "unless", rule.unless.as_ref()))
        });
        let of_checks = self
            .checks
            .iter()
            .filter_map(|check| condition(&check.by, "when", check.when.as_ref()));
        let rows = self.fallback.iter().zip(ROWS);
        let of_rows = rows.filter_map(|(row, by)| condition(by, "when", row.when.as_ref()));
        of_rules.chain(of_checks).chain(of_rows).collect()
    }
}

fn condition<'p>(
    by: &'p str,
    key: &'static str,
    expression: Option<&'p Expression>,
) -> Option<Condition<'p>> {
    expression.map(|expression| Condition { by, key, expression })
}
