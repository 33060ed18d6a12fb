//! The numbers of a run: each metric with what it rests on and how sure it is.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::run::Ran;
use crate::stats::{clopper_pearson, mean_interval, quantile_ranks, ratio_interval};
use crate::suite::{Kind, Metric, Suite};

/// A metric as measured. Shares in [0, 1], money in millionths, times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The value that was seen.
    pub value: f64,
    /// It is at least this, with the confidence asked for.
    pub low: f64,
    /// It is at most this, with the same confidence.
    pub high: f64,
    /// Hits, where it is a share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hits: Option<u64>,
    /// What it rests on.
    pub of: u64,
}

/// Measures `metric` over runs that count. `None`: there is nothing to rest on.
pub fn measure(
    suite: &Suite,
    counted: &[&Ran],
    metric: &Metric,
    confidence: f64,
) -> Option<Measured> {
    if *metric == Metric::Errors {
        let bad = counted.iter().filter(|ran| ran.error.is_some()).count() as u64;
        let of = counted.len() as u64;
        let value = bad as f64 / of.max(1) as f64;
        return Some(Measured { value, low: value, high: value, hits: Some(bad), of });
    }
    let values: Vec<(&str, f64)> = counted
        .iter()
        .filter(|ran| ran.is_valid())
        .filter_map(|ran| Some((ran.cluster.as_str(), observed(suite, ran, metric)?)))
        .collect();
    match metric {
        Metric::LatencyP50 | Metric::LatencyP95 => {
            quantile(&values, metric.quantile()?, confidence)
        }
        Metric::CostPerAccepted => per_accepted(counted, confidence),
        _ if metric.kind() == Kind::Share => share(&values, confidence),
        _ => mean(&values, confidence),
    }
}

/// What one run says of a metric; `None`: nothing.
fn observed(suite: &Suite, ran: &Ran, metric: &Metric) -> Option<f64> {
    let share = |hit: bool| Some(f64::from(u8::from(hit)));
    match metric {
        Metric::WrongAccepted if ran.end == "accepted" => share(!ran.right?),
        Metric::WrongAutomatic if ran.is_automatic() => share(!ran.right?),
        Metric::Automatic => share(ran.is_automatic()),
        Metric::Escalated => share(ran.is_escalated()),
        Metric::EscalationPrecision if ran.is_escalated() => share(was_needed(suite, ran)?),
        Metric::FallbackCorrect if ran.end == "fallback" => share(ran.right?),
        Metric::Expected => share(ran.expected?),
        Metric::Failed => {
            let refused = ran.end == "refused" && ran.expected == Some(false);
            share(ran.end == "failed" || refused)
        }
        Metric::Repairs => Some(f64::from(ran.repairs)),
        Metric::Attempts => Some(f64::from(ran.attempts)),
        Metric::ReviewMinutes => {
            let minutes = suite.review_ms as f64 / 60_000.0;
            Some(if ran.is_escalated() { minutes * 1_000.0 } else { 0.0 })
        }
        Metric::LatencyP50 | Metric::LatencyP95 => Some(ran.took_ms as f64),
        Metric::Score(name) => share(*ran.scores.get(name)?),
        _ => None,
    }
}

/// A review was needed if the case wants a person, or the answer before them is wrong or missing.
fn was_needed(suite: &Suite, ran: &Ran) -> Option<bool> {
    let case = suite.cases.iter().find(|case| case.id == ran.case)?;
    let wants = case.expect.outcome.iter().any(|end| end == "in_review");
    if wants {
        return Some(true);
    }
    match ran.right {
        Some(right) => Some(!right),
        None => (ran.output.is_none() && ran.tool.is_none()).then_some(true),
    }
}

/// Exact where each cluster was seen once; resampled by cluster where it was seen more often.
fn share(values: &[(&str, f64)], confidence: f64) -> Option<Measured> {
    let clusters: BTreeSet<&str> = values.iter().map(|(cluster, _)| *cluster).collect();
    let (hits, of) = (values.iter().filter(|(_, hit)| *hit > 0.5).count() as u64, values.len());
    if of == 0 {
        return None;
    }
    let value = hits as f64 / of as f64;
    if clusters.len() == of {
        let bounds = clopper_pearson(hits, of as u64, confidence);
        let (low, high) = (bounds.low, bounds.high);
        return Some(Measured { value, low, high, hits: Some(hits), of: of as u64 });
    }
    // Resampling cannot see what no cluster showed: the exact bounds over clusters stand in where
    // they are the wider ones.
    let seen = mean_interval(values, confidence)?;
    let mut worst: BTreeMap<&str, (bool, bool)> = BTreeMap::new();
    for (cluster, hit) in values {
        let both = worst.entry(cluster).or_insert((true, false));
        *both = (both.0 && *hit > 0.5, both.1 || *hit > 0.5);
    }
    let number = worst.len() as u64;
    let every = worst.values().filter(|both| both.0).count() as u64;
    let some = worst.values().filter(|both| both.1).count() as u64;
    let low = seen.low.min(clopper_pearson(every, number, confidence).low);
    let high = seen.high.max(clopper_pearson(some, number, confidence).high);
    Some(Measured { value, low, high, hits: Some(hits), of: of as u64 })
}

fn mean(values: &[(&str, f64)], confidence: f64) -> Option<Measured> {
    let seen = mean_interval(values, confidence)?;
    let (value, low, high) = (seen.mean, seen.low, seen.high);
    Some(Measured { value, low, high, hits: None, of: values.len() as u64 })
}

/// All money over all accepted answers, both drawn together.
fn per_accepted(counted: &[&Ran], confidence: f64) -> Option<Measured> {
    let valid = || counted.iter().filter(|ran| ran.is_valid());
    let accepted = |ran: &Ran| ran.end == "accepted";
    let of = valid().filter(|ran| accepted(ran)).count() as u64;
    let each = valid().map(|ran| {
        (ran.cluster.as_str(), ran.cost_micro as f64, f64::from(u8::from(accepted(ran))))
    });
    let seen = ratio_interval(each, confidence)?;
    Some(Measured { value: seen.mean, low: seen.low, high: seen.high, hits: None, of })
}

/// The nearest-rank quantile. Its bounds are exact order statistics, as many as there are clusters:
/// repeats of one case say little more. Where even the slowest is no upper bound there is none.
fn quantile(values: &[(&str, f64)], share: f64, confidence: f64) -> Option<Measured> {
    let clusters: BTreeSet<&str> = values.iter().map(|(cluster, _)| *cluster).collect();
    let mut sorted: Vec<f64> = values.iter().map(|(_, value)| *value).collect();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len() as f64;
    let at = |part: f64| {
        let place = (count * part - 1e-9).ceil().clamp(1.0, count.max(1.0)) as usize - 1;
        sorted.get(place).copied()
    };
    let independent = clusters.len() as u64;
    let (low, high) = quantile_ranks(independent, share, confidence);
    let ranked = |rank: u64| at(rank as f64 / independent as f64);
    Some(Measured {
        value: at(share)?,
        low: low.and_then(ranked).unwrap_or(0.0),
        high: high.and_then(ranked).unwrap_or(f64::MAX),
        hits: None,
        of: values.len() as u64,
    })
}
