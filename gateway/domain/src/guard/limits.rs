//! Several limits at once, by key: all commit or none does, and a refusal names the tightest one.
//!
//! Rates are reserved by estimate and settled by what was used; concurrency is held until settled.
//! A reservation that nobody settles stays charged in full and gives its place back when it
//! expires. It never grows without bound: full buckets are forgotten, and when no key can be
//! forgotten, new keys are refused.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::guard::gcra::{Bucket, Rate, Shortage};
use crate::units::{MicroMoney, Millis};

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quantity {
    /// Requests per time.
    Requests,
    /// Tokens per time, input and output together.
    Tokens,
    /// Millionths of the gateway's currency per time.
    Cost,
    /// Requests at the same time.
    Concurrency,
}

impl Quantity {
    /// The word of the rules file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::Cost => "cost",
            Self::Concurrency => "concurrency",
        }
    }
}

/// How much a limit lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cap {
    /// So much per time.
    Rate(Rate),
    /// So many at once.
    AtOnce(u64),
}

/// One limit. Its name is what a refusal shows and what a reload recognises it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitRule {
    /// Unique within its [`Limiter`].
    pub name: String,
    /// What it counts.
    pub quantity: Quantity,
    /// How much of it.
    pub cap: Cap,
}

/// What one request takes, or took, of each quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amounts {
    /// Requests, usually one.
    pub requests: u64,
    /// Tokens.
    pub tokens: u64,
    /// Money.
    pub cost: MicroMoney,
}

impl Amounts {
    /// The amount of that quantity.
    pub const fn of(self, quantity: Quantity) -> u64 {
        match quantity {
            Quantity::Requests => self.requests,
            Quantity::Tokens => self.tokens,
            Quantity::Cost => self.cost.0,
            Quantity::Concurrency => 1,
        }
    }
}

/// A reservation that awaits its settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReservationId(u64);

/// Which limit said no, to whom, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The place of the limit among the limiter's rules.
    pub limit: usize,
    /// Whose bucket it is.
    pub key: String,
    /// When it may fit; `None` if that depends on others finishing, or if it never can.
    pub until: Option<Millis>,
    /// The amount is larger than the burst: waiting is of no use.
    pub never: bool,
}

/// How one key stands under one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The most that can pass at once.
    pub limit: u64,
    /// What could pass now.
    pub remaining: u64,
    /// Milliseconds until everything could pass again; zero for concurrency.
    pub reset_ms: u64,
}

#[derive(Debug, Clone, Copy)]
enum Slot {
    Bucket(Bucket),
    Held(u64),
}

#[derive(Debug, Clone)]
struct Reservation {
    taken: Vec<(usize, String, u64)>,
    expires: Millis,
}

/// The limits of one place: a model, or the door.
#[derive(Debug, Clone)]
pub struct Limiter {
    rules: Vec<LimitRule>,
    slots: Vec<BTreeMap<String, Slot>>,
    reservations: BTreeMap<ReservationId, Reservation>,
    expiries: BTreeSet<(Millis, ReservationId)>,
    last_id: u64,
    keys_max: usize,
    // Until then no key can be forgotten, so looking again would be a waste.
    crowded_until: Millis,
}

impl Limiter {
    /// Limits with nothing used yet, for at most `keys_max` keys over all rules.
    pub fn new(rules: Vec<LimitRule>, keys_max: usize) -> Self {
        let slots = rules.iter().map(|_| BTreeMap::new()).collect();
        Self {
            rules,
            slots,
            reservations: BTreeMap::new(),
            expiries: BTreeSet::new(),
            last_id: 0,
            keys_max,
            crowded_until: Millis(0),
        }
    }

    /// The rules, in the order that `limit` and `keys` refer to.
    pub fn rules(&self) -> &[LimitRule] {
        &self.rules
    }

    /// Takes `amounts` from every limit that has a key, or from none. `keys` stands beside
    /// [`Self::rules`]; `None` means that the limit does not apply. Unsettled, the reservation ends
    /// at `expires`.
    ///
    /// # Errors
    /// [`Refusal`] of the tightest limit: one that can never pass, else the longest wait, else a
    /// place that others hold.
    pub fn reserve(
        &mut self,
        now: Millis,
        keys: &[Option<&str>],
        amounts: Amounts,
        expires: Millis,
    ) -> Result<ReservationId, Refusal> {
        self.expire(now);
        let mut worst: Option<Refusal> = None;
        for (limit, key) in applying(keys) {
            if let Some(refusal) = self.objection(now, limit, key, amounts)
                && worst.as_ref().is_none_or(|held| tightness(held) < tightness(&refusal))
            {
                worst = Some(refusal);
            }
        }
        match worst.or_else(|| self.crowded(now, keys)) {
            Some(refusal) => Err(refusal),
            None => Ok(self.commit(now, keys, amounts, expires)),
        }
    }

