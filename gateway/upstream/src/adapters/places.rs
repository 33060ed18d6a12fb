//! The places of a model's concurrency limit: as many as it bears now, and shared out by class as
//! those of the whole gateway are.

use backstop_domain::guard::{self, Aimd, Asked, Bulkhead, Cap, LimitRule};
use backstop_domain::{Criticality, FailureClass, Millis};

use crate::outcome::{AttemptResult, Timer};

/// Who is at the model, and how many may be.
pub(crate) struct Places {
    /// `None`: the file sets no such limit, so nothing is lowered or kept either.
    pub limit: Option<AtMost>,
    held: Bulkhead,
    /// The highest class that anybody may call it by: a class that nobody calls by keeps nothing.
    highest: Criticality,
}

/// The first concurrency limit of a model, and how much of it is given out.
pub(crate) struct AtMost {
    /// Its place among the limits.
    pub at: usize,
    name: String,
    /// How many places it has.
    pub most: u64,
    /// How many of them are given out now.
    pub aimd: Aimd,
}

impl Places {
    /// With nobody there yet.
    pub fn new(limits: &[LimitRule]) -> Self {
        let limit = found(limits).map(|(at, name, most)| {
            let aimd = Aimd::new(most);
            AtMost { at, name, most, aimd }
        });
        let held = Bulkhead::new(guard::Places::of(u64::MAX, false, false));
        Self { limit, held, highest: Criticality::Sheddable }
    }

    /// Takes over other limits; what was learnt stays, and so does who is there.
    pub fn reload(&mut self, limits: &[LimitRule]) {
        let old = self.limit.take();
        self.limit = found(limits).map(|(at, name, most)| {
            let mut aimd = old.map_or_else(|| Aimd::new(most), |old| old.aimd);
            aimd.reload(most);
            AtMost { at, name, most, aimd }
        });
    }

    /// Takes the highest class that anybody may call the model by.
    pub const fn called_by(&mut self, highest: Criticality) {
        self.highest = highest;
    }

    /// Takes a place for a call of that class, until [`Self::leave`].
    ///
    /// # Errors
    /// The limit that has none, in words.
    pub fn take(&mut self, now: Millis, class: Criticality) -> Result<(), String> {
        let allowed = self.limit.as_ref().map_or(u64::MAX, |limit| limit.aimd.allowed());
        let (critical, standard) =
            (self.highest == Criticality::Critical, self.highest >= Criticality::Standard);
        self.held.reload(guard::Places::of(allowed, critical, standard));
        if self.held.ask(now, class, "", 0, now) == Asked::Has {
            return Ok(());
        }
        let mut which = String::new();
        if let Some(limit) = &self.limit {
            which.push_str(&limit.name);
            if allowed < limit.most {
                which.push_str(&format!(", lowered to {allowed} by overload"));
            }
        }
        let mine = self.held.places().most(class);
        if mine < allowed {
            which.push_str(&format!(", {mine} of {allowed} for {} calls", class.name()));
        }
        Err(which)
    }

    /// Gives a place back.
    pub fn leave(&mut self, class: Criticality) {
        self.held.leave(class, "");
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
