//! A report in the Static Analysis Results Interchange Format (SARIF) 2.1.0, as code scanners and
//! editors read it.

use serde_json::{Value, json};

use super::{Code, Problem, Report};
use crate::source::{Sources, Span};

/// The report as one SARIF log with one run. `folder` is where the workspace stands in the
/// repository, empty or with a `/` at its end.
pub fn sarif(report: &Report, sources: &Sources, folder: &str) -> Value {
    let problems = report.sorted();
    let mut codes: Vec<Code> = problems.iter().map(|problem| problem.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let rules = codes
        .iter()
        .map(|code| json!({"id": code.id(), "shortDescription": {"text": code.summary()}}));
    let results = problems.iter().map(|problem| result(problem, &codes, sources, folder));
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "backstop",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.collect::<Value>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results.collect::<Value>(),
        }],
    })
}

fn result(problem: &Problem, codes: &[Code], sources: &Sources, folder: &str) -> Value {
    let text = match &problem.help {
        Some(help) => format!("{}\n{help}", problem.message),
        None => problem.message.clone(),
    };
    let related = problem.related.iter().map(|related| {
        let mut place = location(related.span, sources, folder);
        if let Some(fields) = place.as_object_mut() {
            fields.insert("message".to_owned(), json!({"text": related.message}));
        }
        place
    });
    // A file that is not there has no place.
    let there = !sources.path(problem.span.file).is_empty();
    let places = there.then(|| location(problem.span, sources, folder));
    json!({
        "ruleId": problem.code.id(),
        "ruleIndex": codes.iter().position(|code| *code == problem.code),
        "level": problem.severity.name(),
        "message": {"text": text},
        "locations": places.into_iter().collect::<Value>(),
        "relatedLocations": related.collect::<Value>(),
    })
}

fn location(span: Span, sources: &Sources, folder: &str) -> Value {
    let start = sources.line_column(span);
    let end = sources.line_column(Span { start: span.end, ..span });
    let path = format!("{folder}{}", sources.path(span.file));
    json!({"physicalLocation": {
        "artifactLocation": {"uri": uri(&path)},
        "region": {
            "startLine": start.line,
            "startColumn": start.column,
            "endLine": end.line,
            "endColumn": end.column,
        },
    }})
}

/// A path as a relative reference: what is no plain sign is written in hexadecimal.
fn uri(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
