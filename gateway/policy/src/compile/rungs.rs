//! Rungs that stand in a ladder and never help: the ones behind a rung that can always be taken,
//! and the ones that what the ladder is for leaves nothing to do.

use backstop_domain::FailureClass as Class;

use super::Compiler;
use crate::diagnostics::{Code, Problem};
use crate::raw::{Ladder, Step};
use crate::source::{Span, Spanned};

/// What a ladder is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// A failure class.
    Class(Class),
    /// A rule, check, or error.
    Objection,
}

impl Of {
    fn leaves_no_answer(self) -> bool {
        matches!(self, Self::Class(class) if !answers(class))
    }

    fn says_no_time(self) -> bool {
        matches!(self, Self::Class(class) if !frees_itself(class))
    }
}

impl Compiler<'_> {
    /// Tells of rungs that never help.
    pub(super) fn rungs_help(&mut self, ladder: &Ladder, of: Of) {
        for (index, step) in ladder.steps.iter().enumerate() {
            let before = ladder.steps.get(..index).unwrap_or_default();
            if let Some(first) = before.iter().find(|first| self.stands_before(first, step)) {
                self.never_taken(step, first);
            } else if let Some(first) = before.iter().find(|first| overrules(first, step)) {
                self.binds_people(step, first.span);
            } else {
                self.no_work(step, of);
            }
        }
    }

    /// Whether `step` can never be taken behind `first`, which always can.
    fn stands_before(&self, first: &Step, step: &Step) -> bool {
        match (first, step) {
            (Step::Reject { .. }, _) => true,
            // A person's answer goes on to another queue, and stops at a written `reject`.
            (Step::Escalate(a), Step::Escalate(b)) => {
                let own = self.raw.queue.as_ref().map(|queue| queue.as_str());
                let name = |queue: &Option<Spanned<crate::decode::Name>>| {
                    queue.as_ref().map(|queue| queue.as_str().to_owned())
                };
                let own = own.map(str::to_owned);
                name(&a.queue).or_else(|| own.clone()) == name(&b.queue).or(own)
            }
            (Step::Escalate(_), Step::Reject { .. }) => false,
            (Step::Escalate(_), _) => true,
            _ => false,
        }
    }

    fn never_taken(&mut self, step: &Spanned<Step>, first: &Spanned<Step>) {
        let (word, before) = (step.value.verdict(), first.value.verdict());
        let say = format!("`{word}` is never reached: `{before}` before it can always be taken");
        let help = match first.value {
            Step::Escalate(_) => format!(
                "remove it, or put it before `{before}`; what happens when nobody decides is the \
                 queue's `on_expiry`"
            ),
            _ => format!("remove it, or put it before `{before}`"),
        };
        let problem = Problem::error(Code::RungTaken, step.span, say).help(help);
        self.report.push(problem.related(first.span, "ends the ladder"));
    }

    fn binds_people(&mut self, step: &Spanned<Step>, first: Span) {
        let say =
            "this `reject` is not a second try: it forbids the person who is asked to approve";
        let help = "remove it; a person who says no has rejected already. Keep it if only an edit \
                    may pass";
        let problem = Problem::warning(Code::RungIdle, step.span, say).help(help);
        self.report.push(problem.related(first, "asks a person"));
    }

    /// A rung that what went wrong leaves nothing to do.
    fn no_work(&mut self, step: &Spanned<Step>, of: Of) {
        let attempts = self.attempts();
        let times = match &step.value {
            Step::Retry { times, .. } => times.as_ref(),
            Step::Repair { times, mask: None, .. } => times.as_ref(),
            _ => None,
        };
        if let Some(times) = times.filter(|times| times.value.0 >= attempts) {
            let most = attempts.saturating_sub(1);
            let say = format!(
                "the budget has {attempts} attempts, the first ask among them: at most {most} are \
                 left for this"
            );
            let help = format!("write {most}, or raise `budget: {{attempts: …}}`");
            self.warn(Code::RungIdle, times.span, say, Some(help));
        }
        let idle = match &step.value {
            Step::NextModel { to: None } if self.raw.models.len() == 1 => Some((
                "there is no next model: the policy has one".to_owned(),
                "add a model to `models`, or remove the step",
            )),
            Step::Repair { mask: None, .. } if of.leaves_no_answer() => {
                let say = format!("there is no answer to repair after `{}`", name(of));
                Some((say, "write `retry` or `next_model`"))
            }
            Step::Wait { .. } if of.says_no_time() => {
                let say = format!("nothing says until when to wait after `{}`", name(of));
                Some((say, "write `retry` or `next_model`"))
            }
            _ => None,
        };
        if let Some((say, help)) = idle {
            self.warn(Code::RungIdle, step.span, say, Some(help.to_owned()));
        }
    }

    /// Requests to models that the budget pays for.
    fn attempts(&self) -> u64 {
        let own = self.raw.budget.as_ref().and_then(|budget| budget.value.attempts.as_ref());
        let default = self.around.defaults.budget.as_ref().and_then(|b| b.attempts.as_ref());
        own.or(default).map_or(super::models::ATTEMPTS, |count| count.value.0)
    }
}

/// A `reject` behind an `escalate` is no rung that is reached, yet it binds who is asked.
fn overrules(first: &Step, step: &Step) -> bool {
    matches!((first, step), (Step::Escalate(_), Step::Reject { .. }))
}

fn name(of: Of) -> &'static str {
    match of {
        Of::Class(class) => class.name(),
        Of::Objection => "an objection",
    }
}

/// Whether there is an answer of a model when a call fails so.
const fn answers(class: Class) -> bool {
    matches!(
        class,
        Class::Declined
            | Class::Truncated
            | Class::Malformed
            | Class::Schema
            | Class::LowConfidence
            | Class::ToolInvalid
            | Class::ToolDenied
            | Class::Rule
            | Class::Check
            | Class::CheckError
    )
}

/// Whether somebody may say when it is over.
const fn frees_itself(class: Class) -> bool {
    matches!(
        class,
        Class::Throttled
            | Class::Overloaded
            | Class::Quota
            | Class::Transport
            | Class::Timeout
            | Class::Limit
            | Class::Budget
            | Class::BreakerOpen
            | Class::Shed
            | Class::Interrupted
    )
}
