//! From a value or a draft to the fields that a page shows.

use askama::Template;
use serde_json::{Map, Value};

use super::{
    Raw, Typed, Wrong, below, last_step,
    raw::{LIST_MAX, What},
    shape::{Shape, is_required, limits, resolve, shape},
};
use crate::{tongue::say, veil::MASK};

/// One field of a form, with those inside it.
#[derive(Template)]
#[template(path = "field.html")]
pub struct Field {
    id: String,
    name: String,
    label: String,
    help: String,
    limits: String,
    /// Name and state of the switch of an optional place.
    given: Option<(String, bool)>,
    errors: Vec<String>,
    /// Whether the policy asks to look here first.
    weak: bool,
    kind: Kind,
}

enum Kind {
    Text { text: String, long: bool, rows: usize },
    Number { text: String, whole: bool },
    Choice(Vec<Choice>),
    Object(Vec<Field>),
    List { count_name: String, entries: Vec<Entry>, add: Option<String> },
    Json { text: String, rows: usize },
    Locked { text: String, hidden: bool },
}

struct Choice {
    value: String,
    label: String,
    chosen: bool,
}

struct Entry {
    field: Field,
    remove: Option<String>,
}

/// What a page adds to fields: what is wrong, and where to look first.
pub struct Around<'a> {
    /// By pointer.
    pub wrong: &'a [Wrong],
    /// Pointers.
    pub weak: &'a [String],
}

impl Typed {
    /// The value as texts of a form. `json`: all of it as one JSON text.
    pub fn fill(&self, json: bool) -> Raw {
        let mut raw = Raw::default();
        if json {
            let text = self.shown.as_ref().map(pretty).unwrap_or_default();
            raw.set(What::Json, "", text);
        } else {
            self.put(&mut raw, self.root(), "", self.shown.as_ref());
        }
        raw
    }

    fn put(&self, raw: &mut Raw, node: &Value, at: &str, value: Option<&Value>) {
        let shape = shape(self.root(), node, at);
        let Some(value) = value else { return self.put_blank(raw, node, at, shape) };
        if self.locks.holds(at) {
            return;
        }
        if !shape.takes(value) {
            return raw.set(What::Json, at, pretty(value));
        }
        match (shape, value) {
            (Shape::Object(places), Value::Object(map)) => {
                let node = resolve(self.root(), node);
                for (name, place) in places {
                    let at = below(at, name);
                    if map.contains_key(name) && !is_required(node, name) {
                        raw.set(What::Given, &at, "1");
                    }
                    self.put(raw, place, &at, map.get(name));
                }
                for (name, value) in map.iter().filter(|(name, _)| !places.contains_key(*name)) {
                    let at = below(at, name);
                    if !self.locks.holds(&at) {
                        raw.set(What::Json, &at, pretty(value));
                    }
                }
            }
            (Shape::List(items), Value::Array(list)) => {
                raw.set(What::Count, at, list.len().to_string());
                for (index, value) in list.iter().enumerate() {
                    self.put(raw, items, &format!("{at}/{index}"), Some(value));
                }
            }
            (Shape::Text { .. }, Value::String(text)) => raw.set(What::Text, at, text.as_str()),
            (_, value) => raw.set(What::Text, at, value.to_string()),
        }
    }

    fn put_blank(&self, raw: &mut Raw, node: &Value, at: &str, shape: Shape<'_>) {
        match shape {
            Shape::Object(places) => {
                for (name, place) in places {
                    self.put(raw, place, &below(at, name), None);
                }
            }
            Shape::List(items) => {
                let node = resolve(self.root(), node);
                let least = node.get("minItems").and_then(Value::as_u64).unwrap_or(0).min(20);
                raw.set(What::Count, at, least.to_string());
                for index in 0..least {
                    self.put(raw, items, &format!("{at}/{index}"), None);
                }
            }
            Shape::Json => raw.set(What::Json, at, ""),
            _ => raw.set(What::Text, at, ""),
        }
    }

    /// The fields of that form.
    pub fn fields(&self, raw: &Raw, label: &str, around: &Around<'_>) -> Field {
        self.field(raw, self.root(), "", label, true, around)
    }

