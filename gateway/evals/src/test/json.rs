//! The reports as JSON, for machines.

use backstop_policy::Sources;
use serde_json::{Value, json as object};

use super::{Covered, FaultCase, Part, PolicyReport, Suggestion};

/// The reports as one JSON value.
pub fn json(reports: &[PolicyReport], sources: &Sources) -> Value {
    let failed: usize = reports.iter().map(PolicyReport::failed).sum();
    let tests: usize = reports.iter().map(|report| report.tests.len()).sum();
    let policies: Vec<Value> = reports.iter().map(|report| of_policy(report, sources)).collect();
    object!({ "passed": tests - failed, "failed": failed, "policies": policies })
}

fn of_policy(report: &PolicyReport, sources: &Sources) -> Value {
    let tests: Vec<Value> = report
        .tests
        .iter()
        .map(|tried| {
            object!({
                "name": tried.name, "passed": tried.passed(), "failed": tried.failed,
                "way": tried.way, "file": sources.path(tried.span.file),
                "line": sources.line_column(tried.span).line,
            })
        })
        .collect();
    let mut value = object!({ "policy": report.policy, "file": report.path, "tests": tests });
    if let (Some(coverage), Some(fields)) = (&report.coverage, value.as_object_mut()) {
        let parts = Part::ALL.map(|part| {
            let (covered, all) = coverage.count(Some(part));
            (part.name().to_owned(), object!({ "covered": covered, "all": all }))
        });
        let parts: serde_json::Map<String, Value> = parts.into_iter().collect();
        let open: Vec<Value> = coverage
            .points
            .iter()
            .filter(|covered| !covered.is_covered())
            .map(|covered| of_point(covered, sources))
            .collect();
        let percent = coverage.percent();
        let coverage = object!({ "percent": percent, "parts": parts, "never": open });
        fields.insert("coverage".to_owned(), coverage);
    }
    if let (Some(faults), Some(fields)) = (&report.faults, value.as_object_mut()) {
        let cases: Vec<Value> = faults.cases.iter().map(of_fault).collect();
        fields.insert("faults".to_owned(), Value::Array(cases));
    }
    value
}

fn of_point(covered: &Covered, sources: &Sources) -> Value {
    let place = covered.point.place;
    let suggestion = match &covered.suggestion {
        Suggestion::Test(test) => Some(test),
        Suggestion::Unasked | Suggestion::None | Suggestion::Above => None,
    };
    object!({
        "part": covered.point.part.name(), "name": covered.point.name,
        "never": covered.missing, "suggestion": suggestion,
        "file": place.map(|span| sources.path(span.file)),
        "line": place.map(|span| sources.line_column(span).line),
    })
}

fn of_fault(case: &FaultCase) -> Value {
    object!({
        "fault": case.fault, "declared": case.declared, "verdict": case.verdict,
        "way": case.way, "outcome": case.outcome, "held": case.held.broken().is_none(),
        "broken": case.held.broken(), "note": case.held.note(),
    })
}
