//! The places of a model's concurrency limit, as many as it bears now.

use backstop_domain::FailureClass;
use backstop_domain::guard::{Aimd, Cap, LimitRule};

use crate::outcome::{AttemptResult, Timer};

/// The first concurrency limit of a model, and how much of it is used.
pub(crate) struct Places {
    /// Its place among the limits.
    pub at: usize,
    /// Its name.
    pub name: String,
    /// How many places it has.
    pub most: u64,
    /// How many of them are given out now.
    pub aimd: Aimd,
}

impl Places {
    /// All places; `None`: the file sets no such limit, so nothing is lowered either.
    pub fn of(limits: &[LimitRule]) -> Option<Self> {
        let (at, name, most) = found(limits)?;
        Some(Self { at, name, most, aimd: Aimd::new(most) })
    }

    /// After a reload; what was learnt stays.
    pub fn reload(old: Option<Self>, limits: &[LimitRule]) -> Option<Self> {
        let (at, name, most) = found(limits)?;
        let mut aimd = old.map_or_else(|| Aimd::new(most), |old| old.aimd);
        aimd.reload(most);
        Some(Self { at, name, most, aimd })
    }
}

fn found(limits: &[LimitRule]) -> Option<(usize, String, u64)> {
    limits.iter().enumerate().find_map(|(at, rule)| match rule.cap {
        Cap::AtOnce(most) => Some((at, rule.name.clone(), most)),
        Cap::Rate(_) => None,
    })
}

/// Whether the model said, in so many words, that it has too much to do.
pub(crate) fn says_overloaded(result: &AttemptResult) -> bool {
    result.failure().is_some_and(|failure| match failure.class {
        FailureClass::Overloaded | FailureClass::Throttled => true,
        FailureClass::Timeout => failure.timer == Some(Timer::FirstByte),
        _ => false,
    })
}
