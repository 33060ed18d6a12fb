//! The gate before one model: everything that may say "not now", asked in one order.
//!
//! Credential latch, the provider's reach, not-before, retry budget, quality breaker, availability
//! breaker, limits. The breakers come before the limits, so that an open circuit costs no tokens.
//! What is refused leaves nothing taken.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use backstop_domain::guard::{
    Breaker, BreakerRules, BreakerState, Change, HedgeBudget, HedgeRules, Hold, LatchCause,
    LimitRule, NotBefore, Pace, QualityRules, QualityTicket, Quantity, RetryBudget, RetryRules,
    Ticket,
};
use backstop_domain::plan::Price;
use backstop_domain::{ControlEvent, Criticality, Digest, FailureClass, Millis, QualityOf};
use parking_lot::Mutex;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::adapters::limit_set::{LimitSet, Refused};
use crate::adapters::permit::Permit;
use crate::adapters::places::Places;
use crate::adapters::provider::ProviderGate;
use crate::adapters::quality::{Asker, Qualities, told};
use crate::adapters::wish::{Blocked, Purpose, Wish, blocked};
use crate::clock::Clock;

/// Changes that wait for the engine at most; older ones give way.
const CHANGES_MAX: usize = 256;

/// How a model is guarded, as the gateway file has it.
#[derive(Debug, Clone, Default)]
pub struct ModelGuards {
    /// Name of the model.
    pub name: String,
    /// Its availability breaker.
    pub breaker: BreakerRules,
    /// Its quality breakers, one for each revision that asks it.
    pub quality: QualityRules,
    /// Its limits; they mirror the provider's.
    pub limits: Vec<LimitRule>,
    /// Its retry budget.
    pub retry: RetryRules,
    /// When it is asked a second time because the first is late; `None`: never.
    pub hedge: Option<HedgeRules>,
    /// Its price, for limits on cost.
    pub price: Option<Price>,
}

/// The gate.
pub struct ModelGate {
    pub(crate) name: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) provider: Arc<ProviderGate>,
    pub(crate) limits: Arc<LimitSet>,
    pub(crate) state: Mutex<GateState>,
}

pub(crate) struct GateState {
    pub(crate) breaker: Breaker,
    pub(crate) slow_ms: u64,
    pub(crate) not_before: NotBefore,
    pub(crate) price: Option<Price>,
    pub(crate) dice: SmallRng,
    pub(crate) quality: Qualities,
    pub(crate) pace: Pace,
    pub(crate) places: Places,
    retry: RetryBudget,
    hedge: Option<HedgeRules>,
    hedges: HedgeBudget,
    changes: VecDeque<ControlEvent>,
}

impl ModelGate {
    /// The open gate of a model. `seed` feeds the jitter.
    pub fn new(
        guards: ModelGuards,
        provider: Arc<ProviderGate>,
        clock: Arc<dyn Clock>,
        seed: u64,
    ) -> Arc<Self> {
        let state = GateState {
            breaker: Breaker::new(guards.breaker),
            slow_ms: guards.breaker.slow_ms,
            not_before: NotBefore::default(),
            price: guards.price,
            dice: SmallRng::seed_from_u64(seed),
            quality: Qualities::new(guards.quality),
            pace: Pace::default(),
            places: Places::new(&guards.limits),
            retry: RetryBudget::new(guards.retry),
            hedge: guards.hedge,
            hedges: HedgeBudget::default(),
            changes: VecDeque::new(),
        };
        let limits = LimitSet::new(guards.limits, Arc::clone(&clock));
        Arc::new(Self { name: guards.name, clock, provider, limits, state: Mutex::new(state) })
    }

    /// The model.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The gate of its provider, which its siblings share.
    pub fn provider(&self) -> Arc<ProviderGate> {
        Arc::clone(&self.provider)
    }

