//! Leave for one attempt at one model, and what its result means to every guard.
//!
//! The result is read once here; no guard looks at a status by itself. A permit that is dropped
//! unsettled (a cancelled call) gives everything back that can be given back.

use std::sync::Arc;

use backstop_domain::guard::{Amounts, BreakerState, Change, QualityTicket, Sample, Ticket};
use backstop_domain::plan::Price;
use backstop_domain::{Criticality, Digest, FailureClass, MicroMoney, Millis};
use rand::RngExt;

use crate::adapters::gate::ModelGate;
use crate::adapters::limit_set::LimitPermit;
use crate::adapters::places::says_overloaded;
use crate::adapters::quality::Rating;
use crate::adapters::wish::Wish;
use crate::outcome::{AttemptResult, Failure, Settle, Timer};

/// How many times as long as usual an attempt may take before it is the model's fault, and how long
/// at least.
const USUALS: u64 = 8;
const PATIENCE_MIN_MS: u64 = 5_000;
/// How long a 429 without a hint holds everybody, in milliseconds.
const HOLD_MS: u64 = 1_000;
/// Room for jitter on a hold, in percent upwards: not everybody comes back in one millisecond.
const JITTER_PERCENT: u64 = 10;

/// Leave for one attempt.
#[must_use = "a permit that is dropped at once holds no place"]
pub struct Permit {
    gate: Arc<ModelGate>,
    ticket: Option<Ticket>,
    quality: Option<(Digest, QualityTicket)>,
    limits: Option<LimitPermit>,
    estimate: Amounts,
    class: Criticality,
    since: Millis,
}

impl Permit {
    pub(crate) fn new(
        gate: Arc<ModelGate>,
        (ticket, quality): (Ticket, Option<(Digest, QualityTicket)>),
        limits: LimitPermit,
        wish: &Wish<'_>,
    ) -> Self {
        let since = gate.clock.now();
        let (estimate, class) = (wish.estimate, wish.class);
        Self { gate, ticket: Some(ticket), quality, limits: Some(limits), estimate, class, since }
    }

    /// Tells every guard how the attempt went, and charges what it used. If an answer came that
    /// somebody judges, its quality is still to be told.
    pub fn settle(mut self, result: &AttemptResult) -> Option<Rating> {
        let gate = Arc::clone(&self.gate);
        let latched = gate.provider.record(result);
        let now = gate.clock.now();
        let mut state = gate.state.lock();
        if let Some(change) = latched {
            state.push(change);
        }
        let retry_after = result.failure().and_then(|failure| failure.retry_after_ms);
        if let Some(wait) = hold_ms(result) {
            let percent = state.dice.random_range(0..=JITTER_PERCENT);
            state.not_before.hold(now.plus(wait.saturating_add(wait * percent / 100)));
        }
        if result.answer().is_some() {
            state.pace.answered(now, now.since(self.since));
        }
        let usual = state.pace.usual(now);
        if let Some(limit) = &mut state.places.limit {
            if says_overloaded(result) {
                limit.aimd.overloaded(now, usual);
            } else if result.answer().is_some() {
                limit.aimd.answered(gate.limits.held(limit.at));
            }
        }
        if let Some(ticket) = self.ticket.take() {
            let sample = sample_of(result, patience(usual, state.slow_ms));
            let dice = state.dice.random();
            let change = state.breaker.record(now, ticket, sample, retry_after, dice);
            if let Some(Change { to: BreakerState::Open { until }, .. }) = change
                && is_out_of_reach(result)
            {
                gate.provider.lost(&gate.name, until);
            }
            gate.report(&mut state, change);
        }
        let actual = charge(result, self.estimate, state.price);
        drop(state);
        match (self.limits.take(), result.settle()) {
            (Some(limits), Settle::Nothing) => limits.cancel(),
            (Some(limits), _) => limits.settle(actual),
            (None, _) => {}
        }
        let (revision, ticket) = self.quality.take().filter(|_| result.answer().is_some())?;
        Some(Rating { gate, revision, ticket })
    }

    /// Gives everything back: the request was never sent, by our own choice.
    pub fn cancel(mut self) {
        self.gate.state.lock().unsent(self.quality.as_ref());
        if let Some(limits) = self.limits.take() {
            limits.cancel();
        }
    }
}

impl Drop for Permit {
    /// Also the end of a cancelled call: its age still counts if the model was slow.
    fn drop(&mut self) {
        let now = self.gate.clock.now();
        let mut state = self.gate.state.lock();
        state.places.leave(self.class);
        let Some(ticket) = self.ticket.take() else { return };
        let change = state.give_back(now, ticket);
        self.gate.report(&mut state, change);
    }
}

/// From when an attempt that our own deadline ended was long enough: many times what the model
/// usually takes. Short deadlines would hide a model that begins to answer and never ends.
fn patience(usual: Option<u64>, slow_ms: u64) -> u64 {
    usual.map_or(slow_ms, |usual| usual.saturating_mul(USUALS).max(PATIENCE_MIN_MS).min(slow_ms))
}

/// What a result says about the model's availability.
fn sample_of(result: &AttemptResult, patience: u64) -> Sample {
    let Some(failure) = result.failure() else { return Sample::Good };
    match failure.class {
        // A deadline that was shorter than patience says nothing: a hurried caller must not close
        // the model for everybody.
        FailureClass::Timeout if failure.timer == Some(Timer::Total) => {
            if failure.timing.total_ms >= patience { Sample::Bad } else { Sample::Neutral }
        }
        FailureClass::Transport | FailureClass::Timeout | FailureClass::Overloaded => Sample::Bad,
        FailureClass::Throttled => Sample::Throttled,
        _ => Sample::Neutral,
    }
}

/// Whether nothing came from the other side at all: the whole provider may be out of reach.
fn is_out_of_reach(result: &AttemptResult) -> bool {
    result.failure().is_some_and(|failure| match failure.class {
        FailureClass::Transport => failure.status.is_none(),
        FailureClass::Timeout => failure.timer == Some(Timer::Connect),
        _ => false,
    })
}

/// How long everybody should wait; `None` if the result asks for no wait.
fn hold_ms(result: &AttemptResult) -> Option<u64> {
    let Failure { class, retry_after_ms, .. } = result.failure()?;
    match class {
        FailureClass::Throttled => Some(retry_after_ms.unwrap_or(HOLD_MS)),
        FailureClass::Overloaded => *retry_after_ms,
        _ => None,
    }
}

/// What an attempt used, by its settlement.
fn charge(result: &AttemptResult, estimate: Amounts, price: Option<Price>) -> Amounts {
    let half = |units: u64| units.div_ceil(2);
    match result.settle() {
        Settle::Estimate => estimate,
        Settle::Half => Amounts {
            tokens: half(estimate.tokens),
            cost: MicroMoney(half(estimate.cost.0)),
            ..estimate
        },
        Settle::RequestOnly => Amounts { tokens: 0, cost: MicroMoney(0), ..estimate },
        Settle::Nothing => Amounts::default(),
        Settle::Actual => match result.answer().and_then(|answer| answer.usage) {
            Some(usage) => Amounts {
                tokens: usage.total(),
                cost: price.map_or(estimate.cost, |price| price.cost(usage)),
                ..estimate
            },
            None => estimate,
        },
    }
}
