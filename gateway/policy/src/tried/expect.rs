//! Holds what was seen of a call against what a test expects.

use serde_json::Value;

use super::played::Played;
use crate::decode::Name;
use crate::raw::{Data, Expect};
use crate::source::Spanned;

/// Everything that was expected and did not happen.
pub(super) fn unmet(expect: &Expect, seen: &Played) -> Vec<String> {
    let mut unmet: Vec<String> = seen.broken.iter().cloned().collect();
    let mut check = |failed: Option<String>| unmet.extend(failed);
    if let Some(verdict) = &expect.verdict {
        let is = seen.verdict();
        let wanted = verdict.value.name();
        // A wait is a kind of retry.
        let same = is == Some(wanted) || (wanted == "wait" && is == Some("retry"));
        check(differs("verdict", wanted, is.unwrap_or("none"), same));
    }
    if let Some(rule) = &expect.rule
        && !seen.has_fired(rule.as_str())
    {
        check(Some(format!("rule `{}` did not fire", rule.as_str())));
    }
    for rule in expect.not_rule.iter().filter(|rule| seen.has_fired(rule.as_str())) {
        check(Some(format!("rule `{}` fired", rule.as_str())));
    }
    if let Some(rules) = &expect.rules {
        check(exactly(rules, seen));
    }
    if let Some(queue) = &expect.queue {
        let asked = seen.queues.iter().any(|asked| asked == queue.as_str());
        let is = seen.queues.first().map_or("none", String::as_str);
        check(differs("queue", queue.as_str(), is, asked));
    }
    if let Some(way) = &expect.way {
        let wanted: Vec<&str> = way.iter().map(|step| step.value.as_str()).collect();
        let same = wanted == seen.steps;
        check(differs("way", &wanted.join(" → "), &seen.steps.join(" → "), same));
    }
    if let Some(outcome) = &expect.outcome {
        let is = seen.outcome.unwrap_or("a person is waited for");
        check(differs("outcome", &outcome.value, is, is == outcome.value));
    }
    if let Some(step) = &expect.step {
        check(step_taken(step, seen));
    }
    if let Some(part) = &expect.answer {
        let answer = seen.value();
        let wanted = part.constant().unwrap_or(Value::Null);
        let same = answer.as_ref().is_some_and(|answer| holds(answer, &wanted));
        let is = answer.map_or_else(|| "none".to_owned(), |answer| answer.to_string());
        check(differs("answer", &wanted.to_string(), &is, same));
    }
    if let Some(part) = &expect.text_has {
        let text = seen.text();
        check(differs("text", &part.value, text, text.contains(&part.value)));
    }
    unmet
}

fn differs(what: &str, wanted: &str, is: &str, same: bool) -> Option<String> {
    (!same).then(|| format!("{what}: expected {wanted}, was {is}"))
}

fn exactly(rules: &[Spanned<Name>], seen: &Played) -> Option<String> {
    let mut wanted: Vec<&str> = rules.iter().map(|rule| rule.as_str()).collect();
    let mut fired: Vec<&str> = seen.rules().collect();
    wanted.sort_unstable();
    fired.sort_unstable();
    differs("rules", &wanted.join(", "), &fired.join(", "), wanted == fired)
}

/// A step as written in the file: its verdict, and its queue if it names one.
fn step_taken(step: &Data, seen: &Played) -> Option<String> {
    let step = step.constant()?;
    let (verdict, option) = match &step {
        Value::String(word) => (word.clone(), None),
        Value::Object(map) => {
            let (word, option) = map.iter().next()?;
            (word.clone(), Some(option.clone()))
        }
        _ => return Some("`step` is a word or a map with one key".to_owned()),
    };
    let is = seen.verdict().unwrap_or("none");
    let queue = option
        .as_ref()
        .and_then(|option| option.as_str().or_else(|| option.get("queue").and_then(Value::as_str)));
    let queue = queue.filter(|_| verdict == "escalate");
    let same = is == verdict && queue.is_none_or(|queue| seen.queues.iter().any(|q| q == queue));
    differs("step", &step.to_string(), is, same)
}

/// Whether `wanted` is a part of `value`.
fn holds(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::Object(value), Value::Object(wanted)) => wanted
            .iter()
            .all(|(name, wanted)| value.get(name).is_some_and(|value| holds(value, wanted))),
        (value, wanted) => value == wanted,
    }
}
