//! For a job's summary or a pull request.

use super::{Report, SuiteReport, advice};
use crate::suite::Metric;
use crate::verdict::Word;

/// Cases that are shown of each suite; the rest is counted.
const SHOWN_MAX: usize = 20;

/// The report as Markdown.
pub fn markdown(report: &Report) -> String {
    let mut out = format!("## Evals: {}\n\n", mark(report.word));
    for suite in &report.suites {
        one(suite, &mut out);
    }
    for (suite, why) in &report.left_out {
        out.push_str(&format!("`{suite}` was not run: {why}.\n\n"));
    }
    out
}

fn one(suite: &SuiteReport, out: &mut String) {
    let ends: Vec<String> =
        suite.ends().into_iter().map(|(end, count)| format!("{count} {end}")).collect();
    out.push_str(&format!(
        "### `{}`: {}\n\nPolicy `{}`, {} tier, {}. Run because {}.\n\n",
        suite.suite,
        mark(suite.verdict.word),
        suite.policy,
        suite.results.tier,
        ends.join(", "),
        suite.because
    ));
    if !suite.verdict.gates.is_empty() {
        out.push_str("| gate | result | what was seen |\n| --- | --- | --- |\n");
        for held in &suite.verdict.gates {
            let (gate, why) = (cell(&held.gate), cell(&held.why));
            out.push_str(&format!("| {gate} | {} | {why} |\n", mark(held.word)));
        }
        out.push('\n');
    }
    if let Some(advice) = advice(suite) {
        out.push_str(&format!("**What to do**: {advice}.\n\n"));
    }
    details(suite, out);
}

fn details(suite: &SuiteReport, out: &mut String) {
    let verdict = &suite.verdict;
    let mut rows: Vec<(String, String)> = Vec::new();
    for (case, why) in verdict.broken.iter().chain(&verdict.stale) {
        rows.push((case.clone(), why.join("; ")));
    }
    rows.extend(verdict.errors.iter().cloned());
    if rows.is_empty() && verdict.word != Word::Pass {
        rows.extend(suite.differing().map(|ran| (ran.case.clone(), ran.differs.join("; "))));
    }
    if !rows.is_empty() {
        out.push_str("| case | what |\n| --- | --- |\n");
        for (case, what) in rows.iter().take(SHOWN_MAX) {
            let place = suite.places.get(case);
            let place = place.map(|(file, line)| format!(" ({file}:{line})")).unwrap_or_default();
            out.push_str(&format!("| `{}`{place} | {} |\n", cell(case), cell(what)));
        }
        if rows.len() > SHOWN_MAX {
            out.push_str(&format!("\nand {} more.\n", rows.len() - SHOWN_MAX));
        }
        out.push('\n');
    }
    out.push_str("<details><summary>All numbers</summary>\n\n| | |\n| --- | --- |\n");
    for (name, at) in &verdict.numbers {
        if let Ok(metric) = Metric::parse(name) {
            let value = super::terminal::number(&metric, at);
            out.push_str(&format!("| {} | {} |\n", cell(&metric.words()), cell(&value)));
        }
    }
    out.push_str("\n</details>\n\n");
}

fn mark(word: Word) -> String {
    let sign = match word {
        Word::Pass => "✅",
        Word::Fail | Word::Error => "❌",
        Word::Stale | Word::Inconclusive => "⚠️",
    };
    format!("{sign} {}", word.name())
}

/// Text as a cell of a table: model output is data, never markup.
fn cell(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;").replace(['\n', '\r'], " ")
}
