//! The availability breaker of one model: closed, open, half-open, or isolated by hand.
//!
//! It counts what the transport saw (failures, slow answers, slow calls still in flight) and never
//! the quality of an answer. Every admission carries the epoch in which it was given: a result
//! from another epoch changes nothing, because with calls of tens of seconds late results are the
//! normal case.

use alloc::collections::BTreeMap;

use crate::guard::window::Window;
use crate::units::Millis;

const GOOD: usize = 0;
const BAD: usize = 1;
const SLOW: usize = 2;
const MILLION: u64 = 1_000_000;
/// Room for jitter on a cool-down, in percent either way.
const JITTER_PERCENT: u64 = 20;

/// When a breaker opens and how it closes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerRules {
    /// The stretch that shares are taken over, in milliseconds.
    pub window_ms: u64,
    /// Failures in a row that open it.
    pub failures: u32,
    /// Share of failures that opens it, in millionths.
    pub share: u32,
    /// Share of slow calls that opens it, in millionths.
    pub slow_share: u32,
    /// Samples below which no share counts.
    pub least: u64,
    /// From when a call is slow, in milliseconds.
    pub slow_ms: u64,
    /// The first cool-down, in milliseconds.
    pub cool_down_ms: u64,
    /// The longest cool-down, in milliseconds.
    pub cool_down_max_ms: u64,
    /// Successful probes that close it.
    pub probes: u32,
    /// How long a probe may take before it counts as failed, in milliseconds.
    pub probe_ms: u64,
}

impl Default for BreakerRules {
    fn default() -> Self {
        Self {
            window_ms: 60_000,
            failures: 5,
            share: 500_000,
            slow_share: 800_000,
            least: 10,
            slow_ms: 30_000,
            cool_down_ms: 15_000,
            cool_down_max_ms: 40_000,
            probes: 3,
            probe_ms: 30_000,
        }
    }
}

/// What became of an admitted call, as far as the model's availability goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    /// It answered.
    Good,
    /// Transport, 5xx, a timeout.
    Bad,
    /// It asked to wait: no failure, but no proof of health for a probe.
    Throttled,
    /// It says nothing about the model: our own cancellation, the caller's mistake.
    Neutral,
}

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls pass.
    Closed,
    /// No call passes until then.
    Open {
        /// When the first probe may go.
        until: Millis,
    },
    /// One probe at a time passes.
    HalfOpen,
    /// No call passes until somebody releases it.
    Isolated,
}

impl BreakerState {
    /// The word for events and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen => "half_open",
            Self::Isolated => "isolated",
        }
    }
}

/// A change of state, to be recorded as an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Before.
    pub from: BreakerState,
    /// After.
    pub to: BreakerState,
    /// What led to it, as a word for events.
    pub cause: &'static str,
}

/// The breaker does not admit the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// When it may be worth asking again; `None` while isolated.
    pub until: Option<Millis>,
    /// Where it stands.
    pub state: BreakerState,
}

/// Leave to ask, of one epoch. To be given back by [`Breaker::record`].
#[derive(Debug, PartialEq, Eq)]
#[must_use = "an admission that is not recorded keeps a probe waiting"]
pub struct Ticket {
    id: u64,
    epoch: u64,
    started: Millis,
}

/// The machine.
#[derive(Debug, Clone)]
pub struct Breaker {
    rules: BreakerRules,
    state: BreakerState,
    epoch: u64,
    window: Window<3>,
    in_a_row: u32,
    // Calls in flight of this epoch, oldest first.
    in_flight: BTreeMap<u64, Millis>,
    // When the probe that is out was sent.
    probe: Option<Millis>,
    probed_well: u32,
    reopened: u32,
    last_cool_down_ms: u64,
    closed_since: Millis,
    last_id: u64,
}

