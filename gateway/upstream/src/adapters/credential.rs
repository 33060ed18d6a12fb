//! The latch of one provider's credential, shared by all models that use it.

use std::sync::Arc;

use backstop_domain::guard::{Latch, LatchCause};
use backstop_domain::{ControlEvent, FailureClass, Millis};
use parking_lot::Mutex;

use crate::clock::Clock;
use crate::outcome::AttemptResult;

/// Keeps everybody from using a credential that has no quota or is not accepted.
pub struct CredentialGate {
    provider: String,
    clock: Arc<dyn Clock>,
    latch: Mutex<Latch>,
}

impl CredentialGate {
    /// The open gate of that provider's credential.
    pub fn new(provider: impl Into<String>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { provider: provider.into(), clock, latch: Mutex::default() })
    }

    /// The provider.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// Why and until when the credential is not used; `None` if it may be.
    pub fn blocked(&self) -> Option<(LatchCause, Millis)> {
        self.latch.lock().blocked(self.clock.now())
    }

    /// Takes the result of an attempt with this credential; an event if the latch changed.
    pub(crate) fn record(&self, result: &AttemptResult) -> Option<ControlEvent> {
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
            provider: self.provider.clone(),
            until,
            reason: reason.to_owned(),
        })
    }
}
