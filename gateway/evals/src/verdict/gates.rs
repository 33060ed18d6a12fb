//! Holding gates to the numbers.
//!
//! A bound passes when the value keeps to it with confidence, fails when it is shown to break it,
//! and is inconclusive in between. All gates must pass for the suite to pass, so each may be tested
//! at its own level (an intersection-union test); but any one of them can raise a false alarm, so
//! failures are adjusted together by Holm's method.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Word;
use super::agreement::unmeasured;
use super::baseline::Baseline;
use super::measure::{Measured, measure};
use crate::run::Ran;
use crate::stats::{Pair, at_least_this_few, at_least_this_many, holm, mcnemar, paired_interval};
use crate::suite::{Bound, Gate, Kind, Limit, Metric, Suite, shown};

/// What a gate came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// The gate in words.
    pub gate: String,
    /// The metric.
    pub of: String,
    /// What it came to.
    pub word: Word,
    /// The bound, in the metric's unit; for a comparison the greatest drop, as a negative share.
    pub bound: f64,
    /// The value that it rests on; for a comparison the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
    /// Why, in words.
    pub why: String,
    /// How likely numbers so bad are by chance if the gate in truth holds, adjusted over all gates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chance: Option<f64>,
    /// Line of the gate in `suite.yaml`, from 1.
    #[serde(default)]
    pub line: usize,
}

/// A gate half judged: whether it passes is known, whether it fails needs the others.
struct Half {
    held: Held,
    passes: bool,
    chance: Option<f64>,
    alpha: f64,
}

/// Holds every gate of the suite that applies to `tier`.
pub fn hold(suite: &Suite, counted: &[&Ran], baseline: Option<&Baseline>, tier: &str) -> Vec<Held> {
    let applies = |gate: &&Gate| gate.tier.is_none_or(|own| own.name() == tier);
    let halves: Vec<Half> = suite
        .gates
        .iter()
        .filter(applies)
        .map(|gate| match (unmeasured(suite, counted, &gate.of), gate.limit) {
            (Some(why), _) => half(gate, None, why, false, None, 1.0),
            (None, Limit::Value(bound)) => value(suite, counted, gate, bound),
            (None, Limit::NoWorseBy(margin)) => compared(suite, counted, gate, margin, baseline),
        })
        .collect();
    let chances: Vec<f64> = halves.iter().map(|half| half.chance.unwrap_or(1.0)).collect();
    let adjusted = holm(&chances);
    halves
        .into_iter()
        .zip(adjusted)
        .map(|(half, chance)| {
            let Half { mut held, passes, alpha, .. } = half;
            held.chance = half.chance.map(|_| chance);
            held.word = match (passes, half.chance) {
                (true, _) => Word::Pass,
                // What was not run shows nothing about the policy.
                (false, _) if held.of == Metric::Errors.to_string() => Word::Error,
                (false, Some(_)) if chance <= alpha => Word::Fail,
                _ => Word::Inconclusive,
            };
            held
        })
        .collect()
}

fn value(suite: &Suite, counted: &[&Ran], gate: &Gate, bound: Bound) -> Half {
    let confidence = gate.confidence.unwrap_or(suite.confidence);
    let alpha = 1.0 - confidence;
    let kind = gate.of.kind();
    let Some(seen) = measure(suite, counted, &gate.of, confidence) else {
        let why = "no case says anything about it".to_owned();
        return half(gate, None, why, false, None, alpha);
    };
    let (passes, broken) = match bound {
        Bound::AtMost(most) => (seen.high <= most, seen.value > most),
        Bound::AtLeast(least) => (seen.low >= least, seen.value < least),
    };
    let percent = shown(Kind::Share, confidence);
    let seen_words = match seen.hits {
        Some(hits) => format!("{} ({hits} of {})", shown(kind, seen.value), seen.of),
        None => format!("{} over {}", shown(kind, seen.value), seen.of),
    };
    let edge = match bound {
        Bound::AtMost(_) => format!("at most {}", shown(kind, seen.high)),
        Bound::AtLeast(_) => format!("at least {}", shown(kind, seen.low)),
    };
    let why = if seen.low == seen.high {
        seen_words
    } else {
        format!("{seen_words}; with {percent} confidence {edge}")
    };
    let chance = broken.then(|| chance_of(suite, counted, gate, bound, &seen));
    half(gate, Some(seen), why, passes, chance, alpha)
}

