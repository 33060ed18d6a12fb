//! Rules: named conditions over a request, an answer or a tool call.

use backstop_domain::{FailureClass, Finding, Source, Status};

use super::objection::Objects;
use super::state::Judging;
use super::{View, formula};
use crate::compiled::{Policy, Rule};

impl Judging<'_> {
    /// Judges by every rule that is (or is not) paid, choice by choice.
    pub(super) fn rules(&mut self, paid: bool) {
        let rules = if self.is_request() { &self.policy.before } else { &self.policy.rules };
        let source = self.source();
        let mut found = Vec::new();
        for choice in &self.choices {
            for rule in rules.iter().filter(|rule| rule.paid == paid) {
                let applies = !rule.of_output || choice.output().is_some();
                found.push((rule.order, judge(self.policy, rule, &choice.view, source, applies)));
            }
        }
        self.found.append(&mut found);
        self.tool_rules(paid);
    }
}

/// What one rule says.
pub(super) fn judge(
    policy: &Policy,
    rule: &Rule,
    view: &View<'_>,
    source: Source,
    applies: bool,
) -> Finding {
    if !applies || !rule.sources.holds(source) {
        return Finding::plain(rule.by.as_str(), Status::NotApplicable);
    }
    let broken = view.facts().pretended().broken_rules.contains(&rule.by);
    let fires = if broken { Err("the test says so".to_owned()) } else { fires(rule, view) };
    match fires {
        Ok(false) => Finding::pass(rule.by.as_str()),
        Ok(true) => fired(policy, rule, view),
        Err(message) => {
            let message = format!("rule `{}` could not be computed: {message}", rule.id);
            let objects = Objects::error(&rule.by, &rule.on_error, message);
            let silent = rule.observe.then_some(None);
            let ladder = silent.unwrap_or(objects.ladder);
            objects.taking(ladder).finding(policy, view)
        }
    }
}

fn fires(rule: &Rule, view: &View<'_>) -> Result<bool, String> {
    if let Some(when) = &rule.when
        && !formula::holds(when, view, &rule.by)?
    {
        return Ok(false);
    }
    match &rule.unless {
        Some(unless) => Ok(!formula::holds(unless, view, &rule.by)?),
        None => Ok(true),
    }
}

fn fired(policy: &Policy, rule: &Rule, view: &View<'_>) -> Finding {
    let because = rule.because.as_ref().and_then(|text| formula::text(text, view, &rule.by).ok());
    let message = because.unwrap_or_else(|| in_words(&rule.id));
    let ladder = rule.ladder.as_deref().filter(|_| !rule.observe);
    let objects = Objects::fail(&rule.by, FailureClass::Rule, message).taking(ladder);
    let mut finding = objects.finding(policy, view);
    finding.also_review = rule.also_review.clone().filter(|_| !rule.observe);
    finding
}

/// An id as words: `bank-details-changed` reads "bank details changed".
fn in_words(id: &str) -> String {
    id.replace(['-', '_'], " ")
}
