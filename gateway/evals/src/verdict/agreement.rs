//! How often a judge agrees with people: a score that nobody measured is no evidence.

use serde::{Deserialize, Serialize};

use crate::run::Ran;
use crate::stats::clopper_pearson;
use crate::suite::{Kind, Metric, Scorer, Suite, shown};

/// A judge beside people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// The score.
    pub score: String,
    /// Labels that it agrees with.
    pub agrees: u64,
    /// Labels beside which it judged.
    pub of: u64,
    /// It agrees at least so often, with the suite's confidence.
    pub low: f64,
    /// Cohen's kappa: agreement beyond chance, in [-1, 1]; `None` where it is not defined.
    pub kappa: Option<f64>,
}

/// Every judge of the suite beside its labels.
pub fn agreements(suite: &Suite, counted: &[&Ran]) -> Vec<Agreement> {
    let judges = suite.scores.iter().filter(|(_, score)| is_judge(&score.scorer));
    judges.map(|(name, _)| agreement(suite, name, counted)).collect()
}

fn is_judge(scorer: &Scorer) -> bool {
    matches!(scorer, Scorer::Judge { .. })
}

fn agreement(suite: &Suite, name: &str, counted: &[&Ran]) -> Agreement {
    let mut table = [[0_u64; 2]; 2];
    for label in suite.labels.iter().filter(|label| label.score == name) {
        let ran = counted.iter().find(|ran| ran.case == label.case && ran.is_valid());
        let said = ran.and_then(|ran| ran.scores.get(name));
        if let Some(row) = said.and_then(|said| table.get_mut(usize::from(*said)))
            && let Some(cell) = row.get_mut(usize::from(label.right))
        {
            *cell += 1;
        }
    }
    let [[both_no, judge_no], [judge_yes, both_yes]] = table;
    let agrees = both_no + both_yes;
    let of = agrees + judge_no + judge_yes;
    let share = |part: u64| part as f64 / of.max(1) as f64;
    let (judge, people) = (share(judge_yes + both_yes), share(judge_no + both_yes));
    let chance = judge * people + (1.0 - judge) * (1.0 - people);
    let defined = of > 0 && chance < 1.0;
    Agreement {
        score: name.to_owned(),
        agrees,
        of,
        low: clopper_pearson(agrees, of, suite.confidence).low,
        kappa: defined.then(|| (share(agrees) - chance) / (1.0 - chance)),
    }
}

/// Why no gate may rest on that metric; `None`: it may.
pub(super) fn unmeasured(suite: &Suite, counted: &[&Ran], metric: &Metric) -> Option<String> {
    let judges: Vec<&str> = match metric {
        Metric::Score(name) => vec![name.as_str()],
        Metric::WrongAccepted | Metric::WrongAutomatic | Metric::FallbackCorrect => {
            suite.correct.iter().map(String::as_str).collect()
        }
        _ => Vec::new(),
    };
    judges.into_iter().find_map(|name| {
        let Scorer::Judge { agreement: needed, .. } = &suite.scores.get(name)?.scorer else {
            return None;
        };
        let seen = agreement(suite, name, counted);
        (seen.low < *needed).then(|| {
            format!(
                "the judge `{name}` agrees with people in {} of {} labels, which shows at least \
                 {}; it needs {}: add labels, or mend the judge",
                seen.agrees,
                seen.of,
                shown(Kind::Share, seen.low),
                shown(Kind::Share, *needed)
            )
        })
    })
}
