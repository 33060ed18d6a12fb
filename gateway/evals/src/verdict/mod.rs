//! What a run shows: each gate held to the numbers, and one word for the whole.

mod agreement;
mod baseline;
mod gates;
mod measure;

pub use agreement::{Agreement, agreements};
pub use baseline::{Baseline, BaselineCase};
pub use gates::{Held, hold};
pub use measure::{Measured, measure};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::run::Results;
use crate::suite::{Day, Metric, Suite};

/// What a gate, a suite or a whole run comes to. Of several the first in this order counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Word {
    /// Cases could not be run.
    Error,
    /// It is shown that something is worse than it may be.
    Fail,
    /// The record does not have the answers to what is asked now.
    Stale,
    /// Neither is shown: there are too few cases for a bound so tight.
    Inconclusive,
    /// Everything that must be shown is shown.
    Pass,
}

impl Word {
    /// The word as printed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Fail => "FAIL",
            Self::Stale => "STALE",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Pass => "PASS",
        }
    }

    /// The exit code that says so; 2 is bad configuration.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Fail => 1,
            Self::Inconclusive => 3,
            Self::Stale => 4,
            Self::Error => 5,
        }
    }
}

/// What a suite's run comes to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// In one word.
    pub word: Word,
    /// Each gate.
    pub gates: Vec<Held>,
    /// Cases that had to come to their end and did not: id and what differs.
    pub broken: Vec<(String, Vec<String>)>,
    /// The gateway's numbers and the scores, by name.
    pub numbers: BTreeMap<String, Measured>,
    /// Requests that the record does not know, by case.
    pub stale: Vec<(String, Vec<String>)>,
    /// Cases that could not be run, and why.
    pub errors: Vec<(String, String)>,
    /// Cases that do not count for now, and why.
    pub quarantined: Vec<(String, String)>,
    /// Quarantines that are over.
    pub released: Vec<String>,
    /// Judges beside people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agreements: Vec<Agreement>,
}

/// Judges the results of a suite.
pub fn verdict(
    suite: &Suite,
    results: &Results,
    baseline: Option<&Baseline>,
    today: Day,
) -> Verdict {
    let counted: Vec<_> =
        results.ran.iter().filter(|ran| suite.is_quarantined(&ran.case, today).is_none()).collect();
    let mut gates = hold(suite, &counted, baseline, &results.tier);
    let broken = broken(suite, &counted);
    let per_case = |told: &dyn Fn(&&&crate::run::Ran) -> bool| {
        let mut seen: Vec<_> = counted.iter().filter(told).map(|ran| ran.case.clone()).collect();
        seen.dedup();
        seen
    };
    let stale: Vec<_> = per_case(&|ran| !ran.misses.is_empty())
        .into_iter()
        .map(|case| {
            let misses = counted.iter().filter(|ran| ran.case == case).flat_map(|ran| &ran.misses);
            let mut told: Vec<String> =
                misses.map(|miss| format!("{}: {}", miss.model, miss.hint)).collect();
            told.dedup();
            (case, told)
        })
        .collect();
    if !stale.is_empty() {
        // The numbers rest on the other cases only: nothing is shown either way.
        let open = gates.iter_mut().filter(|held| held.word != Word::Error);
        open.for_each(|held| held.word = Word::Stale);
    }
    let errors: Vec<_> =
        counted.iter().filter_map(|ran| Some((ran.case.clone(), ran.error.clone()?))).collect();
    let names = Metric::plain().map(|(_, metric)| metric);
    let scores = suite.scores.keys().cloned().map(Metric::Score);
    let numbers = names.chain(scores).filter_map(|metric| {
        let measured = measure(suite, &counted, &metric, suite.confidence)?;
        Some((metric.to_string(), measured))
    });
    let numbers = numbers.collect();
    let quarantine = suite.quarantine.iter();
    let (held, over): (Vec<_>, Vec<_>) = quarantine.partition(|one| today < one.until);
    let word = word(suite, &gates, !broken.is_empty(), !stale.is_empty(), errors.len());
    Verdict {
        word,
        gates,
        broken,
        numbers,
        stale,
        errors,
        quarantined: held
            .iter()
            .map(|one| (one.case.value.clone(), format!("{} (until {})", one.because, one.until)))
            .collect(),
        agreements: agreements(suite, &counted),
        released: over.iter().map(|one| one.case.value.clone()).collect(),
    }
}

/// The worst of all. Where the record is stale the numbers rest on the other cases only, so no
/// gate passes or fails on them; a case that must pass and was answered still counts.
fn word(suite: &Suite, gates: &[Held], broken: bool, stale: bool, errors: usize) -> Word {
    let capped = suite.gates.iter().any(|gate| *gate.of == Metric::Errors);
    if errors > 0 && !capped {
        return Word::Error;
    }
    if broken {
        return Word::Fail;
    }
    if stale {
        return Word::Stale;
    }
    gates.iter().map(|held| held.word).min().unwrap_or(Word::Pass)
}

/// Cases that must come to their expected end, every time, and did not.
fn broken(suite: &Suite, counted: &[&crate::run::Ran]) -> Vec<(String, Vec<String>)> {
    let mut broken: Vec<(String, Vec<String>)> = Vec::new();
    for case in suite.cases.iter().filter(|case| suite.must_pass(case)) {
        let bad = counted.iter().filter(|ran| ran.case == case.id && ran.is_valid());
        let wrong = |ran: &&&crate::run::Ran| ran.is_automatic() && ran.right == Some(false);
        let bad = bad.filter(|ran| ran.expected == Some(false) || wrong(ran));
        let mut why: Vec<String> = bad.flat_map(|ran| ran.differs.clone()).collect();
        why.dedup();
        if !why.is_empty() {
            broken.push((case.id.clone(), why));
        }
    }
    broken
}
