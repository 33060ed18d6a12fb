//! A map with known keys.
//!
//! Which keys there are, and which must stand there, says a table of [`crate::keys`]; each is
//! asked for by name. A key that is asked for and not in the table, or in it and never asked for,
//! stops a debug build: tables and code cannot differ.

use super::{Decode, Decoder};
use crate::diagnostics::{Code, Problem, suggest};
use crate::keys::{Key, Need, Shape};
use crate::source::Span;
use crate::yaml::{Entry, Kind, Node};

/// The keys of one map, while they are read. End with [`Fields::finish`].
#[derive(Debug)]
#[must_use = "unknown and missing keys are reported by `finish`"]
pub struct Fields<'n> {
    entries: &'n [Entry],
    span: Span,
    shape: &'static Shape,
    asked: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// The map at `node`, whose keys are those of `shape`.
    pub fn open(node: &'n Node, shape: &'static Shape, d: &mut Decoder<'_>) -> Option<Self> {
        match &node.kind {
            Kind::Map(entries) => Some(Self { entries, span: node.span, shape, asked: Vec::new() }),
            _ => d.expected(&format!("{} (a map of keys)", shape.what), node, None),
        }
    }

    /// Where the map stands.
    pub fn span(&self) -> Span {
        self.span
    }

    /// The value of `key` as written, if the key stands there with a value. An empty value is
    /// reported.
    pub fn node(&mut self, key: &'static str, d: &mut Decoder<'_>) -> Option<&'n Node> {
        let entry = self.entry(key)?;
        if entry.value.is_null() {
            let message = format!("`{key}` has no value");
            let problem = Problem::error(Code::Empty, entry.key.span, message);
            return d.refuse(problem.help("write a value behind it, or remove the key"));
        }
        Some(&entry.value)
    }

    /// The span of `key` itself, if it stands there.
    pub fn key_span(&mut self, key: &'static str) -> Option<Span> {
        self.entry(key).map(|entry| entry.key.span)
    }

    /// Whether `key` stands there, readable or not.
    pub fn has(&mut self, key: &'static str) -> bool {
        self.entry(key).is_some()
    }

    /// The value of a key that may be left out.
    pub fn optional<T: Decode>(&mut self, key: &'static str, d: &mut Decoder<'_>) -> Option<T> {
        T::decode(self.node(key, d)?, d)
    }

    /// The value of a key that must stand there; its absence is reported by [`Fields::finish`].
    pub fn required<T: Decode>(&mut self, key: &'static str, d: &mut Decoder<'_>) -> Option<T> {
        debug_assert!(
            self.shape
                .key(key)
                .is_some_and(|key| matches!(key.need, Need::Required | Need::Either)),
            "`{key}` of {} is required here and not in the table",
            self.shape.what
        );
        self.optional(key, d)
    }

    /// The value of a key with a default.
    pub fn or<T: Decode>(&mut self, key: &'static str, default: T, d: &mut Decoder<'_>) -> T {
        self.optional(key, d).unwrap_or(default)
    }

    /// A list or map that is empty when the key is left out.
    pub fn all<T: Decode + Default>(&mut self, key: &'static str, d: &mut Decoder<'_>) -> T {
        self.optional(key, d).unwrap_or_default()
    }

    /// The one key of those of which exactly one must stand there. Several are reported here, none
    /// by [`Fields::finish`].
    pub fn one_of(&mut self, d: &mut Decoder<'_>) -> Option<&'static str> {
        // Every key is asked for, also those that lost.
        let present: Vec<_> = either(self.shape).filter(|key| self.has(key)).collect();
        let (first, others) = present.split_first()?;
        for other in others {
            let span = self.key_span(other).unwrap_or(self.span);
            let keys = list(either(self.shape));
            let message = format!("{} has one of {keys}, not several", self.shape.what);
            let help = "keep one of them, or write two".to_owned();
            d.report.push(Problem::error(Code::Conflict, span, message).help(help));
        }
        Some(first)
    }

    /// Refuses a key of the reference that this version does not carry out yet.
    pub fn not_yet(&mut self, key: &'static str, d: &mut Decoder<'_>) {
        if let Some(span) = self.key_span(key) {
            let message = format!("`{key}` is not available yet in this version");
            d.report.push(Problem::error(Code::NotYet, span, message).help("remove the key"));
        }
    }

    /// Reports unknown and missing keys. A missing key that an unknown one was probably meant to
    /// be is not reported twice.
    pub fn finish(self, d: &mut Decoder<'_>) {
        let known: Vec<&Key> = self.shape.known(|key| self.stands(key)).collect();
        self.all_asked(&known);
        let mut meant = Vec::new();
        for entry in self.entries {
            if !known.iter().any(|key| key.name == entry.key.value) {
                d.report.push(self.unknown(entry, &mut meant));
            }
        }
        let start = Span { end: self.span.start, ..self.span };
        let one = |key: &str| self.stands(key) || meant.contains(&key);
        let mut either_of = either(self.shape);
        if let Some(first) = either_of.clone().next()
            && !either_of.any(one)
        {
            let keys = list(either(self.shape));
            let message = format!("{} needs one of the keys {keys}", self.shape.what);
            let help = format!("add one of them, such as `{first}:`");
            d.report.push(Problem::error(Code::MissingKey, start, message).help(help));
        }
        for key in known.iter().filter(|key| key.need == Need::Required && !one(key.name)) {
            let message = format!("{} needs the key `{}`", self.shape.what, key.name);
            let help = format!("add `{}:`", key.name);
            d.report.push(Problem::error(Code::MissingKey, start, message).help(help));
        }
    }

    fn unknown(&self, entry: &Entry, meant: &mut Vec<&'static str>) -> Problem {
        let key = entry.key.value.as_str();
        if looks_cut(key) {
            let message = "this looks like the rest of a condition that a comma cut in two";
            return Problem::error(Code::Quoting, entry.key.span, message)
                .help("write the condition on its own line, or as a block after `when: |`");
        }
        let offered = self.asked.iter().copied();
        meant.extend(suggest::nearest(key, offered.clone()));
        let message = format!("`{key}` is not a key of {}", self.shape.what);
        Problem::error(Code::UnknownKey, entry.key.span, message)
            .help_if(belongs(key))
            .help_if(suggest::did_you_mean(key, offered))
    }

    fn stands(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key.value == key)
    }

    fn entry(&mut self, key: &'static str) -> Option<&'n Entry> {
        debug_assert!(
            self.shape.key(key).is_some(),
            "`{key}` is not in the table of {}",
            self.shape.what
        );
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        self.entries.iter().find(|entry| entry.key.value == key)
    }

    /// A key that nobody reads would be accepted and do nothing. (Of several kinds where one is
    /// allowed, only the first is read.)
    fn all_asked(&self, known: &[&Key]) {
        let one_kind = either(self.shape).filter(|key| self.stands(key)).count() < 2;
        debug_assert!(
            !one_kind || known.iter().all(|key| self.asked.contains(&key.name)),
            "{} has keys in its table that nothing reads: {:?} were asked for",
            self.shape.what,
            self.asked
        );
    }
}

