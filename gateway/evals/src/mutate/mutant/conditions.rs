//! Changes inside conditions: comparisons turned, numbers shifted, sides dropped, all negated.

use backstop_checks::expression::{PieceKind, pieces};
use backstop_policy::raw::{Data, DataKind, Expression, Rule, Tools};
use backstop_policy::yaml::{Kind, Node};
use backstop_policy::{Policy, Span};

use super::{Source, neighbours};
use crate::mutate::edit::Edit;

/// A comparison, as it is turned: the bound moves to the other side of the value, or the order.
const TURNED: [(&str, &[&str]); 6] = [
    ("==", &["!="]),
    ("!=", &["=="]),
    ("<", &["<=", ">"]),
    ("<=", &["<", ">="]),
    (">", &[">=", "<"]),
    (">=", &[">", "<="]),
];

impl Source<'_> {
    pub(super) fn conditions(&mut self) {
        let raw = self.raw;
        let tools: Vec<&Rule> = match &raw.tools {
            Tools::Listed(tools) => tools.iter().flat_map(|(_, tool)| &tool.rules).collect(),
            Tools::Request => Vec::new(),
        };
        for rule in raw.before.iter().chain(&raw.rules).chain(tools) {
            let id = rule.id.as_str();
            for (key, other, written) in
                [("when", "unless", &rule.when), ("unless", "when", &rule.unless)]
            {
                if let Some(written) = written {
                    self.condition(written, &format!("rule `{id}`"));
                    self.negated(written, key, other, &format!("rule `{id}`"));
                }
            }
        }
        for (name, check) in raw.checks.iter() {
            if let Some(when) = &check.when {
                self.condition(when, &format!("check `{}`", name.as_str()));
            }
        }
        for row in &raw.fallback {
            if let Some(when) = &row.when {
                self.condition(when, "a row of the fallback");
            }
        }
        for (name, value) in raw.values.iter() {
            self.value(value, &format!("`values.{}`", name.as_str()));
        }
    }

    fn value(&mut self, value: &Data, what: &str) {
        match &value.kind {
            DataKind::Number(_) => {
                for near in neighbours(self.words(value.span)) {
                    self.replace(format!("{what} shifted to {near}"), value.span, near);
                }
            }
            DataKind::Expression(written) => self.condition(written, what),
            _ => {}
        }
    }

    fn condition(&mut self, written: &Expression, of: &str) {
        if written.span.file != self.raw.file {
            return;
        }
        for comparison in comparisons(self.policy, &written.text) {
            let Some((word, turned)) = TURNED.iter().find(|(word, _)| *word == comparison.0) else {
                continue;
            };
            let place = self.place(written, comparison.1);
            for other in *turned {
                self.replace(format!("`{word}` turned to `{other}` in {of}"), place, *other);
            }
        }
        for piece in pieces(&written.text) {
            let place = self.place(written, piece.range.clone());
            match piece.kind {
                PieceKind::Number => {
                    for near in neighbours(self.words(place)) {
                        self.replace(format!("threshold shifted to {near} in {of}"), place, near);
                    }
                }
                PieceKind::Junction { or, left, right } => {
                    let word = if or { "||" } else { "&&" };
                    for (side, which) in [(left, "right"), (right, "left")] {
                        let side = self.place(written, side);
                        let kept = guarded(self.words(side));
                        let what = format!("{which} side of `{word}` dropped in {of}");
                        self.replace(what, place, kept);
                    }
                }
                PieceKind::Not(of_what) => {
                    let inner = self.place(written, of_what);
                    let kept = guarded(self.words(inner));
                    self.replace(format!("`!` dropped in {of}"), place, kept);
                }
            }
        }
    }

    /// `when` becomes `unless`, and the other way round.
    fn negated(&mut self, written: &Expression, key: &str, other: &str, of: &str) {
        let holder = self.map_with(written.span, key).filter(|map| map.get(other).is_none());
        let span = holder.and_then(|map| key_span(map, key));
        if let Some(span) = span {
            self.add(format!("condition negated in {of}"), Some(Edit::at(span, other)));
        }
    }

    fn place(&self, written: &Expression, part: std::ops::Range<usize>) -> Span {
        self.sources.place_in(written.span, &written.text, part)
    }
}

fn key_span(map: &Node, key: &str) -> Option<Span> {
    let Kind::Map(entries) = &map.kind else { return None };
    entries.iter().find(|entry| entry.key.value == key).map(|entry| entry.key.span)
}

/// The comparisons of a condition of that text: operator and place.
fn comparisons(policy: &Policy, text: &str) -> Vec<(&'static str, std::ops::Range<usize>)> {
    let found = policy.conditions().into_iter().find(|c| c.expression.source() == text);
    let comparisons = found.map(|condition| condition.expression.comparisons().to_vec());
    let comparisons = comparisons.unwrap_or_default().into_iter();
    comparisons.map(|comparison| (comparison.operator, comparison.operator_at)).collect()
}

/// A side that keeps its meaning wherever it is put.
fn guarded(words: &str) -> String {
    let loose = words.contains("&&") || words.contains("||");
    if loose { format!("({words})") } else { words.to_owned() }
}
