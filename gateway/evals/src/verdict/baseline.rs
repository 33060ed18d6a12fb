//! What a suite came to when somebody last said that this is good: `baseline.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::run::{Ran, Results, SCHEMA};
use crate::suite::Metric;

/// A blessed run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Version of the format.
    pub schema: String,
    /// The suite.
    pub suite: String,
    /// Revision of the policy.
    pub revision: String,
    /// Why it was blessed, newest last: day and words.
    pub why: Vec<(String, String)>,
    /// What each case came to.
    pub cases: BTreeMap<String, BaselineCase>,
}

/// What a case came to.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineCase {
    /// Its end, the first time.
    pub end: String,
    /// Share of its repeats that came to the expected end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<f64>,
    /// Share of its repeats that each score found right.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scores: BTreeMap<String, f64>,
}

impl BaselineCase {
    fn of(runs: &[&Ran]) -> Self {
        let share = |pick: &dyn Fn(&Ran) -> Option<bool>| {
            let said: Vec<bool> = runs.iter().filter_map(|ran| pick(ran)).collect();
            let hits = said.iter().filter(|hit| **hit).count();
            (!said.is_empty()).then(|| hits as f64 / said.len() as f64)
        };
        let names = runs.iter().flat_map(|ran| ran.scores.keys());
        let scores = names
            .filter_map(|name| Some((name.clone(), share(&|ran| ran.scores.get(name).copied())?)));
        Self {
            end: runs.first().map(|ran| ran.end.clone()).unwrap_or_default(),
            expected: share(&|ran| ran.expected),
            scores: scores.collect(),
        }
    }
}

impl Baseline {
    /// What `results` say, blessed on `day` because of `why`; `before` keeps its history.
    pub fn of(results: &Results, before: Option<&Self>, day: String, why: String) -> Self {
        let mut runs: BTreeMap<&str, Vec<&Ran>> = BTreeMap::new();
        for ran in results.ran.iter().filter(|ran| ran.is_valid()) {
            runs.entry(&ran.case).or_default().push(ran);
        }
        let cases = runs.into_iter().map(|(case, runs)| (case.to_owned(), BaselineCase::of(&runs)));
        let cases = cases.collect();
        let mut history = before.map(|before| before.why.clone()).unwrap_or_default();
        history.push((day, why));
        Self {
            schema: SCHEMA.to_owned(),
            suite: results.suite.clone(),
            revision: results.revision.clone(),
            why: history,
            cases,
        }
    }

    /// Reads one.
    ///
    /// # Errors
    /// In words, if it is not to the format.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let baseline: Self = serde_json::from_slice(bytes).map_err(|fault| fault.to_string())?;
        if baseline.schema == SCHEMA {
            Ok(baseline)
        } else {
            Err(format!("its format is {}, this program reads {SCHEMA}", baseline.schema))
        }
    }

    /// Share of a case's repeats that were right by that metric.
    pub(super) fn share(&self, case: &str, metric: &Metric) -> Option<f64> {
        let case = self.cases.get(case)?;
        match metric {
            Metric::Score(name) => case.scores.get(name).copied(),
            _ => case.expected,
        }
    }
}
