//! Levels of degradation: what is given up under load, so that what matters most goes on.
//!
//! A level takes extras and whole calls away, never a check: what is not asked is missing, and
//! missing is never a pass. It only says so; who acts on it stands elsewhere.

use alloc::format;
use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::plan::Criticality;
use crate::units::Millis;

/// Readings in a row that raise the level: one alone may be a hiccup.
const RAISES: u32 = 2;
/// A level is left below so many percent of what led to it.
const LEAVES_PERCENT: u64 = 80;

/// What is given up. Each level gives up what the one before does, and more.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Nothing.
    #[default]
    Normal,
    /// Extras: hedges, shadows, and votes and judges of what is not critical.
    Brownout,
    /// Sheddable calls: their policies answer without a model.
    Essential,
    /// All but critical calls.
    Shed,
}

impl Level {
    /// Every level, from nothing given up to all but the critical.
    pub const ALL: [Self; 4] = [Self::Normal, Self::Brownout, Self::Essential, Self::Shed];

    /// The word used in files, events, headers and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Brownout => "brownout",
            Self::Essential => "essential",
            Self::Shed => "shed",
        }
    }

    /// The level of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }

    /// Whether nothing is given up.
    pub const fn is_normal(&self) -> bool {
        matches!(self, Self::Normal)
    }

    /// Whether second requests side by side and shadows are made.
    pub const fn has_extras(self) -> bool {
        self.is_normal()
    }

    /// Whether votes and judges of calls of that class are asked.
    pub const fn asks_second_opinions(self, class: Criticality) -> bool {
        self.is_normal() || matches!(class, Criticality::Critical)
    }

    /// Whether calls of that class go on to a model.
    pub const fn admits(self, class: Criticality) -> bool {
        match self {
            Self::Normal | Self::Brownout => true,
            Self::Essential => !matches!(class, Criticality::Sheddable),
            Self::Shed => matches!(class, Criticality::Critical),
        }
    }

    const fn above(self) -> Option<Self> {
        match self {
            Self::Normal => Some(Self::Brownout),
            Self::Brownout => Some(Self::Essential),
            Self::Essential => Some(Self::Shed),
            Self::Shed => None,
        }
    }

    const fn below(self) -> Self {
        match self {
            Self::Normal | Self::Brownout => Self::Normal,
            Self::Essential => Self::Brownout,
            Self::Shed => Self::Essential,
        }
    }
}

/// At which load the levels begin, and how long it must be lower before one is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelRules {
    /// Load from which extras go, in millionths.
    pub brownout: u32,
    /// Load from which sheddable calls go, in millionths.
    pub essential: u32,
    /// Load from which all but critical calls go, in millionths.
    pub shed: u32,
    /// How long the load must be lower before a level is left, in milliseconds.
    pub recover_ms: u64,
}

impl Default for LevelRules {
    fn default() -> Self {
        Self { brownout: 700_000, essential: 800_000, shed: 900_000, recover_ms: 30_000 }
    }
}

impl LevelRules {
    const fn begins(&self, level: Level) -> u32 {
        match level {
            Level::Normal => 0,
            Level::Brownout => self.brownout,
            Level::Essential => self.essential,
            Level::Shed => self.shed,
        }
    }
}

/// One thing that the load is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// What, in a word.
    pub of: &'static str,
    /// How much of it is used, in millionths.
    pub millionths: u32,
    /// The level that it can lead to at most: no more is given up than helps against it.
    pub most: Level,
}

/// An operator holds the gateway at a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin {
    /// Which.
    pub level: Level,
    /// Until when.
    pub until: Millis,
}

/// The gateway went from one level to another, or is held where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelChange {
    /// From.
    pub from: Level,
    /// To.
    pub to: Level,
    /// Why, in words.
    pub reason: String,
    /// Until when an operator holds it there.
    pub pinned_until: Option<Millis>,
}

/// The level, by what is read of the load and by hand.
#[derive(Debug, Clone, Default)]
pub struct Levels {
    rules: LevelRules,
    /// By load alone; it goes on below a pin, so that the pin's end leads to the right level.
    by_load: Level,
    /// Readings in a row that call for more.
    high: u32,
    /// Since when the load has been low enough to leave.
    calm: Option<Millis>,
    pin: Option<Pin>,
}

