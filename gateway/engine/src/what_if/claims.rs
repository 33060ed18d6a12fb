//! The changes that may have made a difference, from what was compared: each is only a claim until
//! it is proven by deciding again.

use std::collections::BTreeMap;

use backstop_domain::Status;
use backstop_policy::path::{Path, Root, Segment};
use backstop_policy::tried::{Attempt, Made, Scene};
use serde_json::{Value, json};

use super::Ground;

/// A change of one or more places.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Change {
    /// The answer that is changed, by its number from 0.
    attempt: usize,
    places: Vec<(Path, Value)>,
    /// A check that comes to something else.
    check: Option<(String, Status)>,
}

/// A change that may have led elsewhere, and one just short of it that must not.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Claim {
    pub places: Vec<String>,
    pub how: String,
    pub was: String,
    pub far: Change,
    pub near: Option<Change>,
    /// What would have been asked then, where its answer is not known.
    pub asked_next: Option<String>,
    /// How far it is, in parts of a million of what it was.
    pub distance: u64,
}

impl Change {
    fn of(attempt: usize, paths: &[Path], value: &Value) -> Self {
        let places = paths.iter().map(|path| (path.clone(), value.clone())).collect();
        Self { attempt, places, check: None }
    }

    /// Makes the change; `false` if there is no such place.
    pub fn put_into(&self, scene: &mut Scene) -> bool {
        if let Some((name, status)) = &self.check {
            scene.pretended.checks.insert(name.clone(), *status);
            if let Some(Attempt::Answers(_, pretended)) = scene.attempts.get_mut(self.attempt) {
                pretended.checks.insert(name.clone(), *status);
            }
        }
        self.places
            .iter()
            .all(|(path, value)| scene.change(self.attempt, path, value.clone()).is_ok())
    }
}

/// Every claim worth proving.
pub(super) fn claims(ground: &Ground<'_>) -> Vec<Claim> {
    let mut claims = signals(ground);
    let mut last: BTreeMap<(&str, &str, usize), &Made> = BTreeMap::new();
    for made in &ground.base.compared {
        last.insert((&made.by, &made.source, made.compared.site), made);
    }
    claims.extend(last.values().flat_map(|made| compared(ground, made)));
    claims.extend(left_out(ground));
    claims.extend(checks(ground));
    claims
}

/// The last answer: what was decided on in the end.
fn attempt(ground: &Ground<'_>) -> usize {
    ground.scene.attempts.len().saturating_sub(1)
}

fn signals(ground: &Ground<'_>) -> Vec<Claim> {
    let Some(Attempt::Answers(_, pretended)) = ground.scene.attempts.last() else {
        return Vec::new();
    };
    let attempt = attempt(ground);
    let model = ground.base.signals.last().and_then(|(model, _)| model.clone());
    let blocks = ground.policy.confidence.iter().chain(ground.policy.tools.blocks());
    let mut claims = Vec::new();
    for block in blocks {
        for (index, source) in block.from.iter().enumerate() {
            let Some(value) = pretended.signals.get(&source.name) else { continue };
            let Some(accept) = block.accept.of(&source.name, model.as_deref()) else { continue };
            let path =
                Path { root: Root::Signals, segments: vec![Segment::Field(source.name.clone())] };
            let at = accept.as_f64();
            let below = (at - 1e-6).max(0.0);
            let sure = value.is_some_and(|value| value >= accept);
            let (how, far, near) = if sure {
                (format!("below {at}"), below, at)
            } else {
                (format!("at least {at}"), at, below)
            };
            let rest = block.from.iter().skip(index + 1);
            let unasked = rest.map(|from| &from.name).find(|n| !pretended.signals.contains_key(*n));
            let asked_next = unasked.filter(|_| sure).map(|name| format!("held to {name} next"));
            let was = value.map_or("missing".to_owned(), |value| value.as_f64().to_string());
            let off = value.map_or(1.0, |value| (value.as_f64() - at).abs());
            claims.push(Claim {
                places: vec![format!("confidence by {}", source.name)],
                how,
                was,
                far: Change::of(attempt, std::slice::from_ref(&path), &json!(far)),
                near: Some(Change::of(attempt, &[path], &json!(near))),
                asked_next,
                distance: (off * 1e6) as u64,
            });
        }
    }
    claims
}

