//! Held to an independent oracle: `tests/vectors/scipy.json` was computed once by SciPy 1.x.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use serde_json::Value;

use super::beta::incomplete;
use super::*;

fn vectors(name: &str) -> Vec<Value> {
    let text = include_str!("../../tests/vectors/scipy.json");
    let all: Value = serde_json::from_str(text).unwrap();
    all[name].as_array().unwrap().clone()
}

fn close(ours: f64, theirs: f64) -> bool {
    (ours - theirs).abs() <= 1e-9 + 1e-7 * theirs.abs()
}

fn numbers(row: &Value) -> Vec<f64> {
    row.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[test]
fn the_incomplete_beta_function_is_scipys() {
    for row in vectors("betainc") {
        let [a, b, x, theirs] = numbers(&row)[..] else { panic!("{row}") };
        assert!(close(incomplete(a, b, x), theirs), "{row}: {}", incomplete(a, b, x));
    }
}

#[test]
fn exact_bounds_are_scipys() {
    for row in vectors("clopper_pearson_one_sided") {
        let [k, n, confidence, low, high] = numbers(&row)[..] else { panic!("{row}") };
        let ours = clopper_pearson(k as u64, n as u64, confidence);
        assert!(close(ours.low, low) && close(ours.high, high), "{row}: {ours:?}");
    }
}

#[test]
fn binomial_tails_are_scipys() {
    for row in vectors("binomial") {
        let [k, n, p, few, many] = numbers(&row)[..] else { panic!("{row}") };
        assert!(close(at_least_this_few(k as u64, n as u64, p), few), "{row}");
        assert!(close(at_least_this_many(k as u64, n as u64, p), many), "{row}");
    }
}

#[test]
fn the_exact_mcnemar_test_is_scipys() {
    for row in vectors("mcnemar_exact") {
        let [worse, better, theirs, _] = numbers(&row)[..] else { panic!("{row}") };
        assert!(close(mcnemar(worse as u64, better as u64), theirs), "{row}");
    }
}

#[test]
fn holms_adjustment_is_that_of_the_paper() {
    for row in vectors("holm") {
        let (values, theirs) = (numbers(&row[0]), numbers(&row[1]));
        for (ours, theirs) in holm(&values).into_iter().zip(theirs) {
            assert!(close(ours, theirs), "{row}");
        }
    }
}

/// SciPy drew 200,000 times with its own numbers; ours may differ by the noise of 4,000 draws, a
/// fifth of the standard error, and by the step from one possible mean to the next.
#[test]
fn the_paired_cluster_bootstrap_is_scipys() {
    for row in vectors("paired_cluster_bootstrap") {
        let [level, low, high, error] = [0, 1, 2, 3].map(|at| row[at].as_f64().unwrap());
        let clusters = row[4].as_array().unwrap();
        let names: Vec<String> = (0..clusters.len()).map(|at| at.to_string()).collect();
        let pairs = clusters.iter().zip(&names).flat_map(|(cluster, name)| {
            cluster.as_array().unwrap().iter().map(|pair| Pair {
                cluster: name,
                before: pair[0].as_f64().unwrap(),
                after: pair[1].as_f64().unwrap(),
            })
        });
        let pairs: Vec<Pair<'_>> = pairs.collect();
        let ours = paired_interval(&pairs, level).unwrap();
        let step = 1.0 / pairs.len() as f64;
        let near = |ours: f64, theirs: f64| (ours - theirs).abs() <= error / 5.0 + step;
        assert!(near(ours.low, low) && near(ours.high, high), "{ours:?}, theirs {low} {high}");
    }
}

#[test]
fn nothing_seen_is_nothing_known() {
    assert_eq!(clopper_pearson(0, 0, 0.95), Bounds { low: 0.0, high: 1.0 });
    assert_eq!(mean_interval(&[], 0.95), None);
}

#[test]
fn a_bound_of_two_percent_needs_149_cases_without_a_mistake() {
    assert_eq!(least_cases(0.02, 0.95), Some(149));
    assert!(clopper_pearson(0, 149, 0.95).high <= 0.02);
    assert!(clopper_pearson(0, 148, 0.95).high > 0.02);
    assert_eq!(least_cases(0.0, 0.95), None);
}

#[test]
fn a_small_suite_says_how_large_a_drop_it_can_see() {
    let drop = smallest_detectable_drop(40, 0.95).unwrap();
    assert!((0.15..0.20).contains(&drop), "{drop}");
    assert!(smallest_detectable_drop(400, 0.95).unwrap() < drop);
    assert_eq!(smallest_detectable_drop(4, 0.95), None, "four cases can show nothing");
}

#[test]
fn equal_answers_have_no_difference_and_no_doubt_about_it() {
    let pairs: Vec<_> = (0..20).map(|_| Pair { cluster: "a", before: 1.0, after: 1.0 }).collect();
    let same = paired_interval(&pairs, 0.95).unwrap();
    assert_eq!((same.mean, same.low, same.high), (0.0, 0.0, 0.0));
}

#[test]
fn repeats_of_one_case_make_no_interval_narrower() {
    let names: Vec<String> = (0..30).map(|at| at.to_string()).collect();
    let once: Vec<(&str, f64)> = names
        .iter()
        .enumerate()
        .map(|(at, name)| (name.as_str(), f64::from(u8::from(at % 3 == 0))))
        .collect();
    let often: Vec<(&str, f64)> = once.iter().flat_map(|one| vec![*one; 9]).collect();
    let (once, often) = (mean_interval(&once, 0.95).unwrap(), mean_interval(&often, 0.95).unwrap());
    assert_eq!(once, often);
    assert!(once.low < once.mean && once.mean < once.high);
}

#[test]
fn an_interval_covers_the_truth_about_as_often_as_it_says() {
    let mut random = 7_u64;
    let mut covered = 0;
    for _ in 0..200 {
        let names: Vec<String> = (0..60).map(|at| at.to_string()).collect();
        let values: Vec<(&str, f64)> = names
            .iter()
            .map(|name| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (name.as_str(), f64::from(u8::from(random >> 33 & 1 == 0)))
            })
            .collect();
        let seen = mean_interval(&values, 0.95).unwrap();
        covered += u32::from(seen.low <= 0.5);
    }
    assert!((180..=200).contains(&covered), "{covered} of 200 lower ends hold; 190 are promised");
}