    /// Replaces the estimate by what was used and gives the places back. `false` if the
    /// reservation is unknown: settled before, or expired.
    pub fn settle(&mut self, now: Millis, id: ReservationId, actual: Amounts) -> bool {
        self.close(now, id, Some(actual))
    }

    /// Undoes a reservation of which nothing was used.
    pub fn cancel(&mut self, now: Millis, id: ReservationId) -> bool {
        self.close(now, id, Some(Amounts::default()))
    }

    /// Gives the places back and leaves the estimate charged: nobody knows what was used.
    pub fn abandon(&mut self, now: Millis, id: ReservationId) -> bool {
        self.close(now, id, None)
    }

    /// Ends the reservations that are due. [`Self::reserve`] does so by itself.
    pub fn expire(&mut self, now: Millis) {
        while let Some((due, id)) = self.expiries.first().copied()
            && due <= now
        {
            self.close(now, id, None);
        }
    }

    /// Takes over new rules. A limit of the same name and quantity keeps what was used.
    pub fn reload(&mut self, now: Millis, rules: Vec<LimitRule>) {
        let mut moved = BTreeMap::new();
        let mut slots: Vec<BTreeMap<String, Slot>> = Vec::with_capacity(rules.len());
        for (to, rule) in rules.iter().enumerate() {
            let from = self
                .rules
                .iter()
                .position(|old| old.name == rule.name && same_kind(old.cap, rule.cap));
            let mut kept = from.and_then(|at| self.slots.get_mut(at)).map(core::mem::take);
            if let Some((from, old)) = from.and_then(|at| Some((at, self.rules.get(at)?))) {
                moved.insert(from, to);
                for slot in kept.iter_mut().flat_map(BTreeMap::values_mut) {
                    rescale(slot, old.cap, rule.cap, now);
                }
            }
            slots.push(kept.unwrap_or_default());
        }
        for reservation in self.reservations.values_mut() {
            reservation
                .taken
                .retain_mut(|(limit, _, _)| moved.get(limit).inspect(|to| *limit = **to).is_some());
        }
        self.rules = rules;
        self.slots = slots;
        self.crowded_until = Millis(0);
    }

    /// How `key` stands under the limit at `limit`; `None` if there is no such limit.
    pub fn standing(&self, now: Millis, limit: usize, key: &str) -> Option<Standing> {
        let slot = self.slots.get(limit)?.get(key);
        Some(match (self.rules.get(limit)?.cap, slot) {
            (Cap::Rate(rate), Some(Slot::Bucket(bucket))) => Standing {
                limit: rate.burst(),
                remaining: bucket.remaining(rate, now),
                reset_ms: bucket.full_at().since(now),
            },
            (Cap::Rate(rate), _) => {
                Standing { limit: rate.burst(), remaining: rate.burst(), reset_ms: 0 }
            }
            (Cap::AtOnce(most), Some(Slot::Held(held))) => {
                Standing { limit: most, remaining: most.saturating_sub(*held), reset_ms: 0 }
            }
            (Cap::AtOnce(most), _) => Standing { limit: most, remaining: most, reset_ms: 0 },
        })
    }

    /// Places held under the limit at `limit`, over all keys.
    pub fn held(&self, limit: usize) -> u64 {
        let slots = self.slots.get(limit).into_iter().flat_map(BTreeMap::values);
        slots.map(|slot| if let Slot::Held(held) = slot { *held } else { 0 }).sum()
    }

    /// Keys that are remembered, over all rules.
    pub fn keys(&self) -> usize {
        self.slots.iter().map(BTreeMap::len).sum()
    }

    fn objection(&self, now: Millis, limit: usize, key: &str, amounts: Amounts) -> Option<Refusal> {
        let rule = self.rules.get(limit)?;
        let slot = self.slots.get(limit)?.get(key);
        let refusal = |until, never| Some(Refusal { limit, key: key.to_string(), until, never });
        match (rule.cap, slot) {
            (Cap::Rate(rate), slot) => {
                let bucket =
                    if let Some(Slot::Bucket(held)) = slot { *held } else { Bucket::default() };
                match bucket.room(rate, now, amounts.of(rule.quantity)) {
                    Ok(()) => None,
                    Err(Shortage::Until(until)) => refusal(Some(until), false),
                    Err(Shortage::Never) => refusal(None, true),
                }
            }
            (Cap::AtOnce(most), slot) => {
                let held = if let Some(Slot::Held(held)) = slot { *held } else { 0 };
                if held < most { None } else { refusal(None, most == 0) }
            }
        }
    }

