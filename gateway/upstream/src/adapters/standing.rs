//! How a model stands behind its gate, for metrics and pages.

use backstop_domain::Millis;
use backstop_domain::guard::{BreakerState, LatchCause, Standing};

use crate::adapters::gate::ModelGate;
use crate::adapters::quality::QualityStanding;
use crate::adapters::wish::Purpose;

/// How a model stands, for metrics and pages.
#[derive(Debug, Clone, PartialEq)]
pub struct GateSnapshot {
    /// The model.
    pub model: String,
    /// Where its breaker stands.
    pub breaker: BreakerState,
    /// Until when a person holds it, if one does.
    pub held_until: Option<Millis>,
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
    /// Until when its provider counts as out of reach.
    pub away: Option<Millis>,
    /// How the policies that ask it find its answers.
    pub quality: Vec<QualityStanding>,
    /// Each limit by name, and how it stands.
    pub limits: Vec<(String, Standing)>,
    /// Requests at once, how many are allowed now and at most; `None` without such a limit.
    pub at_once: Option<AtOnce>,
    /// Whether a retry would be allowed.
    pub may_retry: bool,
}

/// Requests to a model at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtOnce {
    /// Under way now.
    pub held: u64,
    /// Allowed now: fewer than `most` after the model said that it is overloaded.
    pub allowed: u64,
    /// The limit of the gateway file.
    pub most: u64,
}

impl ModelGate {
    /// What it usually takes to answer, in milliseconds, if enough answers came of late.
    pub fn usual_ms(&self) -> Option<u64> {
        self.state.lock().pace.usual(self.clock.now())
    }

    /// How it stands now.
    pub fn snapshot(&self) -> GateSnapshot {
        let now = self.clock.now();
        let rules = self.limits.rules().into_iter().enumerate();
        let limits = rules
            .filter_map(|(at, rule)| Some((rule.name, self.limits.standing(at, &self.name)?)))
            .collect();
        let (latched, away) = (self.provider.blocked(), self.provider.away());
        let mut state = self.state.lock();
        let (good, bad, slow) = state.breaker.counts(now);
        GateSnapshot {
            model: self.name.clone(),
            breaker: state.breaker.state(),
            held_until: state.breaker.held_until(),
            epoch: state.breaker.epoch(),
            good,
            bad,
            slow,
            not_before: state.not_before.blocked(now),
            latched,
            away,
            quality: state.quality.standings(now),
            limits,
            at_once: state.places.limit.as_ref().map(|limit| AtOnce {
                held: self.limits.held(limit.at),
                allowed: limit.aimd.allowed(),
                most: limit.most,
            }),
            may_retry: state.may_retry(now, Purpose::Retry, 0),
        }
    }
}
