//! A map with known keys.
//!
//! Keys are asked for one by one; what was never asked for is unknown. So the list of known keys
//! and the code that reads them cannot differ.

use super::{Decode, Decoder};
use crate::diagnostics::{Code, Problem, suggest};
use crate::source::Span;
use crate::yaml::{Entry, Kind, Node};

/// The keys of one map, while they are read. End with [`Fields::finish`].
#[derive(Debug)]
#[must_use = "unknown and missing keys are reported by `finish`"]
pub struct Fields<'n> {
    entries: &'n [Entry],
    span: Span,
    what: &'static str,
    known: Vec<&'static str>,
    missing: Vec<&'static str>,
    one_of: Option<&'static [&'static str]>,
}

impl<'n> Fields<'n> {
    /// The map at `node`, called `what` in errors ("a rule").
    pub fn open(node: &'n Node, what: &'static str, d: &mut Decoder<'_>) -> Option<Self> {
        match &node.kind {
            Kind::Map(entries) => Some(Self {
                entries,
                span: node.span,
                what,
                known: Vec::new(),
                missing: Vec::new(),
                one_of: None,
            }),
            _ => d.expected(&format!("{what} (a map of keys)"), node, None),
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
        if self.entry(key).is_none() {
            self.missing.push(key);
        }
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

    /// The one key of `keys` that stands there. None or several are reported.
    pub fn one_of(
        &mut self,
        keys: &'static [&'static str],
        d: &mut Decoder<'_>,
    ) -> Option<&'static str> {
        // Every key is asked for, so that `finish` knows all of them.
        let present: Vec<_> = keys.iter().filter(|key| self.has(key)).collect();
        let Some((first, others)) = present.split_first() else {
            self.one_of = Some(keys);
            return None;
        };
        for other in others {
            let span = self.key_span(other).unwrap_or(self.span);
            let message = format!("{} has one of {}, not several", self.what, list(keys));
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

    /// Every entry with a key that nobody asked for yet: for maps whose keys are names.
    pub fn rest(&self) -> impl Iterator<Item = &'n Entry> + '_ {
        self.entries.iter().filter(|entry| !self.known.contains(&entry.key.value.as_str()))
    }

    /// Reports unknown and missing keys. A missing key that an unknown one was probably meant to
    /// be is not reported twice.
    pub fn finish(mut self, d: &mut Decoder<'_>) {
        let unknown: Vec<&Entry> = self.rest().collect();
        for entry in unknown {
            let problem = self.unknown(entry);
            d.report.push(problem);
        }
        let start = Span { end: self.span.start, ..self.span };
        if let Some(keys) = self.one_of {
            let message = format!("{} needs one of the keys {}", self.what, list(keys));
            let first = keys.first().copied().unwrap_or_default();
            let help = format!("add one of them, such as `{first}:`");
            d.report.push(Problem::error(Code::MissingKey, start, message).help(help));
        }
        for key in &self.missing {
            let message = format!("{} needs the key `{key}`", self.what);
            let help = format!("add `{key}:`");
            d.report.push(Problem::error(Code::MissingKey, start, message).help(help));
        }
    }

    fn unknown(&mut self, entry: &Entry) -> Problem {
        let key = entry.key.value.as_str();
        if key.contains(['(', ')', '"', '&', '=', '<', '>', '|']) {
            let message = "this looks like the rest of a condition that a comma cut in two";
            return Problem::error(Code::Quoting, entry.key.span, message)
                .help("write the condition on its own line, or as a block after `when: |`");
        }
        let meant = suggest::nearest(key, self.known.iter().copied());
        if let Some(meant) = meant {
            self.missing.retain(|missing| *missing != meant);
            self.one_of = self.one_of.filter(|keys| !keys.contains(&meant));
        }
        let message = format!("`{key}` is not a key of {}", self.what);
        Problem::error(Code::UnknownKey, entry.key.span, message)
            .help_if(belongs(key))
            .help_if(suggest::did_you_mean(key, self.known.iter().copied()))
    }

    fn entry(&mut self, key: &'static str) -> Option<&'n Entry> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.entries.iter().find(|entry| entry.key.value == key)
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

fn list(keys: &[&str]) -> String {
    keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
}
