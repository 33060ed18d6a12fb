//! Intervals of means by resampling whole clusters: repeats of one case, and cases that belong
//! together, are not independent, so they are drawn together.
//!
//! Seeded: the same numbers give the same interval on every machine.

use std::collections::BTreeMap;

/// Resamples of one interval: enough that the ends move by less than they are read to.
const RESAMPLES: usize = 4_000;
/// Any fixed number; it only has to be the same everywhere.
const SEED: u64 = 0x6261_636b_7374_6f70;

/// Both ends of an interval; each holds alone with the confidence asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The mean that was seen.
    pub mean: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// One observation before and after, of the cluster `cluster`.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair<'a> {
    /// What is drawn as a whole.
    pub cluster: &'a str,
    /// The baseline's value.
    pub before: f64,
    /// The new value.
    pub after: f64,
}

/// The mean of values, resampled by cluster. `None` without values.
pub fn mean_interval(values: &[(&str, f64)], confidence: f64) -> Option<Interval> {
    ratio_interval(values.iter().map(|(cluster, value)| (*cluster, *value, 1.0)), confidence)
}

/// The sum of the first numbers over the sum of the second ones, resampled by cluster. `None`
/// where nothing stands below.
pub fn ratio_interval<'c>(
    values: impl Iterator<Item = (&'c str, f64, f64)>,
    confidence: f64,
) -> Option<Interval> {
    let mut clusters: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for (cluster, above, below) in values {
        let sum = clusters.entry(cluster).or_default();
        sum.0 += above;
        sum.1 += below;
    }
    let sums: Vec<(f64, f64)> = clusters.into_values().collect();
    interval(&sums, confidence)
}

/// The mean of `after - before`, resampled by cluster. `None` without pairs.
pub fn paired_interval(pairs: &[Pair<'_>], confidence: f64) -> Option<Interval> {
    let changes: Vec<(&str, f64)> =
        pairs.iter().map(|pair| (pair.cluster, pair.after - pair.before)).collect();
    mean_interval(&changes, confidence)
}

/// `clusters` holds for each what stands above and below the line.
fn interval(clusters: &[(f64, f64)], confidence: f64) -> Option<Interval> {
    let ratio = |sum: (f64, f64)| sum.0 / sum.1;
    let add = |a: (f64, f64), b: &(f64, f64)| (a.0 + b.0, a.1 + b.1);
    let mean = ratio(clusters.iter().fold((0.0, 0.0), add));
    if !mean.is_finite() {
        return None;
    }
    let mut random = SplitMix(SEED);
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let drawn =
                (0..clusters.len()).filter_map(|_| clusters.get(random.below(clusters.len())));
            let drawn = ratio(drawn.fold((0.0, 0.0), add));
            // Drawn with nothing below: as bad as can be.
            if drawn.is_finite() { drawn } else { f64::MAX }
        })
        .collect();
    means.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = (share * (RESAMPLES - 1) as f64).round() as usize;
        means.get(place).copied().unwrap_or(mean)
    };
    Some(Interval { mean, low: at(1.0 - confidence), high: at(confidence) })
}

/// SplitMix64: small, well mixed, the same everywhere.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; the bias is below 2^-40 for any suite.
    fn below(&mut self, bound: usize) -> usize {
        let wide = u128::from(self.next()) * bound as u128;
        (wide >> 64) as usize
    }
}
