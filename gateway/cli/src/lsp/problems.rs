//! Problems as editors show them.

use std::collections::BTreeMap;

use backstop_policy::{Problem, Report, Severity, Sources};
use serde_json::{Value, json};

use super::positions::range;

/// Every problem, by the file that it is in.
pub fn by_file(
    report: &Report,
    sources: &Sources,
    uri: impl Fn(&str) -> Option<String>,
) -> BTreeMap<String, Vec<Value>> {
    let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for problem in report.sorted() {
        let path = sources.path(problem.span.file).to_owned();
        found.entry(path).or_default().push(one(problem, sources, &uri));
    }
    found
}

/// One problem. What mends it stands in the message, where every editor shows it.
pub fn one(problem: &Problem, sources: &Sources, uri: &impl Fn(&str) -> Option<String>) -> Value {
    let related = problem.related.iter().filter_map(|related| {
        let uri = uri(sources.path(related.span.file))?;
        let location = json!({"uri": uri, "range": range(sources, related.span)});
        Some(json!({"location": location, "message": related.message}))
    });
    let message = match &problem.help {
        Some(help) => format!("{}\nhelp: {help}", problem.message),
        None => problem.message.clone(),
    };
    json!({
        "range": range(sources, problem.span),
        "severity": if problem.severity == Severity::Error { 1 } else { 2 },
        "code": problem.code.id(),
        "source": "backstop",
        "message": message,
        "relatedInformation": related.collect::<Vec<_>>(),
    })
}
