//! Places for calls in flight, by class: what is kept for critical calls is lent to nobody, and a
//! flood of one class stops at its own wall.
//!
//! Critical calls may take every place. The rest together stop before those that are kept for
//! critical ones, and sheddable ones before those that are kept for standard ones. Who finds no
//! place waits a little, in a queue that is short and fair by tenant. It only counts: permits and
//! wakers stand in the engine.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};

use super::fair_queue::{FairQueue, Number};
use crate::plan::Criticality;
use crate::units::Millis;

/// Longest wait for a place, in milliseconds.
pub const WAIT_MAX_MS: u64 = 2_000;

/// The classes in the order in which they are served.
const CLASSES: [Criticality; 3] =
    [Criticality::Critical, Criticality::Standard, Criticality::Sheddable];

/// How long a call with so much time left may wait for a place: a tenth of it.
pub const fn longest_wait_ms(left_ms: u64) -> u64 {
    let tenth = left_ms / 10;
    if tenth < WAIT_MAX_MS { tenth } else { WAIT_MAX_MS }
}

/// How many places there are, and for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places {
    /// All of them; critical calls may take every one.
    pub all: u64,
    /// Those that standard and sheddable calls may take together.
    pub not_critical: u64,
    /// Of these, those that sheddable calls may take.
    pub sheddable: u64,
}

impl Places {
    /// So many places. Half are kept for critical calls, if there can be any, and half of the rest
    /// for standard ones, if there can be any: a class that nobody calls by keeps nothing.
    pub const fn of(all: u64, critical: bool, standard: bool) -> Self {
        let not_critical = if critical { all.div_ceil(2) } else { all };
        let sheddable = if standard { not_critical.div_ceil(2) } else { not_critical };
        Self { all, not_critical, sheddable }
    }

    /// The most that calls of a class may ever take.
    pub const fn most(&self, class: Criticality) -> u64 {
        match class {
            Criticality::Critical => self.all,
            Criticality::Standard => self.not_critical,
            Criticality::Sheddable => self.sheddable,
        }
    }
}

/// What came of asking for a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// It is theirs, until [`Bulkhead::leave`].
    Has,
    /// They wait for it.
    Waits(Number),
    /// There is none, and too many wait already, or there is no time to wait.
    Full,
}

/// What became of somebody who waited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// Who.
    pub number: Number,
    /// Of which class and tenant the place is; `None`: their time was over.
    pub place: Option<(Criticality, String)>,
}

/// How a class stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassStands {
    /// The class.
    pub class: Criticality,
    /// Places that its calls hold.
    pub held: u64,
    /// The most that they may hold.
    pub most: u64,
    /// How many wait.
    pub waiting: u64,
    /// For how long the first of them has waited, in milliseconds.
    pub longest_ms: u64,
}

/// One class.
#[derive(Debug, Clone, Default)]
struct Class {
    held: u64,
    /// Of these, by tenant.
    tenants: BTreeMap<String, u64>,
    queue: FairQueue,
}

impl Class {
    fn hold(&mut self, tenant: &str) {
        self.held += 1;
        match self.tenants.get_mut(tenant) {
            Some(held) => *held += 1,
            None => drop(self.tenants.insert(tenant.to_string(), 1)),
        }
    }

    fn leave(&mut self, tenant: &str) {
        let Some(held) = self.tenants.get_mut(tenant) else { return };
        *held -= 1;
        self.held -= 1;
        if *held == 0 {
            self.tenants.remove(tenant);
        }
    }
}

/// Who holds a place, and who waits for one.
#[derive(Debug, Clone)]
pub struct Bulkhead {
    places: Places,
    critical: Class,
    standard: Class,
    sheddable: Class,
    last: u64,
}

impl Bulkhead {
    /// With every place free.
    pub fn new(places: Places) -> Self {
        let [critical, standard, sheddable] = <[Class; 3]>::default();
        Self { places, critical, standard, sheddable, last: 0 }
    }

