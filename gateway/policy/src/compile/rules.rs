//! Compiles rules: condition, texts, ladder, and whether they need something paid.

use backstop_checks::expression::{Expression, Scope, Template};

use super::Compiler;
use crate::compiled::{Rule, SourceSet};
use crate::raw::{self, Audience};
use crate::source::Spanned;

impl Compiler<'_> {
    /// A rule, named `prefix.id`, over what `scope` knows.
    pub(super) fn rule(
        &mut self,
        written: &raw::Rule,
        prefix: &str,
        scope: &Scope,
    ) -> Option<Rule> {
        let before = self.report.error_count();
        let by = format!("{prefix}.{}", written.id.as_str());
        let when = self.condition(written.when.as_ref(), scope);
        let unless = self.condition(written.unless.as_ref(), scope);
        // A condition that did not compile is told of somewhere: never is it left out.
        if written.when.is_some() != when.is_some() || written.unless.is_some() != unless.is_some()
        {
            return None;
        }
        let mut fired = scope.clone();
        if let Some(when) = &when {
            fired = fired.given(when);
        }
        if let Some(unless) = &unless {
            fired = fired.given_not(unless);
        }
        let because = written.because.as_ref();
        let because = because.and_then(|text| self.text(&text.value, text.span, &fired));
        let then = self.then(&by, &written.then, &fired);
        let on_error = self.on_error(&by, written.on_error.as_ref(), scope);
        let order = self.order(written.span);
        let rule = Rule {
            order,
            ladder: then.ladder,
            also_review: then.also_review,
            sources: audience(&written.audience, SourceSet::ALL),
            observe: written.mode.as_ref().is_some_and(|mode| mode.value == raw::Mode::Observe),
            on_error,
            paid: self.is_paid(&[when.as_ref(), unless.as_ref()], because.as_ref()),
            of_output: [&when, &unless].into_iter().flatten().any(|e| e.reads("output"))
                || because.iter().flat_map(Template::expressions).any(|e| e.reads("output")),
            id: written.id.as_str().to_owned(),
            by,
            when,
            unless,
            because,
        };
        (self.report.error_count() == before).then_some(rule)
    }

    /// Whether any of these needs a paid check or a signal.
    pub(super) fn is_paid(
        &self,
        expressions: &[Option<&Expression>],
        text: Option<&Template>,
    ) -> bool {
        let in_text = text.into_iter().flat_map(Template::expressions);
        let mut all = expressions.iter().copied().flatten().chain(in_text);
        let paid: Vec<String> = self
            .parts
            .checks
            .iter()
            .filter(|(_, check)| check.kind.is_paid())
            .map(|(name, _)| format!("checks.{}", name.value.as_str()))
            .collect();
        all.any(|e| e.reads("signals") || paid.iter().any(|name| e.reads(name)))
    }
}

/// Whose answers are judged; `default` if the file says nothing.
pub(super) fn audience(written: &[Spanned<Audience>], default: SourceSet) -> SourceSet {
    if written.is_empty() {
        return default;
    }
    let has = |wanted| written.iter().any(|word| word.value == wanted);
    SourceSet {
        model: has(Audience::Model),
        human: has(Audience::Human),
        fallback: has(Audience::Fallback),
    }
}