    /// Asks leave for one attempt.
    ///
    /// # Errors
    /// [`Blocked`] by the first guard that refuses; nothing is taken then.
    pub fn acquire(self: &Arc<Self>, wish: Wish<'_>) -> Result<Permit, Box<Blocked>> {
        let now = self.clock.now();
        self.check_credential()?;
        let mut state = self.state.lock();
        self.pass_reach(&state)?;
        if let Some(until) = state.not_before.blocked(now) {
            let which = format!("`{}` asked everybody to wait", self.name);
            return Err(blocked(FailureClass::Throttled, Some(until), which));
        }
        if !state.may_retry(now, wish.purpose, wish.estimate.tokens) {
            let which = format!("the retry budget of `{}` is spent", self.name);
            return Err(blocked(FailureClass::Limit, None, which));
        }
        self.pass_pace(&state, now, wish.left_ms)?;
        let quality = self.pass_quality(&mut state, now, wish.asker)?;
        let ticket = match self.pass_breaker(&mut state, now, wish.spares_probes) {
            Ok(ticket) => ticket,
            Err(blocked) => {
                state.unsent(quality.as_ref());
                return Err(blocked);
            }
        };
        let keys = vec![Some(self.name.as_str()); self.limits.len()];
        let taken = self.take_place(&mut state, now, wish.class).and_then(|()| {
            let limits = self.limits.acquire(&keys, wish.estimate, wish.hold_ms);
            limits.inspect_err(|_| state.places.leave(wish.class))
        });
        match taken {
            Ok(limits) => {
                state.spend(now, wish.purpose, wish.estimate.tokens);
                drop(state);
                self.provider.asked(&self.name);
                Ok(Permit::new(Arc::clone(self), (ticket, quality), limits, &wish))
            }
            Err(refused) => {
                let change = state.give_back(now, ticket);
                state.unsent(quality.as_ref());
                self.report(&mut state, change);
                let which = format!("limit `{}` of `{}`", refused.limit, self.name);
                let blocked = blocked(FailureClass::Limit, refused.until, which);
                Err(Box::new(Blocked { refused: Some(refused), ..*blocked }))
            }
        }
    }

    /// After how long a first request is late; `None`: it is never asked a second time.
    pub fn hedge_after(&self) -> Option<Duration> {
        self.state.lock().hedge.map(|hedge| Duration::from_millis(hedge.after_ms))
    }

    /// Until when a 429 holds everybody, if it does.
    pub fn not_before(&self) -> Option<Millis> {
        self.state.lock().not_before.blocked(self.clock.now())
    }

    /// Whether a retry would be allowed now; takes nothing.
    pub fn may_retry(&self, purpose: Purpose) -> bool {
        self.state.lock().may_retry(self.clock.now(), purpose, 0)
    }

    /// Holds the breaker by hand, until then.
    pub fn hold(&self, how: Hold, until: Millis) {
        let mut state = self.state.lock();
        let change = state.breaker.hold(how, Some(until));
        self.report(&mut state, change);
    }

    /// Lets go of it: after an isolation probes decide what comes next.
    pub fn release(&self) {
        let now = self.clock.now();
        let mut state = self.state.lock();
        let change = state.breaker.release(now);
        self.report(&mut state, change);
    }

    /// Takes over another configuration; what was counted and used stays.
    pub fn reload(&self, guards: ModelGuards) {
        let mut state = self.state.lock();
        state.breaker.reload(guards.breaker);
        state.quality.reload(guards.quality);
        state.slow_ms = guards.breaker.slow_ms;
        state.price = guards.price;
        state.retry.reload(guards.retry);
        state.hedge = guards.hedge;
        state.places.reload(&guards.limits);
        drop(state);
        self.limits.reload(guards.limits);
    }

    /// Takes the highest class that anybody may call it by: for calls of that class places are
    /// kept that no lower one gets.
    pub fn called_by(&self, highest: Criticality) {
        self.state.lock().places.called_by(highest);
    }

    /// What changed since the last time somebody asked, oldest first; to be recorded.
    pub fn take_changes(&self) -> Vec<ControlEvent> {
        self.state.lock().changes.drain(..).collect()
    }

    fn check_credential(&self) -> Result<(), Box<Blocked>> {
        let Some((cause, until)) = self.provider.blocked() else { return Ok(()) };
        let provider = self.provider.name();
        Err(match cause {
            LatchCause::Quota => {
                let which = format!("the quota of provider `{provider}` is spent");
                blocked(FailureClass::Quota, Some(until), which)
            }
            LatchCause::Auth => {
                let which = format!("provider `{provider}` turned our credential down");
                blocked(FailureClass::Misconfigured, Some(until), which)
            }
        })
    }

    /// Not when most of its siblings cannot be reached. Whether one that is open may be probed is
    /// its own breaker's to say, and one that a person holds closed is asked.
    fn pass_reach(&self, state: &GateState) -> Result<(), Box<Blocked>> {
        match self.provider.away() {
            Some(until) if state.breaker.state() == BreakerState::Closed => {
                let provider = self.provider.name();
                let which = format!("most models of provider `{provider}` cannot be reached");
                Err(blocked(FailureClass::BreakerOpen, Some(until), which))
            }
            _ => Ok(()),
        }
    }

    /// `spares`: the call has another way, and leaves probes to others for a while.
    fn pass_breaker(
        &self,
        state: &mut GateState,
        now: Millis,
        spares: bool,
    ) -> Result<Ticket, Box<Blocked>> {
        if spares && state.breaker.spares(now) {
            let which =
                format!("`{}` is tried again first by calls that are not critical", self.name);
            return Err(blocked(FailureClass::BreakerOpen, None, which));
        }
        let dice = state.dice.random();
        let (admitted, change) = state.breaker.admit(now, dice);
        self.report(state, change);
        admitted.map_err(|closed| {
            let which = match closed.state {
                BreakerState::Closed => format!("`{}` came back and warms up", self.name),
                state => format!("the breaker of `{}` is {}", self.name, state.name()),
            };
            blocked(FailureClass::BreakerOpen, closed.until, which)
        })
    }

