//! The load, read at a steady pace, and the level that follows from it: what is given up so that
//! critical calls go on. Operators hold it at a level by hand, for a time.
//!
//! Nothing is read while no call is in flight and nothing is given up. Whoever gives something up
//! asks for the level; no check asks for it.

use std::{sync::Arc, time::Duration};

use backstop_domain::{
    Actor, ControlEvent, Criticality, Event, Millis, Stream,
    guard::{
        BreakerState, ClassStands, Level, LevelChange, LevelRules, Levels, Pin, Places, Reading,
    },
};
use backstop_policy::gateway_file::Degradation;
use parking_lot::Mutex;

use crate::{
    engine::{Engine, Inner},
    live::Stop,
};

/// Time between two readings.
const TICK: Duration = Duration::from_millis(250);
/// A loop that is so late, in milliseconds, does nothing else any more.
const LATE_MAX_MS: u64 = 2_000;
/// A wait for a place that is as long as any may be, in milliseconds.
const WAIT_MAX_MS: u64 = backstop_domain::guard::bulkhead::WAIT_MAX_MS;
const MILLION: u64 = 1_000_000;

/// The level, and what it follows from.
pub(crate) struct Load {
    state: Mutex<State>,
}

struct State {
    levels: Levels,
    newest: Vec<Reading>,
    by: Option<HeldBy>,
}

/// Who holds the gateway at a level, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldBy {
    /// Name of the operator.
    pub who: String,
    /// Why, in their words.
    pub reason: String,
}

/// How the gateway stands under its load.
#[derive(Debug, Clone)]
pub struct LoadStands {
    /// The level that holds.
    pub level: Level,
    /// The level that would hold by load alone.
    pub by_load: Level,
    /// At which an operator holds it, and who.
    pub pin: Option<(Pin, HeldBy)>,
    /// What was read last.
    pub readings: Vec<Reading>,
    /// How many calls may be in flight.
    pub places: Places,
    /// How every class stands, the most critical first.
    pub classes: [ClassStands; 3],
}

impl Load {
    /// Nothing read yet.
    pub fn new(degradation: &Degradation) -> Self {
        let levels = Levels::new(rules(degradation));
        Self { state: Mutex::new(State { levels, newest: Vec::new(), by: None }) }
    }

    /// Takes over the thresholds of another gateway file.
    pub fn reload(&self, degradation: &Degradation) {
        self.state.lock().levels.reload(rules(degradation));
    }

    /// The level that holds now.
    pub fn level(&self) -> Level {
        self.state.lock().levels.level()
    }

    /// When it is worth looking again whether it still holds, in milliseconds.
    pub fn again_ms(&self, now: Millis) -> u64 {
        let state = self.state.lock();
        let levels = &state.levels;
        levels.pin().map_or(levels.rules().recover_ms, |pin| pin.until.since(now))
    }
}

fn rules(file: &Degradation) -> LevelRules {
    let Degradation { brownout, essential, shed, recover_ms } = *file;
    LevelRules { brownout, essential, shed, recover_ms }
}

/// The stream of what concerns the whole gateway.
pub(crate) fn stream() -> Stream {
    Stream::control("gateway")
}

fn as_event(change: &LevelChange) -> ControlEvent {
    ControlEvent::LevelChanged {
        from: change.from,
        to: change.to,
        reason: change.reason.clone(),
        pinned_until: change.pinned_until,
    }
}

impl Engine {
    /// How the gateway stands under its load.
    pub fn load(&self) -> LoadStands {
        let (places, _, classes) = self.0.door.places.stands();
        let state = self.0.load.state.lock();
        LoadStands {
            level: state.levels.level(),
            by_load: state.levels.by_load(),
            pin: state.levels.pin().zip(state.by.clone()),
            readings: state.newest.clone(),
            places,
            classes,
        }
    }

    /// The level of degradation that holds now.
    pub fn level(&self) -> Level {
        self.0.load.level()
    }

    /// Holds the gateway at a level until then, whatever its load is. It is on disk on return.
    ///
    /// # Errors
    /// [`Stop`] if that cannot be written down; nothing is held then.
    pub async fn hold_level(
        &self,
        level: Level,
        until: Millis,
        actor: Actor,
        reason: String,
    ) -> Result<(), Stop> {
        let inner = &self.0;
        let by = HeldBy { who: actor.id.clone(), reason: reason.clone() };
        let written = {
            let mut state = inner.load.state.lock();
            let change = state.levels.hold(Pin { level, until }, reason);
            state.by = Some(by);
            // Told under the lock, so that changes are written in the order in which they came.
            inner.changes.tell(as_event(&change), actor)
        };
        inner.door.places.stirred.notify_one();
        let done = inner.written(written).await;
        if done.is_err() {
            drop(inner.load.state.lock().levels.let_go("it could not be written down".to_owned()));
        }
        done
    }

    /// Leaves the level to the load again. `false`: nobody held it.
    ///
    /// # Errors
    /// [`Stop`] if that cannot be written down: after a restart it would be held again.
    pub async fn let_level_go(&self, actor: Actor, reason: String) -> Result<bool, Stop> {
        let inner = &self.0;
        let written = {
            let mut state = inner.load.state.lock();
            let Some(change) = state.levels.let_go(reason) else { return Ok(false) };
            state.by = None;
            inner.changes.tell(as_event(&change), actor)
        };
        inner.written(written).await.map(|()| true)
    }
}

