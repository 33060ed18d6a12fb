//! Consumers of events, each with a courier in this thread. They are slow, away, back again, hang,
//! and take things without a word; they outlive every gateway and remember what they took.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use backstop_domain::{Actor, ActorKind, Millis};
use backstop_engine::Engine;
use backstop_ledger::{DeliveryFilter, Ledger};
use backstop_server::deliver::{
    Consumer, Courier, Deliveries, Going, Letter, Receipt, SigningKeys, Wanted, What, secret,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::Value;

/// How long a courier waits for an answer, in milliseconds.
const ANSWER_MAX_MS: u64 = 20_000;
/// A receiver is up or away for so long, in milliseconds.
const PHASE_MS: u64 = 45_000;
/// One receiver in so many refuses one in so many events, until somebody mends it. It is rare:
/// whoever tries for two days takes long to simulate.
const POISONED_EVERY: u64 = 36;
const POISON_EVERY: u64 = 41;
/// Longer than all tries of one event together.
const TRIED_OUT: Duration = Duration::from_secs(48 * 3_600);
/// How often the last deliveries are looked for, half a minute apart: as long as all tries of one
/// event together, since what was under way when its receiver was mended may have failed once more.
const LOOKS_MAX: u32 = 48 * 120;

/// Every consumer of one world.
pub struct Ears(pub Vec<Arc<Receiver>>);

/// A consumer.
pub struct Receiver {
    pub consumer: Consumer,
    seed: u64,
    poisoned: bool,
    pub memory: Mutex<Memory>,
}

/// What it remembers.
pub struct Memory {
    dice: StdRng,
    /// Positions in the order in which they were taken.
    pub taken: Vec<u64>,
    /// Positions that were parked: they come after what followed them.
    pub parked: BTreeSet<u64>,
    /// Everything after this position is to reach it, once a gateway has started with it.
    pub since: Option<u64>,
    /// What must not be.
    pub wrong: Option<String>,
    /// Lanes of which a letter is on its way.
    open: BTreeSet<String>,
    mended: bool,
}

/// What becomes of one letter.
struct Fate {
    /// Whether it is taken, and whether before the nap.
    takes: Option<bool>,
    nap_ms: u64,
    receipt: Receipt,
}

impl Fate {
    const fn at_once(takes: Option<bool>, receipt: Receipt) -> Self {
        Self { takes, nap_ms: 0, receipt }
    }

    fn refused(why: &str) -> Self {
        Self::at_once(None, Receipt::Refused(why.to_owned()))
    }
}

/// While it is there, no other letter of its lane may come.
struct OnItsWay<'a>(&'a Receiver, String);

impl<'a> OnItsWay<'a> {
    fn of(receiver: &'a Receiver, lane: String) -> Self {
        let mut memory = receiver.memory.lock().unwrap();
        if !memory.open.insert(lane.clone()) {
            let name = &receiver.consumer.name;
            memory.wrong = Some(format!("{name} is given two events of {lane} at once"));
        }
        drop(memory);
        Self(receiver, lane)
    }
}

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        self.0.memory.lock().unwrap().open.remove(&self.1);
    }
}

impl Receiver {
    fn new(name: &str, seed: u64, place: u64, wanted: Wanted) -> Arc<Self> {
        let consumer = Consumer {
            name: name.to_owned(),
            url: "https://consumer.example/hook".parse().unwrap(),
            keys: SigningKeys::read([secret(&[7; 32]).as_str()]).unwrap(),
            wanted,
            full: place == 1,
            cloud_events: place == 1,
            private_network: false,
            enabled: true,
            people: None,
        };
        let poisoned = (seed + place).is_multiple_of(POISONED_EVERY);
        let seed = seed.wrapping_mul(131).wrapping_add(place);
        let memory = Memory {
            dice: StdRng::seed_from_u64(seed),
            taken: Vec::new(),
            parked: BTreeSet::new(),
            since: None,
            wrong: None,
            open: BTreeSet::new(),
            mended: false,
        };
        Arc::new(Self { consumer, seed, poisoned, memory: Mutex::new(memory) })
    }

