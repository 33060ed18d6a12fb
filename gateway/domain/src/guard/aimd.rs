//! How many requests a model bears at once: up by one while all goes well, down by three tenths
//! when it says that it is overloaded. Never above what the file allows.
//!
//! It looks at explicit signals only (overloaded, throttled, no first byte in time). The time that
//! an answer takes follows its length and says nothing about load.

use crate::units::Millis;

/// Shortest time between two cuts, in milliseconds: what was under way when the model was
/// overloaded fails too, and is the same overload.
const CUT_MS: u64 = 5_000;

/// The machine.
#[derive(Debug, Clone)]
pub struct Aimd {
    most: u64,
    allowed: u64,
    // Answers since the last change while most places were taken.
    answered: u64,
    cut_at: Option<Millis>,
}

impl Aimd {
    /// It starts with all places that the file allows: somebody knew why they wrote that number.
    pub const fn new(most: u64) -> Self {
        Self { most, allowed: most, answered: 0, cut_at: None }
    }

    /// Places that are allowed now: one at least, unless the file allows none.
    pub const fn allowed(&self) -> u64 {
        self.allowed
    }

    /// Takes that an answer came while so many places were taken, its own included.
    pub const fn answered(&mut self, held: u64) {
        // While the places are not needed nothing shows that the model would bear more.
        if held.saturating_mul(10) < self.allowed.saturating_mul(8) {
            return;
        }
        self.answered = self.answered.saturating_add(1);
        if self.answered >= self.allowed && self.allowed < self.most {
            self.allowed += 1;
            self.answered = 0;
        }
    }

    /// Takes that the model is overloaded. `usual_ms`: how long it usually takes, if known.
    pub fn overloaded(&mut self, now: Millis, usual_ms: Option<u64>) {
        let between = usual_ms.unwrap_or(0).max(CUT_MS);
        if self.cut_at.is_some_and(|at| now.since(at) < between) {
            return;
        }
        self.allowed = (self.allowed.saturating_mul(7) / 10).max(1).min(self.most);
        (self.answered, self.cut_at) = (0, Some(now));
    }

    /// Takes over another number of places. One that had all of them has all of the new ones.
    pub fn reload(&mut self, most: u64) {
        let whole = self.allowed == self.most;
        self.allowed = if whole { most } else { self.allowed.min(most).max(most.min(1)) };
        self.most = most;
    }
}
