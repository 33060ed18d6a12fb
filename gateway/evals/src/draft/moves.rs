//! The single changes that drafts try: values on both sides of every comparison and threshold,
//! words and bounds of the schemas, fields that may be missing, checks that fail or err, models
//! that fail, and values that the policy's own tests use.

use std::collections::{BTreeMap, BTreeSet};

use backstop_checks::expression::{Texts, Type};
use backstop_domain::FailureClass;
use backstop_policy::path::{Path, Root, Segment};
use backstop_policy::raw::{CheckStatus, Test};
use backstop_policy::tried::{Attempt, Made};
use serde_json::{Value, json};

use super::{Draft, Ground, answer_of};

/// Values by place, from the policy's own tests and schemas.
pub type Pool = BTreeMap<Path, Vec<Value>>;

/// Most values that a schema gives one place.
const WORDS_MAX: usize = 8;
/// How deep schemas are followed.
const DEPTH_MAX: usize = 4;

/// The values that the policy's tests and schemas know.
pub fn pool(ground: &Ground<'_>) -> Pool {
    let mut pool = Pool::new();
    for change in ground.tests.iter().flat_map(|test| &test.change) {
        if let Some(value) = change.value.constant() {
            put(&mut pool, change.path.value.clone(), value);
        }
    }
    let policy = ground.policy;
    if let Some(schema) = policy.input_schema() {
        of_type(&mut pool, Root::Input, &mut Vec::new(), &schema.type_of());
    }
    if let Some(schema) = policy.output_schema() {
        of_type(&mut pool, Root::Output, &mut Vec::new(), &schema.type_of());
    }
    pool
}

fn put(pool: &mut Pool, path: Path, value: Value) {
    let values = pool.entry(path).or_default();
    if values.len() < WORDS_MAX && !values.contains(&value) {
        values.push(value);
    }
}

fn of_type(pool: &mut Pool, root: Root, at: &mut Vec<Segment>, kind: &Type) {
    if at.len() > DEPTH_MAX {
        return;
    }
    let mut add = |value| put(pool, Path { root, segments: at.clone() }, value);
    match kind {
        Type::Bool => [true, false].into_iter().for_each(|value| add(json!(value))),
        Type::Text(Texts::Words(words)) => words.iter().for_each(|word| add(json!(word))),
        Type::Int(bounds) => {
            let ends = [bounds.min, bounds.max].into_iter().flatten();
            ends.for_each(|end| add(json!(end as i64)));
        }
        Type::Double(bounds) => {
            [bounds.min, bounds.max].into_iter().flatten().for_each(|end| add(json!(end)));
        }
        Type::Union(parts) => parts.iter().for_each(|part| of_type(pool, root, at, part)),
        Type::Object(fields) => {
            for (name, field) in &fields.known {
                at.push(Segment::Field(name.clone()));
                of_type(pool, root, at, &field.kind);
                at.pop();
            }
        }
        _ => {}
    }
}

/// Every test that differs from the draft in one thing.
pub fn changed(ground: &Ground<'_>, draft: &Draft, pool: &Pool) -> Vec<Test> {
    let mut out = Vec::new();
    let mut places: BTreeMap<Path, Vec<Value>> = pool.clone();
    for made in &draft.played.compared {
        for (path, value) in beside(ground, draft, made) {
            let values = places.entry(path).or_default();
            if !values.contains(&value) {
                values.push(value);
            }
        }
    }
    for (path, values) in &places {
        for value in values {
            out.extend(with(draft, path, value));
        }
    }
    out.extend(without_fields(ground, draft));
    out.extend(signals(ground, draft));
    for check in &ground.policy.checks {
        for status in [CheckStatus::Fail, CheckStatus::Error] {
            let mut test = draft.test.clone();
            test.check(&check.name, status);
            out.push(test);
        }
    }
    if draft.test.fail.is_none() && draft.test.answers.is_empty() {
        for class in FailureClass::ALL {
            let own = [FailureClass::Rule, FailureClass::Check, FailureClass::CheckError];
            // Without a ladder in the file, what is shed never becomes a call.
            let shed = class == FailureClass::Shed && ground.policy.places.get("on.shed").is_none();
            if !own.contains(&class) && !shed {
                let mut test = draft.test.clone();
                test.fail = Some(backstop_policy::Spanned::new(class, test.span));
                out.push(test);
            }
        }
    }
    out
}

