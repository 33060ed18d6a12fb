//! A plain request rate per key: governor's GCRA over a store of ours.
//!
//! The store is ours because governor's own cannot be looked into: a set of limits that commits
//! all or none must take a step back, and a reload must not hand out fresh buckets. Amounts other
//! than single requests (tokens, money) go through `Limiter`, which can refund.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backstop_domain::Millis;
use backstop_domain::guard::{Rate, Standing};
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};
use parking_lot::Mutex;

const NANOS_PER_MILLI: u64 = 1_000_000;
/// How long a new key waits when no old one can be forgotten, in milliseconds.
const CROWDED_MS: u64 = 1_000;

/// One rate of requests, for many keys.
pub(crate) struct RequestRate {
    rate: Rate,
    limiter: RateLimiter<String, Store, Hand, NoOpMiddleware<Nanos>>,
    store: Store,
    hand: Hand,
    keys_max: usize,
}

impl RequestRate {
    pub(crate) fn new(rate: Rate, keys_max: usize) -> Self {
        Self::over(rate, keys_max, Store::default())
    }

    fn over(rate: Rate, keys_max: usize, store: Store) -> Self {
        let hand = Hand::default();
        let limiter = RateLimiter::new(quota(rate), store.clone(), hand.clone());
        Self { rate, limiter, store, hand, keys_max }
    }

    /// Takes one request.
    ///
    /// # Errors
    /// The time at which one will fit.
    pub(crate) fn take(&self, now: Millis, key: &str) -> Result<(), Millis> {
        self.hand.set(now);
        if !self.make_room(now, key) {
            return Err(now.plus(CROWDED_MS));
        }
        let key = key.to_owned();
        self.limiter.check_key(&key).map_err(|refused| {
            let until = refused.earliest_possible().as_u64().div_ceil(NANOS_PER_MILLI);
            Millis(until).max(now.plus(1))
        })
    }

    /// Gives one taken request back: it was not let through after all.
    pub(crate) fn put_back(&self, key: &str) {
        if let Some(at) = self.store.0.lock().get_mut(key) {
            *at = at.saturating_sub(interval_ns(self.rate));
        }
    }

    /// The same keys under another rate: what was used stays used, in requests.
    pub(crate) fn reload(&mut self, now: Millis, rate: Rate) {
        if rate == self.rate {
            return;
        }
        let (old, new) = (interval_ns(self.rate), interval_ns(rate));
        for at in self.store.0.lock().values_mut() {
            let used = at.saturating_sub(nanos(now)).div_ceil(old);
            *at = nanos(now).saturating_add(used.saturating_mul(new));
        }
        *self = Self::over(rate, self.keys_max, self.store.clone());
    }

    pub(crate) fn standing(&self, now: Millis, key: &str) -> Standing {
        let full_at = self.store.0.lock().get(key).copied().unwrap_or(0);
        let step = interval_ns(self.rate);
        let used_ns = full_at.saturating_sub(nanos(now));
        let limit = u64::from(quota(self.rate).burst_size().get());
        let remaining = limit.saturating_sub(used_ns.div_ceil(step));
        Standing { limit, remaining, reset_ms: used_ns.div_ceil(NANOS_PER_MILLI) }
    }

    /// Forgets full buckets when there is no place for a new key.
    fn make_room(&self, now: Millis, key: &str) -> bool {
        let mut held = self.store.0.lock();
        if held.len() < self.keys_max || held.contains_key(key) {
            return true;
        }
        held.retain(|_, at| *at > nanos(now));
        held.len() < self.keys_max
    }
}

/// Times at which each key's bucket is full again, in nanoseconds: governor's whole state.
#[derive(Clone, Default)]
struct Store(Arc<Mutex<HashMap<String, u64>>>);

impl StateStore for Store {
    type Key = String;

    fn measure_and_replace<T, F, E>(&self, key: &String, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut held = self.0.lock();
        let (result, next) = measure(held.get(key).copied().map(Nanos::new))?;
        held.insert(key.clone(), next.as_u64());
        Ok(result)
    }
}

/// A clock that is set by hand before each use. It starts at zero, so that governor's times,
/// which count from a limiter's start, are our own.
#[derive(Clone, Default)]
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn set(&self, now: Millis) {
        self.0.fetch_max(nanos(now), Ordering::Relaxed);
    }
}

impl Clock for Hand {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(self.0.load(Ordering::Relaxed))
    }
}

/// Time in which one request flows in, rounded up: never more than the rate.
fn interval_ns(rate: Rate) -> u64 {
    rate.cost_ns(1).max(1)
}

fn quota(rate: Rate) -> Quota {
    let burst = u32::try_from(rate.burst()).ok().and_then(NonZeroU32::new);
    let one = Quota::per_second(NonZeroU32::MIN);
    Quota::with_period(Duration::from_nanos(interval_ns(rate)))
        .unwrap_or(one)
        .allow_burst(burst.unwrap_or(NonZeroU32::MAX))
}

fn nanos(time: Millis) -> u64 {
    time.0.saturating_mul(NANOS_PER_MILLI)
}
