//! Conditions that YAML reads in its own way: put in quotes, so that the text can be read at all.
//!
//! Only what the loader names as such a condition is touched; how it is written in the end is
//! decided in [`super::scalar`].

use super::scalar::{is_bare, quoted};
use crate::decode::looks_cut;
use crate::diagnostics::{Code, Report};
use crate::source::{Sources, Span};
use crate::yaml::{self, Entry, Kind, Node, Style};

/// Most conditions that are mended in one file.
const MENDS_MAX: usize = 500;

/// The text with its conditions mended, and how many were; `None` if it is still not readable.
pub(super) fn mend(mut text: String) -> Option<(String, usize)> {
    for mended in 0..=MENDS_MAX {
        let sources = Sources::single("text.yaml", text.as_str());
        let file = sources.ids().next()?;
        let mut report = Report::new();
        let tree = yaml::parse(&sources, file, &mut report);
        let place = if report.has_errors() || tree.is_none() {
            let problems = report.sorted();
            let named = problems.iter().filter(|problem| problem.code == Code::Quoting);
            named.filter_map(|problem| on_line(&text, problem.span)).next()
        } else {
            match tree.as_ref().and_then(|tree| cut(&text, tree)) {
                None => return Some((text, mended)),
                place => place,
            }
        };
        let (start, end) = place?;
        let condition = text.get(start..end)?.to_owned();
        // What becomes a block ends in a line end, as blocks do.
        let end_of_line = if is_bare(&condition, false) { "" } else { "\n" };
        text.replace_range(start..end, &quoted(&format!("{condition}{end_of_line}")));
    }
    None
}

/// The condition on the line of `span`, or on the line above it.
fn on_line(text: &str, span: Span) -> Option<(usize, usize)> {
    let at = (span.start as usize).min(text.len());
    let before = text.get(..at)?;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    condition(text, start).or_else(|| {
        let above = text.get(..start.checked_sub(1)?)?;
        condition(text, above.rfind('\n').map_or(0, |newline| newline + 1))
    })
}

/// Where the condition of the line that starts at byte `start` stands, without a comment.
fn condition(text: &str, start: usize) -> Option<(usize, usize)> {
    let line = text.get(start..)?.lines().next()?;
    let (_, value) = yaml::expression_on_line(line)?;
    let from = start + line.trim_end().len().checked_sub(value.len())?;
    let long = comment_at(value).unwrap_or(value.len());
    let value = value.get(..long)?.trim_end();
    (!value.is_empty()).then_some((from, from + value.len()))
}

/// Where a comment begins: a `#` behind a space that stands in no quotes.
fn comment_at(value: &str) -> Option<usize> {
    let (mut quote, mut last) = (None, ' ');
    for (at, c) in value.char_indices() {
        match quote {
            Some(open) if c == open && last != '\\' => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c == '#' && last == ' ' => return Some(at),
            _ => {}
        }
        last = c;
    }
    None
}

/// A condition of the tree that is not whole: cut by a comma inside brackets, or by ` #`.
fn cut(text: &str, node: &Node) -> Option<(usize, usize)> {
    match &node.kind {
        Kind::Scalar(_) => None,
        Kind::List(items) => items.iter().find_map(|item| cut(text, item)),
        Kind::Map(entries) => {
            let own = entries.iter().enumerate().find_map(|(index, entry)| {
                let rest = entries.get(index + 1..).unwrap_or(&[]);
                cut_entry(text, node, entry, rest)
            });
            own.or_else(|| entries.iter().find_map(|entry| cut(text, &entry.value)))
        }
    }
}

fn cut_entry(text: &str, map: &Node, entry: &Entry, rest: &[Entry]) -> Option<(usize, usize)> {
    let Kind::Scalar(scalar) = &entry.value.kind else { return None };
    if scalar.style != Style::Plain || !yaml::is_expression_key(&entry.key.value) {
        return None;
    }
    let (start, end) = (entry.value.span.start as usize, entry.value.span.end as usize);
    if text.get(map.span.start as usize..)?.starts_with('{') {
        let bits = rest.iter().take_while(|bit| bit.value.is_null() && looks_cut(&bit.key.value));
        let end = bits.last()?.key.span.end as usize;
        return Some((start, end));
    }
    // One quote is left open, and the rest of the line was taken for a comment.
    let quotes = scalar.text.replace("\\\"", "").matches('"').count();
    let line = text.get(end..)?.lines().next()?;
    let closes = line.replace("\\\"", "").matches('"').count() % 2 == 1;
    let hash = line.trim_start().starts_with('#');
    (quotes % 2 == 1 && closes && hash).then(|| (start, end + line.trim_end().len()))
}
