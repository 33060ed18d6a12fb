//! `backstop simulate`: what a policy's callers would see while its models are in trouble.
//!
//! The real engine with the workspace's own guards, on a paused clock, over a ledger in memory;
//! only the models are simulated. The same seed gives the same run.

mod promises;
mod provider;
mod reply;
mod report;
mod scenario;
mod traffic;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backstop_domain::{ControlEvent, Event, Millis};
use backstop_engine::{Engine, Ids, InForce, Parts};
use backstop_ledger::{Ledger, MemoryLedger};
use backstop_policy::{Policy, Sources};
use backstop_upstream::{Clock, MonotonicClock};
use futures_util::stream::{FuturesUnordered, StreamExt};
use parking_lot::Mutex;

use self::provider::{Calm, Provider, Sky};
use self::reply::Reply;
use self::traffic::{Arrival, Seen};
use crate::run::{RECEIVED, behind_fresh_gates, services_behind_fresh_gates};

pub use promises::Promise;
pub use report::{Change, Phase, Report};
pub use scenario::{SCENARIOS, Scenario, Struck, Weather, scenario};

use scenario::CALM;

/// How a scenario is played.
#[derive(Debug, Clone, Copy)]
pub struct Play {
    /// Usual requests a second.
    pub rate: f64,
    /// Requests that one model carries at a time before it answers 429; `None`: any number.
    pub capacity: Option<usize>,
    /// Sheddable calls on top of each usual one during the trouble; `None`: the scenario's own.
    pub crowd: Option<u32>,
    /// Of the random numbers.
    pub seed: u64,
}

/// Told as virtual time goes by: seconds passed, of how many.
pub type Watch<'a> = &'a dyn Fn(u64, u64);

/// A clock that can be set ahead, as when a machine's clock is corrected.
struct Jumping {
    base: MonotonicClock,
    ahead_ms: AtomicU64,
}

impl Clock for Jumping {
    fn now(&self) -> Millis {
        self.base.now().plus(self.ahead_ms.load(Ordering::Relaxed))
    }
}

/// Plays `scenario` on a policy of the workspace.
///
/// # Errors
/// Why it cannot be played, in words.
pub fn simulate(
    workspace: &Arc<InForce>,
    sources: &Sources,
    policy: &Arc<Policy>,
    scenario: &'static Scenario,
    play: Play,
    watch: Watch<'_>,
) -> Result<Report, String> {
    let reply = Arc::new(Reply::of(policy, sources)?);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let world = World::new(workspace, policy, &reply, play).await?;
        let seen = world.run(scenario, play, watch).await;
        let changes = world.changes().await?;
        Ok(report::of(policy, scenario, play, &seen, changes))
    })
}

struct World {
    engine: Engine,
    ledger: MemoryLedger,
    clock: Arc<Jumping>,
    policy: Arc<Policy>,
    reply: Arc<Reply>,
    weather: BTreeMap<String, Arc<Mutex<Weather>>>,
}

impl World {
    async fn new(
        workspace: &Arc<InForce>,
        policy: &Arc<Policy>,
        reply: &Arc<Reply>,
        play: Play,
    ) -> Result<Self, String> {
        let base = MonotonicClock::starting_at(RECEIVED);
        let jumping = Arc::new(Jumping { base, ahead_ms: AtomicU64::new(0) });
        let clock: Arc<dyn Clock> = jumping.clone();
        let sky = Arc::new(Sky::new(Arc::clone(&clock), play.capacity, play.seed));
        let gateway = &workspace.gateway;
        let weather: BTreeMap<String, Arc<Mutex<Weather>>> = (gateway.models.keys())
            .map(|name| (name.clone(), Arc::new(Mutex::new(Weather::Fair))))
            .collect();
        let models = behind_fresh_gates(gateway, &clock, |name, _| {
            Arc::new(Provider {
                sky: Arc::clone(&sky),
                reply: Arc::clone(reply),
                weather: weather.get(name).cloned().unwrap_or_default(),
                busy: Arc::default(),
            })
        });
        let ledger = MemoryLedger::new();
        let engine = Engine::new(Parts {
            workspace: Arc::clone(workspace),
            ledger: Arc::new(ledger.clone()),
            models,
            services: services_behind_fresh_gates(gateway, &clock, |_| Arc::new(Calm)),
            clock,
            ids: Ids::seeded(play.seed),
            salt: b"backstop simulate: every run alike".to_vec(),
        });
        engine.recover().await.map_err(|stop| stop.to_string())?;
        let (policy, reply) = (Arc::clone(policy), Arc::clone(reply));
        Ok(Self { engine, ledger, clock: jumping, policy, reply, weather })
    }

