//! Agreement of several answers on chosen fields: the share of the largest group.
//!
//! It asks nobody and picks no answer by quality: the first of the largest group goes on.

use std::collections::BTreeMap;

use backstop_domain::{Signal, canonical};
use serde_json::Value;

use super::{Missing, Reading};
use crate::path::{Path, TooManyPlaces};

/// When two answers are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compare {
    /// The same JSON, order of fields aside.
    #[default]
    Exact,
    /// The order of lists aside as well; how often an element stands in a list still counts.
    Set,
    /// As `Set`, and case, outer punctuation and amount of white space aside in texts, and `1`
    /// the same as `1.0`.
    Loose,
}

/// The result of a vote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// Size of the largest group over the number of answers asked for.
    pub signal: Reading,
    /// Index of the first answer of the largest group; none when the signal is missing.
    pub winner: Option<usize>,
}

impl Compare {
    /// The word used in policies.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "exact" => Some(Self::Exact),
            "set" => Some(Self::Set),
            "loose" => Some(Self::Loose),
            _ => None,
        }
    }
}

/// Counts the answers by what stands at `paths`. An answer that failed is `None`: it belongs to no
/// group and still counts among the answers.
pub fn votes(answers: &[Option<Value>], paths: &[Path], compare: Compare) -> Vote {
    match largest(answers, paths, compare) {
        Ok((winner, signal)) => Vote { signal: Ok(signal), winner: Some(winner) },
        Err(missing) => Vote { signal: Err(missing), winner: None },
    }
}

fn largest(
    answers: &[Option<Value>],
    paths: &[Path],
    compare: Compare,
) -> Result<(usize, Signal), Missing> {
    if answers.len() < 2 {
        return Err(Missing::because("a vote needs two answers"));
    }
    let mut groups: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (index, answer) in answers.iter().enumerate() {
        if let Some(answer) = answer {
            let key = key(answer, paths, compare)
                .map_err(|_| Missing::because("an answer has too many values to compare"))?;
            groups.entry(key).or_insert((0, index)).0 += 1;
        }
    }
    let most = groups.values().map(|(size, _)| *size).max();
    let most = most.ok_or_else(|| Missing::because("no answer could be used"))?;
    let mut winners = groups.values().filter(|(size, _)| *size == most);
    match (winners.next(), winners.next()) {
        (Some((_, first)), None) => Signal::from_f64(most as f64 / answers.len() as f64)
            .map(|signal| (*first, signal))
            .ok_or_else(|| Missing::because("the share cannot be computed")),
        _ => Err(Missing::because(format!("a tie: {most} of {} each", answers.len()))),
    }
}

/// What two answers of one group have in common. Pointers are left out, so that `*` over a list
/// compares its elements.
fn key(answer: &Value, paths: &[Path], compare: Compare) -> Result<String, TooManyPlaces> {
    let mut parts = Vec::new();
    for path in paths {
        let values = path.select(answer)?.into_iter().map(|(_, value)| value.clone()).collect();
        parts.push(normal(Value::Array(values), compare));
    }
    Ok(canonical(&Value::Array(parts)))
}

fn normal(value: Value, compare: Compare) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<_> = items.into_iter().map(|item| normal(item, compare)).collect();
            if compare != Compare::Exact {
                items.sort_by_cached_key(canonical);
            }
            Value::Array(items)
        }
        Value::Object(fields) => {
            fields.into_iter().map(|(key, item)| (key, normal(item, compare))).collect()
        }
        Value::String(text) if compare == Compare::Loose => Value::String(loose(&text)),
        Value::Number(number) if compare == Compare::Loose => {
            whole(&number).map_or(Value::Number(number), Value::from)
        }
        other => other,
    }
}

fn loose(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    let lower = words.join(" ").to_lowercase();
    lower.trim_matches(|c: char| c.is_ascii_punctuation() || c == ' ').to_owned()
}

/// A decimal number that is whole, as a whole number, where that loses nothing.
fn whole(number: &serde_json::Number) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let value = number.as_f64().filter(|_| number.is_f64())?;
    (value.fract() == 0.0 && value.abs() < EXACT).then_some(value as i64)
}
