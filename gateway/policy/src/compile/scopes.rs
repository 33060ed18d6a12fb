//! What each phase of a call knows, with its type: the table of RULES.md section 2.

use std::collections::BTreeMap;

use backstop_checks::expression::{Bounds, Scope, Type};
use backstop_checks::schema::Schema;
use backstop_domain::FailureClass;
use serde_json::Value;

use super::includes::Parts;
use crate::raw::{CheckKind, SourceKind};

/// A scope per phase.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scopes {
    /// Before any model: `before` rules, limits, request checks.
    pub before: Scope,
    /// Over an answer.
    pub answer: Scope,
    /// In fallback rows.
    pub fallback: Scope,
    /// In texts of class ladders and of `otherwise`.
    pub ladder: Scope,
    /// Types of the request's variables, for prompts.
    pub known: BTreeMap<String, Type>,
}

/// What scopes are built from.
pub(super) struct Ground<'a> {
    pub input: Input<'a>,
    pub output: Output<'a>,
    pub conversation: bool,
    pub data: &'a BTreeMap<String, Type>,
    pub hours: Vec<String>,
    pub sources: Vec<String>,
}

/// What callers send.
pub(super) enum Input<'a> {
    Text,
    Schema(&'a Schema),
    Body,
    /// Its schema is broken: nothing is known, and nothing more is complained about.
    Unknown,
}

/// What answers are.
pub(super) enum Output<'a> {
    Text,
    Schema(&'a Schema),
    Unknown,
}

/// The scopes of a policy, and problems of its shared values.
pub(super) fn build(ground: &Ground<'_>, parts: &Parts<'_>) -> Scopes {
    let known = request_variables(ground);
    let mut base = Scope::new();
    for (name, kind) in &known {
        base = base.variable(name, kind.clone());
    }
    for hours in &ground.hours {
        base = base.calendar(hours);
    }
    let (early, all) = (checks(parts, true), checks(parts, false));
    let mut before = base.clone();
    for name in ["output", "answer", "signals", "tool", "cause"] {
        let say = format!("`{name}` is not known before a model has answered");
        before = before.later_with(name, say, "move the rule from `before:` to `rules:`");
    }
    for (name, check) in &parts.checks {
        if !is_early(check) {
            let say = format!("check `{}` looks at the answer, which is not known yet", name.value);
            before = before.later(format!("checks.{}", name.value), say);
        }
    }
    let answer = base
        .clone()
        .variable("output", output(&ground.output))
        .variable("answer", answer_kind())
        .variable("checks", all)
        .variable("signals", signals(&ground.sources))
        .later_with(
            "tool",
            "`tool` is known only in the rules of a tool",
            "move the rule to `rules:` of that tool, under `tools:`",
        )
        .later_with(
            "cause",
            "`cause` is known only in `fallback` and in texts of `on`",
            "name the failure class under `on:`, with what is to be done",
        );
    let fallback = base
        .clone()
        .variable("cause", cause())
        .later_with(
            "output",
            "a fallback answers where there is no `output`",
            "look at `input` or at `cause.class`",
        )
        .later_with(
            "signals",
            "a fallback answers where there are no signals",
            "look at `input` or at `cause.class`",
        );
    let ladder = fallback.clone();
    Scopes { before: before.variable("checks", early), answer, fallback, ladder, known }
}

impl Scopes {
    /// Changes the scope of every phase alike.
    pub fn each(&mut self, mut change: impl FnMut(Scope) -> Scope) {
        for scope in [&mut self.before, &mut self.answer, &mut self.fallback, &mut self.ladder] {
            *scope = change(core::mem::take(scope));
        }
    }

    /// What the rules of a tool know.
    pub fn tool(&self, name: &str, args: Type) -> Scope {
        let effects = Type::words(["read", "write", "irreversible"]);
        let kind = Type::object([
            ("name", Type::words([name]), true),
            ("args", args, true),
            ("effect", effects, true),
        ]);
        self.answer.clone().variable("tool", kind)
    }
}

