//! The quality breaker: whether the answers of one model are good enough for one policy.
//!
//! It looks at answers that came, never at whether the model can be reached, and what it opens for
//! is that policy alone: the call goes down the ladder of `breaker_open`, to another model or a
//! fallback. It opens when the share of bad answers is *surely* above the limit (the lower bound of
//! Wilson's interval), because plain shares of thirty answers flap. It comes back by a small share
//! of the calls, not by one probe: one good answer proves nothing about a share.

use alloc::{collections::VecDeque, format, string::String};

use crate::guard::breaker::{BreakerState, Closed};
use crate::units::Millis;

/// Newest answers that are looked at; more only if `least` asks for more.
const NEWEST: u64 = 200;
/// While it is tried again, one call in so many goes to the model.
const ONE_IN: u64 = 20;
/// Answers to those that decide.
const TRIALS: u64 = 10;
const MILLION: u128 = 1_000_000;
/// The square of 1.96, in ten-thousandths: one chance in 40 to be wrong.
const Z_SQUARED: u128 = 38_416;
const Z_SCALE: u128 = 10_000;

/// When a quality breaker opens and how it closes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QualityRules {
    /// How old an answer may be that is looked at, in milliseconds.
    pub window_ms: u64,
    /// Share of bad answers above which it opens, in millionths.
    pub bad: u32,
    /// Answers below which nothing is proven.
    pub least: u64,
    /// The first cool-down, in milliseconds.
    pub cool_down_ms: u64,
    /// The longest cool-down, in milliseconds.
    pub cool_down_max_ms: u64,
}

impl Default for QualityRules {
    fn default() -> Self {
        Self {
            window_ms: 900_000,
            bad: 300_000,
            least: 30,
            cool_down_ms: 300_000,
            cool_down_max_ms: 3_600_000,
        }
    }
}

/// A change of state, to be recorded as an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QualityChange {
    /// Before.
    pub from: BreakerState,
    /// After.
    pub to: BreakerState,
    /// What led to it, in words.
    pub reason: String,
}

/// Leave to ask, of one epoch. The answer is rated with it; an attempt without one needs no word.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the answer to an admitted call is to be rated"]
pub struct QualityTicket {
    epoch: u64,
}

/// The machine.
#[derive(Debug, Clone)]
pub struct QualityBreaker {
    rules: QualityRules,
    state: BreakerState,
    epoch: u64,
    // When each of the newest answers was rated, and whether it was bad; oldest first.
    newest: VecDeque<(Millis, bool)>,
    bad: u64,
    // Calls turned away since the last trial, and when that was.
    turned_away: u64,
    tried: Option<Millis>,
    // Trials that were rated.
    trials: u64,
    trials_bad: u64,
    reopened: u32,
    last_cool_down_ms: u64,
    closed_since: Millis,
}

impl QualityBreaker {
    /// A closed breaker.
    pub const fn new(rules: QualityRules) -> Self {
        Self {
            rules,
            state: BreakerState::Closed,
            epoch: 0,
            newest: VecDeque::new(),
            bad: 0,
            turned_away: 0,
            tried: None,
            trials: 0,
            trials_bad: 0,
            reopened: 0,
            last_cool_down_ms: 0,
            closed_since: Millis(0),
        }
    }

    /// Where it stands. An open breaker whose time is over stays open until somebody asks.
    pub const fn state(&self) -> BreakerState {
        self.state
    }

    /// Grows by one with every change of state.
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Asks for admission.
    ///
    /// # Errors
    /// [`Closed`], without a time: the call has better things to do than to wait for this model.
    pub fn admit(&mut self, now: Millis) -> (Result<QualityTicket, Closed>, Option<QualityChange>) {
        let mut change = None;
        if let BreakerState::Open { until } = self.state
            && until <= now
        {
            let reason = format!("cool-down over: one call in {ONE_IN} tries it");
            change = Some(self.turn(BreakerState::HalfOpen, reason));
        }
        let ticket = QualityTicket { epoch: self.epoch };
        let admitted = match self.state {
            BreakerState::Closed => Ok(ticket),
            BreakerState::HalfOpen if self.is_trial_due(now) => {
                self.turned_away = 0;
                self.tried = Some(now);
                Ok(ticket)
            }
            state => {
                self.turned_away = self.turned_away.saturating_add(1);
                Err(Closed { until: None, state })
            }
        };
        (admitted, change)
    }

    /// Takes a ticket back whose call was never sent: a trial is for the next caller.
    pub fn unsent(&mut self, ticket: &QualityTicket) {
        if ticket.epoch == self.epoch {
            self.tried = None;
        }
    }

