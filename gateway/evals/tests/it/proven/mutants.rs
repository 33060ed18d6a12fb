//! A change that no test notices is told with an input that tells the two policies apart.

use backstop_evals::mutate::{MutationReport, mutants, mutate};
use backstop_policy::{Sources, Workspace, run_test};

use super::ground::{Files, Patient, load, plain, sample};

fn report(files: &Files) -> MutationReport {
    mutate(files, "t", &Patient).expect("there is a policy `t`")
}

const SOME: &str = "  - {name: plain, expect: {verdict: accept}}\n  \
                    - {name: high, change: {output.score: 8}, expect: {rule: too-high, queue: night}}\n";

#[test]
fn a_shifted_threshold_survives_tests_that_stay_away_from_it() {
    let report = report(&plain(SOME));
    let what: Vec<&str> = report.survivors.iter().map(|survivor| survivor.what.as_str()).collect();
    assert!(what.contains(&"threshold shifted to 6 in rule `too-high`"), "{what:?}");
    assert!(what.contains(&"confidence threshold shifted to 0.79"), "{what:?}");
    assert!(!what.contains(&"`>` turned to `<` in rule `too-high`"), "it is noticed: {what:?}");
    assert!(!what.contains(&"queue `night` swapped for `desk` in rule `too-high`"), "{what:?}");
}

#[test]
fn what_tells_a_mutant_apart_is_a_test_that_holds_here_and_fails_there() {
    let files = plain(SOME);
    let (workspace, sources) = load(&files);
    let policy = workspace.policy("t").expect("it is in order");
    let all = mutants(policy, &sources, &["desk", "night"]);
    let text = String::from_utf8(files["policies/t.yaml"].clone()).expect("text");
    let mut tried = 0;
    for survivor in report(&files).survivors {
        let Some(apart) = survivor.apart else { panic!("nothing found: {}", survivor.what) };
        let mut here = files.clone();
        here.insert(
            "policies/t_test.yaml".into(),
            format!("policy: t\ntests:\n{}", apart.test).into(),
        );
        let (workspace, sources) = load(&here);
        let test = workspace.tests_of("t").first().expect("the pasted test").clone();
        let ours = run_test(workspace.policy("t").expect("ours"), &sources, &test);
        assert!(ours.passed(), "{}\n{}\n{:?}", survivor.what, apart.test, ours.failed);
        let mutant = all.iter().find(|mutant| mutant.what == survivor.what).expect("the mutant");
        let changed = mutant.edit.apply(&text).expect("it applies");
        here.insert("policies/t.yaml".into(), changed.into());
        // Tests of what is gone are an error of the workspace, not of the policy.
        let sources = Sources::new(here);
        let (workspace, _) = Workspace::load(&sources);
        let theirs = run_test(workspace.policy("t").expect("theirs"), &sources, &test);
        assert!(!theirs.passed(), "{}\n{}", survivor.what, apart.test);
        tried += 1;
    }
    assert!(tried >= 8, "{tried}");
}

#[test]
fn a_change_that_changes_nothing_does_not_count() {
    // `fallback` is what `otherwise` would do anyway, and `next_model` has no model to go to.
    let report = report(&super::ground::small(SOME, "otherwise: escalate", "otherwise: fallback"));
    assert!(report.equivalent > 0, "{report:?}");
    let what = report.survivors.iter().map(|survivor| survivor.what.as_str());
    let fallback = what.filter(|what| what.contains("rung 3 (fallback) of `on.schema` removed"));
    assert_eq!(fallback.count(), 0);
}

#[test]
fn tests_that_fail_by_themselves_say_nothing_about_changes() {
    let report = report(&plain("  - {name: wrong, expect: {verdict: reject}}\n"));
    assert_eq!(report.failing, ["wrong"]);
    assert_eq!(report.counted(), 0);
}

#[test]
fn time_that_is_up_leaves_the_rest_untried() {
    struct Hasty;
    impl backstop_evals::mutate::Watcher for Hasty {
        fn progress(&self, _: usize, _: usize) {}

        fn is_over(&self) -> bool {
            true
        }
    }
    let report = mutate(&plain(SOME), "t", &Hasty).expect("there is a policy `t`");
    assert!(report.untried > 20 && report.counted() == 0, "{report:?}");
}

#[test]
fn the_tests_of_the_sample_policies_notice_what_can_be_noticed() {
    let files = sample();
    let (workspace, _) = load(&files);
    for name in workspace.policies.keys() {
        let report = mutate(&files, name, &Patient).expect("it is there");
        let left: Vec<&str> = report.survivors.iter().map(|s| s.what.as_str()).collect();
        assert!(report.failing.is_empty(), "{name}: {:?}", report.failing);
        assert!(report.percent() >= 90, "{name}: {}% {left:#?}", report.percent());
    }
}
