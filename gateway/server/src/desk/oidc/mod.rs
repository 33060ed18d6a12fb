//! Signing in by a provider of OpenID Connect: the authorization code flow with PKCE, by our own
//! few steps, so that none of them is hidden. `flow` leads there and takes whoever comes back,
//! `provider` asks the provider, `token` and `keys` decide whether to believe it, `who` says whom
//! it means and what they may do.
//!
//! Nothing that the provider gives is kept: no token, no code, no claim but the person's name.

mod attempt;
mod fetch;
mod flow;
mod kept;
mod keys;
mod provider;
mod refused;
#[cfg(test)]
mod tests;
mod token;
mod who;
mod why;

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::sync::Semaphore;

pub use self::{
    flow::{back, start},
    provider::Provider,
    refused::Refused,
    who::Came,
};

/// Sign-ins that ask the provider at one time; it may be slow, and none of us shall wait for it.
const ASKS_AT_ONCE: usize = 16;

/// The way in by a provider, if there is one.
pub struct Door {
    provider: ArcSwapOption<Provider>,
    used: attempt::Used,
    asks: Semaphore,
}

impl Default for Door {
    fn default() -> Self {
        let asks = Semaphore::new(ASKS_AT_ONCE);
        Self { provider: ArcSwapOption::empty(), used: attempt::Used::default(), asks }
    }
}

impl Door {
    /// Takes over the provider of a gateway file.
    pub fn put_in_force(&self, provider: Option<Provider>) {
        let same = match (&provider, self.provider()) {
            (Some(new), Some(old)) => old.is_as(new),
            _ => false,
        };
        // What was asked of it stays known.
        if !same {
            self.provider.store(provider.map(Arc::new));
        }
    }

    /// The provider in force.
    pub fn provider(&self) -> Option<Arc<Provider>> {
        self.provider.load_full()
    }
}
