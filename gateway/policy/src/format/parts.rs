//! What is written: entries and elements with their comments, in the order of the tables.

use super::comments::{Comment, blank_above};
use super::scalar::{self, Scalar};
use super::{Read, same};
use crate::keys::{Shape, Value};
use crate::yaml::{Kind, Node, Style};

/// A comment that stands on a line of its own.
#[derive(Debug, Clone)]
pub(super) struct Note {
    pub text: String,
    pub blank_above: bool,
}

/// An entry of a map or an element of a list.
#[derive(Debug)]
pub(super) struct Part {
    /// Comments above it.
    pub lead: Vec<Note>,
    pub blank_above: bool,
    /// The key as written; none in a list.
    pub key: Option<String>,
    /// The comment behind it.
    pub tail: Option<String>,
    pub body: Body,
}

/// What a part holds.
#[derive(Debug)]
pub(super) enum Body {
    Scalar(Scalar),
    Many(Many),
}

/// A list or a map.
#[derive(Debug)]
pub(super) struct Many {
    pub list: bool,
    pub written: Written,
    pub parts: Vec<Part>,
    /// Comments below the last part.
    pub foot: Vec<Note>,
}

/// How a list or map was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// One part a line.
    Block,
    /// In brackets.
    Flow,
    /// `key: value` in a list with brackets, without brackets of its own.
    Pair,
}

/// A whole file.
#[derive(Debug)]
pub(super) struct Document {
    /// Comments at the top, which stay there.
    pub head: Vec<Note>,
    pub root: Body,
    /// Comments at the end.
    pub foot: Vec<Note>,
}

/// The document of a text that was read.
pub(super) fn document(read: &Read, root: Option<&'static Value>) -> Document {
    let mut build = Build { text: read.text(), comments: read.comments.iter().peekable() };
    let mut head = build.above(first_byte(&read.tree));
    let own = head.iter().rposition(|note| note.blank_above).unwrap_or(0);
    let lead = head.split_off(if own == 0 { head.len() } else { own });
    let mut body = build.body(&read.tree, root, Around { end: read.text().len(), column: 0 });
    if let Body::Many(many) = &mut body {
        let first = first_key(read);
        match many.parts.iter_mut().find(|part| part.key == first) {
            // What a blank line parts from the head is about what follows.
            Some(part) => part.lead = lead,
            None => head.extend(lead),
        }
    } else {
        head.extend(lead);
    }
    let foot = build.rest();
    Document { head, root: body, foot }
}

fn first_byte(node: &Node) -> usize {
    node.span.start as usize
}

/// The first key as written; of a list `None`, as its parts have.
fn first_key(read: &Read) -> Option<String> {
    match &read.tree.kind {
        Kind::Map(entries) => {
            entries.first().map(|entry| read.sources.slice(entry.key.span).to_owned())
        }
        _ => None,
    }
}

/// What surrounds a value: where the next token may start, and the column of what holds it.
#[derive(Clone, Copy)]
struct Around {
    end: usize,
    column: usize,
}

struct Build<'r> {
    text: &'r str,
    comments: std::iter::Peekable<std::slice::Iter<'r, Comment>>,
}

