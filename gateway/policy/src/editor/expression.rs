//! The expression at a byte of a file, and what its parts are.

use std::ops::Range;

use backstop_checks::expression::{Scope, Seen, Type, look};

use crate::keys::Value;
use crate::source::{Sources, Span};
use crate::yaml::Node;

/// An expression in a file, and a byte in it.
pub(super) struct Inside {
    /// The expression as decoded.
    pub source: String,
    /// The byte in it.
    pub at: usize,
    /// Where the value that holds it stands.
    whole: Span,
    /// The value as decoded, up to where the expression begins in it.
    text: String,
    starts: usize,
}

/// The expression that the scalar `node` has at byte `at` of its file, if it has one there.
pub(super) fn inside(
    sources: &Sources,
    node: &Node,
    value: Option<&'static Value>,
    at: u32,
) -> Option<Inside> {
    let text = node.as_text()?;
    let form = value.and_then(|value| value.form(node));
    let offset = offset(sources, node, at)?;
    let found = |range: Range<usize>| {
        let source = text.get(range.clone())?.to_owned();
        let at = offset.checked_sub(range.start).filter(|at| *at <= source.len())?;
        let text = text.to_owned();
        Some(Inside { source, at, whole: node.span, text, starts: range.start })
    };
    if matches!(form, Some(Value::Expression)) {
        return found(0..text.len());
    }
    if let Some(rest) = text.strip_prefix('=')
        && rest.starts_with(' ')
    {
        return found(text.len() - rest.trim_start().len()..text.len());
    }
    let open = text.get(..offset)?.rfind("{{")?;
    let rest = text.get(open + 2..)?;
    let close = rest.find("}}").unwrap_or(rest.len());
    (offset <= open + 2 + close).then(|| found(open + 2..open + 2 + close)).flatten()
}

/// The byte of the decoded text that byte `at` of the file gave.
fn offset(sources: &Sources, node: &Node, at: u32) -> Option<usize> {
    let text = node.as_text()?;
    if sources.slice(node.span) == text {
        return (at as usize).checked_sub(node.span.start as usize);
    }
    let mut best = None;
    for (index, c) in text.char_indices() {
        let place = sources.place_in(node.span, text, index..index + c.len_utf8());
        if place.start > at {
            break;
        }
        best = Some(if place.end <= at { index + c.len_utf8() } else { index });
    }
    best.or(Some(0))
}

impl Inside {
    /// The same without `word`, the cursor where it stood.
    pub(super) fn without(self, word: &str) -> Self {
        let at = self.source.find(word).unwrap_or(self.at);
        let source = self.source.replacen(word, "", 1);
        Self { source, at, ..self }
    }

    /// Where a part of the expression stands in the file.
    pub(super) fn span(&self, sources: &Sources, part: &Range<usize>) -> Span {
        let part = part.start + self.starts..part.end + self.starts;
        sources.place_in(self.whole, &self.text, part)
    }

    /// The smallest part at the byte, with what it is.
    pub(super) fn part(&self, scope: &Scope) -> Option<Seen> {
        let seen = look(&self.source, scope).into_iter();
        let here = seen.filter(|seen| seen.range.start <= self.at && self.at <= seen.range.end);
        here.min_by_key(|seen| seen.range.end - seen.range.start)
    }

    /// The word at the byte, and where in the expression it stands.
    pub(super) fn word(&self) -> (&str, Range<usize>) {
        let own = |c: char| c.is_alphanumeric() || c == '_';
        let before = self.source.get(..self.at).unwrap_or("");
        let rest = self.source.get(self.at..).unwrap_or("");
        let start = before.trim_end_matches(own).len();
        let end = self.at + (rest.len() - rest.trim_start_matches(own).len());
        (self.source.get(start..end).unwrap_or(""), start..end)
    }

    /// The chain of names that ends in the word at the byte: `data.vendors`.
    pub(super) fn chain(&self) -> String {
        let own = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        let rest = self.source.get(self.at..).unwrap_or("");
        let end = self.at + (rest.len() - rest.trim_start_matches(own).len());
        let before = self.source.get(..end).unwrap_or("");
        let start = before.trim_end_matches(|c: char| own(c) || c == '.').len();
        before.get(start..).unwrap_or("").to_owned()
    }

    /// What is written before the word that is being typed, if it is the field of something: the
    /// type of that something.
    pub(super) fn receiver(&self, scope: &Scope) -> Option<Option<Type>> {
        let own = |c: char| c.is_alphanumeric() || c == '_';
        let before = self.source.get(..self.at).unwrap_or("").trim_end_matches(own);
        let before = before.strip_suffix('.')?;
        // With the dot and the word taken out, the text parses wherever the rest of it does.
        let rest = self.source.get(self.at..).unwrap_or("").trim_start_matches(own);
        let whole = format!("{before}{rest}");
        let ends = |seen: &Seen| seen.range.end == before.len();
        let found = look(&whole, scope).into_iter().filter(ends);
        let found = found.min_by_key(|seen| seen.range.end - seen.range.start);
        if let Some(seen) = found {
            return Some(Some(seen.kind));
        }
        let alone = before.get(chain_start(before)..).unwrap_or("");
        let seen = look(alone, scope).into_iter().filter(|seen| seen.range == (0..alone.len()));
        Some(seen.map(|seen| seen.kind).last().or_else(|| local(before, alone, scope)))
    }
}

/// Where the chain of names, look-ups and calls begins that ends `text`.
fn chain_start(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut start = text.len();
    for (at, c) in text.char_indices().rev() {
        match c {
            ')' | ']' => depth += 1,
            '(' | '[' if depth == 0 => break,
            '(' | '[' => depth -= 1,
            _ if depth > 0 || c.is_alphanumeric() || matches!(c, '_' | '.') => {}
            _ => break,
        }
        start = at;
    }
    start
}

/// The type of the variable of the macro around: `l` in `output.lines.map(l, l.`.
fn local(before: &str, chain: &str, scope: &Scope) -> Option<Type> {
    let (name, rest) = chain.split_once('.').unwrap_or((chain, ""));
    let macros = ["map", "filter", "all", "exists", "exists_one"];
    let open = macros.iter().filter_map(|one| before.rfind(&format!(".{one}({name},"))).max()?;
    let over = before.get(..open)?;
    let over = over.get(chain_start(over)..)?;
    let seen = look(over, scope).into_iter().find(|seen| seen.range == (0..over.len()))?;
    let mut kind = match seen.kind {
        Type::List { item, .. } => (*item).clone(),
        Type::Map { .. } => Type::TEXT,
        _ => return None,
    };
    for part in rest.split('.').filter(|part| !part.is_empty()) {
        let fields = super::fields::of_type(&kind);
        kind = fields.into_iter().find(|(field, _, _)| field == part)?.1;
    }
    Some(kind)
}
