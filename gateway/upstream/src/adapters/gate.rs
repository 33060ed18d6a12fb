//! The gate before one model: everything that may say "not now", asked in one order.
//!
//! Credential latch, not-before, retry budget, quality breaker, availability breaker, limits. The
//! breakers come before the limits, so that an open circuit costs no tokens. What is refused leaves
//! nothing taken.

use std::collections::VecDeque;
use std::sync::Arc;

use backstop_domain::guard::{
    Amounts, Breaker, BreakerRules, BreakerState, Change, LatchCause, LimitRule, NotBefore,
    QualityRules, QualityTicket, RetryBudget, RetryRules, Standing, Ticket,
};
use backstop_domain::plan::Price;
use backstop_domain::{ControlEvent, Digest, FailureClass, Millis, QualityOf};
use parking_lot::Mutex;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::adapters::credential::CredentialGate;
use crate::adapters::limit_set::{LimitSet, Refused};
use crate::adapters::permit::Permit;
use crate::adapters::quality::{Asker, Qualities, QualityStanding, told};
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
    /// Its price, for limits on cost.
    pub price: Option<Price>,
}

/// What an attempt is to the retry budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A first attempt: it earns.
    First,
    /// A retry: it spends.
    Retry,
    /// A retry of sheddable work: it leaves half of the budget to others.
    SheddableRetry,
}

/// One attempt that asks for leave.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// What it is estimated to take.
    pub estimate: Amounts,
    /// What it is to the retry budget.
    pub purpose: Purpose,
    /// Milliseconds after which a permit that nobody settled gives its places back: the deadline
    /// and a minute.
    pub hold_ms: u64,
    /// Whose quality breaker it passes; `None` for what is judged by nobody, such as a vote.
    pub asker: Option<Asker<'a>>,
}

/// A guard of ours does not let an attempt out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// The branch that a policy takes: `quota misconfigured throttled breaker_open limit`.
    pub class: FailureClass,
    /// When it may be tried again, if known.
    pub until: Option<Millis>,
    /// Which guard, whose, and why, in words.
    pub which: String,
    /// The limit, if it was one.
    pub refused: Option<Refused>,
}

/// How a model stands, for metrics and pages.
#[derive(Debug, Clone, PartialEq)]
pub struct GateSnapshot {
    /// The model.
    pub model: String,
    /// Where its breaker stands.
    pub breaker: BreakerState,
    /// Grows with every change of the breaker.
    pub epoch: u64,
    /// Answers in the breaker's window.
    pub good: u64,
    /// Failures in the breaker's window.
    pub bad: u64,
    /// Slow calls in the breaker's window, those in flight included.
    pub slow: u64,
    /// Until when a 429 holds everybody.
    pub not_before: Option<Millis>,
    /// Why and until when its credential rests.
    pub latched: Option<(LatchCause, Millis)>,
    /// How the policies that ask it find its answers.
    pub quality: Vec<QualityStanding>,
    /// Each limit by name, and how it stands.
    pub limits: Vec<(String, Standing)>,
    /// Whether a retry would be allowed.
    pub may_retry: bool,
}

/// The gate.
pub struct ModelGate {
    pub(crate) name: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) credential: Arc<CredentialGate>,
    pub(crate) limits: Arc<LimitSet>,
    pub(crate) state: Mutex<GateState>,
}

pub(crate) struct GateState {
    pub(crate) breaker: Breaker,
    pub(crate) slow_ms: u64,
    pub(crate) not_before: NotBefore,
    pub(crate) price: Option<Price>,
    pub(crate) dice: SmallRng,
    quality: Qualities,
    retry: RetryBudget,
    changes: VecDeque<ControlEvent>,
}

