//! The availability breaker of one model: closed, open, half-open, or held in place by hand.
//!
//! It counts what the transport saw (failures, slow answers, slow calls still in flight) and never
//! the quality of an answer. Every admission carries the epoch in which it was given: a result
//! from another epoch changes nothing, because with calls of tens of seconds late results are the
//! normal case.

use alloc::collections::BTreeMap;

mod words;

pub use words::{BreakerRules, BreakerState, Change, Closed, Hold, Sample};

use crate::guard::window::Window;
use crate::units::Millis;

const GOOD: usize = 0;
const BAD: usize = 1;
const SLOW: usize = 2;
const MILLION: u64 = 1_000_000;
/// Room for jitter on a cool-down, in percent either way.
const JITTER_PERCENT: u64 = 20;

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
    // Most calls in flight at once since it closed: the load that it bore.
    busiest: u64,
    // The load that a model which came back grows to.
    warms_to: Option<u64>,
    // When the last probe was sent, or could have been.
    probed_at: Millis,
    held_until: Option<Millis>,
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
            busiest: 0,
            warms_to: None,
            probed_at: Millis(0),
            held_until: None,
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
            // It is counted, and changes nothing.
            BreakerState::HeldClosed => {
                self.count(now, &ticket, sample);
                None
            }
            BreakerState::Open { .. } | BreakerState::Isolated => None,
        }
    }

    /// Holds it by hand until then; `None` for good.
    pub fn hold(&mut self, how: Hold, until: Option<Millis>) -> Option<Change> {
        let to = how.state();
        let change = (self.state != to).then(|| self.turn(to, "held by hand"));
        self.held_until = until;
        change
    }

    /// Lets go of it: after an isolation probes decide what comes next.
    pub fn release(&mut self, now: Millis) -> Option<Change> {
        self.let_go(now, "released by hand")
    }

    /// Until when a person holds it, if one does.
    pub const fn held_until(&self) -> Option<Millis> {
        self.held_until
    }

    /// Whether the next admission is a probe that somebody who has another way should leave to
    /// others. Not for ever: when nobody else comes for a cool-down, anybody may try.
    pub fn spares(&self, now: Millis) -> bool {
        let could = match self.state {
            BreakerState::Open { until } if until <= now => until,
            BreakerState::HalfOpen => self.probed_at,
            _ => return false,
        };
        now.since(could) < self.rules.cool_down_ms
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
        let state = self.state;
        let no = |until| Err(Closed { until, state });
        match (state, self.probe) {
            (BreakerState::Closed, _) => {
                if let Some(until) = self.warms_until(now) {
                    return no(Some(until));
                }
            }
            (BreakerState::HeldClosed, _) => {}
            (BreakerState::HalfOpen, None) => {
                self.probe = Some(now);
                self.probed_at = now;
            }
            (BreakerState::HalfOpen, Some(since)) => {
                return no(Some(since.plus(self.rules.probe_ms)));
            }
            (BreakerState::Open { until }, _) => return no(Some(until)),
            (BreakerState::Isolated, _) => return no(self.held_until),
        }
        self.last_id += 1;
        self.in_flight.insert(self.last_id, now);
        self.busiest = self.busiest.max(self.in_flight.len() as u64);
        Ok(Ticket { id: self.last_id, epoch: self.epoch, started: now })
    }

    /// What time alone changes.
    fn advance(&mut self, now: Millis, dice: u64) -> Option<Change> {
        if self.held_until.is_some_and(|until| until <= now) {
            return self.let_go(now, "its time is over");
        }
        match (self.state, self.probe) {
            (BreakerState::Closed, _) => {
                let cause = self.trip(now)?;
                Some(self.open(now, cause, None, dice))
            }
            (BreakerState::Open { until }, _) if until <= now => {
                self.probed_at = now;
                Some(self.turn(BreakerState::HalfOpen, "cool-down over"))
            }
            (BreakerState::HalfOpen, Some(since)) if now.since(since) >= self.rules.probe_ms => {
                Some(self.open(now, "probe too slow", None, dice))
            }
            _ => None,
        }
    }

    fn let_go(&mut self, now: Millis, cause: &'static str) -> Option<Change> {
        match self.state {
            BreakerState::Isolated => {
                self.probed_at = now;
                Some(self.turn(BreakerState::HalfOpen, cause))
            }
            BreakerState::HeldClosed => {
                (self.closed_since, self.warms_to) = (now, None);
                Some(self.turn(BreakerState::Closed, cause))
            }
            _ => None,
        }
    }

    /// When one more call at once is borne; `None`: now. A model that came back bears a tenth of
    /// the load that it bore before, and grows to all of it: the whole backlog at once would
    /// break it again.
    fn warms_until(&mut self, now: Millis) -> Option<Millis> {
        let full = self.warms_to?;
        let (warm_ms, gone) = (self.rules.warm_up_ms, now.since(self.closed_since));
        let first = (full / 10).max(1);
        if gone >= warm_ms || first >= full {
            self.warms_to = None;
            return None;
        }
        let wanted = self.in_flight.len() as u64 + 1;
        let grows = u128::from(full - first);
        let borne = u128::from(first) + grows * u128::from(gone) / u128::from(warm_ms);
        if u128::from(wanted) <= borne {
            return None;
        }
        let more = u128::from(wanted.saturating_sub(first)) * u128::from(warm_ms);
        let wait = u64::try_from(more.div_ceil(grows)).unwrap_or(u64::MAX).min(warm_ms);
        Some(self.closed_since.plus(wait))
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
        // One that breaks while it warms up never bore more than before.
        if from == BreakerState::Closed && self.warms_to.is_none() {
            self.warms_to = Some(self.busiest);
        }
        self.window.clear();
        self.in_a_row = 0;
        self.in_flight.clear();
        self.probe = None;
        self.probed_well = 0;
        self.busiest = 0;
        self.held_until = None;
        Change { from, to, cause }
    }
}

fn reaches(part: u64, whole: u64, share_millionths: u32, least: u64) -> bool {
    whole >= least.max(1)
        && u128::from(part) * u128::from(MILLION)
            >= u128::from(whole) * u128::from(share_millionths)
}
