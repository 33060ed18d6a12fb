//! What a run came to, for people and for machines. Each form is made from the same [`Report`].

mod github;
mod html;
mod junit;
mod markdown;
mod terminal;

pub use github::annotations;
pub use html::html;
pub use junit::junit;
pub use markdown::markdown;
pub use terminal::{Paint, before, text};

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::run::{Ran, Results, SCHEMA};
use crate::suite::{Day, Power, Suite};
use crate::verdict::{Baseline, Verdict, Word, verdict};

/// A run of suites, as written to `--format json` and read by `merge`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Version of the format.
    pub schema: String,
    /// The whole in one word.
    pub word: Word,
    /// Each suite.
    pub suites: Vec<SuiteReport>,
    /// Suites that were left out, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<(String, String)>,
}

/// What one suite came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SuiteReport {
    /// Its name.
    pub suite: String,
    /// The policy that it holds.
    pub policy: String,
    /// What it is for.
    pub description: String,
    /// The team that answers for it.
    pub owner: String,
    /// Why it was run.
    pub because: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// What came of each case.
    pub results: Results,
    /// Where each case stands: file and line, from 1.
    pub places: BTreeMap<String, (String, usize)>,
}

impl Report {
    /// A report of these suites.
    pub fn of(suites: Vec<SuiteReport>, left_out: Vec<(String, String)>) -> Self {
        let word = suites.iter().map(|suite| suite.verdict.word).min().unwrap_or(Word::Pass);
        Self { schema: SCHEMA.to_owned(), word, suites, left_out }
    }

    /// Reads one.
    ///
    /// # Errors
    /// In words, if it is not to the format.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let report: Self = serde_json::from_slice(bytes).map_err(|fault| fault.to_string())?;
        if report.schema == SCHEMA {
            Ok(report)
        } else {
            Err(format!("its format is {}, this program reads {SCHEMA}", report.schema))
        }
    }
}

impl SuiteReport {
    /// Judges `results`.
    pub fn of(
        suite: &Suite,
        results: Results,
        baseline: Option<&Baseline>,
        today: Day,
        because: String,
    ) -> Self {
        Self {
            suite: suite.name.clone(),
            policy: suite.policy.name.clone(),
            description: suite.description.clone(),
            owner: suite.owner.clone(),
            because,
            verdict: verdict(suite, &results, baseline, today),
            results,
            places: suite.cases.iter().map(|case| (case.id.clone(), case.place.clone())).collect(),
        }
    }

    /// How many runs came to each end, the most first.
    pub fn ends(&self) -> Vec<(&str, usize)> {
        let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
        for ran in &self.results.ran {
            *ends.entry(end(ran)).or_default() += 1;
        }
        let mut ends: Vec<(&str, usize)> = ends.into_iter().collect();
        ends.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        ends
    }

    /// Runs that came to something else than they should.
    pub fn differing(&self) -> impl Iterator<Item = &Ran> {
        self.results.ran.iter().filter(|ran| !ran.differs.is_empty() && ran.is_valid())
    }

    /// The command that records anew what this suite asks.
    pub fn record_command(&self) -> String {
        format!("backstop eval record {}", self.suite)
    }

    /// The file of the suite.
    pub fn file(&self) -> String {
        format!("evals/{}/suite.yaml", self.suite)
    }
}

/// How a run ended, or why it says nothing.
fn end(ran: &Ran) -> &str {
    match ran {
        Ran { error: Some(_), .. } => "not run",
        ran if !ran.misses.is_empty() => "not recorded",
        ran => &ran.end,
    }
}

/// `1 case`, `2 cases`.
fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// What the gates of a suite can show.
pub type Powers = Vec<Power>;

/// What an author does about a word, in a sentence.
fn advice(suite: &SuiteReport) -> Option<String> {
    match suite.verdict.word {
        Word::Pass => None,
        Word::Fail => Some(
            "look at the cases below; if they are right and the suite is wrong, change the cases, \
             else mend the policy or the prompt"
                .to_owned(),
        ),
        Word::Stale => Some(format!(
            "the prompt, the schema or the models changed, so what is asked has no recorded \
             answer; record it with `{}`",
            suite.record_command()
        )),
        Word::Inconclusive => Some(
            "the numbers neither keep to the bound for sure nor break it for sure: add cases, or \
             widen the bound on purpose"
                .to_owned(),
        ),
        Word::Error => Some("mend what kept the cases below from running".to_owned()),
    }
}