    /// A place, if the model bears one more request of that class at once.
    fn take_place(
        &self,
        state: &mut GateState,
        now: Millis,
        class: Criticality,
    ) -> Result<(), Refused> {
        state.places.take(now, class).map_err(|limit| {
            let (quantity, key) = (Quantity::Concurrency, self.name.clone());
            Refused { limit, quantity, key, until: None, never: false }
        })
    }

    /// No attempt that would more likely be cut off than answered.
    fn pass_pace(
        &self,
        state: &GateState,
        now: Millis,
        left_ms: Option<u64>,
    ) -> Result<(), Box<Blocked>> {
        let Some(left) = left_ms else { return Ok(()) };
        match state.pace.usual(now) {
            Some(usual) if left < usual => {
                let name = &self.name;
                let which = format!("`{name}` usually takes {usual} ms, and {left} ms are left");
                Err(blocked(FailureClass::Limit, None, which))
            }
            _ => Ok(()),
        }
    }

    fn pass_quality(
        &self,
        state: &mut GateState,
        now: Millis,
        asker: Option<Asker<'_>>,
    ) -> Result<Option<(Digest, QualityTicket)>, Box<Blocked>> {
        let Some(asker) = asker else { return Ok(None) };
        let (admitted, change) = state.quality.admit(now, asker);
        if let Some(change) = change {
            let of = QualityOf { policy: asker.policy.to_owned(), revision: asker.revision };
            state.push(told(&self.name, of, change));
        }
        match admitted {
            Ok(ticket) => Ok(Some((asker.revision, ticket))),
            Err(closed) => {
                let (name, policy, is) = (&self.name, asker.policy, closed.state.name());
                let which = format!("the quality breaker of `{name}` for `{policy}` is {is}");
                Err(blocked(FailureClass::BreakerOpen, closed.until, which))
            }
        }
    }

    /// Takes what became of an answer.
    pub(crate) fn rate(&self, revision: Digest, ticket: &QualityTicket, bad: bool) {
        let now = self.clock.now();
        let mut state = self.state.lock();
        if let Some((of, change)) = state.quality.rate(now, revision, ticket, bad) {
            state.push(told(&self.name, of, change));
        }
    }

    pub(crate) fn report(&self, state: &mut GateState, change: Option<Change>) {
        if let Some(change) = change {
            let until =
                if let BreakerState::Open { until } = change.to { Some(until) } else { None };
            state.push(ControlEvent::BreakerChanged {
                model: self.name.clone(),
                from: change.from.name().to_owned(),
                to: change.to.name().to_owned(),
                reason: change.cause.to_owned(),
                until,
                quality_of: None,
            });
        }
    }
}

impl GateState {
    pub(crate) fn push(&mut self, change: ControlEvent) {
        if self.changes.len() == CHANGES_MAX {
            self.changes.pop_front();
        }
        self.changes.push_back(change);
    }

    /// Ends a ticket of which nothing is known.
    pub(crate) fn give_back(&mut self, now: Millis, ticket: Ticket) -> Option<Change> {
        let dice = self.dice.random();
        self.breaker.record(now, ticket, backstop_domain::guard::Sample::Neutral, None, dice)
    }

    /// Gives a trial of a quality breaker to the next caller: this one is not sent.
    pub(crate) fn unsent(&mut self, quality: Option<&(Digest, QualityTicket)>) {
        if let Some((revision, ticket)) = quality {
            self.quality.unsent(*revision, ticket);
        }
    }

    pub(crate) fn may_retry(&mut self, now: Millis, purpose: Purpose, tokens: u64) -> bool {
        match purpose {
            Purpose::First => true,
            Purpose::Retry => self.retry.allows(now, tokens, false),
            Purpose::SheddableRetry => self.retry.allows(now, tokens, true),
            Purpose::Hedge => self.hedges.allows() && self.retry.allows(now, tokens, true),
        }
    }

    fn spend(&mut self, now: Millis, purpose: Purpose, tokens: u64) {
        match purpose {
            Purpose::First => {
                self.retry.first(now, tokens);
                self.hedges.first(self.hedge.map_or(0, |hedge| hedge.share));
            }
            Purpose::Hedge => {
                self.hedges.spend();
                self.retry.retry(now, tokens, false);
            }
            Purpose::Retry | Purpose::SheddableRetry => {
                self.retry.retry(now, tokens, false);
            }
        }
    }
}