    async fn run(&self, scenario: &'static Scenario, play: Play, watch: Watch<'_>) -> Vec<Seen> {
        let arrivals = traffic::arrivals(scenario, play);
        let whole = (CALM + scenario.lasts + scenario::AFTER).as_secs();
        let start = self.clock.base.now();
        let passed = || Duration::from_millis(self.clock.base.now().since(start));
        let (mut flying, mut seen) = (FuturesUnordered::new(), Vec::with_capacity(arrivals.len()));
        let mut turns = vec![(CALM, true), (CALM + scenario.lasts, false)];
        turns.reverse();
        for arrival in arrivals {
            while let Some((at, struck)) = turns.pop_if(|(at, _)| *at <= arrival.at) {
                self.until(at.saturating_sub(passed()), &mut flying, &mut seen).await;
                self.turn(scenario, struck);
            }
            self.until(arrival.at.saturating_sub(passed()), &mut flying, &mut seen).await;
            watch(arrival.at.as_secs(), whole);
            flying.push(self.ask(scenario, arrival));
        }
        while let Some(one) = flying.next().await {
            seen.push(one);
        }
        seen.sort_by_key(|one| one.arrival.number);
        seen
    }

    fn ask(&self, scenario: &Scenario, arrival: Arrival) -> impl Future<Output = Seen> + use<'_> {
        let manners = scenario.manners;
        traffic::ask(&self.engine, &self.policy, &self.reply, manners, arrival)
    }

    /// Lets time go by, and whoever is waiting go on.
    async fn until(
        &self,
        left: Duration,
        flying: &mut FuturesUnordered<impl Future<Output = Seen>>,
        seen: &mut Vec<Seen>,
    ) {
        let time = tokio::time::sleep(left);
        tokio::pin!(time);
        loop {
            tokio::select! {
                biased;
                Some(one) = flying.next() => seen.push(one),
                () = &mut time => return,
            }
        }
    }

    /// The trouble begins, or is over.
    fn turn(&self, scenario: &Scenario, struck: bool) {
        let weather = if struck { scenario.weather } else { Weather::Fair };
        let first = self.policy.plan.models.first().map(|model| model.name.as_str());
        for (name, over) in &self.weather {
            if scenario.struck == Struck::All || Some(name.as_str()) == first {
                *over.lock() = weather;
            }
        }
        if struck {
            let jump = u64::try_from(scenario.jump.as_millis()).unwrap_or(u64::MAX);
            self.clock.ahead_ms.fetch_add(jump, Ordering::Relaxed);
        }
    }

    /// What the guards did, in order.
    async fn changes(&self) -> Result<Vec<Change>, String> {
        let (mut after, mut changes) = (0, Vec::new());
        loop {
            let page = self.ledger.feed(after, 1_000).await.map_err(|fault| fault.to_string())?;
            let Some(last) = page.last() else { return Ok(changes) };
            after = last.envelope.position;
            for recorded in &page {
                let what = match &recorded.event {
                    Ok(Event::Control(ControlEvent::BreakerChanged {
                        model, to, reason, ..
                    })) => {
                        format!("breaker of `{model}` is {}: {reason}", to.replace('_', "-"))
                    }
                    Ok(Event::Control(ControlEvent::LatchChanged { provider, until, reason })) => {
                        let to = if until.is_some() { "rests" } else { "is free" };
                        format!("credential of `{provider}` {to}: {reason}")
                    }
                    _ => continue,
                };
                changes.push(Change { at_ms: recorded.envelope.at.since(RECEIVED), what });
            }
        }
    }
}
