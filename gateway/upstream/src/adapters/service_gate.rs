//! The guards before one service: breaker, then limits, as before a model. A service that is held
//! back is an error in words, never a pass.

use std::sync::Arc;
use std::time::Duration;

use backstop_domain::ControlEvent;
use backstop_domain::guard::{
    Amounts, Breaker, BreakerRules, BreakerState, Change, LimitRule, Sample, Ticket,
};
use parking_lot::Mutex;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::adapters::limit_set::LimitSet;
use crate::clock::{Clock, millis};
use crate::model::BoxFuture;
use crate::service::{Score, Service};

/// How long a permit is held that nobody settles, beyond the timeout, in milliseconds.
const HOLD_MS: u64 = 60_000;
/// Changes that wait for the engine at most; older ones give way.
const CHANGES_MAX: usize = 256;

/// How a service is guarded, as the gateway file has it.
#[derive(Debug, Clone)]
pub struct ServiceGuards {
    /// Name of the service.
    pub name: String,
    /// Its breaker.
    pub breaker: BreakerRules,
    /// Its limits.
    pub limits: Vec<LimitRule>,
    /// Longest time of one request, whatever the check allows.
    pub longest: Duration,
}

/// A service behind its guards.
pub struct GuardedService {
    name: String,
    longest: Duration,
    service: Arc<dyn Service>,
    clock: Arc<dyn Clock>,
    limits: Arc<LimitSet>,
    state: Mutex<State>,
}

struct State {
    breaker: Breaker,
    dice: SmallRng,
    changes: Vec<ControlEvent>,
}

impl GuardedService {
    /// The service behind closed guards. `seed` feeds the jitter of its breaker.
    pub fn new(
        guards: ServiceGuards,
        service: Arc<dyn Service>,
        clock: Arc<dyn Clock>,
        seed: u64,
    ) -> Self {
        let breaker = Breaker::new(guards.breaker);
        let dice = SmallRng::seed_from_u64(seed);
        Self {
            name: guards.name,
            longest: guards.longest,
            service,
            limits: LimitSet::new(guards.limits, Arc::clone(&clock)),
            clock,
            state: Mutex::new(State { breaker, dice, changes: Vec::new() }),
        }
    }

    /// Where its breaker stands.
    pub fn breaker(&self) -> BreakerState {
        self.state.lock().breaker.state()
    }

    fn admit(&self) -> Result<Ticket, String> {
        let now = self.clock.now();
        let mut state = self.state.lock();
        let dice = state.dice.random();
        let (admitted, change) = state.breaker.admit(now, dice);
        self.report(&mut state, change);
        admitted.map_err(|closed| {
            format!("the breaker of service `{}` is {}", self.name, closed.state.name())
        })
    }

    fn record(&self, ticket: Ticket, sample: Sample) {
        let now = self.clock.now();
        let mut state = self.state.lock();
        let dice = state.dice.random();
        let change = state.breaker.record(now, ticket, sample, None, dice);
        self.report(&mut state, change);
    }

    fn report(&self, state: &mut State, change: Option<Change>) {
        let Some(change) = change else { return };
        let until = if let BreakerState::Open { until } = change.to { Some(until) } else { None };
        if state.changes.len() < CHANGES_MAX {
            state.changes.push(ControlEvent::BreakerChanged {
                model: format!("service.{}", self.name),
                from: change.from.name().to_owned(),
                to: change.to.name().to_owned(),
                reason: change.cause.to_owned(),
                until,
                quality_of: None,
            });
        }
    }

    async fn ask(&self, texts: &[String], kind: &str, timeout: Duration) -> Result<Score, String> {
        let timeout = timeout.min(self.longest);
        let ticket = Given { gate: self, ticket: Some(self.admit()?) };
        let keys = vec![Some(self.name.as_str()); self.limits.len()];
        let one = Amounts { requests: 1, ..Amounts::default() };
        let hold_ms = millis(timeout).saturating_add(HOLD_MS);
        let permit = self.limits.acquire(&keys, one, hold_ms).map_err(|refused| {
            format!("limit `{}` of service `{}` is reached", refused.limit, self.name)
        })?;
        let said = self.service.score(texts, kind, timeout).await;
        permit.settle(one);
        ticket.end(if said.is_ok() { Sample::Good } else { Sample::Bad });
        said
    }
}

/// A ticket that ends without a result when the call is cancelled.
struct Given<'g> {
    gate: &'g GuardedService,
    ticket: Option<Ticket>,
}

impl Given<'_> {
    fn end(mut self, sample: Sample) {
        if let Some(ticket) = self.ticket.take() {
            self.gate.record(ticket, sample);
        }
    }
}

impl Drop for Given<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.gate.record(ticket, Sample::Neutral);
        }
    }
}

impl Service for GuardedService {
    fn score<'a>(
        &'a self,
        texts: &'a [String],
        kind: &'a str,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Score, String>> {
        Box::pin(self.ask(texts, kind, timeout))
    }

    fn take_changes(&self) -> Vec<ControlEvent> {
        std::mem::take(&mut self.state.lock().changes)
    }
}
