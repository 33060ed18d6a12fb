//! Changes of what surrounds the ladders: rules, checks and rows taken out, rows swapped,
//! confidence loosened, who is judged.

use backstop_policy::raw::{Accept, Answer, ConfidenceBlock, Need, Rule, Tools};
use backstop_policy::yaml::{Kind, Node};
use backstop_policy::{Span, Spanned};

use super::{Source, neighbours};
use crate::mutate::edit::{Edit, without_entry, without_item};

impl Source<'_> {
    pub(super) fn settings(&mut self) {
        let raw = self.raw;
        for (key, rules) in [("before", &raw.before), ("rules", &raw.rules)] {
            self.rules_out(&[key], rules);
        }
        if let Tools::Listed(tools) = &raw.tools {
            for (name, tool) in tools.iter() {
                self.rules_out(&["tools", name.as_str(), "rules"], &tool.rules);
                for block in &tool.confidence {
                    self.block(block);
                }
            }
        }
        for (name, _) in raw.checks.iter() {
            let name = name.as_str();
            self.without(format!("check `{name}` removed"), Some("checks"), name);
        }
        raw.confidence.iter().for_each(|block| self.block(block));
        if !raw.confidence.is_empty() {
            self.without("`confidence` removed".to_owned(), None, "confidence");
        }
        self.rows();
    }

    /// Each rule taken out, or judging everybody's answers.
    fn rules_out(&mut self, path: &[&str], rules: &[Rule]) {
        let list = path.iter().try_fold(&self.tree, |node, key| node.get(key)).cloned();
        for (index, rule) in rules.iter().enumerate() {
            if rule.span.file != self.raw.file {
                continue;
            }
            // Whether a rule that samples fires is chance: no test could miss it.
            let samples = self.policy.all_rules().iter().any(|known| {
                let mut conditions = known.when.iter().chain(&known.unless);
                known.id == rule.id.as_str() && conditions.any(|when| when.samples())
            });
            let edit = list.as_ref().filter(|_| !samples);
            let edit = edit.and_then(|list| self.rule_out(path, list, index));
            self.add(format!("rule `{}` removed", rule.id.as_str()), edit);
            if !rule.audience.is_empty() {
                let map = self.node(rule.span);
                let edit = map.and_then(|map| without_entry(self.text, map, "for"));
                self.add(format!("rule `{}` judges everybody's answers", rule.id.as_str()), edit);
            }
        }
    }

    fn rule_out(&self, path: &[&str], list: &Node, index: usize) -> Option<Edit> {
        let only = matches!(&list.kind, Kind::List(items) if items.len() == 1);
        if !only {
            return without_item(self.text, list, index);
        }
        let (key, above) = path.split_last()?;
        let map = above.iter().try_fold(&self.tree, |node, key| node.get(key))?;
        without_entry(self.text, map, key)
    }

    fn block(&mut self, block: &ConfidenceBlock) {
        let shares: Vec<Span> = match &block.accept {
            Accept::Every(share) => vec![share.span],
            Accept::ByModel(named) | Accept::BySource(named) => {
                named.iter().map(|(_, share): &(_, Spanned<_>)| share.span).collect()
            }
        };
        for span in shares {
            for near in neighbours(self.words(span)) {
                self.replace(format!("confidence threshold shifted to {near}"), span, near);
            }
        }
        let map = self.map_with(block.span, "accept").cloned();
        let map = map.as_ref();
        let need = map.and_then(|map| map.get("need")).map(|node| node.span);
        if let Some(span) = need {
            let other = if block.need == Need::All { "any" } else { "all" };
            self.replace(format!("`need` turned to {other}"), span, other);
        }
        let from = map.and_then(|map| map.get("from")).cloned();
        if let Some(from) = from {
            for (index, source) in block.from.iter().enumerate() {
                let edit = without_item(self.text, &from, index);
                self.add(format!("confidence source `{}` removed", source.signal()), edit);
            }
        }
    }

    fn rows(&mut self) {
        let Some(list) = self.tree.get("fallback").cloned() else { return };
        for (index, row) in self.raw.fallback.iter().enumerate() {
            if row.when.is_some() || matches!(row.answer, Answer::LastGood { .. }) {
                let edit = without_item(self.text, &list, index);
                self.add(format!("row {} of the fallback removed", index + 1), edit);
            }
        }
        let Kind::List(rows) = &list.kind else { return };
        for (index, pair) in rows.windows(2).enumerate() {
            let [first, second] = pair else { continue };
            let (Some(one), Some(two)) = (first.get("answer"), second.get("answer")) else {
                continue;
            };
            let (one, two) = (one.span, two.span);
            let between = self.text.get(one.range().end..two.range().start).unwrap_or_default();
            let with = format!("{}{between}{}", self.words(two), self.words(one));
            let span = Span::new(one.file, one.range().start, two.range().end);
            let what = format!("answers of rows {} and {} swapped", index + 1, index + 2);
            self.replace(what, span, with);
        }
    }
}
