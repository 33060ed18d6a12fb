//! Gates held to the numbers of an independent oracle (SciPy, `tests/vectors/scipy.json`), and every
//! metric to a run that was counted by hand.

use backstop_evals::run::{Ran, Results};
use backstop_evals::suite::{Bound, Label, Limit, Metric, Score, Scorer, Suite};
use backstop_evals::verdict::{Baseline, Held, Word, agreements, hold, measure};
use serde_json::Value;

use crate::world::World;

fn vectors(name: &str) -> Vec<Vec<f64>> {
    let text = include_str!("../vectors/scipy.json");
    let all: Value = serde_json::from_str(text).unwrap();
    serde_json::from_value(all[name].clone()).unwrap()
}

fn suite() -> Suite {
    World::new(60).load().1
}

fn ran(case: usize, end: &str, right: Option<bool>) -> Ran {
    let case = format!("c-{case}");
    Ran { cluster: case.clone(), case, end: end.into(), right, ..Ran::default() }
}

/// What the suite's first gate alone comes to over `runs`.
fn held(
    suite: &Suite,
    metric: Metric,
    limit: Limit,
    level: f64,
    runs: &[Ran],
    base: Option<&Baseline>,
) -> Held {
    let mut suite = suite.clone();
    suite.gates.truncate(1);
    suite.gates[0].of.value = metric;
    (suite.gates[0].limit, suite.gates[0].confidence) = (limit, Some(level));
    let counted: Vec<&Ran> = runs.iter().collect();
    hold(&suite, &counted, base, "replay").remove(0)
}

/// The chance, to nine places.
fn chance(held: &Held) -> f64 {
    (held.chance.unwrap() * 1e9).round() / 1e9
}

#[test]
fn a_bound_passes_and_fails_exactly_where_scipys_bounds_lie() {
    let (suite, mut tried) = (suite(), 0);
    for row in vectors("clopper_pearson_one_sided") {
        let [hits, of, level, low, high] = row[..] else { panic!("{row:?}") };
        if !(5.0..=200.0).contains(&of) {
            continue;
        }
        let runs: Vec<Ran> =
            (0..of as usize).map(|at| ran(at, "accepted", Some(at >= hits as usize))).collect();
        let word = |bound: f64| {
            let limit = Limit::Value(Bound::AtMost(bound));
            held(&suite, Metric::WrongAccepted, limit, level, &runs, None).word
        };
        if high < 1.0 {
            assert_eq!(word(high + 1e-9), Word::Pass, "{row:?}");
            assert_eq!(word(high - 1e-9), Word::Inconclusive, "{row:?}");
        }
        if low > 1e-6 {
            assert_eq!(word(low - 1e-9), Word::Fail, "{row:?}");
            assert_eq!(word(low + 1e-9), Word::Inconclusive, "{row:?}");
        }
        // The same seen from the other side: right answers are at least so many.
        let right = |bound: f64| {
            let limit = Limit::Value(Bound::AtLeast(bound));
            let mut runs = runs.clone();
            runs.iter_mut().for_each(|ran| ran.expected = ran.right);
            held(&suite, Metric::Expected, limit, level, &runs, None).word
        };
        if high < 1.0 {
            assert_eq!(right(1.0 - high - 1e-9), Word::Pass, "{row:?}");
            assert_eq!(right(1.0 - high + 1e-9), Word::Inconclusive, "{row:?}");
        }
        if low > 1e-6 {
            assert_eq!(right(1.0 - low + 1e-9), Word::Fail, "{row:?}");
        }
        tried += 1;
    }
    assert!(tried > 100, "{tried}");
}

/// `worse` cases went from right to wrong, `better` the other way, ten stayed as they were.
fn moved(worse: usize, better: usize) -> (Baseline, Vec<Ran>) {
    let all = worse + better + 10;
    let run = |right: &dyn Fn(usize) -> bool| -> Vec<Ran> {
        (0..all).map(|at| Ran { expected: Some(right(at)), ..ran(at, "accepted", None) }).collect()
    };
    let before = run(&|at| at < worse || at >= worse + better);
    let after = run(&|at| at >= worse);
    let results = Results { ran: before, ..Results::default() };
    (Baseline::of(&results, None, "2026-11-25".into(), "first".into()), after)
}

#[test]
fn a_drop_fails_exactly_where_scipys_mcnemar_test_says_so() {
    let (suite, mut tried) = (suite(), 0);
    for row in vectors("mcnemar_exact") {
        let (worse, better, chance) = (row[0] as usize, row[1] as usize, row[2]);
        if worse <= better || !(1e-6..0.45).contains(&chance) {
            continue;
        }
        let (base, after) = moved(worse, better);
        let word = |level: f64| {
            let held =
                held(&suite, Metric::Expected, Limit::NoWorseBy(0.0), level, &after, Some(&base));
            assert!((held.chance.unwrap() - chance).abs() < 1e-9, "{row:?}: {held:?}");
            held.word
        };
        assert_eq!(word(1.0 - chance - 1e-9), Word::Fail, "{row:?}");
        assert_ne!(word(1.0 - chance + 1e-9), Word::Fail, "{row:?}");
        tried += 1;
    }
    assert!(tried > 10, "{tried}");
}

