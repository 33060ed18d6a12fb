//! Limits at the door: the gateway's, the caller's and the policy's, all or none. And the places
//! for calls in flight: the gateway's own `concurrency`, shared out by class.

use std::{collections::HashMap, sync::Arc};

use backstop_domain::{
    Criticality, Millis,
    guard::{Amounts, LimitRule, Places},
};
use backstop_policy::{
    Policy,
    judge::Facts,
    raw::{Limit, LimitKind, Per},
};
use backstop_upstream::{Clock, LimitPermit, LimitSet, Refused as Tight, acquire_all};
use parking_lot::RwLock;

use crate::{
    admit::Submit,
    in_force::InForce,
    limit_rules::{limit_rules, of_policy},
    places::Keeper,
    rates::Rates,
};

/// How long a permit is held that nobody gives back, beyond the deadline: a minute.
const HOLD_MS: u64 = 60_000;
/// Places for calls in flight where the gateway file names no number.
const PLACES: u64 = 10_000;

/// The door is shut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shut {
    /// Which limit and whose, in words.
    pub which: String,
    /// When it may be open, if known.
    pub until: Option<Millis>,
    /// The request is larger than the limit allows at all.
    pub never: bool,
    /// How the caller stands.
    pub rates: Rates,
}

/// Who came in by the door. Dropped, all is given back: it never became a call.
pub(crate) struct Entered {
    permits: Vec<LimitPermit>,
    /// How the caller stands now.
    pub rates: Rates,
}

impl Entered {
    /// What it took; settled when the automatic part is over.
    pub fn into_permits(mut self) -> Vec<LimitPermit> {
        std::mem::take(&mut self.permits)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.permits.drain(..).for_each(LimitPermit::cancel);
    }
}

/// Every limit that stands at the door. A reload keeps what was used.
pub(crate) struct Door {
    clock: Arc<dyn Clock>,
    sets: RwLock<Sets>,
    /// Places for calls in flight.
    pub places: Arc<Keeper>,
}

#[derive(Default)]
struct Sets {
    gateway: Option<Whole>,
    callers: HashMap<String, Arc<LimitSet>>,
    policies: HashMap<String, Arc<LimitSet>>,
}

/// Limits over the whole gateway, with whose count each is.
struct Whole {
    set: Arc<LimitSet>,
    per: Vec<Option<Per>>,
}

impl Door {
    /// The door of that workspace.
    pub fn new(workspace: &InForce, clock: Arc<dyn Clock>) -> Self {
        let places = Keeper::new(places(workspace), Arc::clone(&clock));
        let door = Self { clock, sets: RwLock::default(), places };
        door.reload(workspace);
        door
    }

    /// Takes over the limits of another workspace; those of the same name keep what was used.
    pub fn reload(&self, workspace: &InForce) {
        self.places.reload(places(workspace));
        let mut sets = self.sets.write();
        let gateway = &workspace.gateway;
        let all: Vec<_> = gateway.limits.iter().chain(&gateway.spend).cloned().collect();
        let rules = limit_rules(&all);
        // Who is over these is refused; for want of a place one waits a little.
        let refusing = all.iter().zip(rules).filter(|(limit, _)| at_once(limit).is_none());
        let (per, rules): (Vec<_>, Vec<_>) = refusing
            .map(|(limit, rule)| (limit.per.as_ref().map(|per| per.value.clone()), rule))
            .unzip();
        let set = self.kept(sets.gateway.take().map(|whole| whole.set), rules);
        sets.gateway = Some(Whole { set, per });
        let mut callers = std::mem::take(&mut sets.callers);
        for (name, caller) in &gateway.callers {
            let set = self.kept(callers.remove(name), limit_rules(&caller.limits));
            sets.callers.insert(name.clone(), set);
        }
        let mut policies = std::mem::take(&mut sets.policies);
        for (name, policy) in &workspace.policies {
            let set = self.kept(policies.remove(name), of_policy(&policy.limits));
            sets.policies.insert(name.clone(), set);
        }
    }

