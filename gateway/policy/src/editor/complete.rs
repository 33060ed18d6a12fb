//! What may stand here: keys, words, names, files, places, and the fields of conditions.
//!
//! A name that nobody uses is put where the cursor is, and the file is read again: where that name
//! ends up is where the cursor stands, however little of the file is written yet.

use backstop_checks::expression::{Scope, Type, known_functions};

use super::expression::{Inside, inside};
use super::place::{What, find, shape};
use super::workspace::{Desk, Editor};
use crate::diagnostics::Report;
use crate::format::FileKind;
use crate::keys::{self, FileUse, Key, Names, Need, Value, prose};
use crate::path::Root;
use crate::raw;
use crate::source::{FileId, Sources, Span};
use crate::yaml::{self, Entry, Node};

/// What kind of thing is offered, for the picture beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// A key.
    Key,
    /// A word of a closed list.
    Word,
    /// A name that something else has.
    Name,
    /// A file.
    File,
    /// A field or variable of a condition.
    Field,
    /// A function.
    Function,
    /// A value as it could be written.
    Value,
}

/// Something that may stand at the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// As it is shown and written, but for what `insert` says.
    pub label: String,
    /// What is written; the label if nothing else is said.
    pub insert: Option<String>,
    /// A few words beside it.
    pub detail: String,
    /// What it is for; Markdown.
    pub doc: String,
    /// What kind of thing it is.
    pub offer: Offer,
    /// What it takes the place of.
    pub span: Span,
}

/// Stands for the word that is being typed.
const CURSOR: &str = "zzCursor";

impl Editor {
    /// What may stand at byte `at` of `file`.
    pub fn complete(&mut self, sources: &Sources, file: FileId, at: u32) -> Vec<Completion> {
        let Some(mut desk) = self.desk(sources, file) else { return Vec::new() };
        let text = sources.text(file);
        let Some(word) = word_at(text, at as usize) else { return Vec::new() };
        for (changed, cursor) in guesses(text, &word) {
            let path = sources.path(file);
            let guess = Sources::single(path, changed);
            let Some(id) = guess.find(path) else { continue };
            let Some(tree) = read(&guess, id, desk.kind) else { continue };
            let found = {
                let Some(place) = find(&tree, Some(desk.kind.root()), cursor) else { continue };
                Found { sources: &guess, place, cursor }
            };
            if desk.tree.is_none() {
                // Names are looked up in what can be read.
                desk.tree = Some(tree.clone());
            }
            let span = Span::new(file, word.start, word.end);
            return desk.offers(&found, span);
        }
        Vec::new()
    }
}

struct Found<'t> {
    sources: &'t Sources,
    place: super::place::Place<'t>,
    cursor: u32,
}

fn read(sources: &Sources, file: FileId, kind: FileKind) -> Option<Node> {
    let mut report = Report::new();
    if kind != FileKind::Prompt {
        return yaml::parse(sources, file, &mut report);
    }
    let (front, _) = raw::front_matter(sources.text(file), file, &mut report)?;
    yaml::parse_text(front.text, file, front.start, &mut report)
}

/// The word at the cursor.
struct Word {
    start: usize,
    end: usize,
}

/// The word that ends or stands at byte `at`.
fn word_at(text: &str, at: usize) -> Option<Word> {
    let own = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | '%');
    let before = text.get(..at)?;
    let start = before.trim_end_matches(own).len();
    // A dash before a space begins an element.
    let start = match before.get(start..) {
        Some(word) if word.chars().all(|c| c == '-') => at,
        _ => start,
    };
    let rest = text.get(at..)?;
    let end = at + (rest.len() - rest.trim_start_matches(own).len());
    Some(Word { start, end })
}

/// The text with [`CURSOR`] in the place of the word, as a value and as a key, with and without
/// what may be missing behind it; and the byte where it stands.
fn guesses(text: &str, word: &Word) -> Vec<(String, u32)> {
    let (before, behind) = (text.get(..word.start), text.get(word.end..));
    let (Some(before), Some(behind)) = (before, behind) else { return Vec::new() };
    let line = before.rsplit('\n').next().unwrap_or("");
    let (rest, below) = behind.split_at(behind.find('\n').unwrap_or(behind.len()));
    let closers = closers(line, rest);
    let plain = || line.trim_start().trim_start_matches("- ").trim().is_empty();
    let key_first = plain() && !line.trim_start().starts_with('-');
    let value = format!("{CURSOR}{rest}{closers}{below}");
    let key = format!("{CURSOR}: zz{closers}{below}");
    let quoted = format!("{CURSOR}{rest}\"{closers}{below}");
    let alone = format!("{CURSOR}{closers}{below}");
    let colon = rest.trim_start().starts_with(':');
    let order = match (key_first, colon) {
        (_, true) => vec![value, key],
        (true, false) => vec![key, value, alone],
        (false, false) => vec![value, quoted, alone, key],
    };
    let cursor = u32::try_from(word.start + 1).unwrap_or(u32::MAX);
    order.into_iter().map(|guess| (format!("{before}{guess}"), cursor)).collect()
}