#[test]
fn repeats_and_clusters_are_no_further_evidence() {
    let suite = suite();
    let (base, after) = moved(4, 0);
    let drop = |runs: &[Ran]| {
        held(&suite, Metric::Expected, Limit::NoWorseBy(0.0), 0.95, runs, Some(&base))
    };
    let once = drop(&after);
    assert_eq!((once.word, chance(&once)), (Word::Inconclusive, 0.0625));
    // Each case five times over, or all four of one customer: McNemar over so many pairs would be
    // sure at once.
    let often: Vec<Ran> = (0..5)
        .flat_map(|repeat| after.iter().map(move |ran| Ran { repeat, ..ran.clone() }))
        .collect();
    let five = drop(&often);
    assert_eq!((five.word, chance(&five)), (Word::Inconclusive, 0.0625), "{five:?}");
    let mut one: Vec<Ran> = after;
    one.iter_mut().take(4).for_each(|ran| ran.cluster = "customer".into());
    assert!((chance(&drop(&one)) - 0.5).abs() < 1e-6, "one customer is one change");
}

#[test]
fn failures_are_adjusted_over_all_gates_by_holm() {
    let mut suite = suite();
    let (base, runs) = moved(6, 0);
    suite.gates.truncate(1);
    suite.gates[0].of.value = Metric::Expected;
    (suite.gates[0].limit, suite.gates[0].confidence) = (Limit::NoWorseBy(0.0), Some(0.98));
    let counted: Vec<&Ran> = runs.iter().collect();
    // 1/64 alone; twice that beside a second one that fails as well.
    let alone = hold(&suite, &counted, Some(&base), "replay");
    assert_eq!((alone[0].word, chance(&alone[0])), (Word::Fail, 0.015_625));
    suite.gates.push(suite.gates[0].clone());
    for held in hold(&suite, &counted, Some(&base), "replay") {
        assert_eq!((held.word, chance(&held)), (Word::Inconclusive, 0.031_25));
    }
}

#[test]
fn a_time_is_bounded_only_by_as_many_cases_as_it_takes() {
    let suite = suite();
    let word = |cases: usize, repeats: u32, metric: Metric, most: f64, level: f64| {
        let run =
            |at: usize, repeat| Ran { took_ms: at as u64 + 1, repeat, ..ran(at, "accepted", None) };
        let runs: Vec<Ran> =
            (0..repeats).flat_map(|repeat| (0..cases).map(move |at| run(at, repeat))).collect();
        held(&suite, metric, Limit::Value(Bound::AtMost(most)), level, &runs, None).word
    };
    // 0.95^59 is the first below 5 %: the slowest of 59 is a bound, of 58 it is none.
    assert_eq!(word(59, 1, Metric::LatencyP95, 59.0, 0.95), Word::Pass);
    assert_eq!(word(58, 1, Metric::LatencyP95, 1e9, 0.95), Word::Inconclusive);
    assert_eq!(
        word(20, 10, Metric::LatencyP95, 1e9, 0.95),
        Word::Inconclusive,
        "repeats do not help"
    );
    // Of 100 values the 59th is the first with P(Bin(100, 1/2) < 59) >= 95 %; the 62nd for 99 %.
    assert_eq!(word(100, 1, Metric::LatencyP50, 59.0, 0.95), Word::Pass);
    assert_eq!(word(100, 1, Metric::LatencyP50, 58.0, 0.95), Word::Inconclusive);
    assert_eq!(word(100, 1, Metric::LatencyP50, 62.0, 0.99), Word::Inconclusive);
    assert_eq!(word(100, 1, Metric::LatencyP50, 63.0, 0.99), Word::Pass);
    assert_eq!(word(100, 1, Metric::LatencyP50, 10.0, 0.95), Word::Fail);
}

