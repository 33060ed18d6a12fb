//! What is never covered is told with a test that covers it; what is covered counts once.

use backstop_evals::test::{Part, PolicyReport, Suggestion, Wanted, run};

use super::ground::{Files, load, plain, sample, small};

fn cover(files: &Files, suggest: bool) -> Vec<PolicyReport> {
    let (workspace, sources) = load(files);
    run(&workspace, &sources, None, Wanted { coverage: true, suggest, faults: false })
}

fn open(files: &Files) -> Vec<String> {
    let reports = cover(files, false);
    let coverage = reports.first().and_then(|r| r.coverage.as_ref()).expect("it was asked for");
    let open = coverage.points.iter().filter(|covered| !covered.is_covered());
    open.map(|covered| format!("{}: never {}", covered.point.name, covered.missing.join(", ")))
        .collect()
}

const ONE: &str = "  - {name: plain, expect: {verdict: accept}}\n";

#[test]
fn a_plain_call_covers_one_side_of_everything() {
    let open = open(&plain(ONE));
    assert_eq!(
        open,
        [
            "too-high: never decides",
            "keys: never objects",
            "logprobs at 0.8: never missed",
            "output.score > 5: never true",
            "schema: never occurs",
            "on.schema, rung 1: repair: never taken",
            "on.schema, rung 2: next_model: never taken",
            "on.schema, rung 3: fallback: never taken",
            "row 1: never answers",
        ]
    );
}

#[test]
fn a_rule_that_only_watches_is_covered_when_it_fires() {
    let tests = "  - {name: high, change: {output.score: 6}, expect: {rule: too-high}}\n";
    let decides = |files: &Files| open(files).iter().all(|open| !open.starts_with("too-high"));
    assert!(decides(&plain(tests)));
    let watching =
        small(tests, "    then: {escalate: night}", "    mode: observe\n    then: escalate");
    assert!(decides(&watching));
}

#[test]
fn a_threshold_is_covered_by_a_case_on_both_sides() {
    let tests = "  - {name: sure, change: {signals.logprobs: 0.80}, expect: {verdict: accept}}\n  \
                 - {name: doubt, change: {signals.logprobs: 0.79}, expect: {verdict: escalate}}\n";
    assert!(open(&plain(tests)).iter().all(|open| !open.starts_with("logprobs")));
    // Missing is not a low number: it says nothing about where the threshold lies.
    let missing =
        "  - {name: missing, signals: {logprobs: missing}, expect: {verdict: escalate}}\n";
    let open = open(&plain(&format!("{ONE}{missing}")));
    assert!(open.contains(&"logprobs at 0.8: never missed".to_owned()), "{open:?}");
}

#[test]
fn every_test_that_is_suggested_covers_what_it_is_for_when_it_is_pasted() {
    let mut files = plain(ONE);
    let suggested: String = cover(&files, true)
        .first()
        .and_then(|report| report.coverage.as_ref())
        .expect("it was asked for")
        .points
        .iter()
        .filter_map(|covered| match &covered.suggestion {
            Suggestion::Test(test) => Some(test.as_str()),
            _ => None,
        })
        .collect();
    files
        .insert("policies/more_test.yaml".into(), format!("policy: t\ntests:\n{suggested}").into());
    let reports = cover(&files, false);
    let report = reports.first().expect("one policy");
    let failed: Vec<_> = report.tests.iter().filter(|tried| !tried.passed()).collect();
    assert!(failed.is_empty(), "{failed:?}\n{suggested}");
    let coverage = report.coverage.as_ref().expect("it was asked for");
    assert_eq!(coverage.percent(), 100, "{:?}\n{suggested}", open(&files));
}

#[test]
fn the_sample_policies_are_covered_but_for_what_no_test_can_bring_about() {
    for report in cover(&sample(), false) {
        let coverage = report.coverage.expect("it was asked for");
        let open: Vec<String> = coverage
            .points
            .iter()
            .filter(|covered| !covered.is_covered())
            .map(|covered| format!("{}: {}", covered.point.name, covered.missing.join(", ")))
            .collect();
        assert!(open.is_empty(), "{}: {open:?}", report.policy);
        assert!(coverage.count(Some(Part::Rung)).1 > 0, "{}", report.policy);
    }
}