    fn field(
        &self,
        raw: &Raw,
        node: &Value,
        at: &str,
        label: &str,
        required: bool,
        around: &Around<'_>,
    ) -> Field {
        let shape = shape(self.root(), node, at);
        let node = resolve(self.root(), node);
        let locked = self.locks.holds(at);
        let is_json = raw.get(What::Json, at).is_some();
        let kind = if locked {
            self.locked(at)
        } else if is_json || shape == Shape::Json {
            let text = raw.get(What::Json, at).unwrap_or_default().to_owned();
            Kind::Json { rows: rows(&text, 3, 30), text }
        } else {
            self.kind(raw, node, at, shape, around)
        };
        let given = (!required && !locked && !at.is_empty())
            .then(|| (self.name(What::Given, at), raw.get(What::Given, at).is_some()));
        let what = if is_json || shape == Shape::Json { What::Json } else { What::Text };
        let text = |word: &str| node.get(word).and_then(Value::as_str).unwrap_or_default();
        let about = around.wrong.iter().filter(|(place, _)| place == at);
        Field {
            id: format!("{}{}", self.part, at.replace(['/', '~', ' '], "-")),
            name: self.name(what, at),
            label: label.to_owned(),
            help: text("description").to_owned(),
            limits: limits(node, shape),
            given,
            errors: about.map(|(_, words)| words.clone()).collect(),
            weak: around.weak.iter().any(|weak| weak == at),
            kind,
        }
    }

    fn kind(
        &self,
        raw: &Raw,
        node: &Value,
        at: &str,
        shape: Shape<'_>,
        around: &Around<'_>,
    ) -> Kind {
        let text = raw.get(What::Text, at).unwrap_or_default().to_owned();
        match shape {
            Shape::Text { long } => {
                let long = long || text.contains('\n') || text.len() > 90;
                Kind::Text { rows: rows(&text, 2, 24), text, long }
            }
            Shape::Number { whole } => Kind::Number { text, whole },
            Shape::Flag => {
                let both = [Value::Bool(true), Value::Bool(false)];
                Kind::Choice(choices(&both, &text))
            }
            Shape::Choice(all) => Kind::Choice(choices(all, &text)),
            Shape::Object(places) => {
                let known = in_order(node, places).into_iter().map(|(name, place)| {
                    let required = is_required(node, name);
                    self.field(raw, place, &below(at, name), &named(place, name), required, around)
                });
                let more = raw.json_below(at).into_iter().filter_map(|step| {
                    let at = format!("{at}/{step}");
                    let name = last_step(&at);
                    let fresh = !places.contains_key(&name);
                    fresh.then(|| self.field(raw, &Value::Null, &at, &name, true, around))
                });
                Kind::Object(known.chain(more).collect())
            }
            Shape::List(items) => {
                let free = self.locks.is_free(at);
                let count = raw.count(at);
                let entries = (0..count).map(|index| {
                    let at = format!("{at}/{index}");
                    let label = format!("{}", index + 1);
                    let field = self.field(raw, items, &at, &label, true, around);
                    let remove = free.then(|| format!("remove:{}:{at}", self.part));
                    Entry { field, remove }
                });
                Kind::List {
                    count_name: self.name(What::Count, at),
                    entries: entries.collect(),
                    add: (free && count < LIST_MAX).then(|| format!("add:{}:{at}", self.part)),
                }
            }
            Shape::Json => Kind::Json { text, rows: 3 },
        }
    }

    fn locked(&self, at: &str) -> Kind {
        let value = self.shown.as_ref().and_then(|shown| shown.pointer(at));
        let hidden = value.is_none_or(|value| value == MASK)
            && self.original.as_ref().is_some_and(|original| original.pointer(at) != value);
        let text = match value {
            Some(Value::String(text)) => text.clone(),
            Some(other) => pretty(other),
            None if hidden => MASK.to_owned(),
            None => String::new(),
        };
        Kind::Locked { text, hidden }
    }

    fn name(&self, what: What, at: &str) -> String {
        Raw::name(&self.part, what, at)
    }
}

/// Places in the order in which the schema requires them, then the others: the one order of its
/// author's that a parsed schema still has.
fn in_order<'s>(node: &Value, places: &'s Map<String, Value>) -> Vec<(&'s String, &'s Value)> {
    let required = node.get("required").and_then(Value::as_array);
    let place = |name: &String| {
        let at = required.and_then(|names| names.iter().position(|one| one == name));
        at.unwrap_or(usize::MAX)
    };
    let mut all: Vec<_> = places.iter().collect();
    all.sort_by_key(|(name, _)| place(name));
    all
}

/// The name of a place: the schema's title, else its own name with spaces.
fn named(node: &Value, name: &str) -> String {
    match node.get("title").and_then(Value::as_str) {
        Some(title) => title.to_owned(),
        None => name.replace('_', " "),
    }
}

fn choices(all: &[Value], chosen: &str) -> Vec<Choice> {
    all.iter()
        .map(|value| {
            let text = value.to_string();
            let label = match value {
                Value::String(text) => text.clone(),
                Value::Bool(true) => say("yes").into_owned(),
                Value::Bool(false) => say("no").into_owned(),
                Value::Null => say("nothing").into_owned(),
                other => other.to_string(),
            };
            Choice { chosen: text == chosen, value: text, label }
        })
        .collect()
}

fn rows(text: &str, least: usize, most: usize) -> usize {
    let lines: usize = text.lines().map(|line| line.len() / 80 + 1).sum();
    lines.clamp(least, most)
}

/// JSON for people.
pub fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
