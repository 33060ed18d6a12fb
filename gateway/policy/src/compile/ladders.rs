//! Ladders: what a file writes, the defaults of DESIGN.md section 3 where it writes nothing, and
//! the texts of their rungs.

use backstop_checks::expression::{Scope, Want};
use backstop_domain::{Escalation, FailureClass, Ladder, Priority, Rung, Show};

use super::rungs::Of;
use super::{Compiler, ON_ERROR, class_ladder};
use crate::compiled::{LadderTexts, RungTexts};
use crate::diagnostics::Code;
use crate::path::{Path, Root};
use crate::raw::{self, Escalate, Step};
use crate::source::{Span, Spanned};

/// First wait of a retry, in milliseconds.
const BACKOFF_MS: u64 = 500;

/// A ladder's `then`, resolved.
pub(super) struct Then {
    /// Its name in the plan; `None` for `accept`.
    pub ladder: Option<String>,
    /// Queue of a blind audit.
    pub also_review: Option<String>,
}

impl Compiler<'_> {
    /// Compiles the ladders of classes and of `on_error`, written or default.
    pub(super) fn class_ladders(&mut self) {
        let scope = self.scopes.ladder.clone();
        let written: Vec<_> = self.parts.on.clone();
        for (class, ladder) in &written {
            self.ladder(&class_ladder(class.value), ladder, &scope);
            // The gateway's defaults serve policies with one model and with several.
            if self.parts.files.contains(&ladder.span.file) {
                self.rungs_help(ladder, Of::Class(class.value));
            }
        }
        for class in FailureClass::ALL {
            let own = matches!(
                class,
                FailureClass::Rule | FailureClass::Check | FailureClass::CheckError
            );
            if own || written.iter().any(|(written, _)| written.value == class) {
                continue;
            }
            if let Some(rungs) = self.default_ladder(class) {
                self.ladders.insert(class_ladder(class), rungs);
            }
        }
        if let Some(ladder) = &self.raw.on_error {
            self.ladder(ON_ERROR, ladder, &scope);
            self.rungs_help(ladder, Of::Objection);
        }
    }

    /// The default ladder of a class. A rung that needs a queue or a fallback that the policy
    /// lacks is left out. `None`: refused at the door unless the policy names a ladder.
    fn default_ladder(&self, class: FailureClass) -> Option<Ladder> {
        let retry = Rung::Retry { times: 1, backoff_ms: BACKOFF_MS };
        let repair = |times| Rung::Repair { times, model: None, mask: None };
        let next = Rung::NextModel { to: None };
        let fallback = (!self.raw.fallback.is_empty()).then_some(Rung::Fallback);
        let escalate = self.raw.queue.as_ref();
        let escalate =
            escalate.map(|queue| Rung::Escalate(Escalation::to(queue.value.as_str().to_owned())));
        let wait = Rung::Wait { at_most_ms: None };
        use FailureClass as Class;
        let rungs: Vec<Option<Rung>> = match class {
            Class::Transport | Class::Overloaded => vec![Some(retry), Some(next), fallback],
            Class::Timeout | Class::Quota | Class::Misconfigured => vec![Some(next), fallback],
            Class::Throttled | Class::Limit | Class::Budget => {
                vec![Some(wait), Some(next), fallback]
            }
            // A model that keeps failing is not waited for while another one could answer.
            Class::BreakerOpen => vec![Some(next), Some(wait), fallback],
            Class::InvalidRequest => vec![Some(Rung::Reject)],
            Class::Declined | Class::LowConfidence => vec![escalate],
            Class::Truncated => vec![Some(retry), fallback],
            Class::Malformed | Class::Schema => vec![Some(repair(2)), Some(next), fallback],
            Class::ToolInvalid | Class::ToolDenied => vec![Some(repair(1)), escalate],
            Class::Interrupted => {
                let repeatable = self.raw.repeatable.as_ref().is_none_or(|word| word.value);
                vec![if repeatable { Some(retry) } else { escalate }]
            }
            Class::Shed | Class::Rule | Class::Check | Class::CheckError => return None,
        };
        Some(rungs.into_iter().flatten().collect())
    }

    /// A rule's or check's `then`: `accept` stands for no ladder.
    pub(super) fn then(&mut self, name: &str, ladder: &raw::Ladder, scope: &Scope) -> Then {
        if let [only] = ladder.steps.as_slice()
            && let Step::Accept { also_review } = &only.value
        {
            let queue = also_review.as_ref().map(|queue| {
                self.queue_named(queue);
                queue.value.as_str().to_owned()
            });
            return Then { ladder: None, also_review: queue };
        }
        self.ladder(name, ladder, scope);
        self.rungs_help(ladder, Of::Objection);
        Then { ladder: Some(name.to_owned()), also_review: None }
    }

    /// The ladder of something's own `on_error`, or else the policy's: its name.
    pub(super) fn on_error(
        &mut self,
        by: &str,
        ladder: Option<&raw::Ladder>,
        scope: &Scope,
    ) -> String {
        let Some(ladder) = ladder else { return ON_ERROR.to_owned() };
        let name = format!("{by}.{ON_ERROR}");
        self.ladder(&name, ladder, scope);
        self.rungs_help(ladder, Of::Objection);
        name
    }

    /// Compiles a ladder under that name.
    pub(super) fn ladder(&mut self, name: &str, ladder: &raw::Ladder, scope: &Scope) {
        let mut rungs = Ladder::new();
        let mut texts = LadderTexts::new();
        for step in &ladder.steps {
            if let Some((rung, text)) = self.step(step, scope) {
                rungs.push(rung);
                texts.push(text);
            }
        }
        self.ladders.insert(name.to_owned(), rungs);
        self.texts.insert(name.to_owned(), texts);
    }

    /// The last rung of every ladder.
    pub(super) fn otherwise(&mut self) -> Option<Rung> {
        let step = self.raw.otherwise.steps.first()?;
        let scope = self.scopes.ladder.clone();
        self.step(step, &scope).map(|(rung, _)| rung)
    }

    fn step(&mut self, step: &Spanned<Step>, scope: &Scope) -> Option<(Rung, RungTexts)> {
        let plain = |rung| Some((rung, RungTexts::default()));
        match &step.value {
            Step::Accept { .. } => None,
            Step::Reject { say } => {
                let text = say.as_ref().and_then(|say| self.text(&say.value, say.span, scope));
                Some((Rung::Reject, RungTexts { text, not: None }))
            }
            Step::Escalate(options) => self.escalate(options, step.span, scope),
            Step::Fallback => {
                if !self.raw.has_fallback {
                    let help = Some("add `fallback:`, or take another step".to_owned());
                    let say = "the policy has no `fallback:`";
                    self.error(Code::UnknownReference, step.span, say, help);
                }
                plain(Rung::Fallback)
            }
            Step::NextModel { to } => {
                let to = to.as_ref().and_then(|to| self.later_model(to));
                plain(Rung::NextModel { to })
            }
            Step::Retry { times, backoff } => plain(Rung::Retry {
                times: count(times.as_ref()),
                backoff_ms: backoff.as_ref().map_or(BACKOFF_MS, |time| time.value.0),
            }),
            Step::Wait { at_most } => {
                plain(Rung::Wait { at_most_ms: at_most.as_ref().map(|time| time.value.0) })
            }
            Step::Repair { times, tell, model, mask } => {
                let text = tell.as_ref().and_then(|tell| self.text(&tell.value, tell.span, scope));
                let mask = mask.as_ref().and_then(|mask| self.masked(mask));
                let model = model.as_ref().and_then(|model| self.own_model(model));
                let rung = Rung::Repair { times: count(times.as_ref()), model, mask };
                Some((rung, RungTexts { text, not: None }))
            }
        }
    }

    fn escalate(
        &mut self,
        options: &Escalate,
        span: Span,
        scope: &Scope,
    ) -> Option<(Rung, RungTexts)> {
        let Some(queue) = options.queue.as_ref().or(self.raw.queue.as_ref()) else {
            // A queue that could not be read was told of where it stands.
            if !self.raw.has_queue {
                let help = "write `{escalate: queue}`, or add `queue:` to the policy".to_owned();
                let say = "`escalate` has no queue";
                self.error(Code::UnknownReference, span, say, Some(help));
            }
            return None;
        };
        let queue = queue.clone();
        self.queue_named(&queue);
        self.tightens(options, &queue);
        let may_edit = options
            .may_edit
            .as_ref()
            .map(|paths| paths.iter().filter_map(|path| self.editable(path)).collect::<Vec<_>>());
        let not = options.not.as_ref().and_then(|not| self.expression(not, scope, Want::Texts));
        let approvals = options.approvals.as_ref();
        let rung = Rung::Escalate(Escalation {
            queue: queue.value.as_str().to_owned(),
            due_ms: options.due.as_ref().map(|due| due.value.0),
            priority: options.priority.as_ref().map_or(Priority::Normal, |word| match word.value {
                raw::Priority::Low => Priority::Low,
                raw::Priority::Normal => Priority::Normal,
                raw::Priority::High => Priority::High,
            }),
            approvals: approvals.map(|count| u8::try_from(count.value.0).unwrap_or(u8::MAX)),
            blind: options.blind.as_ref().map(|blind| blind.value),
            show: options.show.as_ref().map_or(Show::All, |show| self.show(&show.value)),
            may_edit,
        });
        Some((rung, RungTexts { text: None, not }))
    }

    /// Options may tighten what the queue asks for, never loosen it.
    fn tightens(&mut self, options: &Escalate, queue: &Spanned<crate::decode::Name>) {
        let Some(seen) = self.around.queues.get(queue.as_str()).copied() else { return };
        if let Some(count) = &options.approvals
            && count.value.0 < u64::from(seen.approvals)
        {
            let say = format!(
                "queue `{}` asks for {} approvals; a step may only ask for more",
                queue.as_str(),
                seen.approvals
            );
            self.error(Code::Refused, count.span, say, None);
        }
        if let Some(blind) =
            options.blind.as_ref().filter(|blind| !blind.value && seen.approvals > 1)
        {
            let say = "`blind: false` would loosen what the queue asks for";
            self.error(Code::Refused, blind.span, say, Some("remove the key".to_owned()));
        }
    }

    fn show(&mut self, show: &raw::Show) -> Show {
        match show {
            raw::Show::All => Show::All,
            raw::Show::Weak => Show::Weak,
            raw::Show::Paths(paths) => {
                let paths = paths.iter().filter_map(|path| self.editable(path));
                Show::Paths(paths.collect())
            }
        }
    }

    /// A path that exists, as text.
    fn editable(&mut self, path: &Spanned<Path>) -> Option<String> {
        self.place(path)?;
        Some(path.value.to_string())
    }

    /// Reports a queue that is not there, or that ends in a fallback which the policy lacks.
    pub(super) fn queue_named(&mut self, queue: &Spanned<crate::decode::Name>) {
        match self.around.queues.get(queue.as_str()) {
            None => {
                let around = self.around;
                let known: Vec<&str> = around.queues.keys().map(String::as_str).collect();
                self.unknown("queue", queue.as_str(), queue.span, known);
            }
            Some(seen) if seen.ends_in_fallback && self.raw.fallback.is_empty() => {
                let say = format!(
                    "queue `{}` ends in the policy's fallback, and this policy has none",
                    queue.as_str()
                );
                let help = "add `fallback:`, or a queue whose `on_expiry` is not `fallback`";
                self.error(Code::QueueTerminal, queue.span, say, Some(help.to_owned()));
            }
            Some(_) => {}
        }
    }

    /// A check whose finds can be masked.
    fn masked(&mut self, mask: &Spanned<crate::decode::Name>) -> Option<String> {
        let name = mask.as_str();
        let found = self.parts.checks.iter().find(|(check, _)| check.value.as_str() == name);
        let Some((_, check)) = found.copied() else {
            let known: Vec<String> =
                self.parts.checks.iter().map(|(n, _)| n.value.as_str().to_owned()).collect();
            self.unknown("check", name, mask.span, known.iter().map(String::as_str));
            return None;
        };
        let spans = match &check.kind {
            raw::CheckKind::Pattern { must, .. } => *must == raw::Must::NotMatch,
            raw::CheckKind::Words { .. }
            | raw::CheckKind::PersonalData { .. }
            | raw::CheckKind::Secrets(_) => true,
            _ => false,
        };
        let answers = check.at.iter().any(|at| matches!(at.root, Root::Output | Root::ToolArgs));
        if !spans || !answers {
            let say = format!("check `{name}` finds no pieces of an answer that could be masked");
            let help = "mask what a check of `pattern`, `words`, `personal_data` or `secrets` \
                        finds in the answer, or write `repair: \"what to do better\"`";
            self.error(Code::Refused, mask.span, say, Some(help.to_owned()));
        }
        Some(name.to_owned())
    }
}

fn count(times: Option<&Spanned<crate::units::Count>>) -> u32 {
    times.map_or(1, |times| u32::try_from(times.value.0).unwrap_or(u32::MAX))
}