/// How likely numbers so bad are if the bound in truth just holds.
fn chance_of(suite: &Suite, counted: &[&Ran], gate: &Gate, bound: Bound, seen: &Measured) -> f64 {
    if *gate.of == Metric::Errors {
        return 0.0;
    }
    let clustered = counted.iter().any(|ran| ran.repeat > 0 || ran.cluster != ran.case);
    match (seen.hits, bound) {
        (Some(hits), Bound::AtMost(most)) if !clustered => at_least_this_many(hits, seen.of, most),
        (Some(hits), Bound::AtLeast(least)) if !clustered => {
            at_least_this_few(hits, seen.of, least)
        }
        _ => smallest_level(|level| {
            measure(suite, counted, &gate.of, level).is_some_and(|at| match bound {
                Bound::AtMost(most) => at.low > most,
                Bound::AtLeast(least) => at.high < least,
            })
        }),
    }
}

/// The smallest usual level of chance at which an interval leaves the bound out.
fn smallest_level(leaves_out: impl Fn(f64) -> bool) -> f64 {
    let levels = [0.999, 0.99, 0.95, 0.9, 0.8];
    levels.into_iter().find(|level| leaves_out(*level)).map_or(1.0, |level| 1.0 - level)
}

fn compared(
    suite: &Suite,
    counted: &[&Ran],
    gate: &Gate,
    margin: f64,
    baseline: Option<&Baseline>,
) -> Half {
    let confidence = gate.confidence.unwrap_or(suite.confidence);
    let alpha = 1.0 - confidence;
    let Some(baseline) = baseline else {
        let why = format!(
            "there is no baseline yet; `backstop eval bless {} --why \"...\"` makes one",
            suite.name
        );
        return half(gate, None, why, false, None, alpha);
    };
    let mut pairs: Vec<Pair<'_>> = Vec::new();
    for ran in counted.iter().filter(|ran| ran.is_valid()) {
        let after = match &*gate.of {
            Metric::Score(name) => ran.scores.get(name).copied(),
            _ => ran.expected,
        };
        let before = baseline.share(&ran.case, &gate.of);
        if let (Some(after), Some(before)) = (after, before) {
            let after = f64::from(u8::from(after));
            pairs.push(Pair { cluster: &ran.cluster, before, after });
        }
    }
    let Some(change) = paired_interval(&pairs, confidence) else {
        let why = "no case stands in both the baseline and this run".to_owned();
        return half(gate, None, why, false, None, alpha);
    };
    let worse = pairs.iter().filter(|pair| pair.after < pair.before).count() as u64;
    let better = pairs.iter().filter(|pair| pair.after > pair.before).count() as u64;
    let size = shown(Kind::Share, change.mean.abs());
    let moved = match change.mean {
        mean if mean < 0.0 => format!("down {size}"),
        mean if mean > 0.0 => format!("up {size}"),
        _ => "unchanged".to_owned(),
    };
    let furthest = if change.low < 0.0 { -change.low } else { 0.0 };
    let why = format!(
        "{moved}: {worse} worse, {better} better, of {} pairs; with {} \
         confidence no further down than {}",
        pairs.len(),
        shown(Kind::Share, confidence),
        shown(Kind::Share, furthest),
    );
    let passes = change.low >= -margin;
    let broken = change.mean < -margin;
    let chance = broken.then(|| {
        let any = sign_test(&pairs);
        if margin == 0.0 {
            return any;
        }
        // Resampling is too sure of few changes: a drop beyond a margin is at least a drop.
        let beyond = |level| paired_interval(&pairs, level).is_some_and(|at| at.high < -margin);
        smallest_level(beyond).max(any)
    });
    let measured = Measured {
        value: change.mean,
        low: change.low,
        high: change.high,
        hits: None,
        of: pairs.len() as u64,
    };
    half(gate, Some(measured), why, passes, chance, alpha)
}

/// McNemar's exact test over clusters, each of which counts once: by what its pairs sum to.
fn sign_test(pairs: &[Pair<'_>]) -> f64 {
    let mut changes: BTreeMap<&str, f64> = BTreeMap::new();
    for pair in pairs {
        *changes.entry(pair.cluster).or_default() += pair.after - pair.before;
    }
    let count = |moved: &dyn Fn(f64) -> bool| changes.values().filter(|by| moved(**by)).count();
    mcnemar(count(&|by| by < -1e-9) as u64, count(&|by| by > 1e-9) as u64)
}

fn half(
    gate: &Gate,
    measured: Option<Measured>,
    why: String,
    passes: bool,
    chance: Option<f64>,
    alpha: f64,
) -> Half {
    let held = Held {
        gate: gate.words(),
        of: gate.of.to_string(),
        word: Word::Inconclusive,
        bound: match gate.limit {
            Limit::Value(Bound::AtMost(bound) | Bound::AtLeast(bound)) => bound,
            Limit::NoWorseBy(margin) => -margin,
        },
        measured,
        why,
        chance,
        line: gate.line,
    };
    Half { held, passes, chance, alpha }
}
