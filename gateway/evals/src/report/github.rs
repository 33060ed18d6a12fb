//! Annotations for GitHub Actions: each on the line of the gate or of the case.
//!
//! Source: "Workflow commands for GitHub Actions", setting an error or warning message.

use super::{Report, SuiteReport, advice};
use crate::verdict::Word;

/// Annotations of one kind that the service shows of a step.
const SHOWN_MAX: usize = 10;

/// One command a line.
pub fn annotations(report: &Report) -> String {
    let mut out = String::new();
    for suite in &report.suites {
        for held in suite.verdict.gates.iter().filter(|held| held.word != Word::Pass) {
            let level = if held.word == Word::Fail { "error" } else { "warning" };
            let title = format!("{} {}: {}", held.word.name(), suite.suite, held.gate);
            line(&mut out, level, &suite.file(), held.line, &title, &held.why);
        }
        cases(suite, &mut out);
        if suite.verdict.word == Word::Stale {
            let title = format!("STALE {}", suite.suite);
            line(&mut out, "error", &suite.file(), 1, &title, &advice(suite).unwrap_or_default());
        }
    }
    out
}

fn cases(suite: &SuiteReport, out: &mut String) {
    let verdict = &suite.verdict;
    let broken = verdict.broken.iter().map(|(case, why)| (case, "must pass", why.join("; ")));
    let errors = verdict.errors.iter().map(|(case, why)| (case, "could not be run", why.clone()));
    for (case, what, why) in broken.chain(errors).take(SHOWN_MAX) {
        let (file, number) = suite.places.get(case).cloned().unwrap_or_else(|| (suite.file(), 1));
        let title = format!("{} {case}: {what}", suite.suite);
        line(out, "error", &file, number, &title, &why);
    }
}

fn line(out: &mut String, level: &str, file: &str, number: usize, title: &str, message: &str) {
    let (file, title) = (property(file), property(title));
    let message = data(message);
    out.push_str(&format!("::{level} file={file},line={number},title={title}::{message}\n"));
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
