//! One bucket of a rate limit: GCRA in integer nanoseconds, with refund and capped debt.
//!
//! A bucket is one number, the time at which it will be full again ("theoretical arrival time").
//! It never rounds in the caller's favour: the cost of an amount is rounded up.

use crate::units::Millis;

const NANOS_PER_MILLI: u64 = 1_000_000;

/// Bursts that a bucket may owe beyond its own: later deficits are forgiven, so that one wrong
/// estimate cannot lock a key for hours.
const DEBT_BURSTS: u64 = 2;

/// So many units per time, with room for a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    amount: u64,
    per_ms: u64,
    burst: u64,
}

impl Rate {
    /// `amount` units per `per_ms` milliseconds, up to `burst` units at once; `None` if any is
    /// zero.
    pub const fn new(amount: u64, per_ms: u64, burst: u64) -> Option<Self> {
        if amount == 0 || per_ms == 0 || burst == 0 {
            return None;
        }
        Some(Self { amount, per_ms, burst })
    }

    /// Units per [`Self::per_ms`].
    pub const fn amount(self) -> u64 {
        self.amount
    }

    /// The period of [`Self::amount`], in milliseconds.
    pub const fn per_ms(self) -> u64 {
        self.per_ms
    }

    /// The most units that can pass at once.
    pub const fn burst(self) -> u64 {
        self.burst
    }

    /// Nanoseconds in which `units` flow in, rounded up.
    pub fn cost_ns(self, units: u64) -> u64 {
        let period = u128::from(self.per_ms) * u128::from(NANOS_PER_MILLI);
        let cost = (u128::from(units) * period).div_ceil(u128::from(self.amount));
        u64::try_from(cost).unwrap_or(u64::MAX)
    }

    /// Whole units that flow in during `ns` nanoseconds, rounded down.
    fn units_in(self, ns: u64) -> u64 {
        let period = u128::from(self.per_ms) * u128::from(NANOS_PER_MILLI);
        u64::try_from(u128::from(ns) * u128::from(self.amount) / period).unwrap_or(u64::MAX)
    }
}

/// Why a bucket has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortage {
    /// It will have room at that time, if nobody takes it before.
    Until(Millis),
    /// The amount is larger than the burst: it can never pass.
    Never,
}

/// The state of one key under one rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bucket {
    full_at_ns: u64,
}

impl Bucket {
    /// Whether `units` fit now. Takes nothing.
    ///
    /// # Errors
    /// [`Shortage`] says when they would fit.
    pub fn room(self, rate: Rate, now: Millis, units: u64) -> Result<(), Shortage> {
        let cost = rate.cost_ns(units);
        let burst = rate.cost_ns(rate.burst);
        if cost > burst {
            return Err(Shortage::Never);
        }
        let after = self.full_at_ns.max(nanos(now)).saturating_add(cost);
        if after <= nanos(now).saturating_add(burst) {
            return Ok(());
        }
        let fits_at = after.saturating_sub(burst).div_ceil(NANOS_PER_MILLI);
        Err(Shortage::Until(Millis(fits_at)))
    }

    /// Takes `units`, whether or not there is [`Self::room`].
    pub fn take(&mut self, rate: Rate, now: Millis, units: u64) {
        self.full_at_ns = self.full_at_ns.max(nanos(now)).saturating_add(rate.cost_ns(units));
    }

    /// Corrects `reserved` units to what was `actual`ly used: a surplus comes back, a deficit is
    /// owed beyond the burst, up to two bursts.
    pub fn settle(&mut self, rate: Rate, now: Millis, reserved: u64, actual: u64) {
        let (reserved, actual) = (rate.cost_ns(reserved), rate.cost_ns(actual));
        let now = nanos(now);
        if actual <= reserved {
            // A time before now is as good as now: a full bucket holds no more than its burst.
            self.full_at_ns = self.full_at_ns.saturating_sub(reserved - actual);
            return;
        }
        let burst = rate.cost_ns(rate.burst);
        let deepest = now.saturating_add(burst.saturating_mul(1 + DEBT_BURSTS));
        let owed = self.full_at_ns.max(now).saturating_add(actual - reserved);
        self.full_at_ns = owed.min(deepest.max(self.full_at_ns));
    }

    /// Carries what was used over to another rate, in units: editing a file gives nobody a fresh
    /// bucket.
    pub fn rescale(&mut self, from: Rate, to: Rate, now: Millis) {
        if from == to {
            return;
        }
        let used = from.units_in(self.full_at_ns.saturating_sub(nanos(now)));
        let deepest = to.cost_ns(to.burst).saturating_mul(1 + DEBT_BURSTS);
        self.full_at_ns = nanos(now).saturating_add(to.cost_ns(used).min(deepest));
    }

    /// Whether it holds its whole burst, which is the same as having no state at all.
    pub fn is_full(self, now: Millis) -> bool {
        self.full_at_ns <= nanos(now)
    }

    /// When it will hold its whole burst again.
    pub fn full_at(self) -> Millis {
        Millis(self.full_at_ns.div_ceil(NANOS_PER_MILLI))
    }

    /// Whole units that could pass now.
    pub fn remaining(self, rate: Rate, now: Millis) -> u64 {
        let used = self.full_at_ns.saturating_sub(nanos(now));
        rate.units_in(rate.cost_ns(rate.burst).saturating_sub(used)).min(rate.burst)
    }
}

fn nanos(time: Millis) -> u64 {
    time.0.saturating_mul(NANOS_PER_MILLI)
}
