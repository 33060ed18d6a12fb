//! The integers that events hold: time, money and signals. No floats, so replay is exact.

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, by the ledger's clock.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// This time and `ms` milliseconds more; stays at the end of time instead of wrapping.
    #[must_use]
    pub const fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this time; zero if it lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Millionths of the gateway's currency.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct MicroMoney(pub u64);

impl MicroMoney {
    /// The sum; stays at the largest amount instead of wrapping.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// A signal in millionths: 1_000_000 is certain. Missing is `Option::None`, never a low number.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Signal(u32);

impl Signal {
    /// Certain.
    pub const ONE: Self = Self(1_000_000);

    /// The signal of that many millionths, if it lies in 0 to 1.
    pub const fn from_millionths(millionths: u32) -> Option<Self> {
        if millionths <= 1_000_000 { Some(Self(millionths)) } else { None }
    }

    /// The signal nearest to `value`; `None` unless it is a number in 0 to 1. Values a rounding
    /// error outside are taken as the bound.
    pub fn from_f64(value: f64) -> Option<Self> {
        if !(-1e-6..=1.000_001).contains(&value) {
            return None;
        }
        // Adding a half and cutting rounds, since `f64::round` is not in `core` for no_std.
        let millionths = (value.clamp(0.0, 1.0) * 1_000_000.0 + 0.5) as u32;
        Some(Self(millionths.min(1_000_000)))
    }

    /// In millionths.
    pub const fn millionths(self) -> u32 {
        self.0
    }

    /// As a number in 0 to 1, for showing and for expressions.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 1_000_000.0
    }
}