    fn fate(&self, position: u64, now: Millis) -> Fate {
        let mut memory = self.memory.lock().unwrap();
        if memory.mended {
            return Fate::at_once(Some(true), Receipt::Taken);
        }
        if self.poisoned && position.is_multiple_of(POISON_EVERY) {
            return Fate::refused("answered 500");
        }
        // Each phase has its own luck, and is the same whoever asks.
        let phase = StdRng::seed_from_u64(self.seed ^ (now.0 / PHASE_MS)).random_range(0..4_u8);
        if phase == 0 {
            return Fate::refused("cannot be reached: it is being restarted");
        }
        let slow_ms = [1, 20, 3_000][(self.seed % 3) as usize];
        let early = memory.dice.random_bool(0.5);
        let nap_ms = memory.dice.random_range(0..=slow_ms);
        match memory.dice.random_range(0..60_u8) {
            0..3 => Fate {
                takes: early.then_some(true),
                nap_ms: ANSWER_MAX_MS,
                receipt: Receipt::Refused("no answer within 20 s".to_owned()),
            },
            // It has it, and its answer is lost.
            3..6 => Fate::at_once(Some(true), Receipt::Refused("reset".to_owned())),
            6..9 => Fate::refused("answered 500"),
            9 | 10 => {
                let for_ms = early.then(|| memory.dice.random_range(0..30_000));
                let why = "answered 429".to_owned();
                Fate::at_once(None, Receipt::Busy { for_ms, why })
            }
            11 if memory.dice.random_bool(0.2) => Fate::at_once(None, Receipt::Gone),
            _ => Fate { takes: Some(early), nap_ms, receipt: Receipt::Taken },
        }
    }

    async fn hear(&self, letter: &Letter, now: Millis) -> Receipt {
        let said: Value = serde_json::from_slice(&letter.body).unwrap_or_default();
        let about = &said["data"];
        let lane = about["call"].as_str().or(about["stream"].as_str()).unwrap_or_default();
        let position = about["position"].as_u64().unwrap_or_default();
        let _alone = OnItsWay::of(self, lane.to_owned());
        let Fate { takes, nap_ms, receipt } = self.fate(position, now);
        if takes == Some(true) {
            self.memory.lock().unwrap().taken.push(position);
        }
        tokio::time::sleep(Duration::from_millis(nap_ms)).await;
        if takes == Some(false) {
            self.memory.lock().unwrap().taken.push(position);
        }
        receipt
    }
}

impl Courier for Receiver {
    fn take<'a>(&'a self, letter: &'a Letter, now: Millis) -> Going<'a> {
        Box::pin(self.hear(letter, now))
    }
}

impl Ears {
    /// Those of the world of that seed.
    pub fn new(seed: u64) -> Self {
        let some = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        let ends = ["call_received", "call_ended", "outcome_revised", "review_decided"];
        Self(vec![
            Receiver::new("all", seed, 0, Wanted::default()),
            Receiver::new("ends", seed, 1, Wanted { types: some(&ends), policies: None }),
            Receiver::new("votes", seed, 2, Wanted { types: None, policies: some(&["votes"]) }),
        ])
    }

    /// Starts deliveries. Some consumers are not in the gateway file of every life, or not enabled;
    /// in the last life all are.
    ///
    /// # Errors
    /// If they do not start on a disk that is well.
    pub async fn start(
        &self,
        engine: &Engine,
        dice: &mut StdRng,
        last: bool,
    ) -> Result<Deliveries, String> {
        let all: BTreeMap<String, Arc<Receiver>> =
            self.0.iter().map(|one| (one.consumer.name.clone(), Arc::clone(one))).collect();
        let deliveries = Deliveries::by(engine.clone(), move |one| {
            Ok(Arc::clone(&all[&one.name]) as Arc<dyn Courier>)
        });
        let mut there = Vec::new();
        for receiver in &self.0 {
            let (listed, enabled) = (dice.random_bool(0.85), dice.random_bool(0.9));
            if listed || last {
                there.push((receiver, enabled || last));
            }
        }
        let consumers = there.iter().map(|(receiver, enabled)| {
            let enabled = *enabled;
            Consumer { enabled, ..receiver.consumer.clone() }
        });
        let started = deliveries.put_in_force(consumers.collect()).await;
        if engine.ledger().is_healthy() {
            started.map_err(|why| format!("deliveries do not start: {why}"))?;
            let from = engine.ledger().position();
            for (receiver, _) in there {
                receiver.memory.lock().unwrap().since.get_or_insert(from);
            }
        }
        Ok(deliveries)
    }

