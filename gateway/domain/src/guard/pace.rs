//! How long a model usually takes: the middle of its newest answers.
//!
//! An attempt that has less time left than that would more likely be cut off than answered, and
//! what it takes from the model others lack.

use alloc::{collections::VecDeque, vec::Vec};

use crate::units::Millis;

/// Newest answers that are looked at.
const NEWEST: usize = 64;
/// Fewer answers than this say nothing.
const LEAST: usize = 10;
/// How old an answer may be, in milliseconds.
const WINDOW_MS: u64 = 300_000;

/// The machine.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    // When each came and how long it took, oldest first.
    newest: VecDeque<(Millis, u64)>,
}

impl Pace {
    /// Takes how long an answer took, in milliseconds.
    pub fn answered(&mut self, now: Millis, took_ms: u64) {
        self.newest.push_back((now, took_ms));
        if self.newest.len() > NEWEST {
            self.newest.pop_front();
        }
    }

    /// What half of the newest answers took at most, in milliseconds; `None` while too few came.
    pub fn usual(&self, now: Millis) -> Option<u64> {
        let fresh = self.newest.iter().filter(|(at, _)| now.since(*at) < WINDOW_MS);
        let mut took: Vec<u64> = fresh.map(|(_, took)| *took).collect();
        (took.len() >= LEAST).then_some(())?;
        let middle = (took.len() - 1) / 2;
        Some(*took.select_nth_unstable(middle).1)
    }
}
