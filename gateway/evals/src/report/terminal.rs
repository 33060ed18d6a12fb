//! For a person at a terminal.

use super::{Report, SuiteReport, advice, count};
use crate::run::Ran;
use crate::suite::{Kind, Metric, Suite, shown};
use crate::verdict::{Held, Measured, Word};

/// Cases that are shown of each kind; the rest is counted.
const SHOWN_MAX: usize = 10;

/// Whether to colour.
#[derive(Debug, Clone, Copy)]
pub struct Paint(pub bool);

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn faint(self, text: &str) -> String {
        self.with("2", text)
    }

    fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    /// A word in its colour, padded to the longest.
    fn word(self, word: Word) -> String {
        let code = match word {
            Word::Pass => "32",
            Word::Fail | Word::Error => "1;31",
            Word::Stale | Word::Inconclusive => "33",
        };
        self.with(code, &format!("{:<14}", word.name()))
    }
}

/// What a suite can show, before it runs.
pub fn before(suite: &Suite, paint: Paint) -> String {
    let powers = suite.power();
    let width = powers.iter().map(|power| power.gate.len()).max().unwrap_or(0);
    let mut out = format!(
        "{}  {}\n",
        paint.bold(&suite.name),
        paint.faint(&format!(
            "{} against policy {}",
            count(suite.cases.len(), "case", "cases"),
            suite.policy.name
        ))
    );
    for power in powers {
        let line = format!("  {:<width$}  {} cases: {}", power.gate, power.cases, power.can_show);
        out.push_str(&paint.faint(&line));
        out.push('\n');
    }
    out
}

/// The whole report.
pub fn text(report: &Report, paint: Paint) -> String {
    let mut out = String::new();
    for suite in &report.suites {
        out.push_str(&one(suite, paint));
        out.push('\n');
    }
    for (suite, why) in &report.left_out {
        out.push_str(&paint.faint(&format!("{suite} was not run: {why}\n")));
    }
    let suites = count(report.suites.len(), "suite", "suites");
    let cases: usize = report.suites.iter().map(|suite| suite.results.ran.len()).sum();
    let runs = count(cases, "run", "runs");
    out.push_str(&format!("{}{suites}, {runs}\n", paint.word(report.word)));
    out
}

fn one(suite: &SuiteReport, paint: Paint) -> String {
    let ends: Vec<String> =
        suite.ends().into_iter().map(|(end, count)| format!("{count} {end}")).collect();
    let revision = suite.results.revision.get(..12).unwrap_or(&suite.results.revision);
    let mut out = format!(
        "{}{}  {}\n",
        paint.word(suite.verdict.word),
        paint.bold(&suite.suite),
        paint.faint(&format!("{} · revision {revision} · {}", suite.results.tier, suite.because)),
    );
    out.push_str(&format!("              {}\n", ends.join(" · ")));
    for held in &suite.verdict.gates {
        out.push_str(&gate(held, paint));
    }
    out.push_str(&numbers(suite, paint));
    out.push_str(&problems(suite, paint));
    if let Some(advice) = advice(suite) {
        out.push_str(&format!("  {} {advice}\n", paint.with("36", "→")));
    }
    out
}

fn gate(held: &Held, paint: Paint) -> String {
    let chance = match held.chance {
        Some(chance) if held.word == Word::Fail => format!("; by chance {chance:.4}"),
        _ => String::new(),
    };
    format!("  {}{}\n                {}{chance}\n", paint.word(held.word), held.gate, held.why)
}

/// The numbers that no gate speaks of.
fn numbers(suite: &SuiteReport, paint: Paint) -> String {
    let gated = |name: &str| suite.verdict.gates.iter().any(|held| held.of == *name);
    let told = suite.verdict.numbers.iter().filter(|(name, _)| !gated(name));
    let told = told.filter(|(name, at)| !(name.as_str() == "errors" && at.value == 0.0));
    let rows: Vec<(String, String)> = told
        .filter_map(|(name, at)| {
            let metric = Metric::parse(name).ok()?;
            // Recorded delays say nothing about how fast a model is today.
            let idle = metric.kind() == Kind::Time && suite.results.tier != "live";
            (!idle).then(|| (metric.words(), number(&metric, at)))
        })
        .collect();
    let judges = suite.verdict.agreements.iter().map(|one| {
        let kappa = one.kappa.map(|kappa| format!(", kappa {kappa:.2}")).unwrap_or_default();
        let words = format!("judge `{}` agrees with people", one.score);
        (words, format!("{} of {}{kappa}", one.agrees, one.of))
    });
    let rows: Vec<(String, String)> = rows.into_iter().chain(judges).collect();
    let width = rows.iter().map(|(words, _)| words.chars().count()).max().unwrap_or(0);
    let line = |(words, value): &(String, String)| {
        let line = format!("  {words:<width$}  {value}\n");
        paint.faint(&line)
    };
    rows.iter().map(line).collect()
}

/// A number with what it rests on.
pub(super) fn number(metric: &Metric, at: &Measured) -> String {
    let value = shown(metric.kind(), at.value);
    match at.hits {
        Some(hits) => format!("{value} ({hits} of {})", at.of),
        None => value,
    }
}

fn problems(suite: &SuiteReport, paint: Paint) -> String {
    let mut out = String::new();
    let verdict = &suite.verdict;
    let place = |case: &str| {
        let place = suite.places.get(case);
        paint.faint(&place.map(|(file, line)| format!("{file}:{line}")).unwrap_or_default())
    };
    let mut list = |title: &str, rows: Vec<(&str, Vec<&str>)>| {
        if rows.is_empty() {
            return;
        }
        out.push_str(&format!("  {title}\n"));
        for (case, told) in rows.iter().take(SHOWN_MAX) {
            out.push_str(&format!("    {case}  {}\n", place(case)));
            for line in told.iter().take(3) {
                out.push_str(&format!("      {line}\n"));
            }
        }
        if rows.len() > SHOWN_MAX {
            let more = format!("    and {} more\n", rows.len() - SHOWN_MAX);
            out.push_str(&paint.faint(&more));
        }
    };
    let all = |rows: &'_ [(String, Vec<String>)]| -> Vec<(String, Vec<String>)> { rows.to_vec() };
    let broken = all(&verdict.broken);
    list("must pass and did not:", borrowed(&broken));
    let stale = all(&verdict.stale);
    list("no recorded answer:", borrowed(&stale));
    let errors: Vec<(&str, Vec<&str>)> =
        verdict.errors.iter().map(|(case, why)| (case.as_str(), vec![why.as_str()])).collect();
    list("could not be run:", errors);
    if verdict.word != Word::Pass {
        let known = |ran: &&Ran| !verdict.broken.iter().any(|(case, _)| *case == ran.case);
        let differs = suite.differing().filter(known);
        let rows = differs.map(|ran| {
            (ran.case.as_str(), ran.differs.iter().map(String::as_str).collect::<Vec<_>>())
        });
        list("came to something else:", rows.collect());
    }
    let quarantined: Vec<(&str, Vec<&str>)> =
        verdict.quarantined.iter().map(|(case, why)| (case.as_str(), vec![why.as_str()])).collect();
    list("in quarantine, not counted:", quarantined);
    for case in &verdict.released {
        out.push_str(&format!("  the quarantine of {case} is over: it counts again\n"));
    }
    out
}

fn borrowed(rows: &[(String, Vec<String>)]) -> Vec<(&str, Vec<&str>)> {
    rows.iter()
        .map(|(case, told)| (case.as_str(), told.iter().map(String::as_str).collect()))
        .collect()
}