fn compared(ground: &Ground<'_>, made: &Made) -> Vec<Claim> {
    let conditions = ground.policy.conditions();
    let condition = conditions
        .iter()
        .find(|condition| condition.by == made.by && condition.expression.source() == made.source);
    let site = condition.and_then(|c| c.expression.comparisons().get(made.compared.site));
    let Some(site) = site else { return Vec::new() };
    let sides = [
        (&site.left, &made.compared.left, &made.compared.right, &site.right, site.operator),
        (
            &site.right,
            &made.compared.right,
            &made.compared.left,
            &site.left,
            mirrored(site.operator),
        ),
    ];
    let mut claims = Vec::new();
    for (place, is, other, named, operator) in sides {
        let path = place.as_deref().and_then(|place| Path::parse(place, Root::PLACES).ok());
        let path = path
            .filter(|path| !path.segments.is_empty() && !path.segments.contains(&Segment::Each));
        let (Some(path), Some(operator)) = (path, operator_of(operator)) else { continue };
        let Some(turned) = turn(operator, made.compared.holds, is, other, named.as_deref()) else {
            continue;
        };
        let alone = vec![path.clone()];
        let twins = twins(ground, &path);
        let all = listed(ground, &path, is, turned);
        for paths in std::iter::once(alone).chain(twins) {
            claims.extend(all.iter().map(|turned| claim(ground, &paths, is, turned)));
        }
    }
    claims
}

/// A value that turns a comparison round, and its last neighbour that does not.
struct Turned {
    far: Value,
    near: Option<Value>,
    how: String,
}

fn claim(ground: &Ground<'_>, paths: &[Path], is: &Value, turned: &Turned) -> Claim {
    let attempt = attempt(ground);
    let near = turned.near.as_ref().filter(|near| *near != is);
    let cents = paths.iter().any(|path| path.to_string().ends_with("_cents"));
    let unit = if cents && is.is_number() { " cents" } else { "" };
    let distance = match (is.as_f64(), turned.far.as_f64()) {
        (Some(is), Some(far)) => ((is - far).abs() / is.abs().max(1.0) * 1e6) as u64,
        _ => 1_000_000,
    };
    Claim {
        places: paths.iter().map(ToString::to_string).collect(),
        how: format!("{}{unit}", turned.how),
        was: shown(is),
        far: Change::of(attempt, paths, &turned.far),
        near: near.map(|near| Change::of(attempt, paths, near)),
        asked_next: None,
        distance: distance.saturating_add(paths.len() as u64),
    }
}

/// Where the schema lists the values of a place, each of the others is a claim of its own: a value
/// that is made up would be no answer, and `anything but` would speak of them all.
fn listed(ground: &Ground<'_>, path: &Path, is: &Value, turned: Turned) -> Vec<Turned> {
    let schema = match path.root {
        Root::Input => ground.policy.input_schema(),
        Root::Output => ground.policy.output_schema(),
        _ => None,
    };
    let place = backstop_checks::path::Path::with_root(&path.to_string()).ok();
    let listed = schema.zip(place).map(|(schema, (_, place))| schema.allowed_at(&place));
    let listed = listed.unwrap_or_default();
    if turned.near.is_some() || listed.is_empty() || listed.contains(&turned.far) {
        return vec![turned];
    }
    let others = listed.into_iter().filter(|value| value != is);
    others.map(|far| Turned { how: shown(&far), far, near: None }).collect()
}

/// The same field of input and output, where a rule holds them to each other: both would differ.
fn twins(ground: &Ground<'_>, path: &Path) -> Option<Vec<Path>> {
    let other = match path.root {
        Root::Input => Root::Output,
        Root::Output => Root::Input,
        _ => return None,
    };
    let twin = Path { root: other, segments: path.segments.clone() };
    let pair = if path.root == Root::Input { [path.clone(), twin] } else { [twin, path.clone()] };
    let value = |path: &Path| value_at(ground, path);
    let [input, output] = &pair;
    (value(input).is_some() && value(input) == value(output)).then(|| pair.to_vec())
}

fn value_at(ground: &Ground<'_>, path: &Path) -> Option<Value> {
    let root = match path.root {
        Root::Input => ground.scene.input.clone(),
        Root::Output => match ground.scene.attempts.last()? {
            Attempt::Answers(answer, _) => answer.first_value(true)?,
            Attempt::Fails(_) => return None,
        },
        _ => return None,
    };
    path.matches(&root).first().map(|(_, value)| (*value).clone())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
}

/// The operator, with whether it is said the other way round; `!=` is `==` turned.
fn operator_of(word: &str) -> Option<(Operator, bool)> {
    Some(match word {
        "==" => (Operator::Equal, false),
        "!=" => (Operator::Equal, true),
        "<" => (Operator::Less, false),
        "<=" => (Operator::LessEqual, false),
        ">" => (Operator::Greater, false),
        ">=" => (Operator::GreaterEqual, false),
        "in" => (Operator::In, false),
        _ => return None,
    })
}

