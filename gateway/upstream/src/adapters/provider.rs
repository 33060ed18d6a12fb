//! What all models of one provider share: the latch of its credential, and whether it can be
//! reached at all.

use std::sync::Arc;

use backstop_domain::guard::{Latch, LatchCause, Reach};
use backstop_domain::{ControlEvent, FailureClass, Millis};
use parking_lot::Mutex;

use crate::clock::Clock;
use crate::outcome::AttemptResult;

/// Keeps everybody from using a credential that has no quota or is not accepted, and from asking
/// the rest of the models of a provider that cannot be reached.
pub struct ProviderGate {
    name: String,
    clock: Arc<dyn Clock>,
    latch: Mutex<Latch>,
    reach: Mutex<Reach>,
}

impl ProviderGate {
    /// The open gate of that provider.
    pub fn new(name: impl Into<String>, clock: Arc<dyn Clock>) -> Arc<Self> {
        let (latch, reach) = (Mutex::default(), Mutex::default());
        Arc::new(Self { name: name.into(), clock, latch, reach })
    }

    /// The provider.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Why and until when the credential is not used; `None` if it may be.
    pub fn blocked(&self) -> Option<(LatchCause, Millis)> {
        self.latch.lock().blocked(self.clock.now())
    }

    /// Until when it counts as out of reach; `None` if it does not.
    pub fn away(&self) -> Option<Millis> {
        self.reach.lock().away(self.clock.now())
    }

    /// Takes that one of its models is asked.
    pub(crate) fn asked(&self, model: &str) {
        self.reach.lock().asked(self.clock.now(), model);
    }

    /// Takes that the breaker of one of its models opened until then, because nothing connects.
    pub(crate) fn lost(&self, model: &str, until: Millis) {
        self.reach.lock().lost(self.clock.now(), model, until);
    }

    /// Takes the result of an attempt at one of its models; an event if the latch changed.
    pub(crate) fn record(&self, result: &AttemptResult) -> Option<ControlEvent> {
        if result.failure().is_none_or(|failure| failure.status.is_some()) {
            self.reach.lock().reached();
        }
        let now = self.clock.now();
        let mut latch = self.latch.lock();
        let (changed, reason) = match result {
            AttemptResult::Answered(_) => (latch.accepted(now), "the credential was accepted"),
            AttemptResult::Failed(failure) => match (failure.class, failure.status) {
                (FailureClass::Quota, _) => (latch.quota_spent(now), "its quota is spent"),
                (FailureClass::Misconfigured, Some(401 | 403)) => {
                    (latch.turned_down(now), "it was turned down twice")
                }
                _ => return None,
            },
        };
        let until = latch.blocked(now).map(|(_, until)| until);
        changed.then(|| ControlEvent::LatchChanged {
            provider: self.name.clone(),
            until,
            reason: reason.to_owned(),
        })
    }
}