    /// Makes room for new keys, or refuses.
    fn crowded(&mut self, now: Millis, keys: &[Option<&str>]) -> Option<Refusal> {
        let is_new = |(limit, key): &(usize, &str)| {
            self.slots.get(*limit).is_some_and(|slots| !slots.contains_key(*key))
        };
        let mut new = applying(keys).filter(is_new);
        let (limit, key) = new.next()?;
        let wanted = 1 + new.count();
        if self.keys() + wanted <= self.keys_max {
            return None;
        }
        if self.crowded_until <= now {
            self.forget_full(now);
        }
        if self.keys() + wanted <= self.keys_max {
            return None;
        }
        Some(Refusal { limit, key: key.to_string(), until: Some(self.crowded_until), never: false })
    }

    fn forget_full(&mut self, now: Millis) {
        let mut next_full: Option<Millis> = None;
        for slot_map in &mut self.slots {
            slot_map.retain(|_, slot| match slot {
                Slot::Held(held) => *held > 0,
                Slot::Bucket(bucket) if bucket.is_full(now) => false,
                Slot::Bucket(bucket) => {
                    let full_at = bucket.full_at();
                    next_full = Some(next_full.map_or(full_at, |at| at.min(full_at)));
                    true
                }
            });
        }
        // A place given back makes room earlier than any bucket: look again after a second.
        self.crowded_until = next_full.unwrap_or(now.plus(1_000)).min(now.plus(1_000));
    }

    fn commit(
        &mut self,
        now: Millis,
        keys: &[Option<&str>],
        amounts: Amounts,
        expires: Millis,
    ) -> ReservationId {
        let mut taken = Vec::new();
        for (limit, key) in applying(keys) {
            let (Some(rule), Some(slots)) = (self.rules.get(limit), self.slots.get_mut(limit))
            else {
                continue;
            };
            let units = amounts.of(rule.quantity);
            let empty = match rule.cap {
                Cap::Rate(_) => Slot::Bucket(Bucket::default()),
                Cap::AtOnce(_) => Slot::Held(0),
            };
            match (rule.cap, slots.entry(key.to_string()).or_insert(empty)) {
                (Cap::Rate(rate), Slot::Bucket(bucket)) => bucket.take(rate, now, units),
                (_, Slot::Held(held)) => *held = held.saturating_add(1),
                (Cap::AtOnce(_), Slot::Bucket(_)) => {}
            }
            taken.push((limit, key.to_string(), units));
        }
        self.last_id = self.last_id.saturating_add(1);
        let id = ReservationId(self.last_id);
        self.expiries.insert((expires, id));
        self.reservations.insert(id, Reservation { taken, expires });
        id
    }

    fn close(&mut self, now: Millis, id: ReservationId, actual: Option<Amounts>) -> bool {
        let Some(reservation) = self.reservations.remove(&id) else { return false };
        self.expiries.remove(&(reservation.expires, id));
        for (limit, key, units) in reservation.taken {
            let Some(rule) = self.rules.get(limit) else { continue };
            let slot = self.slots.get_mut(limit).and_then(|slots| slots.get_mut(&key));
            match (rule.cap, slot) {
                (Cap::Rate(rate), Some(Slot::Bucket(bucket))) => {
                    let used = actual.map_or(units, |actual| actual.of(rule.quantity));
                    bucket.settle(rate, now, units, used);
                }
                (_, Some(Slot::Held(held))) => *held = held.saturating_sub(1),
                _ => {}
            }
        }
        true
    }
}

fn applying<'a>(keys: &'a [Option<&'a str>]) -> impl Iterator<Item = (usize, &'a str)> {
    keys.iter().enumerate().filter_map(|(limit, key)| key.map(|key| (limit, key)))
}

/// Never before the longest wait before a place held by others.
fn tightness(refusal: &Refusal) -> (bool, Option<Millis>) {
    (refusal.never, refusal.until)
}

const fn same_kind(one: Cap, other: Cap) -> bool {
    matches!((one, other), (Cap::Rate(_), Cap::Rate(_)) | (Cap::AtOnce(_), Cap::AtOnce(_)))
}

fn rescale(slot: &mut Slot, from: Cap, to: Cap, now: Millis) {
    if let (Slot::Bucket(bucket), Cap::Rate(from), Cap::Rate(to)) = (slot, from, to) {
        bucket.rescale(from, to, now);
    }
}
