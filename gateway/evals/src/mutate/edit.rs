//! Edits of a rules file's text: one range replaced, an entry or an item taken out.

use std::ops::Range;

use backstop_policy::Span;
use backstop_policy::yaml::{Kind, Node};

/// One edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What is replaced.
    pub range: Range<usize>,
    /// With what.
    pub with: String,
}

/// The lines that an edit changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The first of them, from 1.
    pub line: usize,
    /// As they were.
    pub old: Vec<String>,
    /// As they are then.
    pub new: Vec<String>,
}

impl Edit {
    /// Puts `with` in the place of what stands at `span`.
    pub fn at(span: Span, with: impl Into<String>) -> Self {
        Self { range: span.range(), with: with.into() }
    }

    /// The text after the edit; `None` if the range does not fit it.
    pub fn apply(&self, text: &str) -> Option<String> {
        let (before, after) = (text.get(..self.range.start)?, text.get(self.range.end..)?);
        Some(format!("{before}{}{after}", self.with))
    }

    /// The lines that it changes.
    pub fn changed(&self, text: &str) -> Changed {
        let start = line_start(text, self.range.start);
        // Whole lines that go leave the next one alone.
        let whole =
            self.with.is_empty() && text.get(..self.range.end).is_some_and(|t| t.ends_with('\n'));
        let end = if whole { self.range.end } else { line_end(text, self.range.end.max(start)) };
        let head = text.get(start..self.range.start).unwrap_or_default();
        let tail = text.get(self.range.end..end).unwrap_or_default();
        let lines = |text: &str| -> Vec<String> {
            text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
        };
        Changed {
            line: text.get(..start).unwrap_or_default().matches('\n').count() + 1,
            old: lines(text.get(start..end).unwrap_or_default()),
            new: lines(&format!("{head}{}{tail}", self.with)),
        }
    }
}

fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |found| found + 1)
}

/// The end of the line that holds `at`, its line break left out.
fn line_end(text: &str, at: usize) -> usize {
    let rest = text.get(at..).and_then(|rest| rest.find('\n'));
    rest.map_or(text.len(), |found| at + found)
}

/// Takes the lines from `start` to the end of what ends at `end`.
fn lines_out(text: &str, start: usize, end: usize) -> Option<Edit> {
    let from = line_start(text, start);
    let upto = text.get(..end)?.trim_end().len().max(start);
    let to = (line_end(text, upto) + 1).min(text.len());
    Some(Edit { range: from..to, with: String::new() })
}

/// Whether a list or map is written between brackets.
fn is_flow(text: &str, node: &Node) -> bool {
    text.get(node.span.range()).is_some_and(|text| text.starts_with(['[', '{']))
}

/// A map without one of its entries; `None` where that cannot be written.
pub fn without_entry(text: &str, map: &Node, key: &str) -> Option<Edit> {
    let Kind::Map(entries) = &map.kind else { return None };
    let entry = entries.iter().find(|entry| entry.key.value == key)?;
    if is_flow(text, map) {
        let kept = entries.iter().filter(|entry| entry.key.value != key);
        let kept =
            kept.map(|entry| text.get(entry.key.span.range().start..entry.value.span.range().end));
        let kept: Vec<&str> = kept.collect::<Option<_>>()?;
        return (!kept.is_empty()).then(|| Edit::at(map.span, format!("{{{}}}", kept.join(", "))));
    }
    let start = entry.key.span.range().start;
    let alone = text.get(line_start(text, start)..start)?.trim().is_empty();
    if !alone || entries.len() < 2 {
        return None;
    }
    lines_out(text, start, entry.value.span.range().end)
}

/// A list without one of its items; `None` where that cannot be written.
pub fn without_item(text: &str, list: &Node, index: usize) -> Option<Edit> {
    let Kind::List(items) = &list.kind else { return None };
    let item = items.get(index).filter(|_| items.len() > 1)?;
    if is_flow(text, list) {
        let kept = items.iter().enumerate().filter(|(at, _)| *at != index);
        let kept = kept.map(|(_, item)| text.get(item.span.range()));
        let kept: Vec<&str> = kept.collect::<Option<_>>()?;
        return Some(Edit::at(list.span, format!("[{}]", kept.join(", "))));
    }
    let range = item.span.range();
    let dash = text.get(line_start(text, range.start)..range.start)?.trim();
    (dash == "-").then(|| lines_out(text, range.start, range.end)).flatten()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use backstop_policy::diagnostics::Report;
    use backstop_policy::{Sources, yaml};

    use super::*;

    fn tree(text: &str) -> Node {
        let sources = Sources::single("policies/x.yaml", text);
        let file = sources.find("policies/x.yaml").unwrap();
        yaml::parse(&sources, file, &mut Report::new()).unwrap()
    }

    #[test]
    fn an_entry_leaves_with_its_lines_and_its_comment() {
        let text = "a: 1\nb:\n  - x\n  - y   # why\nc: 3\n";
        let without = without_entry(text, &tree(text), "b").unwrap();
        assert_eq!(without.apply(text).unwrap(), "a: 1\nc: 3\n");
    }

    #[test]
    fn an_entry_between_brackets_leaves_the_others() {
        let text = "{a: 1, b: [x, y], c: \"3\"}";
        let without = without_entry(text, &tree(text), "b").unwrap();
        assert_eq!(without.apply(text).unwrap(), "{a: 1, c: \"3\"}");
    }

    #[test]
    fn an_item_leaves_a_list_of_lines() {
        let text = "r:\n  - id: a\n    when: x\n  - id: b\nz: 1\n";
        let list = tree(text).get("r").unwrap().clone();
        let first = without_item(text, &list, 0).unwrap();
        assert_eq!(first.apply(text).unwrap(), "r:\n  - id: b\nz: 1\n");
        assert_eq!(first.changed(text).line, 2);
        let second = without_item(text, &list, 1).unwrap();
        assert_eq!(second.apply(text).unwrap(), "r:\n  - id: a\n    when: x\nz: 1\n");
    }
}
