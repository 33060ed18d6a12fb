//! Tests that a machine writes: made piece by piece, and told as the words that go into a file.

use std::fmt::Write as _;

use backstop_domain::FailureClass;
use serde_json::Value;

use super::data::{Data, DataKind, Given};
use super::example::{Change, CheckStatus, Example, Expect, Reply, ReviewAct, Test, Verdict};
use crate::decode::{Name, Named};
use crate::path::{Path, Root, Segment};
use crate::source::{Span, Spanned};
use crate::units::Share;

impl Data {
    /// A constant as if it had been written at `span`.
    pub fn of_value(value: &Value, span: Span) -> Self {
        let kind = match value {
            Value::Null => DataKind::Null,
            Value::Bool(value) => DataKind::Bool(*value),
            Value::Number(number) => DataKind::Number(number.clone()),
            Value::String(text) => DataKind::Text(text.clone()),
            Value::Array(items) => {
                DataKind::List(items.iter().map(|item| Self::of_value(item, span)).collect())
            }
            Value::Object(fields) => {
                let pair = |(key, value): (&String, &Value)| {
                    (Spanned::new(key.clone(), span), Self::of_value(value, span))
                };
                DataKind::Map(fields.iter().map(pair).collect())
            }
        };
        Self { kind, span }
    }
}

impl Test {
    /// A test that changes nothing and expects nothing.
    pub fn bare(name: &str, span: Span) -> Self {
        Self {
            name: Spanned::new(name.to_owned(), span),
            given: Example::default(),
            data: None,
            caller: None,
            now: None,
            change: Vec::new(),
            fail: None,
            answers: Vec::new(),
            review: Vec::new(),
            expect: Expect::default(),
            span,
        }
    }

    /// Changes a place, in the place of an earlier change of it.
    pub fn set(&mut self, path: Path, value: &Value) {
        self.change.retain(|change| change.path.value != path);
        let span = self.span;
        let value = Data::of_value(value, span);
        self.change.push(Change { path: Spanned::new(path, span), value });
    }

    /// States a signal; `None` is missing.
    pub fn signal(&mut self, name: &str, value: Option<f64>) {
        let path = Path { root: Root::Signals, segments: vec![Segment::Field(name.to_owned())] };
        match value {
            Some(value) => self.set(path, &Value::from(value)),
            None => {
                self.change.retain(|change| change.path.value != path);
                let missing = Spanned::new(None, self.span);
                put(&mut self.given.signals, name, missing, self.span);
            }
        }
    }

    /// States what a check comes to.
    pub fn check(&mut self, name: &str, status: CheckStatus) {
        put(&mut self.given.checks, name, status, self.span);
    }

    /// Lists an answer: this output, or this tool call, with these signals.
    pub fn answer(
        &mut self,
        output: Option<&Value>,
        tool: Option<&Value>,
        signals: &[(String, Option<f64>)],
    ) {
        let span = self.span;
        let given = |value: &Value| Given::Value(Data::of_value(value, span));
        let mut example = Example { output: output.map(given), ..Example::default() };
        example.tool = tool.map(given);
        for (name, value) in signals {
            let share = value.map(|value| Share((value * 1e6).round() as u32));
            put(&mut example.signals, name, Spanned::new(share, span), span);
        }
        self.answers.push(Reply::Answer(Box::new(example)));
    }

    /// Lists an attempt that fails.
    pub fn failure(&mut self, class: FailureClass) {
        self.answers.push(Reply::Fail(Spanned::new(class, self.span)));
    }

    /// The words of the test, as an entry of `tests:`, each line after `indent`.
    pub fn words(&self, indent: &str) -> String {
        let mut out = format!("{indent}- name: {}\n", scalar(&self.name.value));
        for (key, value) in self.keys() {
            // Writing to a text cannot fail.
            let _ = writeln!(out, "{indent}  {key}: {value}");
        }
        out
    }

    /// Its keys behind the name, each with its value in flow style.
    fn keys(&self) -> Vec<(&'static str, String)> {
        let mut keys = example(&self.given);
        let mut add = |key, value: Option<String>| keys.extend(value.map(|value| (key, value)));
        add("data", self.data.as_ref().map(given));
        add("caller", self.caller.as_ref().map(given));
        add("now", self.now.as_ref().map(|now| scalar(&now.value)));
        add("change", (!self.change.is_empty()).then(|| changes(&self.change)));
        add("fail", self.fail.as_ref().map(|class| class.value.name().to_owned()));
        let answers: Vec<String> = self.answers.iter().map(reply).collect();
        add("answers", (!answers.is_empty()).then(|| format!("[{}]", answers.join(", "))));
        let acts: Vec<String> = self.review.iter().map(act).collect();
        add("review", (!acts.is_empty()).then(|| format!("[{}]", acts.join(", "))));
        add("expect", Some(expect(&self.expect)));
        keys
    }
}

fn put<T>(named: &mut Named<T>, name: &str, value: T, span: Span) {
    let Some(name) = Name::parse(name) else { return };
    named.0.retain(|(known, _)| known.value != name);
    named.0.push((Spanned::new(name, span), value));
}

