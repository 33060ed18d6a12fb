//! A set of limits for many keys: request rates by governor, all else by the pure `Limiter`.
//!
//! Whatever the mix, a request takes from every limit that applies to it or from none.

use std::sync::Arc;

use backstop_domain::Millis;
use backstop_domain::guard::{
    Amounts, Cap, LimitRule, Limiter, Quantity, Refusal, ReservationId, Standing,
};
use parking_lot::Mutex;

use crate::adapters::request_rate::RequestRate;
use crate::clock::Clock;

/// Keys that a set remembers at most, over all of its limits.
const KEYS_MAX: usize = 100_000;

/// Which limit said no, to whom, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Name of the limit.
    pub limit: String,
    /// What it counts.
    pub quantity: Quantity,
    /// Whose it is.
    pub key: String,
    /// When it may fit; `None` if that depends on others finishing, or if it never can.
    pub until: Option<Millis>,
    /// The amount is larger than the limit's burst: waiting is of no use.
    pub never: bool,
}

/// Limits that are taken together.
pub struct LimitSet {
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

struct Inner {
    rules: Vec<LimitRule>,
    places: Vec<Place>,
    rates: Vec<RequestRate>,
    limiter: Limiter,
    // Grows with every reload: places of rates taken before it mean nothing after it.
    reloads: u64,
}

/// Requests taken from rates, so that they can be given back.
type Taken = Vec<(usize, String)>;

/// Where a rule is kept.
#[derive(Debug, Clone, Copy)]
enum Place {
    Rate(usize),
    Limiter(usize),
}

impl LimitSet {
    /// A set with nothing used yet. Names must differ.
    pub fn new(rules: Vec<LimitRule>, clock: Arc<dyn Clock>) -> Arc<Self> {
        let (places, rates, others) = sort(&rules);
        let rates = rates.into_iter().map(|rate| RequestRate::new(rate, KEYS_MAX)).collect();
        let limiter = Limiter::new(others, KEYS_MAX);
        Arc::new(Self {
            clock,
            inner: Mutex::new(Inner { rules, places, rates, limiter, reloads: 0 }),
        })
    }

    /// The rules, in the order that `keys` refers to.
    pub fn rules(&self) -> Vec<LimitRule> {
        self.inner.lock().rules.clone()
    }

    /// How many rules there are: so many keys [`Self::acquire`] takes.
    pub fn len(&self) -> usize {
        self.inner.lock().rules.len()
    }

    /// Whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes `amounts` from every limit that has a key, or from none. `keys` stands beside
    /// [`Self::rules`]; `None`: the limit does not apply. A permit that is not settled within
    /// `hold_ms` milliseconds gives its place back and stays charged.
    ///
    /// # Errors
    /// [`Refused`] names the tightest limit.
    pub fn acquire(
        self: &Arc<Self>,
        keys: &[Option<&str>],
        amounts: Amounts,
        hold_ms: u64,
    ) -> Result<LimitPermit, Refused> {
        let now = self.clock.now();
        let mut inner = self.inner.lock();
        let (id, taken) = inner.acquire(now, keys, amounts, now.plus(hold_ms))?;
        let reloads = inner.reloads;
        Ok(LimitPermit { set: Arc::clone(self), id: Some(id), taken, reloads })
    }

    /// Takes over new rules; limits of the same name keep what was used.
    pub fn reload(&self, rules: Vec<LimitRule>) {
        let now = self.clock.now();
        self.inner.lock().reload(now, rules);
    }

    /// How `key` stands under the limit at `limit`; `None` if there is no such limit.
    pub fn standing(&self, limit: usize, key: &str) -> Option<Standing> {
        let now = self.clock.now();
        let inner = self.inner.lock();
        match *inner.places.get(limit)? {
            Place::Rate(at) => Some(inner.rates.get(at)?.standing(now, key)),
            Place::Limiter(at) => inner.limiter.standing(now, at, key),
        }
    }

    /// Places held under the concurrency limit at `limit`, over all keys.
    pub fn held(&self, limit: usize) -> u64 {
        let inner = self.inner.lock();
        match inner.places.get(limit) {
            Some(Place::Limiter(at)) => inner.limiter.held(*at),
            _ => 0,
        }
    }
}

impl Inner {
    fn acquire(
        &mut self,
        now: Millis,
        keys: &[Option<&str>],
        amounts: Amounts,
        expires: Millis,
    ) -> Result<(ReservationId, Taken), Refused> {
        let mut own: Vec<Option<&str>> = vec![None; self.limiter.rules().len()];
        let mut taken = Taken::new();
        let mut worst: Option<Refused> = None;
        for (limit, key) in keys.iter().enumerate().filter_map(|(at, key)| Some((at, (*key)?))) {
            match self.places.get(limit) {
                Some(Place::Limiter(at)) => {
                    if let Some(place) = own.get_mut(*at) {
                        *place = Some(key);
                    }
                }
                Some(Place::Rate(at)) if amounts.requests > 0 => {
                    let Some(rate) = self.rates.get(*at) else { continue };
                    match rate.take(now, key) {
                        Ok(()) => taken.push((*at, key.to_owned())),
                        Err(until) => keep_tightest(&mut worst, self.refused(limit, key, until)),
                    }
                }
                _ => {}
            }
        }
        // Asked even if a rate has refused: the tightest limit may be one of these.
        match self.limiter.reserve(now, &own, amounts, expires) {
            Ok(id) if worst.is_none() => return Ok((id, taken)),
            Ok(id) => {
                self.limiter.cancel(now, id);
            }
            Err(refusal) => keep_tightest(&mut worst, self.named(refusal)),
        }
        self.put_back(&taken);
        Err(worst.unwrap_or_else(|| self.refused(0, "", now)))
    }

