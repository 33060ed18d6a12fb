//! Whatever fails takes the branch that the file declares, and nothing ends as a plain pass.

use backstop_evals::test::{FaultCase, Held, Wanted, run};

use super::ground::{Files, load, plain, sample, small};

fn faults(files: &Files) -> Vec<(String, FaultCase)> {
    let (workspace, sources) = load(files);
    let wanted = Wanted { faults: true, ..Wanted::default() };
    let reports = run(&workspace, &sources, None, wanted);
    let cases = reports.into_iter().flat_map(|report| {
        let policy = report.policy;
        let cases = report.faults.expect("they were asked for").cases;
        cases.into_iter().map(move |case| (policy.clone(), case))
    });
    cases.collect()
}

const ONE: &str = "  - {name: plain, expect: {verdict: accept}}\n";

fn of(files: &Files, fault: &str) -> FaultCase {
    let all = faults(files);
    let case = all.into_iter().find(|(_, case)| case.fault == fault);
    case.unwrap_or_else(|| panic!("no fault `{fault}`")).1
}

#[test]
fn no_fault_of_the_sample_policies_goes_astray() {
    let all = faults(&sample());
    let broken: Vec<_> = all.iter().filter(|(_, case)| case.held.broken().is_some()).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    let untried: Vec<_> = all.iter().filter(|(_, case)| case.held == Held::Untried).collect();
    assert!(untried.is_empty(), "{untried:#?}");
    assert!(all.len() > 120, "{}", all.len());
}

#[test]
fn each_kind_of_fault_takes_its_own_branch() {
    let files = plain(ONE);
    let came = |fault: &str| {
        let case = of(&files, fault);
        (case.verdict, case.outcome)
    };
    let is = |verdict: &str, outcome: &str| (verdict.to_owned(), outcome.to_owned());
    assert_eq!(came("check keys errs"), is("escalate", "a person decides"));
    assert_eq!(came("rule too-high errs"), is("escalate", "a person decides"));
    assert_eq!(came("signal logprobs is missing"), is("escalate", "a person decides"));
    assert_eq!(came("small: timeout"), is("next_model", "accepted"));
    assert_eq!(came("all models: timeout"), is("next_model", "fallback"));
    assert_eq!(came("all models: schema"), is("repair", "fallback"));
    assert_eq!(came("all models: breaker_open"), is("next_model", "fallback"));
}

#[test]
fn what_only_watches_is_told_apart_from_what_goes_astray() {
    let watching = small(ONE, "then: reject}", "then: reject, mode: observe}");
    assert_eq!(of(&watching, "check keys errs").held, Held::Observed);
}

#[test]
fn a_part_that_no_example_comes_to_is_told_as_not_tried() {
    let without = small("  - {name: down, fail: timeout, expect: {}}\n", "score: 1}", "score: 6}");
    assert_eq!(of(&without, "rule too-high errs").held, Held::Untried);
}