fn request_variables(ground: &Ground<'_>) -> BTreeMap<String, Type> {
    let mut known = BTreeMap::new();
    let mut add = |name: &str, kind: Type| drop(known.insert(name.to_owned(), kind));
    add("input", input(&ground.input));
    let data = ground.data.iter().map(|(name, kind)| (name.clone(), kind.clone(), true));
    add("data", Type::object(data));
    add(
        "caller",
        Type::object([
            ("name", Type::TEXT, true),
            ("tenant", Type::TEXT, true),
            ("roles", Type::list(Type::TEXT), true),
        ]),
    );
    add(
        "call",
        Type::object([
            ("id", Type::TEXT, true),
            ("key", Type::TEXT, true),
            ("tags", Type::map(Type::TEXT), true),
            ("received", Type::INT, true),
            ("attempts", Type::INT, true),
            ("cost", Type::DOUBLE, true),
        ]),
    );
    add("now", Type::INT);
    if ground.conversation || matches!(ground.input, Input::Text) {
        add("message", Type::TEXT);
    }
    if ground.conversation {
        let roles = ["system", "developer", "user", "assistant", "tool", "function"];
        let said = [("role", Type::words(roles), true), ("content", Type::TEXT, true)];
        add("messages", Type::list(Type::object(said)));
        add(
            "history",
            Type::list(Type::object([
                ("name", Type::TEXT, true),
                ("args", Type::Any, true),
                ("status", Type::words(["ok", "error", "open"]), true),
                ("result", Type::TEXT, true),
            ])),
        );
    }
    known
}

fn input(input: &Input<'_>) -> Type {
    match input {
        Input::Text => Type::TEXT,
        Input::Schema(schema) => schema.type_of(),
        Input::Body | Input::Unknown => Type::Any,
    }
}

fn output(output: &Output<'_>) -> Type {
    match output {
        Output::Text => Type::TEXT,
        Output::Schema(schema) => schema.type_of(),
        Output::Unknown => Type::Any,
    }
}

fn answer_kind() -> Type {
    Type::object([
        ("by", Type::words(["model", "cache", "fallback", "human"]), true),
        ("model", Type::TEXT, true),
        ("attempt", Type::INT, true),
    ])
}

fn cause() -> Type {
    let classes = FailureClass::ALL.iter().map(|class| class.name()).chain([""]);
    Type::object([
        ("class", Type::words(classes), true),
        ("rule", Type::TEXT, true),
        ("check", Type::TEXT, true),
    ])
}

fn signals(sources: &[String]) -> Type {
    let names = sources.iter().map(String::as_str).chain(["confidence"]);
    let fields: BTreeMap<&str, (Type, bool)> = names.map(|name| (name, (unit(), false))).collect();
    let always = [("weak", (Type::list(Type::TEXT), true)), ("sure", (Type::Bool, true))];
    let all = fields.into_iter().chain(always);
    Type::object(all.map(|(name, (kind, required))| (name, kind, required)))
}

/// A score, share or signal.
fn unit() -> Type {
    Type::Double(Bounds::between(0.0, 1.0))
}

fn checks(parts: &Parts<'_>, early: bool) -> Type {
    let wanted = parts.checks.iter().filter(|(_, check)| !early || is_early(check));
    Type::object(wanted.map(|(name, check)| (name.value.as_str(), check_kind(&check.kind), true)))
}

fn check_kind(kind: &CheckKind) -> Type {
    let found = Type::object([
        ("kind", Type::TEXT, true),
        ("text", Type::TEXT, true),
        ("path", Type::TEXT, true),
    ]);
    let mut fields =
        vec![("status", Type::words(["pass", "fail"]), true), ("found", Type::list(found), true)];
    if kind.is_paid() {
        fields.push(("score", unit(), true));
    }
    Type::object(fields)
}

/// Whether a check looks at the request.
pub(super) fn is_early(check: &crate::raw::Check) -> bool {
    check.at.iter().any(|path| super::checks::root(path.root).is_some_and(|r| r.is_request()))
}

/// Name of the signal of a source.
pub(super) fn source_name(source: &crate::raw::ConfidenceSource) -> String {
    source.signal().to_owned()
}

/// Whether a source costs attempts.
pub(super) const fn attempts_of(kind: &SourceKind) -> u64 {
    match kind {
        SourceKind::Votes { votes, .. } => votes.value.0.saturating_sub(1),
        SourceKind::Judge { .. } => 1,
        _ => 0,
    }
}

/// The type of a data file's value.
pub(super) fn kind_of(value: &Value) -> Type {
    match value {
        Value::Object(fields) => {
            let kinds: Vec<Type> = fields.values().map(kind_of).collect();
            Type::map(Type::union(kinds))
        }
        Value::Array(items) => Type::list(Type::union(items.iter().map(wide))),
        other => wide(other),
    }
}

/// The type of a value, not narrowed to this very value.
pub(super) fn wide(value: &Value) -> Type {
    match value {
        Value::Null => Type::Null,
        Value::Bool(_) => Type::Bool,
        Value::Number(number) if number.is_f64() => Type::DOUBLE,
        Value::Number(_) => Type::INT,
        Value::String(_) => Type::TEXT,
        Value::Array(items) => Type::list(Type::union(items.iter().map(wide))),
        Value::Object(fields) => {
            Type::object(fields.iter().map(|(name, value)| (name.as_str(), wide(value), true)))
        }
    }
}
