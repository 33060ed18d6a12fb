//! What a suite of this size can show: told before it runs, and refused where it can show nothing.

use std::collections::BTreeSet;

use backstop_policy::diagnostics::{Code, Problem, Report};

use super::case::Case;
use super::gate::{Bound, Limit, shown};
use super::load::Suite;
use super::metric::{Kind, Metric};
use super::score::Scorer;
use crate::stats::{clopper_pearson, least_cases, smallest_detectable_drop};

/// What one gate can show at this size.
#[derive(Debug, Clone, PartialEq)]
pub struct Power {
    /// The gate in words.
    pub gate: String,
    /// Cases that it can rest on at most.
    pub cases: u64,
    /// In words.
    pub can_show: String,
}

impl Suite {
    /// What each gate on a share can show at this size.
    pub fn power(&self) -> Vec<Power> {
        let gates = self.gates.iter().filter(|gate| gate.of.kind() == Kind::Share);
        gates
            .filter(|gate| *gate.of != Metric::Errors)
            .map(|gate| {
                let cases = self.rests_on(&gate.of);
                let confidence = gate.confidence.unwrap_or(self.confidence);
                let can_show = match gate.limit {
                    Limit::NoWorseBy(_) => smallest_detectable_drop(cases, confidence).map_or_else(
                        || "too few cases to see any drop".to_owned(),
                        |drop| format!("a drop of {} is found in 4 runs of 5", percent(drop)),
                    ),
                    Limit::Value(Bound::AtMost(_)) => {
                        let best = clopper_pearson(0, cases, confidence).high;
                        format!("without a single hit: at most {}", percent(best))
                    }
                    Limit::Value(Bound::AtLeast(_)) => {
                        let best = clopper_pearson(cases, cases, confidence).low;
                        format!("without a single miss: at least {}", percent(best))
                    }
                };
                Power { gate: gate.words(), cases, can_show }
            })
            .collect()
    }

    /// Whether a score can say anything of a case: a condition always, the others beside a truth.
    fn can_score(&self, name: &str, case: &Case) -> bool {
        match self.scores.get(name).map(|score| &score.scorer) {
            Some(Scorer::Condition(_) | Scorer::Judge { .. }) => true,
            Some(_) => case.has_truth(),
            None => false,
        }
    }

    /// Clusters that a metric can rest on at most.
    fn rests_on(&self, metric: &Metric) -> u64 {
        let counts = |case: &&Case| match metric {
            Metric::WrongAccepted | Metric::WrongAutomatic | Metric::FallbackCorrect => {
                self.correct.iter().any(|name| self.can_score(name, case))
            }
            Metric::Score(name) => self.can_score(name, case),
            Metric::Expected => case.expect.says_an_end(),
            _ => true,
        };
        let clusters: BTreeSet<&str> =
            self.cases.iter().filter(counts).map(Case::cluster).collect();
        clusters.len() as u64
    }
}

fn percent(share: f64) -> String {
    shown(Kind::Share, share)
}

/// Refuses gates that cannot pass, however good the answers are.
pub(super) fn report(suite: &Suite, report: &mut Report) {
    for gate in &suite.gates {
        let wrong_at_most = match (gate.limit, gate.of.kind(), gate.of.quantile()) {
            // A cap on errors is a plain count: nothing is inferred from it.
            _ if *gate.of == Metric::Errors => continue,
            (Limit::Value(Bound::AtMost(most)), Kind::Share, _) => most,
            (Limit::Value(Bound::AtLeast(least)), Kind::Share, _) => 1.0 - least,
            // Even the slowest of them bounds a quantile only where they are enough.
            (Limit::Value(Bound::AtMost(_)), _, Some(share)) => 1.0 - share,
            _ => continue,
        };
        let confidence = gate.confidence.unwrap_or(suite.confidence);
        let (cases, needed) = (suite.rests_on(&gate.of), least_cases(wrong_at_most, confidence));
        let percent = percent(confidence);
        let (say, help) = match needed {
            None => (
                format!("no number of cases can show this with {percent} confidence"),
                "leave a little room, such as `1%`; cases that must never fail stand under \
                 `must_pass`"
                    .to_owned(),
            ),
            Some(needed) if needed > cases => (
                format!("the gate cannot pass: it has {cases} cases to rest on"),
                format!(
                    "{needed} cases without a single miss are the fewest that show it with \
                     {percent} confidence; add cases, or widen the bound"
                ),
            ),
            Some(_) => continue,
        };
        report.push(Problem::error(Code::GateSize, gate.span, say).help(help));
    }
}