    /// An operator who switches consumers off and on, and has events given again.
    pub async fn operate(self: Arc<Self>, engine: Engine, deliveries: Deliveries, seed: u64) {
        let mut dice = StdRng::seed_from_u64(seed);
        loop {
            tokio::time::sleep(Duration::from_millis(dice.random_range(0..40_000))).await;
            let Some(receiver) = self.0.get(dice.random_range(0..self.0.len())) else { continue };
            match dice.random_range(0..4_u8) {
                0 => {
                    let _off = order(&deliveries, receiver, What::Disable).await;
                    let nap = Duration::from_millis(dice.random_range(0..20_000));
                    tokio::time::sleep(nap).await;
                    let _on = order(&deliveries, receiver, What::Enable).await;
                }
                1 => drop(order(&deliveries, receiver, What::Enable).await),
                2 => {
                    let from = dice.random_range(1..=engine.ledger().position().max(1));
                    let until = from + dice.random_range(0..30);
                    let _again = order(&deliveries, receiver, What::Range { from, until }).await;
                }
                _ => drop(give_parked(engine.ledger().as_ref(), &deliveries, receiver).await),
            }
        }
    }

    /// Whatever was not delivered yet comes now: poison is tried until it is parked, then every
    /// receiver is mended, switched on, and given what was parked.
    ///
    /// # Errors
    /// Who is never given everything.
    pub async fn settle(&self, engine: &Engine, deliveries: &Deliveries) -> Result<(), String> {
        if self.0.iter().any(|receiver| receiver.poisoned) {
            for receiver in &self.0 {
                let _on = order(deliveries, receiver, What::Enable).await;
            }
            tokio::time::sleep(TRIED_OUT).await;
        }
        for receiver in &self.0 {
            receiver.memory.lock().unwrap().mended = true;
            order(deliveries, receiver, What::Enable).await?;
            give_parked(engine.ledger().as_ref(), deliveries, receiver).await?;
        }
        for receiver in &self.0 {
            let mut looks = 0;
            while let Some(why) = missing(engine, deliveries, receiver).await? {
                looks += 1;
                if looks > LOOKS_MAX {
                    return Err(format!(
                        "{} is never given everything: {why}",
                        receiver.consumer.name
                    ));
                }
                tokio::time::sleep(Duration::from_secs(30)).await;
            }
        }
        Ok(())
    }
}

async fn order(deliveries: &Deliveries, to: &Receiver, what: What) -> Result<u64, String> {
    let actor = Actor { kind: ActorKind::Operator, id: "ops".to_owned(), via: None };
    let done = deliveries.order(&to.consumer.name, actor, "a look".to_owned(), what).await;
    done.map_err(|denied| format!("{}: {denied}", to.consumer.name))
}

/// Gives parked events another chance, and remembers that they come late.
async fn give_parked(
    ledger: &dyn Ledger,
    deliveries: &Deliveries,
    to: &Receiver,
) -> Result<u64, String> {
    let parked = DeliveryFilter { parked: true, ..DeliveryFilter::default() };
    let rows = ledger.deliveries(&to.consumer.name, parked).await;
    let rows = rows.map_err(|error| error.to_string())?;
    let positions: Vec<u64> = rows.iter().map(|row| row.position).collect();
    if positions.is_empty() {
        return Ok(0);
    }
    to.memory.lock().unwrap().parked.extend(&positions);
    order(deliveries, to, What::Parked(positions)).await
}

/// What a consumer still waits for, in words.
async fn missing(
    engine: &Engine,
    deliveries: &Deliveries,
    of: &Receiver,
) -> Result<Option<String>, String> {
    let name = &of.consumer.name;
    let all = deliveries.all();
    let found = all.iter().find(|(one, _)| one.name == *name);
    let (_, shown) = found.ok_or_else(|| format!("{name} is not delivered to"))?;
    let parked = engine.ledger().parked(name).await.map_err(|error| error.to_string())?;
    let end = engine.ledger().position();
    let done = shown.cursor == end && shown.waiting == 0 && shown.standing.again.is_none();
    let (cursor, waiting) = (shown.cursor, shown.waiting);
    let why = format!("it is at {cursor} of {end}, {waiting} wait, {parked} are parked");
    Ok((!done || parked > 0).then_some(why))
}