    fn kept(&self, set: Option<Arc<LimitSet>>, rules: Vec<LimitRule>) -> Arc<LimitSet> {
        match set {
            Some(set) => {
                set.reload(rules);
                set
            }
            None => LimitSet::new(rules, Arc::clone(&self.clock)),
        }
    }

    /// Takes `amounts` from every limit that applies, or from none.
    pub fn enter(
        &self,
        policy: &Policy,
        facts: &Facts,
        submit: &Submit,
        amounts: Amounts,
    ) -> Result<Entered, Shut> {
        let of_policy = policy.door_limits(facts).map_err(|why| Shut {
            which: format!("a limit of policy `{}` cannot be held: {why}", policy.name),
            until: None,
            never: true,
            rates: Rates::default(),
        })?;
        let sets = self.sets.read();
        let mut all: Vec<(&Arc<LimitSet>, Vec<Option<String>>)> = Vec::new();
        // What all callers use together is no caller's business: told of are the others only.
        let untold = usize::from(sets.gateway.is_some());
        if let Some(whole) = &sets.gateway {
            let keys = whole.per.iter().map(|per| Some(key_of(per.as_ref(), policy, submit)));
            all.push((&whole.set, keys.collect()));
        }
        let caller = submit.caller.name.as_str();
        if let Some(set) = sets.callers.get(caller) {
            all.push((set, vec![Some(caller.to_owned()); set.len()]));
        }
        if let Some(set) = sets.policies.get(&policy.name) {
            all.push((set, of_policy.into_iter().map(|limit| limit.key).collect()));
        }
        let keys: Vec<Vec<Option<&str>>> =
            all.iter().map(|(_, keys)| keys.iter().map(Option::as_deref).collect()).collect();
        let borrowed: Vec<_> =
            all.iter().zip(&keys).map(|((set, _), keys)| (*set, keys.as_slice())).collect();
        let hold_ms = policy.plan.deadline_ms.saturating_add(HOLD_MS);
        let taken = acquire_all(&borrowed, amounts, hold_ms);
        let rates = Rates::of(borrowed.into_iter().skip(untold));
        match taken {
            Ok(permits) => Ok(Entered { permits, rates }),
            Err(tight) => Err(shut(&policy.name, &tight, rates)),
        }
    }
}

/// How many calls a limit of the gateway file lets be in flight over the whole gateway.
const fn at_once(limit: &Limit) -> Option<u64> {
    match (&limit.kind, &limit.per) {
        (LimitKind::Concurrency { most }, None) => Some(*most),
        _ => None,
    }
}

/// How many places there are in that workspace, and for whom. A class by which nobody can call
/// keeps none.
fn places(workspace: &InForce) -> Places {
    let gateway = &workspace.gateway;
    let all = gateway.limits.iter().filter_map(at_once).min().unwrap_or(PLACES);
    let highest = workspace.highest(|_| true).unwrap_or_default();
    Places::of(all, highest == Criticality::Critical, highest >= Criticality::Standard)
}

/// Whose count it is under a limit of the gateway file.
fn key_of(per: Option<&Per>, policy: &Policy, submit: &Submit) -> String {
    match per {
        Some(Per::Caller) => submit.caller.name.clone(),
        Some(Per::Tenant) => submit.caller.tenant.clone().unwrap_or_default(),
        Some(Per::Policy) => policy.name.clone(),
        // The loader refuses expressions there; models have limits of their own.
        Some(Per::Model | Per::Expression(_)) | None => "gateway".to_owned(),
    }
}

fn shut(policy: &str, tight: &Tight, rates: Rates) -> Shut {
    let Tight { limit, key, .. } = tight;
    let whose = if key.is_empty() { String::new() } else { format!(" of `{key}`") };
    let more = if tight.never { ": the request is larger than it allows at all" } else { "" };
    Shut {
        which: format!("limit `{limit}`{whose} at policy `{policy}` is reached{more}"),
        until: tight.until,
        never: tight.never,
        rates,
    }
}
