//! How fast people work a queue, and how long somebody who comes now would wait.
//!
//! Only times between two decisions count in which there was something to decide: nobody is slow
//! because nothing came. It says nothing before it has seen enough, so that a guess turns nobody
//! away.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::units::Millis;

/// Times that are remembered.
const NEWEST: usize = 20;
/// Times, and reviews that wait, below which nothing is predicted.
const ENOUGH: usize = 5;

/// How fast a queue is worked.
#[derive(Debug, Clone, Default)]
pub struct Workrate {
    /// Opening time between decisions, in milliseconds, oldest first.
    times: VecDeque<u64>,
    /// The newest decision, if there was more to decide after it.
    last: Option<Millis>,
}

impl Workrate {
    /// A decision fell, and so many reviews are still open. `open_since` says how much opening time
    /// has passed since then, in milliseconds.
    pub fn decided(&mut self, at: Millis, left: u64, open_since: impl FnOnce(Millis) -> u64) {
        if let Some(last) = self.last {
            if self.times.len() == NEWEST {
                self.times.pop_front();
            }
            self.times.push_back(open_since(last));
        }
        self.last = (left > 0).then_some(at);
    }

    /// Opening time, in milliseconds, until one more review would be decided, behind `open` others;
    /// `None`: that cannot be said yet.
    pub fn predicted_ms(&self, open: u64) -> Option<u64> {
        if self.times.len() < ENOUGH || open < ENOUGH as u64 {
            return None;
        }
        // The middle one: a lunch break must not turn callers away for the afternoon.
        let mut times: Vec<u64> = self.times.iter().copied().collect();
        times.sort_unstable();
        let each = times.get(times.len() / 2).copied()?;
        Some(each.saturating_mul(open.saturating_add(1)))
    }
}
