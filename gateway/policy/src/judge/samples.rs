//! The samples of one call: drawn with the gateway's salt, noted, and in a replay repeated.

use std::sync::{Mutex, MutexGuard, PoisonError};

use backstop_checks::expression::Sampling;
use backstop_domain::Drawn;

/// Draws samples for a call, and keeps what was drawn.
pub(crate) struct Samples {
    /// The secret that keys fresh draws; `None` in a replay that knows only what was recorded.
    salt: Option<Vec<u8>>,
    /// What was drawn before.
    recorded: Vec<Drawn>,
    drawn: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    drawn: Vec<Drawn>,
    /// How many of them were told.
    told: usize,
    missing: Vec<String>,
}

/// The salt stays out of logs.
impl core::fmt::Debug for Samples {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Samples").field("recorded", &self.recorded).finish_non_exhaustive()
    }
}

impl Samples {
    /// Drawn with that salt, but for what was recorded.
    pub fn new(salt: Option<Vec<u8>>, recorded: Vec<Drawn>) -> Self {
        Self { salt, recorded, drawn: Mutex::default() }
    }

    /// Who draws for `by`, a rule or check of `policy`.
    pub fn of(&self, policy: &str, by: &str) -> Option<Sampling> {
        let own = || self.recorded.iter().filter(|drawn| drawn.by == by).cloned().collect();
        match &self.salt {
            Some(salt) => Some(Sampling::fresh(salt, policy, by).ok()?.after(own())),
            None => Some(Sampling::recorded(by, own())),
        }
    }

    /// Notes what was drawn, or that something was not known.
    pub fn note(&self, by: &str, sampling: &Sampling, failed: bool) {
        let drawn = sampling.drawn();
        let unknown = failed && sampling.lacked();
        if drawn.is_empty() && !unknown {
            return;
        }
        let mut log = self.log();
        for draw in drawn {
            if !log.drawn.contains(&draw) {
                log.drawn.push(draw);
            }
        }
        if unknown && !log.missing.iter().any(|known| known == by) {
            log.missing.push(by.to_owned());
        }
    }

    /// What was drawn since this was last asked.
    pub fn take(&self) -> Vec<Drawn> {
        let mut log = self.log();
        let fresh = log.drawn.get(log.told..).map_or_else(Vec::new, <[Drawn]>::to_vec);
        log.told = log.drawn.len();
        fresh
    }

    /// Whose samples were not known.
    pub fn missing(&self) -> Vec<String> {
        self.log().missing.clone()
    }

    /// A panic in the middle leaves a log that is short, never one that is wrong.
    fn log(&self) -> MutexGuard<'_, Log> {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