impl Levels {
    /// At the normal level, with nothing read yet.
    pub fn new(rules: LevelRules) -> Self {
        Self { rules, ..Self::default() }
    }

    /// What holds now.
    pub fn level(&self) -> Level {
        self.pin.map_or(self.by_load, |pin| pin.level)
    }

    /// What would hold by load alone.
    pub const fn by_load(&self) -> Level {
        self.by_load
    }

    /// What an operator holds it at.
    pub const fn pin(&self) -> Option<Pin> {
        self.pin
    }

    /// At which load the levels begin.
    pub const fn rules(&self) -> LevelRules {
        self.rules
    }

    /// Whether it stays as it is if nothing happens any more.
    pub const fn is_at_rest(&self) -> bool {
        self.by_load.is_normal() && self.pin.is_none()
    }

    /// Takes over other rules; the level stays until the next readings.
    pub const fn reload(&mut self, rules: LevelRules) {
        self.rules = rules;
    }

    /// Takes in what is read now; what changed by it, if anything did. To be called at a steady
    /// pace: two calls that agree raise the level.
    pub fn read(&mut self, now: Millis, readings: &[Reading]) -> Option<LevelChange> {
        let from = self.level();
        let ended = self.pin.take_if(|pin| pin.until <= now).is_some();
        let moved = self.move_by_load(now, readings);
        let to = self.level();
        if from == to && !ended {
            return None;
        }
        let reason = match moved {
            _ if ended => "the time that an operator held it is over".into(),
            Some(reading) => in_words(&reading),
            None => format!("the load was lower for {}", in_time(self.rules.recover_ms)),
        };
        Some(LevelChange { from, to, reason, pinned_until: None })
    }

    /// Holds it at a level by hand, whatever the load is.
    pub fn hold(&mut self, pin: Pin, reason: String) -> LevelChange {
        let from = self.level();
        self.pin = Some(pin);
        LevelChange { from, to: pin.level, reason, pinned_until: Some(pin.until) }
    }

    /// Leaves it to the load again; nothing if nobody held it.
    pub fn let_go(&mut self, reason: String) -> Option<LevelChange> {
        let from = self.pin.take()?.level;
        Some(LevelChange { from, to: self.by_load, reason, pinned_until: None })
    }

    /// Moves by one level at most; by which reading it rose.
    fn move_by_load(&mut self, now: Millis, readings: &[Reading]) -> Option<Reading> {
        let raising = self.by_load.above().and_then(|up| {
            let highest = highest(readings, up)?;
            (highest.millionths >= self.rules.begins(up)).then_some((up, highest))
        });
        if let Some((up, reading)) = raising {
            self.calm = None;
            self.high = self.high.saturating_add(1);
            if self.high < RAISES {
                return None;
            }
            self.high = 0;
            self.by_load = up;
            return Some(reading);
        }
        self.high = 0;
        let load = highest(readings, self.by_load).map_or(0, |reading| reading.millionths);
        let begins = u64::from(self.rules.begins(self.by_load));
        if self.by_load.is_normal() || u64::from(load) * 100 >= begins * LEAVES_PERCENT {
            self.calm = None;
            return None;
        }
        let since = *self.calm.get_or_insert(now);
        if now.since(since) >= self.rules.recover_ms {
            self.calm = None;
            self.by_load = self.by_load.below();
        }
        None
    }
}

/// The highest of the readings that can lead to that level.
pub fn highest(readings: &[Reading], level: Level) -> Option<Reading> {
    let leading = readings.iter().filter(|reading| reading.most >= level);
    leading.max_by_key(|reading| reading.millionths).copied()
}

fn in_words(reading: &Reading) -> String {
    format!("{} at {}%", reading.of, reading.millionths / 10_000)
}

fn in_time(ms: u64) -> String {
    if ms.is_multiple_of(1_000) { format!("{}s", ms / 1_000) } else { format!("{ms}ms") }
}