fn mirrored(operator: &'static str) -> &'static str {
    match operator {
        "<" => ">",
        "<=" => ">=",
        ">" => "<",
        ">=" => "<=",
        "in" => "",
        other => other,
    }
}

fn turn(
    (operator, turned): (Operator, bool),
    holds: bool,
    is: &Value,
    other: &Value,
    named: Option<&str>,
) -> Option<Turned> {
    // Of `!=`, what is wanted is said of `==`: it holds now where the other one does not.
    let wanted = if turned { holds } else { !holds };
    if operator == Operator::In {
        return member(wanted, is, other, named);
    }
    if let (Some(_), Some(bound)) = (is.as_f64(), other.as_f64()) {
        let whole = is.is_i64() && other.is_i64();
        let step = if whole { 1.0 } else { 0.01 };
        let value = |v: f64| if whole { json!(v as i64) } else { json!((v * 1e6).round() / 1e6) };
        let (far, near, how) = match (operator, wanted) {
            (Operator::Greater, true) | (Operator::LessEqual, false) => {
                (bound + step, Some(bound), "above")
            }
            (Operator::Greater, false) | (Operator::LessEqual, true) => {
                (bound, Some(bound + step), "at most")
            }
            (Operator::GreaterEqual, true) | (Operator::Less, false) => {
                (bound, Some(bound - step), "at least")
            }
            (Operator::GreaterEqual, false) | (Operator::Less, true) => {
                (bound - step, Some(bound), "below")
            }
            (_, true) => (bound, None, ""),
            (_, false) => (bound + step, None, "anything but"),
        };
        let how = format!("{how} {}", shown(other)).trim().to_owned();
        return Some(Turned { far: value(far), near: near.map(value), how });
    }
    if operator != Operator::Equal {
        return None;
    }
    let (far, how) = match (other, wanted) {
        (Value::String(_) | Value::Bool(_), true) => (other.clone(), shown(other)),
        (Value::String(text), false) => {
            (json!(format!("{text}x")), format!("anything but {}", shown(other)))
        }
        (Value::Bool(value), false) => (json!(!value), (!value).to_string()),
        _ => return None,
    };
    Some(Turned { far, near: None, how })
}

fn member(wanted: bool, is: &Value, of: &Value, named: Option<&str>) -> Option<Turned> {
    let list = named.map_or_else(|| shown(of), str::to_owned);
    if wanted {
        let far = of.as_array()?.first()?.clone();
        return Some(Turned { far, near: None, how: format!("in {list}") });
    }
    let far = json!(format!("{}?", is.as_str()?));
    Some(Turned { far, near: None, how: format!("not in {list}") })
}

/// Optional fields of the input that are there and might not have been.
fn left_out(ground: &Ground<'_>) -> Vec<Claim> {
    let Value::Object(fields) = &ground.scene.input else { return Vec::new() };
    let kind = ground.policy.input_schema().map(|schema| schema.type_of());
    let Some(backstop_checks::expression::Type::Object(known)) = kind else { return Vec::new() };
    let optional = known.known.iter().filter(|(_, field)| !field.required);
    let there = optional.filter(|(name, _)| fields.contains_key(*name));
    let path = Path { root: Root::Input, segments: Vec::new() };
    there
        .map(|(name, _)| {
            let mut rest = fields.clone();
            let was = rest.remove(name).unwrap_or_default();
            Claim {
                places: vec![format!("input.{name}")],
                how: "missing".to_owned(),
                was: shown(&was),
                far: Change::of(0, std::slice::from_ref(&path), &Value::Object(rest)),
                near: None,
                asked_next: None,
                distance: 1_500_000,
            }
        })
        .collect()
}

/// Paid checks that came to something and might have come to something else.
fn checks(ground: &Ground<'_>) -> Vec<Claim> {
    let attempt = attempt(ground);
    let mut came = ground.scene.pretended.checks.clone();
    if let Some(Attempt::Answers(_, pretended)) = ground.scene.attempts.last() {
        came.extend(pretended.checks.clone());
    }
    came.into_iter()
        .map(|(name, status)| {
            let passed = status == Status::Pass;
            let other = if passed { Status::Fail } else { Status::Pass };
            Claim {
                places: vec![format!("check {name}")],
                how: if passed { "an objection" } else { "a pass" }.to_owned(),
                was: match status {
                    Status::Pass => "a pass",
                    Status::Error => "an error",
                    _ => "an objection",
                }
                .to_owned(),
                far: Change { attempt, places: Vec::new(), check: Some((name, other)) },
                near: None,
                asked_next: None,
                distance: 2_000_000,
            }
        })
        .collect()
}

/// A value as it reads in a sentence.
fn shown(value: &Value) -> String {
    const SHOWN_MAX: usize = 60;
    let text = value.to_string();
    if text.chars().count() <= SHOWN_MAX {
        return text;
    }
    let start: String = text.chars().take(SHOWN_MAX).collect();
    format!("{start}…")
}
