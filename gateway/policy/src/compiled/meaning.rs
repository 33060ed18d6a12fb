//! What a policy decides, whatever its layout and wording: two with the same digest decide alike.
//!
//! It tells changes that change nothing from those that tests should notice. It is careful: what
//! it cannot prove equal counts as different.

use std::fmt::Write as _;

use backstop_domain::{Digest, Ladder, Rung};

use super::{Block, Policy, RowAnswer, Rule, Tools};

impl Policy {
    /// Digest of what it decides.
    pub fn meaning(&self) -> Digest {
        let mut text = String::new();
        // Writing to a text cannot fail.
        let _ = self.write_meaning(&mut text);
        Digest::of(text.as_bytes())
    }

    fn write_meaning(&self, out: &mut String) -> std::fmt::Result {
        let plan = &self.plan;
        let names: Vec<&str> = plan.models.iter().map(|model| model.name.as_str()).collect();
        writeln!(out, "{names:?} {:?} {:?} {:?}", plan.otherwise, plan.mode, plan.budget)?;
        writeln!(out, "{} {} {}", plan.deadline_ms, plan.cached, plan.repeatable)?;
        for name in plan.ladders.keys().filter(|name| name.starts_with("on.")) {
            writeln!(out, "{name} {}", self.ladder(name, false))?;
        }
        for rule in self.before.iter().chain(&self.rules) {
            self.rule(rule, out)?;
        }
        for check in &self.checks {
            let when = check.when.as_ref().map(|when| when.meaning());
            write!(out, "{} {:?} {:?} {when:?} ", check.by, check.kind, check.at)?;
            write!(out, "{:?} {:?} {:?} ", check.sources, check.observe, check.also_review)?;
            let human = check.sources.human;
            let own = check.ladder.as_ref().map(|ladder| self.ladder(ladder, human));
            writeln!(out, "{own:?} {}", self.ladder(&check.on_error, human))?;
        }
        if let Tools::Listed(tools) = &self.tools {
            for tool in tools {
                let ladder = tool.ladder.as_ref().map(|ladder| self.ladder(ladder, true));
                writeln!(out, "{} {:?} {ladder:?} {:?}", tool.name, tool.effect, tool.limits)?;
                tool.rules.iter().try_for_each(|rule| self.rule(rule, out))?;
                tool.confidence.iter().try_for_each(|block| self.block(block, out))?;
            }
        }
        self.confidence.iter().try_for_each(|block| self.block(block, out))?;
        for row in &self.fallback {
            let when = row.when.as_ref().map(|when| when.meaning());
            match &row.answer {
                RowAnswer::Value(shape) => writeln!(out, "{when:?} {shape:?}")?,
                RowAnswer::LastGood { within_ms, same } => {
                    writeln!(out, "{when:?} last good {within_ms:?} {same:?}")?;
                }
            }
        }
        Ok(())
    }

    fn rule(&self, rule: &Rule, out: &mut String) -> std::fmt::Result {
        let when = rule.when.as_ref().map(|when| when.meaning());
        let unless = rule.unless.as_ref().map(|unless| unless.meaning());
        let human = rule.sources.human;
        let ladder = rule.ladder.as_ref().map(|ladder| self.ladder(ladder, human));
        write!(out, "{} {when:?} {unless:?} {:?} {:?} ", rule.by, rule.sources, rule.observe)?;
        writeln!(out, "{:?} {ladder:?} {}", rule.also_review, self.ladder(&rule.on_error, human))
    }

    fn block(&self, block: &Block, out: &mut String) -> std::fmt::Result {
        write!(out, "{} {:?} {:?} {:?} ", block.by, block.at, block.need, block.accept)?;
        for source in &block.from {
            let when = source.when.as_ref().map(|when| when.meaning());
            write!(out, "{} {when:?} {:?} ", source.name, source.evidence)?;
        }
        writeln!(out, "{} {}", self.ladder(&block.by, false), self.ladder(&block.on_error, false))
    }

    /// A ladder as it is taken, rungs that never are left out. `human`: a person's answer may come
    /// to it, for whom a written last rung is not the same as `otherwise`.
    fn ladder(&self, name: &str, human: bool) -> String {
        let plan = &self.plan;
        let mut rungs: Ladder = plan.ladders.get(name).cloned().unwrap_or_default();
        rungs.retain(|rung| !(matches!(rung, Rung::NextModel { .. }) && plan.models.len() == 1));
        let ends = rungs.iter().position(|rung| match rung {
            Rung::Reject => true,
            Rung::Escalate(_) => !human,
            _ => false,
        });
        if let Some(end) = ends {
            rungs.truncate(end + 1);
        }
        // The fallback never answers for a person, so it makes no difference there either.
        let last = rungs.last() == Some(&plan.otherwise);
        if last && (!human || plan.otherwise == Rung::Fallback) {
            rungs.pop();
        }
        let says = |texts: &&crate::compiled::LadderTexts| {
            texts.iter().any(|rung| rung.text.is_some() || rung.not.is_some())
        };
        let texts = self.texts.get(name).filter(says);
        format!("{rungs:?} {texts:?}")
    }
}