    /// Asks for a place for a call of that class, tenant and cost, waiting until `until` at most.
    pub fn ask(
        &mut self,
        now: Millis,
        class: Criticality,
        tenant: &str,
        cost: u64,
        until: Millis,
    ) -> Asked {
        let ahead = |one: &Criticality| *one >= class && !self.class(*one).queue.is_empty();
        if !CLASSES.iter().any(ahead) && self.has_room(class) {
            self.class_mut(class).hold(tenant);
            return Asked::Has;
        }
        let waiting = self.class(class).queue.len() as u64;
        if until <= now || waiting >= self.places.most(class).div_ceil(2) {
            return Asked::Full;
        }
        self.last += 1;
        let number = Number(self.last);
        self.class_mut(class).queue.push(number, tenant, cost, now, until);
        Asked::Waits(number)
    }

    /// Gives a place back. [`Self::serve`] then says who has it next.
    pub fn leave(&mut self, class: Criticality, tenant: &str) {
        self.class_mut(class).leave(tenant);
    }

    /// Somebody waits no more; `false` if they were served before.
    pub fn give_up(&mut self, class: Criticality, tenant: &str, number: Number) -> bool {
        self.class_mut(class).queue.give_up(number, tenant)
    }

    /// The next who waited and has a place now, or whose time was over; to be called until nobody
    /// is left. While somebody of a class waits, nobody of a lower one starts.
    pub fn serve(&mut self, now: Millis) -> Option<Served> {
        let class = CLASSES.into_iter().find(|class| !self.class(*class).queue.is_empty())?;
        if !self.has_room(class) {
            return None;
        }
        let most = self.places.most(class);
        let Class { tenants, queue, .. } = self.class_mut(class);
        // Half of a class is enough for one tenant while others wait.
        let has_enough = |tenant: &str| tenants.get(tenant).is_some_and(|held| held * 2 >= most);
        let turn = queue.take(now, has_enough)?;
        let place = (!turn.late).then(|| {
            self.class_mut(class).hold(&turn.tenant);
            (class, turn.tenant)
        });
        Some(Served { number: turn.number, place })
    }

    /// Takes over another number of places. Who holds one keeps it.
    pub const fn reload(&mut self, places: Places) {
        self.places = places;
    }

    /// How many places there are, and for whom.
    pub const fn places(&self) -> Places {
        self.places
    }

    /// Places held, over all classes.
    pub const fn held(&self) -> u64 {
        self.critical.held + self.not_critical()
    }

    /// Places that standard and sheddable calls hold together.
    pub const fn not_critical(&self) -> u64 {
        self.standard.held + self.sheddable.held
    }

    /// How every class stands, the most critical first.
    pub fn stands(&self, now: Millis) -> [ClassStands; 3] {
        CLASSES.map(|name| {
            let class = self.class(name);
            ClassStands {
                class: name,
                held: class.held,
                most: self.places.most(name),
                waiting: class.queue.len() as u64,
                longest_ms: class.queue.longest(now),
            }
        })
    }

    const fn has_room(&self, class: Criticality) -> bool {
        let low = self.not_critical() < self.places.not_critical;
        self.held() < self.places.all
            && match class {
                Criticality::Critical => true,
                Criticality::Standard => low,
                Criticality::Sheddable => low && self.sheddable.held < self.places.sheddable,
            }
    }

    const fn class(&self, class: Criticality) -> &Class {
        match class {
            Criticality::Critical => &self.critical,
            Criticality::Standard => &self.standard,
            Criticality::Sheddable => &self.sheddable,
        }
    }

    const fn class_mut(&mut self, class: Criticality) -> &mut Class {
        match class {
            Criticality::Critical => &mut self.critical,
            Criticality::Standard => &mut self.standard,
            Criticality::Sheddable => &mut self.sheddable,
        }
    }
}