fn example(example: &Example) -> Vec<(&'static str, String)> {
    let mut keys = Vec::new();
    let parts = [
        ("input", &example.input),
        ("messages", &example.messages),
        ("output", &example.output),
        ("tool", &example.tool),
    ];
    keys.extend(parts.into_iter().filter_map(|(key, value)| Some((key, given(value.as_ref()?)))));
    let signals: Vec<String> = example
        .signals
        .iter()
        .map(|(name, share)| match share.value {
            Some(share) => format!("{}: {}", name.as_str(), f64::from(share.0) / 1e6),
            None => format!("{}: missing", name.as_str()),
        })
        .collect();
    if !signals.is_empty() {
        keys.push(("signals", format!("{{{}}}", signals.join(", "))));
    }
    let word = |status: &CheckStatus| match status {
        CheckStatus::Pass => "pass",
        CheckStatus::Fail => "fail",
        CheckStatus::Error => "error",
    };
    let checks = example.checks.iter();
    let checks: Vec<String> =
        checks.map(|(name, status)| format!("{}: {}", name.as_str(), word(status))).collect();
    if !checks.is_empty() {
        keys.push(("checks", format!("{{{}}}", checks.join(", "))));
    }
    keys
}

fn reply(reply: &Reply) -> String {
    match reply {
        Reply::Fail(class) => format!("{{fail: {}}}", class.value),
        Reply::Answer(answer) => map(&example(answer)),
    }
}

fn map(keys: &[(&'static str, String)]) -> String {
    let pairs: Vec<String> = keys.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    format!("{{{}}}", pairs.join(", "))
}

fn act(act: &ReviewAct) -> String {
    match act {
        ReviewAct::Approve => "approve".to_owned(),
        ReviewAct::Reject => "reject".to_owned(),
        ReviewAct::Changes => "changes".to_owned(),
        ReviewAct::Fallback => "fallback".to_owned(),
        ReviewAct::Edit(edits) => format!("{{edit: {}}}", changes(edits)),
    }
}

fn changes(changes: &[Change]) -> String {
    let one = |change: &Change| format!("{}: {}", change.path.value, data(&change.value));
    format!("{{{}}}", changes.iter().map(one).collect::<Vec<_>>().join(", "))
}

fn expect(expect: &Expect) -> String {
    let name = |name: &Spanned<Name>| name.as_str().to_owned();
    let list = |names: Vec<String>| format!("[{}]", names.join(", "));
    let mut keys: Vec<(&'static str, String)> = Vec::new();
    let mut add = |key, value: Option<String>| keys.extend(value.map(|value| (key, value)));
    add("rule", expect.rule.as_ref().map(name));
    add("rules", expect.rules.as_ref().map(|rules| list(rules.iter().map(name).collect())));
    let not: Vec<String> = expect.not_rule.iter().map(name).collect();
    add("not_rule", (!not.is_empty()).then(|| list(not)));
    add("verdict", expect.verdict.as_ref().map(|verdict| verdict.value.name().to_owned()));
    add("step", expect.step.as_ref().map(data));
    let steps =
        |steps: &Vec<Spanned<String>>| list(steps.iter().map(|s| s.value.clone()).collect());
    add("way", expect.way.as_ref().map(steps));
    add("queue", expect.queue.as_ref().map(name));
    add("outcome", expect.outcome.as_ref().map(|outcome| outcome.value.clone()));
    add("answer", expect.answer.as_ref().map(data));
    add("text_has", expect.text_has.as_ref().map(|part| scalar(&part.value)));
    map(&keys)
}

fn given(given: &Given) -> String {
    match given {
        Given::File(file) => file.as_str().to_owned(),
        Given::Value(value) => data(value),
    }
}

/// Data in flow style.
fn data(data: &Data) -> String {
    data.constant().map_or_else(|| "null".to_owned(), |value| flow(&value))
}

fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", "))
        }
        Value::Object(fields) => {
            let pair =
                |(key, value): (&String, &Value)| format!("{}: {}", scalar(key), flow(value));
            format!("{{{}}}", fields.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// A text as a scalar: bare where nothing in it could be taken for something else.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.');
    let first = text.chars().next().is_some_and(|c| c.is_ascii_alphabetic());
    let word = matches!(text, "true" | "false" | "null");
    if first && !word && text.chars().all(plain) && text.trim() == text {
        text.to_owned()
    } else {
        Value::from(text).to_string()
    }
}

impl Expect {
    /// Expects that rule to fire (or, with `not`, not to).
    pub fn rule(&mut self, id: &str, fires: bool, span: Span) {
        let Some(name) = Name::parse(id) else { return };
        let name = Spanned::new(name, span);
        if fires {
            self.rule = Some(name);
        } else {
            self.not_rule.push(name);
        }
    }

    /// Expects that verdict, by its word.
    pub fn verdict(&mut self, word: &str, span: Span) {
        let verdict = match word {
            "accept" => Verdict::Accept,
            "repair" => Verdict::Repair,
            "retry" => Verdict::Retry,
            "next_model" => Verdict::NextModel,
            "fallback" => Verdict::Fallback,
            "escalate" => Verdict::Escalate,
            _ => Verdict::Reject,
        };
        self.verdict = Some(Spanned::new(verdict, span));
    }

    /// Expects that queue to be asked.
    pub fn queue(&mut self, queue: &str, span: Span) {
        self.queue = Name::parse(queue).map(|name| Spanned::new(name, span));
    }
}