#[test]
fn every_metric_is_what_it_says_over_a_run_counted_by_hand() {
    let mut suite = suite();
    suite.review_ms = 180_000;
    suite.cases[9].expect.outcome = vec!["in_review".into()];
    let mut runs = vec![
        ran(1, "accepted", Some(true)),
        ran(2, "accepted", Some(true)),
        ran(3, "accepted", Some(false)),
        ran(4, "fallback", Some(true)),
        ran(5, "fallback", Some(false)),
        ran(6, "in_review", Some(false)),
        ran(7, "in_review", Some(true)),
        ran(8, "failed", None),
        // A person was wanted: the review was needed although the answer was right.
        ran(9, "in_review", Some(true)),
        ran(11, "refused", None),
    ];
    for (at, run) in runs.iter_mut().enumerate() {
        run.expected = Some(at < 8);
        (run.attempts, run.repairs) = (2, u32::from(at < 5));
        (run.cost_micro, run.took_ms) = (300, 100 * (at as u64 + 1));
    }
    let mut not_run = ran(12, "", None);
    not_run.error = Some("the money is spent".into());
    runs.push(not_run);
    let counted: Vec<&Ran> = runs.iter().collect();
    let of = |name: &str| measure(&suite, &counted, &Metric::parse(name).unwrap(), 0.95).unwrap();
    let table = [
        ("wrong_accepted", 1.0 / 3.0, 3),
        ("wrong_automatic", 2.0 / 5.0, 5),
        ("automatic", 5.0 / 10.0, 10),
        ("escalated", 3.0 / 10.0, 10),
        ("escalation_precision", 2.0 / 3.0, 3),
        ("fallback_correct", 1.0 / 2.0, 2),
        ("expected", 8.0 / 10.0, 10),
        // One failed, one was refused although it should not have been.
        ("failed", 2.0 / 10.0, 10),
        ("errors", 1.0 / 11.0, 11),
        ("repairs", 0.5, 10),
        ("attempts", 2.0, 10),
        ("cost_per_accepted", 1_000.0, 3),
        ("review_minutes", 900.0, 10),
        ("latency_p50", 500.0, 10),
        ("latency_p95", 1_000.0, 10),
    ];
    assert_eq!(table.len(), Metric::plain().count());
    for (name, value, rests_on) in table {
        let seen = of(name);
        assert!((seen.value - value).abs() < 1e-9, "{name}: {seen:?}");
        assert_eq!(seen.of, rests_on, "{name}: {seen:?}");
        assert!(seen.low <= seen.value && seen.value <= seen.high, "{name}: {seen:?}");
    }
    // Money and accepted answers are drawn together: three accepted of ten leave much open.
    let cost = of("cost_per_accepted");
    assert!(cost.low < 700.0 && cost.high > 1_500.0, "{cost:?}");
}

#[test]
fn cases_that_could_not_be_run_are_an_error_and_say_nothing_of_the_policy() {
    let suite = suite();
    let mut runs: Vec<Ran> = (0..20).map(|at| ran(at, "accepted", Some(true))).collect();
    runs[0].error = Some("the provider is away".into());
    let cap = |most: f64| {
        held(&suite, Metric::Errors, Limit::Value(Bound::AtMost(most)), 0.95, &runs, None).word
    };
    assert_eq!((cap(0.0), cap(0.049), cap(0.05)), (Word::Error, Word::Error, Word::Pass));
}

#[test]
fn no_gate_rests_on_a_judge_that_people_were_not_asked_about() {
    let mut suite = suite();
    let scorer = Scorer::Judge { policy: "label".into(), pass: 0.5, agreement: 0.8 };
    let span = suite.gates[0].span;
    suite.scores.insert("asked".into(), Score { scorer, span });
    let runs: Vec<Ran> = (0..40)
        .map(|at| {
            let mut ran = ran(at, "accepted", Some(true));
            ran.scores.insert("asked".into(), true);
            ran
        })
        .collect();
    let bound = Limit::Value(Bound::AtLeast(0.5));
    let word = |suite: &Suite| {
        let held = held(suite, Metric::Score("asked".into()), bound, 0.95, &runs, None);
        (held.word, held.why)
    };
    let (none, why) = word(&suite);
    assert_eq!(none, Word::Inconclusive);
    assert!(why.contains("agrees with people in 0 of 0 labels"), "{why}");
    let label = |at: usize, right| Label {
        case: format!("c-{at}"),
        score: "asked".into(),
        right,
        by: None,
    };
    // 14 of 14 agree: the exact lower bound is 0.05^(1/14), 80.7 %; of 13 it is 79.4 %.
    suite.labels = (0..13).map(|at| label(at, true)).collect();
    assert_eq!(word(&suite).0, Word::Inconclusive);
    suite.labels.push(label(13, true));
    assert_eq!(word(&suite).0, Word::Pass);
    suite.labels.push(label(14, false));
    assert_eq!(word(&suite).0, Word::Inconclusive, "one who disagrees is a doubt");
    let counted: Vec<&Ran> = runs.iter().collect();
    let seen = &agreements(&suite, &counted)[0];
    assert_eq!((seen.agrees, seen.of), (14, 15));
    assert_eq!(seen.kappa, Some(0.0), "a judge that always says yes agrees by chance");
}