/// Where a key belongs that is known elsewhere.
fn belongs(key: &str) -> Option<String> {
    let whose = match key {
        "when" | "unless" | "then" | "because" => "a rule, under `rules:` or `before:`",
        "at" | "pattern" | "must" | "words" | "personal_data" => "a check, under `checks:`",
        "effect" | "args" => "a tool, under `tools:`",
        "from" | "accept" | "need" => "`confidence:`",
        "due" | "approvals" | "blind" | "on_expiry" => "`{escalate: {…}}` or a queue",
        "attempts" | "tokens" | "cost" | "changes" => "`budget:`",
        "requests" | "concurrency" | "burst" => "an entry of `limits:`",
        "expect" | "change" | "fail" | "answers" => "a test, under `tests:`",
        "temperature" | "top_p" | "max_tokens" | "seed" | "stop" => "the head of the prompt's file",
        _ => return None,
    };
    Some(format!("`{key}` belongs to {whose}"))
}

/// Whether an unknown key is rather the rest of a condition that a comma cut in two.
pub(crate) fn looks_cut(key: &str) -> bool {
    key.contains(['(', ')', '"', '&', '=', '<', '>', '|'])
}

/// The keys of which exactly one must stand there.
fn either(shape: &'static Shape) -> impl Iterator<Item = &'static str> + Clone {
    shape.keys.iter().filter(|key| key.need == Need::Either).map(|key| key.name)
}

fn list(keys: impl Iterator<Item = &'static str>) -> String {
    keys.map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}
