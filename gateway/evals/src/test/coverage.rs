//! Counts what a policy's tests cover, and suggests tests for what they do not.

use backstop_policy::tried::Played;

use super::points::{Goal, Part, Point, points};
use crate::draft::{Draft, Ground, drafts, expecting};

/// What the tests of one policy cover.
#[derive(Debug, Clone)]
pub struct Coverage {
    /// Every point.
    pub points: Vec<Covered>,
}

/// One point, and what was seen of it.
#[derive(Debug, Clone)]
pub struct Covered {
    /// The point.
    pub point: Point,
    /// What was never seen, in words; empty when it is covered.
    pub missing: Vec<&'static str>,
    /// Whether a rule fired that never decided.
    pub fired_only: bool,
    /// A test that would cover it.
    pub suggestion: Suggestion,
}

/// What is suggested for a point that is not covered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Suggestion {
    /// Nothing was looked for.
    Unasked,
    /// No test was found.
    None,
    /// This test, ready to be pasted.
    Test(String),
    /// The tests suggested for points before it cover it too.
    Above,
}

impl Covered {
    /// Whether nothing is missing.
    pub fn is_covered(&self) -> bool {
        self.missing.is_empty()
    }
}

impl Coverage {
    /// Points that are covered, and all of them; of one part, or of all.
    pub fn count(&self, part: Option<Part>) -> (usize, usize) {
        let of_part =
            self.points.iter().filter(|covered| part.is_none_or(|p| p == covered.point.part));
        let (covered, all): (Vec<_>, Vec<_>) = of_part.map(|c| (c.is_covered(), c)).unzip();
        (covered.into_iter().filter(|covered| *covered).count(), all.len())
    }

    /// The share that is covered, in percent, rounded down; a policy without points is covered.
    pub fn percent(&self) -> usize {
        let (covered, all) = self.count(None);
        (covered * 100).checked_div(all).unwrap_or(100)
    }
}

/// Holds what was seen in the tests against every point of the policy.
pub fn cover(ground: &Ground<'_>, played: &[Played], suggest: bool) -> Coverage {
    let policy = ground.policy;
    let seen = |goal: &Goal| played.iter().any(|played| goal.is_met(policy, played));
    let covered = points(policy).into_iter().map(|point| {
        let missing: Vec<&'static str> =
            point.goals.iter().filter(|(goal, _)| !seen(goal)).map(|(_, words)| *words).collect();
        let fired_only = point.goals.iter().any(|(goal, _)| match goal {
            Goal::Decides(by) => !missing.is_empty() && seen(&Goal::Fires(by.clone())),
            _ => false,
        });
        Covered { point, missing, fired_only, suggestion: Suggestion::Unasked }
    });
    let mut coverage = Coverage { points: covered.collect() };
    if suggest && coverage.points.iter().any(|covered| !covered.is_covered()) {
        let drafts = drafts(ground);
        let mut suggested = Vec::new();
        for covered in coverage.points.iter_mut().filter(|covered| !covered.missing.is_empty()) {
            covered.suggestion = suggestion(ground, covered, &drafts, &mut suggested);
        }
    }
    coverage
}

/// The smallest draft in which what is missing is seen, as a test. `suggested` are the drafts that
/// earlier points were given.
fn suggestion<'d>(
    ground: &Ground<'_>,
    covered: &Covered,
    drafts: &'d [Draft],
    suggested: &mut Vec<&'d Draft>,
) -> Suggestion {
    let policy = ground.policy;
    let missing = covered.point.goals.iter().filter(|(_, words)| covered.missing.contains(words));
    let mut told = String::new();
    for (goal, words) in missing {
        let sees = |draft: &&'d Draft| goal.is_met(policy, &draft.played);
        if suggested.iter().copied().any(|draft| sees(&draft)) {
            continue;
        }
        let Some(draft) = drafts.iter().find(sees) else { return Suggestion::None };
        let mut test = draft.test.clone();
        test.name.value = format!("{} {words}", covered.point.name);
        let whole = covered.point.part == Part::Rung;
        let Some(test) = expecting((policy, ground.sources), &test, &draft.played, whole) else {
            return Suggestion::None;
        };
        suggested.push(draft);
        told.push_str(&test.words("  "));
    }
    if told.is_empty() { Suggestion::Above } else { Suggestion::Test(told) }
}
