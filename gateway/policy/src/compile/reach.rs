//! What is never reached: conditions that nothing meets, rules that never decide, rows that another
//! one takes, and rules that leave no way through. Only what is certain is told.

use backstop_checks::expression::{Claim, Expression, Scope};
use backstop_domain::{Rung, Verdict};

use super::Compiler;
use crate::compiled::Row;
use crate::compiled::{RowAnswer, Rule};
use crate::diagnostics::{Code, Problem};
use crate::raw;
use crate::source::Span;

/// Rules that are compared with one another; more are only looked at one by one.
const COMPARED_MAX: usize = 100;

/// A rule as written, as compiled, and what makes it fire.
struct Seen<'r> {
    written: &'r raw::Rule,
    rule: Rule,
    claim: Claim,
}

/// What a list of rules judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judged {
    /// Requests, before a model.
    Requests,
    /// Answers, or calls of a tool.
    Answers,
}

impl Compiler<'_> {
    /// Compiles these rules, and tells which of them are never reached.
    pub(super) fn all_rules(
        &mut self,
        written: &[&raw::Rule],
        prefix: &str,
        scope: &Scope,
        judged: Judged,
    ) -> Vec<Rule> {
        let mut seen: Vec<Seen<'_>> = Vec::with_capacity(written.len());
        for (index, written) in written.iter().copied().enumerate() {
            let Some(rule) = self.rule(written, prefix, scope) else { continue };
            let claim = scope.claim(rule.when.as_ref(), rule.unless.as_ref(), index);
            seen.push(Seen { written, rule, claim });
        }
        let mut live = vec![true; seen.len()];
        for (one, live) in seen.iter().zip(&mut live) {
            *live = self.fires(one, "rule");
        }
        let some: Vec<&Seen<'_>> =
            seen.iter().zip(&live).filter(|(_, live)| **live).map(|(one, _)| one).collect();
        if some.len() <= COMPARED_MAX {
            for one in &some {
                self.overruled(one, &some);
            }
            self.no_way_through(&some, judged);
        }
        seen.into_iter().map(|one| one.rule).collect()
    }

    /// Whether the rule may fire and may not; tells what it always comes to.
    fn fires(&mut self, seen: &Seen<'_>, what: &str) -> bool {
        let spans = [&seen.written.when, &seen.written.unless];
        let span = spans.into_iter().flatten().map(|written| written.span).next();
        let conditions = (seen.rule.when.as_ref(), seen.rule.unless.as_ref());
        span.is_none_or(|span| self.decided(&seen.claim, conditions, span, what))
    }

    /// Tells when a condition never or always holds; whether it may do both.
    fn decided(
        &mut self,
        claim: &Claim,
        (when, unless): (Option<&Expression>, Option<&Expression>),
        span: Span,
        what: &str,
    ) -> bool {
        // `false` alone is how something is switched off.
        let is = |e: Option<&Expression>, word: &str| e.is_some_and(|e| e.source().trim() == word);
        let switched_off = is(when, "false") || is(unless, "true");
        if !Claim::may_be(&[(claim, true)]) {
            if switched_off {
                let say = format!("this {what} is switched off");
                let help = format!("remove the {what}, or its condition, to say what you mean");
                self.warn(Code::NeverApplies, span, say, Some(help));
            } else {
                let say = format!("this {what} can never apply: no value meets all of it");
                let help = "look for two parts that exclude each other, and for `&&` where `||` is \
                            meant";
                self.error(Code::NeverApplies, span, say, Some(help.to_owned()));
            }
            return false;
        }
        if !Claim::may_be(&[(claim, false)]) {
            let say = format!("this {what} always applies: every value meets it");
            let help = "leave the condition out if that is meant; else look for `||` where `&&` is \
                        meant";
            self.warn(Code::AlwaysApplies, span, say, Some(help.to_owned()));
            return false;
        }
        true
    }

    /// The condition of a check, a source or a row.
    pub(super) fn applies(
        &mut self,
        when: Option<&Expression>,
        written: Option<&raw::Expression>,
        scope: &Scope,
        what: &str,
    ) {
        if let (Some(when), Some(written)) = (when, written) {
            let claim = scope.claim(Some(when), None, 0);
            self.decided(&claim, (Some(when), None), written.span, what);
        }
    }

    /// Tells when another rule, which fires whenever this one does, always asks for more.
    fn overruled(&mut self, one: &Seen<'_>, all: &[&Seen<'_>]) {
        let Some(mine) = self.strictest(&one.rule).filter(|_| !one.rule.observe) else { return };
        let over = all.iter().find(|other| {
            let (other_rule, rule) = (&other.rule, &one.rule);
            let within = (other_rule.sources.model || !rule.sources.model)
                && (other_rule.sources.human || !rule.sources.human)
                && (other_rule.sources.fallback || !rule.sources.fallback);
            let firm = !other_rule.observe
                && !other.claim.may_fail()
                && (!other_rule.paid || rule.paid)
                && (!other_rule.of_output || rule.of_output);
            within
                && firm
                && self.first(other_rule).is_some_and(|first| {
                    matches!(first, Verdict::Reject | Verdict::Escalate) && first > mine
                })
                && !Claim::may_be(&[(&one.claim, true), (&other.claim, false)])
        });
        let Some(over) = over else { return };
        let (id, first) = (over.rule.id.clone(), self.first(&over.rule));
        let say = format!(
            "this rule never decides: whenever it applies, so does rule `{id}`, and `{}` is \
             stricter than `{}`",
            first.map_or("", Verdict::name),
            mine.name()
        );
        let help = format!("narrow the condition of `{id}`, or remove this rule");
        let problem = Problem::warning(Code::Overruled, one.written.id.span, say).help(help);
        self.report.push(problem.related(over.written.id.span, "this one decides"));
    }

    /// The verdict of a rule's first rung; none for `accept`.
    fn first(&self, rule: &Rule) -> Option<Verdict> {
        self.ladders.get(rule.ladder.as_ref()?)?.first().map(Rung::verdict)
    }

    /// The strictest verdict that a rule's own ladder can ask for. `otherwise` is asked for only
    /// where nothing stricter was, so it counts as well.
    fn strictest(&self, rule: &Rule) -> Option<Verdict> {
        let rungs = self.ladders.get(rule.ladder.as_ref()?)?;
        let firm = rungs.iter().any(|rung| matches!(rung, Rung::Reject | Rung::Escalate(_)));
        let last = self.raw.otherwise.steps.first().map(|step| match step.value {
            raw::Step::Fallback => Verdict::Fallback,
            raw::Step::Escalate(_) => Verdict::Escalate,
            _ => Verdict::Reject,
        });
        rungs.iter().map(Rung::verdict).chain(last.filter(|_| !firm)).max()
    }

    /// Tells when, whatever comes, one of the rules objects.
    fn no_way_through(&mut self, all: &[&Seen<'_>], judged: Judged) {
        let stops = |seen: &&&Seen<'_>| {
            let first = self.first(&seen.rule);
            // To ask people about everything, each about their part, is how some mean it.
            let stopping = match judged {
                Judged::Answers => {
                    seen.rule.sources.model && first.is_some_and(|first| first != Verdict::Escalate)
                }
                Judged::Requests => {
                    matches!(first, Some(Verdict::Reject | Verdict::Fallback))
                }
            };
            let conditional = seen.rule.when.is_some() || seen.rule.unless.is_some();
            stopping && conditional && !seen.rule.observe
        };
        let stopping: Vec<&&Seen<'_>> = all.iter().filter(stops).collect();
        let mut before: Vec<(&Claim, bool)> = Vec::new();
        for (index, seen) in stopping.iter().enumerate() {
            before.push((&seen.claim, false));
            if index == 0 || Claim::may_be(&before) {
                continue;
            }
            let say = match judged {
                Judged::Requests => {
                    "with this rule no request is left: no model is ever asked".to_owned()
                }
                Judged::Answers => {
                    "with this rule no answer is left: whatever it is, one of the rules objects"
                        .to_owned()
                }
            };
            let help = "leave out the case that is to pass; if none is, write one rule without a \
                        condition";
            let mut problem =
                Problem::warning(Code::NothingPasses, seen.written.id.span, say).help(help);
            for other in stopping.iter().take(index) {
                problem = problem.related(other.written.id.span, "takes its part");
            }
            self.report.push(problem);
            return;
        }
    }

    /// Tells of fallback rows that an earlier one takes. The last row has no `when`, and is there
    /// whatever comes: it is asked for, not reached.
    pub(super) fn rows_reached(&mut self, rows: &[Row], scope: &Scope) {
        let written = &self.raw.fallback;
        if rows.len() != written.len() {
            return;
        }
        let mut before: Vec<(Claim, Span)> = Vec::new();
        for (row, written) in rows.iter().zip(written) {
            let Some((when, at)) = row.when.as_ref().zip(written.when.as_ref()) else { continue };
            let claim = scope.claim(Some(when), None, before.len());
            if !self.decided(&claim, (Some(when), None), at.span, "row") {
                continue;
            }
            let mut all: Vec<(&Claim, bool)> =
                before.iter().map(|(claim, _)| (claim, false)).collect();
            all.push((&claim, true));
            if !before.is_empty() && !Claim::may_be(&all) {
                let say = "this row is never reached: the rows before it answer all that it is for";
                let help = "put the narrower row first";
                let mut problem = Problem::error(Code::RowTaken, at.span, say).help(help);
                for (_, span) in &before {
                    problem = problem.related(*span, "answers first");
                }
                self.report.push(problem);
            }
            // The last good answer may not be there, and then the next row is tried.
            if matches!(row.answer, RowAnswer::Value(_)) && !claim.may_fail() {
                before.push((claim, at.span));
            }
        }
    }

    /// Tells of a confidence block whose sources all have a `when`, and none for some answers.
    pub(super) fn sources_cover(
        &mut self,
        written: &raw::ConfidenceBlock,
        whens: &[Option<Expression>],
        scope: &Scope,
    ) {
        let claims = whens.iter().map(|when| {
            let when = when.as_ref()?;
            Some(scope.claim(Some(when), None, 0)).filter(Claim::is_exact)
        });
        let Some(claims) = claims.collect::<Option<Vec<Claim>>>() else { return };
        let none: Vec<(&Claim, bool)> = claims.iter().map(|claim| (claim, false)).collect();
        if !none.is_empty() && Claim::may_be(&none) {
            let say = "for some answers no source applies: they have no signal, and are never sure";
            let help = "leave `when` out of the last source, or widen one";
            let span = written.from.first().map_or(written.span, |source| source.span);
            self.warn(Code::Uncovered, span, say, Some(help.to_owned()));
        }
    }
}
