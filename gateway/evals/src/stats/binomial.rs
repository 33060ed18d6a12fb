//! Exact tests and bounds of counts: Clopper-Pearson and McNemar.

use super::beta::{incomplete, quantile};

/// Lower and upper bound of a share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// The share is at least this, with the confidence asked for.
    pub low: f64,
    /// The share is at most this, with the same confidence.
    pub high: f64,
}

/// One-sided exact bounds of a share of which `hits` of `of` were seen; each holds alone with
/// `confidence`. Without observations nothing is known: [0, 1].
///
/// Source: Clopper and Pearson (1934), as beta quantiles.
pub fn clopper_pearson(hits: u64, of: u64, confidence: f64) -> Bounds {
    let (k, n, alpha) = (hits.min(of) as f64, of as f64, 1.0 - confidence);
    let low = if hits == 0 { 0.0 } else { quantile(k, n - k + 1.0, alpha) };
    let high = if hits >= of { 1.0 } else { quantile(k + 1.0, n - k, confidence) };
    Bounds { low, high }
}

/// The chance of at most `hits` of `of` where each hits with chance `share`.
pub fn at_least_this_few(hits: u64, of: u64, share: f64) -> f64 {
    if hits >= of {
        return 1.0;
    }
    1.0 - incomplete(hits as f64 + 1.0, (of - hits) as f64, share)
}

/// The chance of at least `hits` of `of` where each hits with chance `share`.
pub fn at_least_this_many(hits: u64, of: u64, share: f64) -> f64 {
    match hits {
        0 => 1.0,
        hits if hits > of => 0.0,
        hits => incomplete(hits as f64, (of - hits) as f64 + 1.0, share),
    }
}

/// Exact one-sided McNemar test over pairs: `worse` went from right to wrong, `better` the other
/// way. The chance of at least so many worse ones if nothing changed.
pub fn mcnemar(worse: u64, better: u64) -> f64 {
    at_least_this_many(worse, worse + better, 0.5)
}

/// Ranks (from 1) of sorted values between which the quantile `share` of what they were drawn from
/// lies; each holds alone with `confidence`. `None`: no value is so low, or so high.
///
/// The chance that the r-th of n values is at most the quantile is that of at least r hits of n.
pub fn quantile_ranks(of: u64, share: f64, confidence: f64) -> (Option<u64>, Option<u64>) {
    let low = (1..=of).rev().find(|rank| at_least_this_many(*rank, of, share) >= confidence);
    let high = (1..=of).find(|rank| at_least_this_few(rank - 1, of, share) >= confidence);
    (low, high)
}
