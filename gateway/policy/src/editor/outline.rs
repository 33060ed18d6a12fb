//! The parts of a file, for an editor's list of symbols.

use crate::keys::Value;
use crate::source::Span;
use crate::yaml::{Kind, Node};

/// What a symbol is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SymbolKind {
    /// A key of the file.
    Key,
    /// An entry that has a name: a check, a model, a queue.
    Entry,
    /// A rule.
    Rule,
    /// A test.
    Test,
}

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// How it is called.
    pub name: String,
    /// What it is.
    pub kind: SymbolKind,
    /// All of it.
    pub span: Span,
    /// Its name.
    pub name_span: Span,
    /// Its parts.
    pub children: Vec<Self>,
}

/// The parts of the file whose tree that is.
pub fn outline(tree: &Node, root: &'static Value) -> Vec<Symbol> {
    let form = root.form(tree);
    parts(tree, form, 0)
}

/// Deepest symbols that are listed.
const DEPTH_MAX: usize = 3;

fn parts(node: &Node, form: Option<&'static Value>, depth: usize) -> Vec<Symbol> {
    if depth >= DEPTH_MAX {
        return Vec::new();
    }
    match &node.kind {
        Kind::Map(entries) => entries
            .iter()
            .filter(|_| depth == 0 || matches!(form, Some(Value::Named(..) | Value::Map(_))))
            .filter(|entry| depth == 0 || !matches!(entry.value.kind, Kind::Scalar(_)))
            .map(|entry| {
                let (_, value) = super::place::below(form, &entry.key.value);
                let below = value.and_then(|value| value.form(&entry.value));
                let named = matches!(form, Some(Value::Named(..)));
                let end = entry.value.span.end.max(entry.key.span.end);
                Symbol {
                    name: entry.key.value.clone(),
                    kind: if named { SymbolKind::Entry } else { SymbolKind::Key },
                    span: Span { end, ..entry.key.span },
                    name_span: entry.key.span,
                    children: parts(&entry.value, below, depth + 1),
                }
            })
            .collect(),
        Kind::List(items) => items.iter().filter_map(element).collect(),
        Kind::Scalar(_) => Vec::new(),
    }
}

/// A rule by its id, a test by its name.
fn element(node: &Node) -> Option<Symbol> {
    let (kind, name) = match (node.get("id"), node.get("name")) {
        (Some(id), _) => (SymbolKind::Rule, id),
        (None, Some(name)) => (SymbolKind::Test, name),
        _ => return None,
    };
    let text = name.as_text().filter(|text| !text.is_empty())?;
    let (span, name_span) = (node.span, name.span);
    Some(Symbol { name: text.to_owned(), kind, span, name_span, children: Vec::new() })
}
