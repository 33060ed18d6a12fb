//! What a suite of a given size can show at all, told before it runs.

use super::binomial::{at_least_this_many, mcnemar};

/// The chance with which a drop that is called detectable is really found.
const POWER: f64 = 0.8;
/// More cases than any suite has.
const CASES_MAX: u64 = 1_000_000;

/// The fewest cases with which a bound on a share can pass: if not one of them is wrong, the exact
/// bound is `share` or better. `None`: no number of cases can show it.
pub fn least_cases(wrong_at_most: f64, confidence: f64) -> Option<u64> {
    if wrong_at_most <= 0.0 {
        return None;
    }
    if wrong_at_most >= 1.0 {
        return Some(0);
    }
    // No wrong one in n: the upper bound is 1 - alpha^(1/n).
    let cases = (1.0 - confidence).ln() / (-wrong_at_most).ln_1p();
    let cases = (cases - 1e-9).ceil().max(1.0);
    (cases <= CASES_MAX as f64).then_some(cases as u64)
}

/// The smallest share of `cases` that must turn from right to wrong (and none the other way) so
/// that the exact paired test finds it in four runs of five. `None`: not even all of them.
pub fn smallest_detectable_drop(cases: u64, confidence: f64) -> Option<f64> {
    let alpha = 1.0 - confidence;
    let needed = (1..=cases).find(|worse| mcnemar(*worse, 0) <= alpha)?;
    let found = |drop: f64| at_least_this_many(needed, cases, drop) >= POWER;
    if !found(1.0) {
        return None;
    }
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    for _ in 0..50 {
        let middle = 0.5 * (low + high);
        if found(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}
