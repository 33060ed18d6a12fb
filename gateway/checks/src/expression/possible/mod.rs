//! Whether conditions can hold together: what rules never fire, and which of them cover all.
//!
//! A condition becomes a formula over places, each with the values that it leaves to them
//! ([`domain`]); what is not understood becomes a free claim, which may be true or false. So "no"
//! is a proof, and "perhaps" is not. Claims spelt alike are the same claim, in every condition.

mod domain;
mod formula;

use std::collections::BTreeMap;

use super::{Expression, Scope};
use domain::Domain;
use formula::{Formula, Writer};

/// Branches that are looked at before the answer is "perhaps".
const BRANCHES_MAX: u32 = 2_000;

/// A rule's conditions as a formula: it fires when `when` is true and `unless` is not.
#[derive(Debug, Clone)]
pub struct Claim {
    formula: Formula,
    places: BTreeMap<String, Domain>,
    may_fail: bool,
    exact: bool,
}

impl Scope {
    /// The claim that something fires under these conditions. `index` sets it apart from others:
    /// draws of `sample` are independent between rules.
    pub fn claim(
        &self,
        when: Option<&Expression>,
        unless: Option<&Expression>,
        index: usize,
    ) -> Claim {
        let mut writer = Writer::new(self, index);
        let when = when.map(|when| (&when.node, true));
        let unless = unless.map(|unless| (&unless.node, false));
        let (mut parts, mut may_fail) = (Vec::new(), false);
        for (node, outcome) in [when, unless].into_iter().flatten() {
            let formula = writer.formula(node);
            parts.push(if outcome { formula } else { Formula::Not(Box::new(formula)) });
            may_fail |= writer.may_fail(node);
        }
        let formula = Formula::All(parts);
        let exact = !may_fail && formula.is_exact();
        Claim { formula, places: writer.kinds, may_fail, exact }
    }
}

impl Claim {
    /// Whether one call may make each of these fire, or not fire, as said. `false` is certain.
    pub fn may_be(wanted: &[(&Self, bool)]) -> bool {
        let places = wanted.iter().flat_map(|(claim, _)| claim.places.clone()).collect();
        let todo = wanted.iter().map(|(claim, outcome)| (&claim.formula, *outcome)).collect();
        Search { left: BRANCHES_MAX }.satisfies(todo, Known { places, claims: BTreeMap::new() })
    }

    /// Whether it may be impossible to compute for some call: then it neither fires nor not.
    pub const fn may_fail(&self) -> bool {
        self.may_fail
    }

    /// Whether it is understood to the last word, so that "may be" is as good as "can be".
    pub const fn is_exact(&self) -> bool {
        self.exact
    }
}

/// What one branch has settled so far.
#[derive(Debug, Clone)]
struct Known {
    places: BTreeMap<String, Domain>,
    claims: BTreeMap<String, bool>,
}

struct Search {
    left: u32,
}

impl Search {
    /// Whether all of `todo` can be so, given `known`.
    fn satisfies(&mut self, mut todo: Vec<(&Formula, bool)>, mut known: Known) -> bool {
        let mut choices = Vec::new();
        while let Some((formula, outcome)) = todo.pop() {
            match formula {
                Formula::Certain(value) if *value == outcome => {}
                Formula::Certain(_) => return false,
                Formula::Not(of) => todo.push((of, !outcome)),
                Formula::Claim(name) => {
                    if *known.claims.entry(name.clone()).or_insert(outcome) != outcome {
                        return false;
                    }
                }
                Formula::Within { place, yes, no } => {
                    let domain = known.places.entry(place.clone()).or_insert(Domain::ANYTHING);
                    *domain = domain.both(if outcome { yes } else { no });
                    if domain.is_empty() {
                        return false;
                    }
                }
                Formula::All(parts) if outcome => todo.extend(parts.iter().map(|p| (p, true))),
                Formula::Any(parts) if !outcome => todo.extend(parts.iter().map(|p| (p, false))),
                Formula::All(_) | Formula::Any(_) => choices.push((formula, outcome)),
            }
        }
        let Some((Formula::All(parts) | Formula::Any(parts), outcome)) = choices.pop() else {
            return true;
        };
        for part in parts {
            let Some(left) = self.left.checked_sub(1) else { return true };
            self.left = left;
            let mut todo = choices.clone();
            todo.push((part, outcome));
            if self.satisfies(todo, known.clone()) {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests;