impl ModelGate {
    /// The open gate of a model. `seed` feeds the jitter.
    pub fn new(
        guards: ModelGuards,
        credential: Arc<CredentialGate>,
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
            retry: RetryBudget::new(guards.retry),
            changes: VecDeque::new(),
        };
        let limits = LimitSet::new(guards.limits, Arc::clone(&clock));
        Arc::new(Self { name: guards.name, clock, credential, limits, state: Mutex::new(state) })
    }

    /// The model.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The latch of its provider's credential, which its siblings share.
    pub fn credential(&self) -> Arc<CredentialGate> {
        Arc::clone(&self.credential)
    }

    /// Asks leave for one attempt.
    ///
    /// # Errors
    /// [`Blocked`] by the first guard that refuses; nothing is taken then.
    pub fn acquire(self: &Arc<Self>, wish: Wish<'_>) -> Result<Permit, Box<Blocked>> {
        let now = self.clock.now();
        self.check_credential()?;
        let mut state = self.state.lock();
        if let Some(until) = state.not_before.blocked(now) {
            let which = format!("`{}` asked everybody to wait", self.name);
            return Err(blocked(FailureClass::Throttled, Some(until), which));
        }
        if !state.may_retry(now, wish.purpose) {
            let which = format!("the retry budget of `{}` is spent", self.name);
            return Err(blocked(FailureClass::Limit, None, which));
        }
        let quality = self.pass_quality(&mut state, now, wish.asker)?;
        let ticket = match self.pass_breaker(&mut state, now) {
            Ok(ticket) => ticket,
            Err(blocked) => {
                state.unsent(quality.as_ref());
                return Err(blocked);
            }
        };
        let keys = vec![Some(self.name.as_str()); self.limits.len()];
        match self.limits.acquire(&keys, wish.estimate, wish.hold_ms) {
            Ok(limits) => {
                state.spend(now, wish.purpose);
                drop(state);
                Ok(Permit::new(Arc::clone(self), (ticket, quality), limits, wish.estimate))
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

    /// Until when a 429 holds everybody, if it does.
    pub fn not_before(&self) -> Option<Millis> {
        self.state.lock().not_before.blocked(self.clock.now())
    }

    /// Whether a retry would be allowed now; takes nothing.
    pub fn may_retry(&self, purpose: Purpose) -> bool {
        self.state.lock().may_retry(self.clock.now(), purpose)
    }

    /// Takes the model out of use until [`Self::release`].
    pub fn isolate(&self) {
        let mut state = self.state.lock();
        let change = state.breaker.isolate();
        self.report(&mut state, change);
    }

    /// Ends an isolation: probes decide what comes next.
    pub fn release(&self) {
        let mut state = self.state.lock();
        let change = state.breaker.release();
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
        drop(state);
        self.limits.reload(guards.limits);
    }

    /// What changed since the last time somebody asked, oldest first; to be recorded.
    pub fn take_changes(&self) -> Vec<ControlEvent> {
        self.state.lock().changes.drain(..).collect()
    }

    /// How it stands now.
    pub fn snapshot(&self) -> GateSnapshot {
        let now = self.clock.now();
        let rules = self.limits.rules().into_iter().enumerate();
        let limits = rules
            .filter_map(|(at, rule)| Some((rule.name, self.limits.standing(at, &self.name)?)))
            .collect();
        let latched = self.credential.blocked();
        let mut state = self.state.lock();
        let (good, bad, slow) = state.breaker.counts(now);
        GateSnapshot {
            model: self.name.clone(),
            breaker: state.breaker.state(),
            epoch: state.breaker.epoch(),
            good,
            bad,
            slow,
            not_before: state.not_before.blocked(now),
            latched,
            quality: state.quality.standings(now),
            limits,
            may_retry: state.may_retry(now, Purpose::Retry),
        }
    }

    fn check_credential(&self) -> Result<(), Box<Blocked>> {
        let Some((cause, until)) = self.credential.blocked() else { return Ok(()) };
        let provider = self.credential.provider();
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

    fn pass_breaker(&self, state: &mut GateState, now: Millis) -> Result<Ticket, Box<Blocked>> {
        let dice = state.dice.random();
        let (admitted, change) = state.breaker.admit(now, dice);
        self.report(state, change);
        admitted.map_err(|closed| {
            let which = format!("the breaker of `{}` is {}", self.name, closed.state.name());
            blocked(FailureClass::BreakerOpen, closed.until, which)
        })
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

    fn may_retry(&mut self, now: Millis, purpose: Purpose) -> bool {
        match purpose {
            Purpose::First => true,
            Purpose::Retry => self.retry.allows(now, false),
            Purpose::SheddableRetry => self.retry.allows(now, true),
        }
    }

    fn spend(&mut self, now: Millis, purpose: Purpose) {
        match purpose {
            Purpose::First => self.retry.first(now),
            Purpose::Retry | Purpose::SheddableRetry => {
                self.retry.retry(now, false);
            }
        }
    }
}

fn blocked(class: FailureClass, until: Option<Millis>, which: String) -> Box<Blocked> {
    Box::new(Blocked { class, until, which, refused: None })
}
