//! What makes a call end otherwise: the first decision on its way that is another one.

use backstop_domain::{Decision, Verdict};
use serde::Serialize;

use super::went::{End, Went};

/// What makes calls end otherwise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Cause {
    /// The rule, check or branch: `rules.large-amount`, `checks.secrets`, `on.schema`.
    pub by: String,
    /// What is other about it.
    #[serde(flatten)]
    pub how: How,
}

/// What is other about a rule, check or branch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum How {
    /// It objects, and did not.
    Objects,
    /// It objects no more.
    ObjectsNoMore,
    /// It objects as before, and something else follows.
    LeadsElsewhere {
        /// The verdict then.
        from: Verdict,
        /// The verdict now.
        to: Verdict,
    },
    /// It answers otherwise.
    AnswersOtherwise,
    /// The request never becomes a call.
    ShutsTheDoor,
    /// Nothing of the above: budget, deadline or the order of things.
    Otherwise,
}

impl How {
    /// In words, after the name.
    pub fn words(&self) -> String {
        match self {
            Self::Objects => "objects now".to_owned(),
            Self::ObjectsNoMore => "objects no more".to_owned(),
            Self::LeadsElsewhere { from, to } if from == to => "leads elsewhere".to_owned(),
            Self::LeadsElsewhere { from, to } => {
                format!("leads to {} in place of {}", to.name(), from.name())
            }
            Self::AnswersOtherwise => "answers otherwise".to_owned(),
            Self::ShutsTheDoor => "refuses the request".to_owned(),
            Self::Otherwise => "goes another way".to_owned(),
        }
    }
}

impl Went {
    /// What makes it end otherwise than `then`.
    pub fn cause(&self, then: &Self) -> Cause {
        cause(then, self)
    }
}

fn cause(then: &Went, now: &Went) -> Cause {
    if let (true, End::Ended { ended }) = (now.decisions.is_empty(), &now.end) {
        let by = ended.cause.by.clone().unwrap_or_default();
        return Cause { by, how: How::ShutsTheDoor };
    }
    let longest = then.decisions.len().max(now.decisions.len());
    let places = (0..longest).map(|at| (then.decisions.get(at), now.decisions.get(at)));
    for (was, is) in places {
        if let Some(found) = between(was, is) {
            return found;
        }
    }
    // The same decisions, and another answer.
    let by = now.decisions.iter().rev().find_map(|decision| decision.because.first());
    Cause { by: by.cloned().unwrap_or_else(|| "fallback".to_owned()), how: How::AnswersOtherwise }
}

/// What tells two decisions apart; `None` if they are the same.
fn between(was: Option<&Decision>, is: Option<&Decision>) -> Option<Cause> {
    let none: &[String] = &[];
    let names = |decision: Option<&Decision>| {
        decision.map_or(none, |decision| decision.because.as_slice()).to_vec()
    };
    let (before, after) = (names(was), names(is));
    let added = after.iter().find(|by| !before.contains(by));
    let removed = before.iter().find(|by| !after.contains(by));
    let verdict = |decision: Option<&Decision>| decision.map(|decision| decision.verdict);
    let (from, to) = (verdict(was), verdict(is));
    if from == to && before == after {
        let elsewhere = was.zip(is).is_some_and(|(was, is)| was.act != is.act);
        let by = after.first().filter(|_| elsewhere)?;
        return Some(Cause { by: by.clone(), how: led(from, to) });
    }
    let stricter = to >= from;
    let found = match (added, removed) {
        (Some(by), None) => Cause { by: by.clone(), how: How::Objects },
        (None, Some(by)) => Cause { by: by.clone(), how: How::ObjectsNoMore },
        (Some(by), Some(_)) if stricter => Cause { by: by.clone(), how: How::Objects },
        (Some(_), Some(by)) => Cause { by: by.clone(), how: How::ObjectsNoMore },
        (None, None) => match after.first() {
            Some(by) => Cause { by: by.clone(), how: led(from, to) },
            None => Cause { by: "the plan".to_owned(), how: How::Otherwise },
        },
    };
    Some(found)
}

const fn led(from: Option<Verdict>, to: Option<Verdict>) -> How {
    match (from, to) {
        (Some(from), Some(to)) => How::LeadsElsewhere { from, to },
        _ => How::Otherwise,
    }
}