/// The brackets that the line opens and does not close.
fn closers(line: &str, rest: &str) -> String {
    let mut open = Vec::new();
    let (mut quote, mut last) = (None, ' ');
    for c in line.chars().chain(rest.chars()) {
        match (quote, c) {
            (Some(one), c) if c == one => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') if " [{,:".contains(last) => quote = Some(c),
            (None, '[') => open.push(']'),
            (None, '{') => open.push('}'),
            (None, ']' | '}') if open.last() == Some(&c) => drop(open.pop()),
            _ => {}
        }
        last = c;
    }
    open.iter().rev().collect()
}

impl Desk<'_> {
    fn offers(&self, found: &Found<'_>, span: Span) -> Vec<Completion> {
        let way = &found.place.way;
        match &found.place.what {
            What::Key { map, entries, .. } => self.keys(*map, entries, span),
            What::Scalar { node, value } => {
                let expression = inside(found.sources, node, *value, found.cursor);
                let mut all = match (expression, self.scope(way)) {
                    (Some(expression), Some(scope)) => {
                        return fields(&expression.without(CURSOR), scope, span);
                    }
                    (Some(_), None) => return Vec::new(),
                    _ => Vec::new(),
                };
                let Some(value) = value else { return all };
                self.values(value, node, way, span, &mut all);
                all
            }
        }
    }

    /// Keys that may still stand in a map.
    fn keys(&self, map: Option<&'static Value>, entries: &[Entry], span: Span) -> Vec<Completion> {
        let there = |name: &str| entries.iter().any(|entry| entry.key.value == name);
        match map {
            Some(Value::Named(names, _)) => {
                let names = self.names(*names).into_iter().filter(|name| !there(name));
                names.map(|name| offer(&name, Offer::Name, span).inserts(": ")).collect()
            }
            Some(Value::Changes) => {
                let roots = Root::CHANGES.iter().map(|root| root.name());
                roots.map(|root| offer(root, Offer::Field, span)).collect()
            }
            map => {
                let Some(shape) = shape(map) else { return Vec::new() };
                let chosen = shape.keys.iter().any(|k| k.need == Need::Either && there(k.name));
                let fits = |key: &&Key| {
                    let settled = chosen && key.need == Need::Either;
                    !there(key.name) && key.need != Need::Later && !settled
                };
                shape.known(there).filter(fits).map(|key| key_offer(key, span)).collect()
            }
        }
    }

    /// Values that may stand somewhere.
    fn values(
        &self,
        value: &'static Value,
        node: &Node,
        way: &[String],
        span: Span,
        all: &mut Vec<Completion>,
    ) {
        let mut names = |names: Vec<String>, kind| {
            all.extend(names.iter().map(|name| offer(name, kind, span)));
        };
        match value {
            Value::Words(words) => all.extend(words.iter().map(|word| {
                let doc = match word.doc {
                    "" => keys::ON.key(word.name).map_or("", |key| key.doc),
                    doc => doc,
                };
                offer(word.name, Offer::Word, span).says("", &prose(doc))
            })),
            Value::Bool => names(vec!["true".to_owned(), "false".to_owned()], Offer::Word),
            Value::Name(Names::Own) => {}
            Value::Name(kind) => names(self.names(*kind), Offer::Name),
            Value::File(used) => {
                let fits = |path: &String| match used {
                    FileUse::Schema | FileUse::Arguments => path.ends_with(".json"),
                    FileUse::Data => [".csv", ".json", ".txt"].iter().any(|e| path.ends_with(e)),
                    FileUse::Lines => path.ends_with(".txt"),
                    FileUse::Fragment => path.ends_with(".yaml"),
                    FileUse::Draft => path.starts_with("drafts/"),
                };
                let files = self.files_beside().into_iter().filter(fits);
                all.extend(files.map(|path| offer(&path, Offer::File, whole(span, node))));
            }
            Value::Given => {
                let files = self.files_beside().into_iter();
                all.extend(files.map(|path| offer(&path, Offer::File, whole(span, node))));
            }
            Value::Path => all.extend(self.places(node, way, span)),
            Value::List(item) | Value::OneOrMany(item) => self.values(item, node, way, span, all),
            Value::OneOf(forms) => {
                forms.iter().for_each(|form| self.values(form, node, way, span, all));
            }
            // What is being typed may become the key of a map, as in `[repair: 2]`.
            Value::Map(shape) => {
                let either = shape.keys.iter().filter(|key| key.need == Need::Either);
                all.extend(either.map(|key| key_offer(key, span)));
            }
            _ => {}
        }
        let mut seen = std::collections::BTreeSet::new();
        all.retain(|one| seen.insert((one.label.clone(), one.insert.clone())));
    }

    /// The places below what is written of a path.
    fn places(&self, node: &Node, way: &[String], span: Span) -> Vec<Completion> {
        let text = node.as_text().unwrap_or("");
        let before = text.split(CURSOR).next().unwrap_or("");
        let Some(before) = before.strip_suffix('.') else {
            let roots = Root::PLACES.iter().map(|root| root.name());
            return roots.map(|root| offer(root, Offer::Field, span)).collect();
        };
        let Some(scope) = self.scope(way) else { return Vec::new() };
        let Some(kind) = super::fields::type_at(scope, before) else { return Vec::new() };
        let mut found: Vec<_> = of_kind(&kind, span);
        if matches!(kind, Type::List { .. }) {
            found.push(offer("*", Offer::Field, span).says("each element", ""));
        }
        found
    }
}