impl Breaker {
    /// A closed breaker.
    pub fn new(rules: BreakerRules) -> Self {
        Self {
            rules,
            state: BreakerState::Closed,
            epoch: 0,
            window: Window::new(rules.window_ms),
            in_a_row: 0,
            in_flight: BTreeMap::new(),
            probe: None,
            probed_well: 0,
            reopened: 0,
            last_cool_down_ms: 0,
            closed_since: Millis(0),
            last_id: 0,
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

    /// Asks for admission. `dice` is any random number; it spreads a cool-down that starts here,
    /// because calls in flight have become too slow.
    ///
    /// # Errors
    /// [`Closed`] says until when.
    pub fn admit(&mut self, now: Millis, dice: u64) -> (Result<Ticket, Closed>, Option<Change>) {
        let change = self.advance(now, dice);
        (self.decide(now), change)
    }

    /// Takes a result. `retry_after_ms` is what the model asked for, if it did.
    pub fn record(
        &mut self,
        now: Millis,
        ticket: Ticket,
        sample: Sample,
        retry_after_ms: Option<u64>,
        dice: u64,
    ) -> Option<Change> {
        self.in_flight.remove(&ticket.id);
        if ticket.epoch != self.epoch {
            return None;
        }
        match self.state {
            BreakerState::HalfOpen => self.record_probe(now, &ticket, sample, retry_after_ms, dice),
            BreakerState::Closed => {
                self.count(now, &ticket, sample);
                let cause = self.trip(now)?;
                Some(self.open(now, cause, retry_after_ms, dice))
            }
            BreakerState::Open { .. } | BreakerState::Isolated => None,
        }
    }

    /// Takes the model out of use by hand.
    pub fn isolate(&mut self) -> Option<Change> {
        (self.state != BreakerState::Isolated)
            .then(|| self.turn(BreakerState::Isolated, "isolated by hand"))
    }

    /// Ends an isolation: probes decide what comes next.
    pub fn release(&mut self) -> Option<Change> {
        (self.state == BreakerState::Isolated)
            .then(|| self.turn(BreakerState::HalfOpen, "released by hand"))
    }

    /// Takes over new rules; the state and what was counted stay, unless the window changes.
    pub fn reload(&mut self, rules: BreakerRules) {
        if rules.window_ms != self.rules.window_ms {
            self.window = Window::new(rules.window_ms);
        }
        self.rules = rules;
    }

    /// Answers, failures and slow calls in the window, slow calls in flight included.
    pub fn counts(&mut self, now: Millis) -> (u64, u64, u64) {
        let [good, bad, slow] = self.window.within(now);
        (good, bad, slow.saturating_add(self.slow_in_flight(now)))
    }

    fn decide(&mut self, now: Millis) -> Result<Ticket, Closed> {
        match (self.state, self.probe) {
            (BreakerState::Closed, _) => {}
            (BreakerState::HalfOpen, None) => self.probe = Some(now),
            (BreakerState::HalfOpen, Some(since)) => {
                let until = Some(since.plus(self.rules.probe_ms));
                return Err(Closed { until, state: self.state });
            }
            (BreakerState::Open { until }, _) => {
                return Err(Closed { until: Some(until), state: self.state });
            }
            (BreakerState::Isolated, _) => return Err(Closed { until: None, state: self.state }),
        }
        self.last_id += 1;
        self.in_flight.insert(self.last_id, now);
        Ok(Ticket { id: self.last_id, epoch: self.epoch, started: now })
    }

    /// What time alone changes.
    fn advance(&mut self, now: Millis, dice: u64) -> Option<Change> {
        match (self.state, self.probe) {
            (BreakerState::Closed, _) => {
                let cause = self.trip(now)?;
                Some(self.open(now, cause, None, dice))
            }
            (BreakerState::Open { until }, _) if until <= now => {
                Some(self.turn(BreakerState::HalfOpen, "cool-down over"))
            }
            (BreakerState::HalfOpen, Some(since)) if now.since(since) >= self.rules.probe_ms => {
                Some(self.open(now, "probe too slow", None, dice))
            }
            _ => None,
        }
    }

    fn record_probe(
        &mut self,
        now: Millis,
        ticket: &Ticket,
        sample: Sample,
        retry_after_ms: Option<u64>,
        dice: u64,
    ) -> Option<Change> {
        // One probe at a time, so within an epoch this is the one.
        self.probe = None;
        match sample {
            Sample::Good if now.since(ticket.started) < self.rules.slow_ms => {
                self.probed_well += 1;
                if self.probed_well < self.rules.probes {
                    return None;
                }
                self.closed_since = now;
                Some(self.turn(BreakerState::Closed, "probes succeeded"))
            }
            // The next caller probes: this one proved nothing.
            Sample::Neutral => None,
            Sample::Good => Some(self.open(now, "probe too slow", retry_after_ms, dice)),
            Sample::Bad => Some(self.open(now, "probe failed", retry_after_ms, dice)),
            Sample::Throttled => Some(self.open(now, "probe throttled", retry_after_ms, dice)),
        }
    }

    fn count(&mut self, now: Millis, ticket: &Ticket, sample: Sample) {
        let slow = now.since(ticket.started) >= self.rules.slow_ms;
        match sample {
            Sample::Good => {
                self.in_a_row = 0;
                self.window.count(now, GOOD);
            }
            Sample::Bad => {
                self.in_a_row = self.in_a_row.saturating_add(1);
                self.window.count(now, BAD);
            }
            // A caller that gave up on a stuck model still saw that it was slow; else short
            // deadlines would hide it.
            Sample::Neutral if slow => self.window.count(now, GOOD),
            Sample::Neutral | Sample::Throttled => return,
        }
        if slow {
            self.window.count(now, SLOW);
        }
    }

    fn trip(&mut self, now: Millis) -> Option<&'static str> {
        if self.in_a_row >= self.rules.failures {
            return Some("failures in a row");
        }
        let stuck = self.slow_in_flight(now);
        let [good, bad, slow] = self.window.within(now);
        let done = good.saturating_add(bad);
        if reaches(bad, done, self.rules.share, self.rules.least) {
            return Some("share of failures");
        }
        let all = done.saturating_add(stuck);
        reaches(slow.saturating_add(stuck), all, self.rules.slow_share, self.rules.least)
            .then_some("share of slow calls")
    }

    fn slow_in_flight(&self, now: Millis) -> u64 {
        let slow = |started: &&Millis| now.since(**started) >= self.rules.slow_ms;
        self.in_flight.values().take_while(slow).count() as u64
    }

    fn open(
        &mut self,
        now: Millis,
        cause: &'static str,
        retry_after_ms: Option<u64>,
        dice: u64,
    ) -> Change {
        let was_well = self.state == BreakerState::Closed
            && now.since(self.closed_since) >= self.last_cool_down_ms;
        self.reopened = if was_well { 0 } else { self.reopened.saturating_add(1) };
        let grown = self
            .rules
            .cool_down_ms
            .saturating_mul(1_u64.checked_shl(self.reopened).unwrap_or(u64::MAX))
            .min(self.rules.cool_down_max_ms);
        let percent = 100 - JITTER_PERCENT + dice % (2 * JITTER_PERCENT + 1);
        let spread = u128::from(grown) * u128::from(percent) / 100;
        let cool_down_ms = u64::try_from(spread).unwrap_or(u64::MAX);
        self.last_cool_down_ms = cool_down_ms;
        let until = now.plus(cool_down_ms.max(retry_after_ms.unwrap_or(0)));
        self.turn(BreakerState::Open { until }, cause)
    }

    fn turn(&mut self, to: BreakerState, cause: &'static str) -> Change {
        let from = core::mem::replace(&mut self.state, to);
        self.epoch += 1;
        self.window.clear();
        self.in_a_row = 0;
        self.in_flight.clear();
        self.probe = None;
        self.probed_well = 0;
        Change { from, to, cause }
    }
}

fn reaches(part: u64, whole: u64, share_millionths: u32, least: u64) -> bool {
    whole >= least.max(1)
        && u128::from(part) * u128::from(MILLION)
            >= u128::from(whole) * u128::from(share_millionths)
}
