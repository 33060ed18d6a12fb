//! Whether a provider can be reached at all, by what the breakers of its models saw.
//!
//! When most of its models that were asked of late are open because nothing connects, the others
//! would only find the same, one failure after another. An answer of any kind, from any of its
//! models, ends it; so does the first cool-down of theirs, whose probe then decides.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};

use crate::units::Millis;

/// How long a model counts as asked of late, in milliseconds.
const LATELY_MS: u64 = 60_000;
/// Models that must be out of reach: one may be its own trouble.
const LEAST: usize = 2;
/// The share of those asked of late that must be out of reach, in percent.
const SHARE_PERCENT: usize = 60;

/// The machine of one provider.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    models: BTreeMap<String, Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    asked: Millis,
    lost_until: Option<Millis>,
}

impl Seen {
    fn is_lost(&self, now: Millis) -> bool {
        self.lost_until.is_some_and(|until| now < until)
    }

    fn counts(&self, now: Millis) -> bool {
        self.is_lost(now) || now.since(self.asked) < LATELY_MS
    }
}

impl Reach {
    /// Takes that a model is asked.
    pub fn asked(&mut self, now: Millis, model: &str) {
        match self.models.get_mut(model) {
            Some(seen) => seen.asked = now,
            None => {
                self.models.retain(|_, seen| seen.counts(now));
                let seen = Seen { asked: now, lost_until: None };
                self.models.insert(model.to_string(), seen);
            }
        }
    }

    /// Takes that a model's breaker opened until then, because nothing connects.
    pub fn lost(&mut self, now: Millis, model: &str, until: Millis) {
        self.asked(now, model);
        if let Some(seen) = self.models.get_mut(model) {
            seen.lost_until = Some(until);
        }
    }

    /// Takes that something came from it, be it an error.
    pub fn reached(&mut self) {
        self.models.values_mut().for_each(|seen| seen.lost_until = None);
    }

    /// Until when it counts as out of reach; `None` if it does not.
    pub fn away(&self, now: Millis) -> Option<Millis> {
        let lately = self.models.values().filter(|seen| seen.counts(now)).count();
        let lost = || self.models.values().filter(|seen| seen.is_lost(now));
        if lost().count() < LEAST || lost().count() * 100 < lately * SHARE_PERCENT {
            return None;
        }
        lost().filter_map(|seen| seen.lost_until).min()
    }
}