/// A value takes the place of all that is written of it, as far as that is one word of the file.
fn whole(span: Span, node: &Node) -> Span {
    let text = node.as_text().unwrap_or("");
    let before = text.split(CURSOR).next().unwrap_or("").len();
    Span { start: span.start.saturating_sub(u32::try_from(before).unwrap_or(0)), ..span }
}

/// What a condition may name at its cursor.
fn fields(found: &Inside, scope: &Scope, span: Span) -> Vec<Completion> {
    let functions = |methods: bool| {
        known_functions().filter(move |(_, _, method)| *method == methods).map(move |row| {
            let (name, written, _) = row;
            offer(name, Offer::Function, span).inserts("(").says(&written, "")
        })
    };
    match found.receiver(scope) {
        Some(None) if found.chain().starts_with("values") => {
            scope.shared_names().map(|name| offer(name, Offer::Field, span)).collect()
        }
        Some(None) => Vec::new(),
        Some(Some(kind)) => {
            let mut all = of_kind(&kind, span);
            let macros = ["map", "filter", "all", "exists", "exists_one"];
            match kind.without_null() {
                Type::List { .. } | Type::Map { .. } => {
                    let macros = macros.iter().map(|name| {
                        offer(name, Offer::Function, span).inserts("(").says("for each element", "")
                    });
                    all.extend(macros);
                }
                Type::Text(_) => all.extend(functions(true)),
                _ => {}
            }
            all
        }
        None => {
            let mut all: Vec<Completion> = scope
                .variables()
                .map(|(name, kind)| offer(name, Offer::Field, span).says(&kind.to_string(), ""))
                .collect();
            if scope.shared_names().next().is_some() {
                all.push(offer("values", Offer::Field, span).says("named values", ""));
            }
            all.push(offer("has", Offer::Function, span).inserts("(").says("has(x.y)", ""));
            all.extend(functions(false));
            all
        }
    }
}

fn of_kind(kind: &Type, span: Span) -> Vec<Completion> {
    let fields = super::fields::of_type(kind).into_iter();
    fields
        .map(|(name, kind, always)| {
            let perhaps = if always { "" } else { ", or absent: guard it with `has(…)`" };
            offer(&name, Offer::Field, span).says(&format!("{kind}{perhaps}"), "")
        })
        .collect()
}

fn key_offer(key: &Key, span: Span) -> Completion {
    let detail = match (key.need, key.default) {
        (Need::Required, _) => "required".to_owned(),
        (_, "") => String::new(),
        (_, default) => format!("default {default}"),
    };
    offer(key.name, Offer::Key, span).inserts(": ").says(&detail, &prose(key.doc))
}

fn offer(label: &str, offer: Offer, span: Span) -> Completion {
    let (detail, doc) = (String::new(), String::new());
    Completion { label: label.to_owned(), insert: None, detail, doc, offer, span }
}

impl Completion {
    /// What is written behind the label.
    fn inserts(mut self, behind: &str) -> Self {
        self.insert = Some(format!("{}{behind}", self.label));
        self
    }

    fn says(mut self, detail: &str, doc: &str) -> Self {
        detail.clone_into(&mut self.detail);
        doc.clone_into(&mut self.doc);
        self
    }
}
