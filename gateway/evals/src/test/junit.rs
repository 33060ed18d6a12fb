//! JUnit's XML, which CI services read: one suite per policy, one case per test and per fault.

use backstop_policy::{Sources, Tried};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{FaultCase, PolicyReport};

/// The reports as JUnit's XML.
///
/// # Errors
/// In words, if it cannot be written.
pub fn junit(reports: &[PolicyReport], sources: &Sources) -> Result<String, String> {
    let mut out = Report::new("backstop test");
    for report in reports {
        let mut suite = TestSuite::new(report.policy.as_str());
        for tried in &report.tests {
            suite.add_test_case(of_test(tried, &report.policy, sources));
        }
        for case in report.faults.iter().flat_map(|faults| &faults.cases) {
            suite.add_test_case(of_fault(case, &report.policy));
        }
        out.add_test_suite(suite);
    }
    out.to_string().map_err(|fault| fault.to_string())
}

fn of_test(tried: &Tried, policy: &str, sources: &Sources) -> TestCase {
    let place =
        format!("{}:{}", sources.path(tried.span.file), sources.line_column(tried.span).line);
    let words = format!("{place}\n{}\n\n{}", tried.failed.join("\n"), tried.way.join("\n"));
    case(&tried.name, policy, tried.failed.first(), &words)
}

fn of_fault(fault: &FaultCase, policy: &str) -> TestCase {
    let name = format!("fault: {}", fault.fault);
    case(&name, policy, fault.held.broken().as_ref(), &fault.way)
}

fn case(name: &str, policy: &str, failed: Option<&String>, words: &str) -> TestCase {
    let status = match failed {
        None => TestCaseStatus::success(),
        Some(message) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(message.as_str()).set_description(words);
            status
        }
    };
    let mut case = TestCase::new(name, status);
    case.set_classname(policy);
    case
}