impl Build<'_> {
    fn body(&mut self, node: &Node, value: Option<&'static Value>, around: Around) -> Body {
        let form = value.and_then(|value| value.form(node));
        match &node.kind {
            Kind::Scalar(written) => {
                let written = scalar::Written { node, scalar: written, text: self.text };
                Body::Scalar(Scalar::of(&written, form))
            }
            Kind::List(items) => {
                let item = form.and_then(Value::item);
                let children = items.iter().map(|node| Child { key: None, node, value: item });
                self.many(node, children.collect(), true, around)
            }
            Kind::Map(entries) => {
                let shape = shape_of(form);
                let children = entries.iter().map(|entry| Child {
                    key: Some(&entry.key),
                    node: &entry.value,
                    value: value_of(form, &entry.key.value),
                });
                let mut body = self.many(node, children.collect(), false, around);
                if let (Body::Many(many), Some(shape)) = (&mut body, shape) {
                    let names = entries.iter().map(|entry| entry.key.value.as_str());
                    in_order(&mut many.parts, &same::ranks(shape, names));
                }
                body
            }
        }
    }

    fn many(&mut self, node: &Node, children: Vec<Child<'_>>, list: bool, around: Around) -> Body {
        let start = node.span.start as usize;
        let written = match self.text.get(start..).and_then(|rest| rest.chars().next()) {
            Some('[') if list => Written::Flow,
            Some('{') if !list => Written::Flow,
            _ if !list && self.in_brackets(node, around) => Written::Pair,
            _ => Written::Block,
        };
        let own_end = node.span.end as usize;
        let column = self.column(start);
        let mut parts = Vec::with_capacity(children.len());
        let mut starts = children.iter().skip(1).map(Child::start).collect::<Vec<_>>().into_iter();
        for child in &children {
            let last = if written == Written::Flow { own_end } else { around.end };
            let end = starts.next().unwrap_or(last);
            parts.push(self.part(child, Around { end, column }));
        }
        let foot = match written {
            Written::Flow => self.above(own_end),
            Written::Pair => Vec::new(),
            // A list may stand in the column of the key that holds it.
            Written::Block => self.below(around.end, column.max(around.column + usize::from(list))),
        };
        Body::Many(Many { list, written, parts, foot })
    }

    /// Whether a map without brackets stands in a list with brackets.
    fn in_brackets(&self, node: &Node, around: Around) -> bool {
        let Kind::Map(entries) = &node.kind else { return false };
        let [only] = entries.as_slice() else { return false };
        let before = self.text.get(..only.key.span.start as usize).unwrap_or("").trim_end();
        let _ = around;
        // In a block, a dash, a key or a line stands before it.
        before.ends_with(['[', ','])
    }

    fn part(&mut self, child: &Child<'_>, around: Around) -> Part {
        let start = child.start();
        let lead = self.above(start);
        let blank = blank_above(self.text, start);
        let key = child.key.map(|key| self.text.get(key.span.range()).unwrap_or("").to_owned());
        let one_line = !self.opens_below(child);
        let mut tail = None;
        if !one_line && child.key.is_some() {
            tail = self.behind(child.node.span.start as usize);
        }
        let block = matches!(&child.node.kind, Kind::Scalar(one) if one.style == Style::Block);
        if block {
            tail = self.behind(child.node.span.end as usize);
        }
        let body = self.body(child.node, child.value, around);
        if one_line && !block {
            let end = self.line_end(child.node.span.end as usize);
            tail = self.behind(end.min(around.end));
        }
        Part { lead, blank_above: blank, key, tail, body }
    }

    /// Whether the value is a list or map that starts below its key.
    fn opens_below(&self, child: &Child<'_>) -> bool {
        let many = matches!(&child.node.kind, Kind::List(_) | Kind::Map(_));
        let first = self.text.get(child.node.span.start as usize..);
        many && !first.is_some_and(|rest| rest.starts_with(['[', '{']))
    }

    /// Comments before byte `end`, as notes.
    fn above(&mut self, end: usize) -> Vec<Note> {
        let mut notes = Vec::new();
        while let Some(comment) = self.comments.next_if(|comment| comment.at < end) {
            notes.push(note(comment));
        }
        notes
    }

    /// Comments before byte `end` that are indented at least to `column`.
    fn below(&mut self, end: usize, column: usize) -> Vec<Note> {
        let mut notes = Vec::new();
        let inside =
            |comment: &&Comment| comment.at < end && comment.own_line && comment.column >= column;
        while let Some(comment) = self.comments.next_if(inside) {
            notes.push(note(comment));
        }
        notes
    }

    /// The comment behind a value on the same line, before byte `end`.
    fn behind(&mut self, end: usize) -> Option<String> {
        let comment = self.comments.next_if(|comment| comment.at < end && !comment.own_line)?;
        Some(comment.text.trim_end().to_owned())
    }

    fn rest(&mut self) -> Vec<Note> {
        self.comments.by_ref().map(note).collect()
    }

    fn line_end(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or("");
        at + rest.find('\n').unwrap_or(rest.len())
    }

    fn column(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or("");
        before.rsplit('\n').next().unwrap_or("").chars().count()
    }
}

fn note(comment: &Comment) -> Note {
    Note { text: comment.text.trim_end().to_owned(), blank_above: comment.blank_above }
}

struct Child<'n> {
    key: Option<&'n crate::source::Spanned<String>>,
    node: &'n Node,
    value: Option<&'static Value>,
}

impl Child<'_> {
    fn start(&self) -> usize {
        self.key.map_or(self.node.span.start, |key| key.span.start) as usize
    }
}

/// The table of a map.
pub(super) fn shape_of(form: Option<&'static Value>) -> Option<&'static Shape> {
    match form? {
        Value::Map(shape) => Some(shape),
        _ => None,
    }
}

/// What stands under `key` of a map.
pub(super) fn value_of(form: Option<&'static Value>, key: &str) -> Option<&'static Value> {
    match form? {
        Value::Map(shape) => shape.key(key).map(|key| &key.value),
        Value::Named(_, value) => Some(value),
        _ => None,
    }
}

/// Sorts by rank; what has the same stays as it was written.
fn in_order(parts: &mut [Part], ranks: &[(String, usize)]) {
    let rank = |part: &Part| {
        let key = part.key.as_deref().unwrap_or("");
        let name = key.trim_matches(['"', '\'']);
        ranks.iter().find(|(known, _)| known == name).map_or(0, |(_, rank)| *rank)
    };
    parts.sort_by_key(rank);
}