/// The draft with one place changed; and with the same field of input and output changed alike,
/// where they are equal now and a rule may hold them to each other.
fn with(draft: &Draft, path: &Path, value: &Value) -> Vec<Test> {
    let mut test = draft.test.clone();
    test.set(path.clone(), value);
    let mut out = vec![test.clone()];
    let other = match path.root {
        Root::Input => Root::Output,
        Root::Output => Root::Input,
        _ => return out,
    };
    let twin = Path { root: other, segments: path.segments.clone() };
    let (here, there) = (now(draft, path), now(draft, &twin));
    if !path.segments.is_empty() && here.is_some() && here == there {
        test.set(twin, value);
        out.push(test);
    }
    out
}

/// The value at a place of the draft's call.
fn now(draft: &Draft, path: &Path) -> Option<Value> {
    let root = root(draft, path.root)?;
    path.matches(&root).first().map(|(_, value)| (*value).clone())
}

fn root(draft: &Draft, root: Root) -> Option<Value> {
    match root {
        Root::Input => Some(draft.scene.input.clone()),
        Root::Output => answer_of(draft.scene.attempts.first()?)?.first_value(true),
        Root::ToolArgs => {
            let choice = answer_of(draft.scene.attempts.first()?)?.choices.first()?;
            serde_json::from_str(&choice.tool_calls.first()?.arguments).ok()
        }
        _ => None,
    }
}

/// Places and values on both sides of a comparison that was made.
fn beside(ground: &Ground<'_>, draft: &Draft, made: &Made) -> Vec<(Path, Value)> {
    let condition = ground
        .policy
        .conditions()
        .into_iter()
        .find(|c| c.by == made.by && c.expression.source() == made.source);
    let site = condition.and_then(|c| c.expression.comparisons().get(made.compared.site).cloned());
    let Some(site) = site else { return Vec::new() };
    let sides = [
        (&site.left, &made.compared.left, &made.compared.right, site.operator == "in"),
        (&site.right, &made.compared.right, &made.compared.left, false),
    ];
    let mut found = Vec::new();
    for (place, is, other, member) in sides {
        for path in place.iter().flat_map(|place| concrete(draft, place)) {
            let values = if member { members(other) } else { around(is, other) };
            found.extend(values.into_iter().map(|value| (path.clone(), value)));
        }
    }
    found
}

/// The path of a place; `*` stands for the first element that is there.
fn concrete(draft: &Draft, place: &str) -> Option<Path> {
    let path = Path::parse(place, Root::CHANGES).ok()?;
    if !path.segments.contains(&Segment::Each) {
        return Some(path);
    }
    let value = root(draft, path.root)?;
    let (pointer, _) = path.matches(&value).into_iter().next()?;
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let parts: Vec<&str> = pointer.split('/').skip(1).collect();
    let sound = parts.iter().all(|part| !part.is_empty() && part.chars().all(plain));
    let segments = parts.iter().map(|part| Segment::Field((*part).to_owned())).collect();
    sound.then_some(Path { root: path.root, segments })
}

/// The other side's value and its neighbours; of a text, the text and another one.
fn around(is: &Value, other: &Value) -> Vec<Value> {
    match other {
        Value::Number(number) => match (number.as_i64(), is.is_f64()) {
            (Some(whole), false) => {
                [-1, 0, 1].iter().filter_map(|d| whole.checked_add(*d)).map(|v| json!(v)).collect()
            }
            _ => {
                let near = number.as_f64().unwrap_or_default();
                [-0.01, 0.0, 0.01].iter().map(|d| json!(rounded(near + d))).collect()
            }
        },
        Value::Bool(_) => vec![json!(true), json!(false)],
        Value::String(text) => vec![json!(text), json!(format!("{text}x"))],
        _ => Vec::new(),
    }
}