    /// Takes what became of the answer to an admitted call.
    pub fn rate(
        &mut self,
        now: Millis,
        ticket: &QualityTicket,
        bad: bool,
    ) -> Option<QualityChange> {
        if ticket.epoch != self.epoch {
            return None;
        }
        match self.state {
            BreakerState::Closed => self.rate_one(now, bad),
            BreakerState::HalfOpen => self.rate_trial(now, bad),
            _ => None,
        }
    }

    /// Takes over new rules; the state and what was counted stay.
    pub const fn reload(&mut self, rules: QualityRules) {
        self.rules = rules;
    }

    /// Answers that it looks at now, and how many of them are bad; while it is tried again, those
    /// of its trials.
    pub fn counts(&mut self, now: Millis) -> (u64, u64) {
        if self.state == BreakerState::HalfOpen {
            return (self.trials, self.trials_bad);
        }
        self.forget(now);
        (self.newest.len() as u64, self.bad)
    }

    /// The first at once, then one in so many; and one each cool-down, or few callers would never
    /// find out that the model is well again.
    fn is_trial_due(&self, now: Millis) -> bool {
        self.turned_away.saturating_add(1) >= ONE_IN
            || self.tried.is_none_or(|at| now.since(at) >= self.rules.cool_down_ms)
    }

    fn rate_one(&mut self, now: Millis, bad: bool) -> Option<QualityChange> {
        self.newest.push_back((now, bad));
        self.bad = self.bad.saturating_add(u64::from(bad));
        self.forget(now);
        let all = self.newest.len() as u64;
        (all >= self.rules.least && surely_above(self.bad, all, self.rules.bad)).then(|| {
            let reason = format!("{} of its newest {all} answers were bad", self.bad);
            self.open(now, reason)
        })
    }

    fn rate_trial(&mut self, now: Millis, bad: bool) -> Option<QualityChange> {
        self.trials = self.trials.saturating_add(1);
        self.trials_bad = self.trials_bad.saturating_add(u64::from(bad));
        let most = u128::from(self.rules.bad) * u128::from(TRIALS);
        if u128::from(self.trials_bad) * MILLION > most {
            let reason =
                format!("{} of {} answers on trial were bad", self.trials_bad, self.trials);
            return Some(self.open(now, reason));
        }
        (self.trials >= TRIALS).then(|| {
            let good = self.trials.saturating_sub(self.trials_bad);
            let reason = format!("{good} of {} answers on trial were good", self.trials);
            self.closed_since = now;
            self.turn(BreakerState::Closed, reason)
        })
    }

    fn open(&mut self, now: Millis, reason: String) -> QualityChange {
        let was_well = self.state == BreakerState::Closed
            && now.since(self.closed_since) >= self.last_cool_down_ms;
        self.reopened = if was_well { 0 } else { self.reopened.saturating_add(1) };
        let cool_down_ms = self
            .rules
            .cool_down_ms
            .saturating_mul(1_u64.checked_shl(self.reopened).unwrap_or(u64::MAX))
            .min(self.rules.cool_down_max_ms);
        self.last_cool_down_ms = cool_down_ms;
        self.turn(BreakerState::Open { until: now.plus(cool_down_ms) }, reason)
    }

    fn turn(&mut self, to: BreakerState, reason: String) -> QualityChange {
        let from = core::mem::replace(&mut self.state, to);
        self.epoch = self.epoch.saturating_add(1);
        self.newest.clear();
        (self.bad, self.turned_away, self.trials, self.trials_bad) = (0, 0, 0, 0);
        self.tried = None;
        QualityChange { from, to, reason }
    }

    /// Lets go of what is too old, or more than is looked at.
    fn forget(&mut self, now: Millis) {
        let kept = NEWEST.max(self.rules.least);
        while let Some((at, bad)) = self.newest.front().copied()
            && (self.newest.len() as u64 > kept || now.since(at) >= self.rules.window_ms)
        {
            self.newest.pop_front();
            self.bad = self.bad.saturating_sub(u64::from(bad));
        }
    }
}

/// Whether the share of bad answers lies above `limit` (in millionths) with that certainty.
///
/// Wilson's lower bound is the share `p` at which `(bad/all - p)^2 = z^2 p (1 - p) / all`; it is
/// above `limit` just when the left side, taken at `limit`, is the larger. So no root is needed,
/// and the arithmetic is exact.
fn surely_above(bad: u64, all: u64, limit: u32) -> bool {
    let (bad, all, limit) = (u128::from(bad), u128::from(all), u128::from(limit));
    let Some(over) = (bad * MILLION).checked_sub(all * limit) else { return false };
    let spread = Z_SQUARED * limit * MILLION.saturating_sub(limit) * all;
    over.saturating_mul(over).saturating_mul(Z_SCALE) > spread
}
