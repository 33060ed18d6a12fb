//! Finding comments: the parser drops them, so they are looked for between the values.

use crate::yaml::{Kind, Node, Style};

/// A comment and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Comment {
    /// Byte of its `#`.
    pub at: usize,
    /// Characters before it on its line.
    pub column: usize,
    /// From `#` to the end of the line.
    pub text: String,
    /// Whether nothing but white space stands before it.
    pub own_line: bool,
    /// Whether a blank line stands above its line.
    pub blank_above: bool,
}

/// Every comment of `text`, in order.
pub(super) fn find(text: &str, tree: &Node) -> Vec<Comment> {
    let mut values = Vec::new();
    covered(text, tree, &mut values);
    values.sort_unstable();
    let mut found = Vec::new();
    let mut values = values.into_iter().peekable();
    let mut at = 0;
    while let Some(offset) = text.get(at..).and_then(|rest| rest.find('#')) {
        at += offset;
        while values.peek().is_some_and(|(_, end)| *end <= at) {
            values.next();
        }
        if values.peek().is_some_and(|(start, end)| *start <= at && at < *end) {
            at = values.peek().map_or(text.len(), |(_, end)| *end).max(at + 1);
            continue;
        }
        let comment = comment(text, at);
        at += comment.text.len().max(1);
        found.push(comment);
    }
    found
}

fn comment(text: &str, at: usize) -> Comment {
    let before = text.get(..at).unwrap_or("");
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let own = before.get(start..).unwrap_or("");
    Comment {
        at,
        column: own.chars().count(),
        text: text.get(at..).unwrap_or("").lines().next().unwrap_or("").to_owned(),
        own_line: own.trim().is_empty(),
        blank_above: blank_above(text, at),
    }
}

/// Whether the line above the one of byte `at` is blank; not at the start of the text.
pub(super) fn blank_above(text: &str, at: usize) -> bool {
    let before = text.get(..at).unwrap_or("");
    let start = before.rfind('\n').unwrap_or(0);
    let above = before.get(..start).unwrap_or("");
    start > 0 && above.rsplit('\n').next().unwrap_or("").trim().is_empty()
}

/// The bytes of values and keys, in which `#` is no comment.
fn covered(text: &str, node: &Node, into: &mut Vec<(usize, usize)>) {
    match &node.kind {
        Kind::List(items) => items.iter().for_each(|item| covered(text, item, into)),
        Kind::Map(entries) => {
            for entry in entries {
                into.push((entry.key.span.start as usize, entry.key.span.end as usize));
                covered(text, &entry.value, into);
            }
        }
        Kind::Scalar(scalar) => {
            let (mut start, end) = (node.span.start as usize, node.span.end as usize);
            if scalar.style == Style::Block {
                // The lines below its header; behind `|` a comment may stand.
                start = super::scalar::block_start(text, start);
            }
            into.push((start, end));
        }
    }
}

/// The comments' texts, in a row that does not tell where they stand.
pub(super) fn texts(comments: &[Comment]) -> Vec<&str> {
    let mut texts: Vec<&str> = comments.iter().map(|one| one.text.trim_end()).collect();
    texts.sort_unstable();
    texts
}
