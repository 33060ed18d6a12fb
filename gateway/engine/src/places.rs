//! Places for calls in flight, held and waited for: the bulkhead behind its lock.
//!
//! A place is given back by dropping it, wherever that happens, and goes to whoever waits next. Who
//! waits and goes away waits no more.

use std::{collections::HashMap, sync::Arc, time::Duration};

use backstop_domain::{
    Criticality, Millis,
    guard::{Asked, Bulkhead, ClassStands, Number, Places, longest_wait_ms},
};
use backstop_upstream::Clock;
use parking_lot::Mutex;
use tokio::sync::{
    Notify,
    oneshot::{Receiver, Sender, channel},
};

/// Keeps the places.
pub(crate) struct Keeper {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Somebody came: whoever watches the load looks again.
    pub stirred: Notify,
}

struct State {
    bulkhead: Bulkhead,
    waiting: HashMap<Number, Sender<Place>>,
}

/// A place, until it is dropped.
pub(crate) struct Place {
    keeper: Arc<Keeper>,
    class: Criticality,
    tenant: Arc<str>,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place").field("class", &self.class).finish_non_exhaustive()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.keeper.state.lock().bulkhead.leave(self.class, &self.tenant);
        self.keeper.pass_on();
    }
}

/// Why there is no place, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoPlace(pub String);

/// Waits; dropped, it waits no more.
struct Waiting<'k> {
    keeper: &'k Keeper,
    class: Criticality,
    tenant: &'k str,
    number: Number,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.keeper.state.lock();
        state.bulkhead.give_up(self.class, self.tenant, self.number);
        state.waiting.remove(&self.number);
    }
}

impl Keeper {
    /// With every place free.
    pub fn new(places: Places, clock: Arc<dyn Clock>) -> Arc<Self> {
        let state = State { bulkhead: Bulkhead::new(places), waiting: HashMap::new() };
        Arc::new(Self { clock, state: Mutex::new(state), stirred: Notify::new() })
    }

    /// A place for a call of that class, tenant and cost, which has that long in all. Waits a
    /// little if every place is taken.
    ///
    /// # Errors
    /// [`NoPlace`]: too many wait already, or none came free in time.
    pub async fn place(
        self: &Arc<Self>,
        class: Criticality,
        tenant: &str,
        cost: u64,
        left_ms: u64,
    ) -> Result<Place, NoPlace> {
        let longest = longest_wait_ms(left_ms);
        let (number, turn) = {
            let now = self.clock.now();
            let mut state = self.state.lock();
            let asked = state.bulkhead.ask(now, class, tenant, cost, now.plus(longest));
            let most = state.bulkhead.places().most(class);
            match asked {
                Asked::Has => {
                    drop(state);
                    self.stirred.notify_one();
                    return Ok(self.taken(class, tenant));
                }
                Asked::Full => return Err(full(class, most)),
                Asked::Waits(number) => {
                    let (send, turn) = channel();
                    state.waiting.insert(number, send);
                    (number, turn)
                }
            }
        };
        let waiting = Waiting { keeper: self, class, tenant, number };
        self.turn_of(waiting, turn, longest).await
    }

    async fn turn_of(
        &self,
        waiting: Waiting<'_>,
        mut turn: Receiver<Place>,
        longest: u64,
    ) -> Result<Place, NoPlace> {
        let class = waiting.class;
        let came = tokio::time::timeout(Duration::from_millis(longest), &mut turn).await;
        drop(waiting);
        // It may have come in the moment in which the wait was given up.
        let place = came.ok().and_then(Result::ok).or_else(|| turn.try_recv().ok());
        place.ok_or_else(|| none_came(class, longest))
    }

    /// A place that is free now.
    ///
    /// # Errors
    /// [`NoPlace`] if there is none.
    pub fn place_now(self: &Arc<Self>, class: Criticality, tenant: &str) -> Result<Place, NoPlace> {
        let now = self.clock.now();
        let mut state = self.state.lock();
        if state.bulkhead.ask(now, class, tenant, 0, now) == Asked::Has {
            drop(state);
            self.stirred.notify_one();
            return Ok(self.taken(class, tenant));
        }
        Err(full(class, state.bulkhead.places().most(class)))
    }

    /// Takes over another number of places.
    pub fn reload(self: &Arc<Self>, places: Places) {
        self.state.lock().bulkhead.reload(places);
        self.pass_on();
    }

    /// How many places there are, how many of them are held, and how every class stands.
    pub fn stands(&self) -> (Places, u64, [ClassStands; 3]) {
        let now = self.clock.now();
        let state = self.state.lock();
        (state.bulkhead.places(), state.bulkhead.held(), state.bulkhead.stands(now))
    }

    fn taken(self: &Arc<Self>, class: Criticality, tenant: &str) -> Place {
        Place { keeper: Arc::clone(self), class, tenant: tenant.into() }
    }

    /// Gives free places to those who wait.
    fn pass_on(self: &Arc<Self>) {
        let mut turns: Vec<(Option<Sender<Place>>, Option<Place>)> = Vec::new();
        {
            let now: Millis = self.clock.now();
            let mut state = self.state.lock();
            while let Some(served) = state.bulkhead.serve(now) {
                let place = served.place.map(|(class, tenant)| self.taken(class, &tenant));
                turns.push((state.waiting.remove(&served.number), place));
            }
        }
        // Outside the lock: a place that nobody takes any more is dropped here, and passed on.
        for (sender, place) in turns {
            if let (Some(sender), Some(place)) = (sender, place) {
                drop(sender.send(place));
            }
        }
    }
}

fn full(class: Criticality, most: u64) -> NoPlace {
    let class = class.name();
    NoPlace(format!("every one of the {most} places for {class} calls is taken"))
}

fn none_came(class: Criticality, longest: u64) -> NoPlace {
    let class = class.name();
    NoPlace(format!("no place for a {class} call came free within {longest} ms"))
}