impl Inner {
    /// Reads the load while there is any, until the gateway drains.
    pub(crate) async fn watch_load(self: Arc<Self>) {
        loop {
            let before = self.clock.now();
            tokio::select! {
                () = tokio::time::sleep(TICK) => {}
                () = self.tasks.draining() => return,
            }
            let late = self.clock.now().since(before).saturating_sub(tick_ms());
            if self.read_load(late) {
                continue;
            }
            tokio::select! {
                () = self.door.places.stirred.notified() => {}
                () = self.tasks.draining() => return,
            }
        }
    }

    /// Reads the load once; whether there is anything to read on for.
    fn read_load(&self, late_ms: u64) -> bool {
        let (places, held, classes) = self.door.places.stands();
        let mut readings = of_places(places, held, &classes).to_vec();
        let any = Level::Shed;
        readings.push(reading("ledger_queue", u64::from(self.ledger.fullness()), MILLION, any));
        readings.push(reading("loop_lag", late_ms, LATE_MAX_MS, any));
        readings.push(self.of_models());
        let mut state = self.load.state.lock();
        let change = state.levels.read(self.clock.now(), &readings);
        if state.levels.pin().is_none() {
            state.by = None;
        }
        state.newest = readings;
        if let Some(change) = change {
            self.changes.take(vec![as_event(&change)]);
        }
        let waits = classes.iter().any(|class| class.waiting > 0);
        held > 0 || waits || !state.levels.is_at_rest()
    }

    /// Models that rest. Without its extras a gateway asks those that are left less; to give up
    /// calls would help none of them.
    fn of_models(&self) -> Reading {
        // What is taken out of use by hand is no load.
        let models = self.models.snapshots().into_iter().map(|gate| gate.breaker);
        let used: Vec<_> = models.filter(|breaker| *breaker != BreakerState::Isolated).collect();
        let rest = used.iter().filter(|breaker| **breaker != BreakerState::Closed).count();
        reading("models", rest as u64, used.len() as u64, Level::Brownout)
    }

    /// Takes over how the last process left it: an operator's hold goes on until its time is over.
    pub(crate) async fn restore_level(&self) -> Result<(), Stop> {
        let events = self.ledger.stream(&stream(), 0).await?;
        let last = events.iter().rev().find_map(|recorded| match &recorded.event {
            Ok(Event::Control(ControlEvent::LevelChanged { to, reason, pinned_until, .. })) => {
                Some((*to, reason.clone(), *pinned_until, recorded.envelope.actor.id.clone()))
            }
            _ => None,
        });
        let Some((to, reason, pinned, who)) = last else { return Ok(()) };
        match pinned.filter(|until| *until > self.clock.now()) {
            Some(until) => {
                let mut state = self.load.state.lock();
                state.levels.hold(Pin { level: to, until }, reason.clone());
                state.by = Some(HeldBy { who, reason });
            }
            None if pinned.is_none() && to.is_normal() => {}
            None => {
                let reason = "the gateway was started again".to_owned();
                let to_normal =
                    LevelChange { from: to, to: Level::Normal, reason, pinned_until: None };
                self.changes.take(vec![as_event(&to_normal)]);
            }
        }
        Ok(())
    }

    /// Whether votes and judges are asked for calls of that class; else why not, as the record
    /// says it.
    pub(crate) fn asks_second_opinions(
        &self,
        class: Criticality,
        what: &'static str,
    ) -> Result<(), String> {
        let level = self.load.level();
        if level.asks_second_opinions(class) {
            return Ok(());
        }
        left_out(what, level);
        Err(format!("left out: the gateway is at level `{}`", level.name()))
    }
}

/// Counts what was given up.
pub(crate) fn left_out(what: &'static str, level: Level) {
    let labels = [("what", what), ("level", level.name())];
    metrics::counter!("backstop_left_out_total", &labels).increment(1);
}

fn tick_ms() -> u64 {
    u64::try_from(TICK.as_millis()).unwrap_or(u64::MAX)
}

fn of_places(places: Places, held: u64, classes: &[ClassStands; 3]) -> [Reading; 4] {
    let [critical, standard, sheddable] = classes;
    let not_critical = standard.held + sheddable.held;
    // To give up calls helps only if there are others that matter more.
    let helps_standard = places.sheddable < places.not_critical;
    let most = if helps_standard { Level::Essential } else { Level::Brownout };
    let helps_critical = places.not_critical < places.all;
    [
        reading("places", held, places.all, if helps_critical { Level::Shed } else { most }),
        reading("standard_places", not_critical, places.not_critical, most),
        reading("critical_wait", critical.longest_ms, WAIT_MAX_MS, Level::Shed),
        reading("standard_wait", standard.longest_ms, WAIT_MAX_MS, most),
    ]
}

fn reading(of: &'static str, used: u64, all: u64, most: Level) -> Reading {
    let millionths = used.saturating_mul(MILLION) / all.max(1);
    Reading { of, millionths: u32::try_from(millionths).unwrap_or(u32::MAX).min(1_000_000), most }
}
