//! Two gates that one refusal closes for everybody: "not before" after a 429, and the latch of a
//! credential that has no quota or is not accepted.
//!
//! They only remember until when; they never judge a model's health.

use crate::units::Millis;

/// How long a credential without quota rests, in milliseconds.
pub const QUOTA_REST_MS: u64 = 600_000;
/// How long a credential that was turned down rests, in milliseconds.
pub const AUTH_REST_MS: u64 = 60_000;
/// Refusals in a row until a credential counts as turned down: one may be a hiccup of theirs.
const AUTH_REFUSALS: u32 = 2;

/// A time before which nobody asks, shared by all callers of one model and credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NotBefore(Option<Millis>);

impl NotBefore {
    /// Holds everybody until `until`; a nearer time never shortens a farther one.
    pub fn hold(&mut self, until: Millis) {
        self.0 = Some(self.0.map_or(until, |held| held.max(until)));
    }

    /// Until when to wait; `None` if the way is free.
    pub fn blocked(&self, now: Millis) -> Option<Millis> {
        self.0.filter(|until| now < *until)
    }
}

/// What a credential lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LatchCause {
    /// Its quota or balance is spent.
    Quota,
    /// It was turned down: wrong, expired, or without the right.
    Auth,
}

impl LatchCause {
    /// The word for events and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quota => "quota",
            Self::Auth => "auth",
        }
    }
}

/// Keeps a credential out of use after it proved useless, for every model that shares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Latch {
    held: Option<(LatchCause, Millis)>,
    refusals: u32,
}

impl Latch {
    /// The quota is spent. `true` if this closed the latch.
    pub fn quota_spent(&mut self, now: Millis) -> bool {
        let was_free = self.blocked(now).is_none();
        self.held = Some((LatchCause::Quota, now.plus(QUOTA_REST_MS)));
        was_free
    }

    /// The credential was turned down. `true` if this closed the latch: the second time in a row.
    pub fn turned_down(&mut self, now: Millis) -> bool {
        self.refusals = self.refusals.saturating_add(1);
        let was_free = self.blocked(now).is_none();
        if self.refusals < AUTH_REFUSALS || !was_free {
            return false;
        }
        self.held = Some((LatchCause::Auth, now.plus(AUTH_REST_MS)));
        true
    }

    /// The credential was accepted. `true` if this opened a closed latch.
    pub fn accepted(&mut self, now: Millis) -> bool {
        let was_held = self.blocked(now).is_some();
        *self = Self::default();
        was_held
    }

    /// Why and until when the credential rests; `None` if it may be used.
    pub fn blocked(&self, now: Millis) -> Option<(LatchCause, Millis)> {
        self.held.filter(|(_, until)| now < *until)
    }
}
