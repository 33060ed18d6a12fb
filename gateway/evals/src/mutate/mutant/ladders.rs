//! Changes of ladders: rungs taken out or weakened, queues swapped, `on_error` removed, another
//! `otherwise`.

use backstop_policy::raw::{Escalate, Ladder, Rule, Step, Tools};
use backstop_policy::yaml::Kind;
use backstop_policy::{Span, Spanned};

use super::Source;
use crate::mutate::edit::{Edit, without_entry, without_item};

impl Source<'_> {
    pub(super) fn ladders(&mut self) {
        let raw = self.raw;
        for rule in raw.before.iter().chain(&raw.rules) {
            self.rule_ladders(rule);
        }
        if let Tools::Listed(tools) = &raw.tools {
            for (name, tool) in tools.iter() {
                tool.rules.iter().for_each(|rule| self.rule_ladders(rule));
                if let Some(ladder) = &tool.then {
                    self.ladder(ladder, &format!("tool `{}`", name.as_str()), false);
                }
            }
        }
        for (name, check) in raw.checks.iter() {
            let of = format!("check `{}`", name.as_str());
            if let Some(ladder) = &check.then {
                self.ladder(ladder, &of, true);
            }
            self.on_error(check.on_error.as_ref(), check.span, &of);
        }
        for (class, ladder) in &raw.on {
            self.ladder(ladder, &format!("`on.{}`", class.value), false);
            let map = self.tree.get("on").cloned();
            let edit = map.and_then(|map| {
                let alone = without_entry(self.text, &map, class.value.name());
                alone.or_else(|| without_entry(self.text, &self.tree, "on"))
            });
            self.add(
                format!("`on.{}` removed: the default ladder takes its place", class.value),
                edit,
            );
        }
        for block in &raw.confidence {
            if let Some(ladder) = &block.then {
                self.ladder(ladder, "a confidence block", false);
            }
        }
        self.on_error(raw.on_error.as_ref(), self.tree.span, "the policy");
        self.otherwise();
        if let Some(queue) = &raw.queue {
            self.other_queue(queue.value.as_str(), queue.span, "`queue`", false);
        }
    }

    fn rule_ladders(&mut self, rule: &Rule) {
        let of = format!("rule `{}`", rule.id.as_str());
        self.ladder(&rule.then, &of, true);
        self.on_error(rule.on_error.as_ref(), rule.span, &of);
    }

    fn on_error(&mut self, ladder: Option<&Ladder>, inside: Span, of: &str) {
        let Some(ladder) = ladder else { return };
        self.ladder(ladder, &format!("`on_error` of {of}"), false);
        let map =
            self.map_with(ladder.span, "on_error").filter(|map| map.span.start >= inside.start);
        let edit = map.and_then(|map| without_entry(self.text, map, "on_error"));
        self.add(format!("`on_error` of {of} removed"), edit);
    }

    /// The rungs of one ladder; `whole`: `accept` may stand in its place.
    fn ladder(&mut self, ladder: &Ladder, of: &str, whole: bool) {
        for (index, step) in ladder.steps.iter().enumerate() {
            if ladder.steps.len() > 1 {
                let list = self.node(ladder.span).cloned();
                let edit = list.and_then(|list| without_item(self.text, &list, index));
                let word = step.value.verdict();
                self.add(format!("rung {} ({word}) of {of} removed", index + 1), edit);
            }
            self.weaker(step, of);
        }
        let accepts = matches!(
            ladder.steps.as_slice(),
            [Spanned { value: Step::Accept { also_review: None }, .. }]
        );
        let audits = matches!(
            ladder.steps.as_slice(),
            [Spanned { value: Step::Accept { also_review: Some(_) }, .. }]
        );
        if whole && !accepts && !audits {
            self.replace(format!("{of} accepts what it objected to"), ladder.span, "accept");
        }
    }

    /// A rung with less or other force.
    fn weaker(&mut self, step: &Spanned<Step>, of: &str) {
        let span = step.span;
        let fallback = !self.raw.fallback.is_empty();
        let queue = self.raw.queue.is_some();
        match &step.value {
            Step::Reject { .. } if fallback => {
                self.replace(format!("reject weakened to fallback in {of}"), span, "fallback");
            }
            Step::Reject { .. } if queue => {
                self.replace(format!("reject weakened to escalate in {of}"), span, "escalate");
            }
            Step::Escalate(options) => {
                if fallback {
                    let what = format!("escalate weakened to fallback in {of}");
                    self.replace(what, span, "fallback");
                }
                self.escalation(options, span, of);
            }
            Step::Fallback => {
                self.replace(format!("fallback turned to reject in {of}"), span, "reject");
            }
            Step::Repair { times: Some(times), .. } | Step::Retry { times: Some(times), .. } => {
                let count = times.value.0;
                let near = [count.checked_sub(1).filter(|n| *n > 0), Some(count + 1)];
                for other in near.into_iter().flatten() {
                    let what = format!("{count} times turned to {other} in {of}");
                    self.replace(what, times.span, other.to_string());
                }
            }
            Step::Repair { times: None, tell: None, mask: None, model: None } => {
                self.replace(format!("repair turned to retry in {of}"), span, "retry");
            }
            _ => {}
        }
    }

    fn escalation(&mut self, options: &Escalate, span: Span, of: &str) {
        match &options.queue {
            Some(queue) => self.other_queue(queue.value.as_str(), queue.span, of, false),
            None => {
                let own = self.raw.queue.as_ref().map(|queue| queue.value.as_str().to_owned());
                if let (Some(own), true) = (own, self.words(span) == "escalate") {
                    self.other_queue(&own, span, of, true);
                }
            }
        }
    }

    /// Another queue in the place of `own`; `bare`: the word `escalate` stands there.
    fn other_queue(&mut self, own: &str, span: Span, of: &str, bare: bool) {
        let other =
            self.queues.iter().find(|queue| **queue != own).map(|queue| (*queue).to_owned());
        let Some(other) = other else { return };
        let with = if bare { format!("{{escalate: {other}}}") } else { other.clone() };
        self.replace(format!("queue `{own}` swapped for `{other}` in {of}"), span, with);
    }

    fn otherwise(&mut self) {
        let steps = &self.raw.otherwise.steps;
        let Some(step) = steps.first() else { return };
        let is = step.value.verdict();
        let mut others = vec!["reject"];
        if !self.raw.fallback.is_empty() {
            others.push("fallback");
        }
        if self.raw.queue.is_some() {
            others.push("escalate");
        }
        let span = self.raw.otherwise.span;
        for other in others.into_iter().filter(|other| *other != is) {
            self.replace(format!("`otherwise` turned from {is} to {other}"), span, other);
        }
    }

    /// A whole entry of the policy, or of a map in it, taken out.
    pub(super) fn without(&mut self, what: String, map: Option<&str>, key: &str) {
        let holder = match map {
            Some(name) => self.tree.get(name).cloned(),
            None => Some(self.tree.clone()),
        };
        let Some(holder) = holder else { return };
        let last = matches!(&holder.kind, Kind::Map(entries) if entries.len() == 1);
        let edit: Option<Edit> = match map.filter(|_| last) {
            Some(name) => without_entry(self.text, &self.tree, name),
            None => without_entry(self.text, &holder, key),
        };
        self.add(what, edit);
    }
}