    fn put_back(&self, taken: &[(usize, String)]) {
        for (at, key) in taken {
            if let Some(rate) = self.rates.get(*at) {
                rate.put_back(key);
            }
        }
    }

    fn refused(&self, limit: usize, key: &str, until: Millis) -> Refused {
        let rule = self.rules.get(limit);
        Refused {
            limit: rule.map(|rule| rule.name.clone()).unwrap_or_default(),
            quantity: rule.map_or(Quantity::Requests, |rule| rule.quantity),
            key: key.to_owned(),
            until: Some(until),
            never: false,
        }
    }

    fn named(&self, refusal: Refusal) -> Refused {
        let rule = self.limiter.rules().get(refusal.limit);
        Refused {
            limit: rule.map(|rule| rule.name.clone()).unwrap_or_default(),
            quantity: rule.map_or(Quantity::Requests, |rule| rule.quantity),
            key: refusal.key,
            until: refusal.until,
            never: refusal.never,
        }
    }

    fn reload(&mut self, now: Millis, rules: Vec<LimitRule>) {
        let mut old: Vec<(String, RequestRate)> = Vec::new();
        for (rule, place) in self.rules.iter().zip(&self.places).rev() {
            if let Place::Rate(at) = place
                && *at + 1 == self.rates.len()
                && let Some(rate) = self.rates.pop()
            {
                old.push((rule.name.clone(), rate));
            }
        }
        let (places, rates, others) = sort(&rules);
        let named = rules.iter().zip(&places).filter(|(_, place)| matches!(place, Place::Rate(_)));
        for ((rule, _), rate) in named.zip(rates) {
            let kept = old.iter().position(|(name, _)| *name == rule.name);
            self.rates.push(match kept.map(|at| old.swap_remove(at).1) {
                Some(mut kept) => {
                    kept.reload(now, rate);
                    kept
                }
                None => RequestRate::new(rate, KEYS_MAX),
            });
        }
        self.limiter.reload(now, others);
        self.places = places;
        self.rules = rules;
        self.reloads += 1;
    }
}

/// Rates of requests to governor, the rest to the limiter; both in order.
fn sort(rules: &[LimitRule]) -> (Vec<Place>, Vec<backstop_domain::guard::Rate>, Vec<LimitRule>) {
    let (mut places, mut rates, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for rule in rules {
        match (rule.quantity, rule.cap) {
            (Quantity::Requests, Cap::Rate(rate)) => {
                places.push(Place::Rate(rates.len()));
                rates.push(rate);
            }
            _ => {
                places.push(Place::Limiter(others.len()));
                others.push(rule.clone());
            }
        }
    }
    (places, rates, others)
}

fn keep_tightest(worst: &mut Option<Refused>, refused: Refused) {
    let tightness = |refused: &Refused| (refused.never, refused.until);
    if worst.as_ref().is_none_or(|held| tightness(held) < tightness(&refused)) {
        *worst = Some(refused);
    }
}

/// Leave under a set of limits. Dropped unsettled, it stays charged and gives its place back:
/// nobody knows what was used.
#[must_use = "a permit that is dropped at once holds no place"]
pub struct LimitPermit {
    set: Arc<LimitSet>,
    id: Option<ReservationId>,
    taken: Taken,
    reloads: u64,
}

impl LimitPermit {
    /// Replaces the estimate by what was used.
    pub fn settle(mut self, actual: Amounts) {
        let now = self.set.clock.now();
        if let Some(id) = self.id.take() {
            self.set.inner.lock().limiter.settle(now, id, actual);
        }
    }

    /// Gives everything back, the request too: it was never sent.
    pub fn cancel(mut self) {
        let now = self.set.clock.now();
        if let Some(id) = self.id.take() {
            let mut inner = self.set.inner.lock();
            inner.limiter.cancel(now, id);
            if inner.reloads == self.reloads {
                inner.put_back(&self.taken);
            }
        }
    }
}

impl Drop for LimitPermit {
    fn drop(&mut self) {
        let now = self.set.clock.now();
        if let Some(id) = self.id.take() {
            self.set.inner.lock().limiter.abandon(now, id);
        }
    }
}

impl std::fmt::Debug for LimitPermit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LimitPermit").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Takes from several sets, or from none: the caller's, the tenant's, the policy's at once.
///
/// # Errors
/// [`Refused`] of the first set that refuses; what was taken before is given back.
pub fn acquire_all(
    sets: &[(&Arc<LimitSet>, &[Option<&str>])],
    amounts: Amounts,
    hold_ms: u64,
) -> Result<Vec<LimitPermit>, Refused> {
    let mut permits = Vec::with_capacity(sets.len());
    for (set, keys) in sets {
        match set.acquire(keys, amounts, hold_ms) {
            Ok(permit) => permits.push(permit),
            Err(refused) => {
                permits.into_iter().for_each(LimitPermit::cancel);
                return Err(refused);
            }
        }
    }
    Ok(permits)
}
