//! JUnit XML: one test per gate and per case that must pass or differs.

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::{Report, SuiteReport};
use crate::verdict::Word;

/// The report as JUnit XML.
///
/// # Errors
/// In words, if it cannot be written.
pub fn junit(report: &Report) -> Result<String, String> {
    let mut out = quick_junit::Report::new("backstop eval");
    for suite in &report.suites {
        out.add_test_suite(one(suite));
    }
    out.to_string().map_err(|fault| fault.to_string())
}

fn one(suite: &SuiteReport) -> TestSuite {
    let mut out = TestSuite::new(suite.suite.as_str());
    let verdict = &suite.verdict;
    for held in &verdict.gates {
        let status = match held.word {
            Word::Pass => TestCaseStatus::success(),
            Word::Fail => failed(NonSuccessKind::Failure, held.word, &held.why),
            word => failed(NonSuccessKind::Error, word, &held.why),
        };
        let mut case = TestCase::new(held.gate.as_str(), status);
        case.set_classname(format!("{}.gates", suite.suite));
        out.add_test_case(case);
    }
    let reason = |case: &str| -> Option<TestCaseStatus> {
        let of = |rows: &[(String, Vec<String>)]| {
            rows.iter().find(|(id, _)| id == case).map(|(_, why)| why.join("; "))
        };
        if let Some(why) = of(&verdict.broken) {
            return Some(failed(NonSuccessKind::Failure, Word::Fail, &why));
        }
        if let Some(why) = of(&verdict.stale) {
            return Some(failed(NonSuccessKind::Error, Word::Stale, &why));
        }
        let error = verdict.errors.iter().find(|(id, _)| id == case);
        if let Some((_, why)) = error {
            return Some(failed(NonSuccessKind::Error, Word::Error, why));
        }
        let held = verdict.quarantined.iter().find(|(id, _)| id == case);
        held.map(|(_, why)| {
            let mut status = TestCaseStatus::skipped();
            status.set_message(why.as_str());
            status
        })
    };
    let first = suite.results.ran.iter().filter(|ran| ran.repeat == 0);
    for ran in first {
        let status = reason(&ran.case).unwrap_or_else(TestCaseStatus::success);
        let mut case = TestCase::new(ran.case.as_str(), status);
        case.set_classname(format!("{}.cases", suite.suite));
        case.set_time(std::time::Duration::from_millis(ran.took_ms));
        if !ran.differs.is_empty() {
            // Counted by the gates; told here so that nobody has to look elsewhere.
            case.set_system_out(ran.differs.join("\n"));
        }
        out.add_test_case(case);
    }
    out
}

fn failed(kind: NonSuccessKind, word: Word, why: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(why).set_type(word.name());
    status
}