/// A member and no member of a list or look-up.
fn members(of: &Value) -> Vec<Value> {
    let first = of.as_array().and_then(|items| items.first()).cloned();
    first.into_iter().chain([json!("Nobody")]).collect()
}

fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// The draft with one optional field left out.
fn without_fields(ground: &Ground<'_>, draft: &Draft) -> Vec<Test> {
    let policy = ground.policy;
    let sides = [(Root::Input, policy.input_schema()), (Root::Output, policy.output_schema())];
    let mut out = Vec::new();
    for (root_of, schema) in sides {
        let Some(Value::Object(fields)) = root(draft, root_of) else { continue };
        let kind = schema.map(|schema| schema.type_of());
        let Some(Type::Object(known)) = kind else { continue };
        let optional = known.known.iter().filter(|(_, field)| !field.required);
        for (name, _) in optional.filter(|(name, _)| fields.contains_key(*name)) {
            let mut fields = fields.clone();
            fields.remove(name);
            let mut test = draft.test.clone();
            let path = Path { root: root_of, segments: Vec::new() };
            test.change.retain(|change| change.path.value.root != root_of);
            test.set(path, &Value::Object(fields));
            out.push(test);
        }
    }
    out
}

/// The draft with one signal at, below and above each of its thresholds, or missing.
fn signals(ground: &Ground<'_>, draft: &Draft) -> Vec<Test> {
    let policy = ground.policy;
    let models: Vec<&str> = policy.plan.models.iter().map(|model| model.name.as_str()).collect();
    let blocks = policy.confidence.iter().chain(policy.tools.blocks());
    let mut out = Vec::new();
    for block in blocks {
        let sources: BTreeSet<&str> = block.from.iter().map(|from| from.name.as_str()).collect();
        for source in &sources {
            let accepts = models.iter().filter_map(|model| block.accept.of(source, Some(model)));
            let accepts: BTreeSet<i64> =
                accepts.map(|accept| (accept.as_f64() * 1e6).round() as i64).collect();
            let near = accepts.iter().flat_map(|accept| {
                [-10_000, 0, 10_000].map(|d| (accept + d).clamp(0, 1_000_000) as f64 / 1e6)
            });
            for value in near.map(Some).chain([None]) {
                let mut test = draft.test.clone();
                // Other sources must not rescue it.
                for other in sources.iter().filter(|other| *other != source) {
                    test.signal(other, Some(0.0));
                }
                test.signal(source, value);
                out.push(test);
            }
        }
    }
    out
}

/// The draft's one answer `repeats` times, and then the example's own.
pub fn then_good(test: &Test, first: &Attempt, repeats: usize) -> Option<Test> {
    if !test.answers.is_empty() {
        return None;
    }
    let mut sequence = test.clone();
    sequence.fail = None;
    let of_answer = |root| matches!(root, Root::Output | Root::ToolArgs | Root::Signals);
    sequence.change.retain(|change| !of_answer(change.path.value.root));
    (sequence.given.output, sequence.given.tool) = (None, None);
    sequence.given.signals = backstop_policy::raw::Signals::default();
    for _ in 0..repeats {
        match (first, &test.fail) {
            (_, Some(class)) => sequence.failure(class.value),
            (Attempt::Fails(class), None) => sequence.failure(*class),
            (Attempt::Answers(answer, pretended), None) => {
                let choice = answer.choices.first()?;
                let tool = choice.tool_calls.first().map(|call| {
                    let args: Value = serde_json::from_str(&call.arguments).unwrap_or_default();
                    json!({ "name": call.name, "args": args })
                });
                let output = choice.text.is_some().then(|| answer.first_value(true));
                let output = output.map(|value| {
                    value.unwrap_or_else(|| json!(answer.first_text().unwrap_or_default()))
                });
                let signals = pretended.signals.iter();
                let signals: Vec<(String, Option<f64>)> =
                    signals.map(|(name, s)| (name.clone(), s.map(|s| s.as_f64()))).collect();
                sequence.answer(output.as_ref(), tool.as_ref(), &signals);
            }
        }
    }
    sequence.answer(None, None, &[]);
    Some(sequence)
}
