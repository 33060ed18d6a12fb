//! One world per seed: a disk, a clock, two models, and the lives of a gateway over them. Each life
//! is a runtime of its own with paused time; dropping it is the crash.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use backstop_domain::{
    FailureClass, Millis,
    guard::{BreakerRules, QualityRules, RetryRules},
};
use backstop_engine::{Engine, Ids, Models, Parts, Services, Upstream};
use backstop_ledger::MemoryLedger;
use backstop_tests::{History, bench};
use backstop_upstream::{
    AskRequest, AttemptResult, BoxFuture, Clock, Model, ModelGate, ModelGuards, MonotonicClock,
    ProviderGate, Timeouts, simulated,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{
    disk::Disk,
    files::{self, LABELS},
    people::{self, Known},
    receivers::Ears,
};

/// Where time starts.
const START: u64 = 1_790_000_000_000;
/// By when everything has ended that anybody waits for: longer than every due time of the files.
const LONGEST: Duration = Duration::from_secs(2 * 3_600);

/// What outlives a crash.
pub struct World {
    seed: u64,
    dice: StdRng,
    now: u64,
    /// The platter.
    pub kept: MemoryLedger,
    /// What clients asked and were told.
    pub history: Arc<History>,
    /// What clients know of calls.
    pub known: Arc<Known>,
    /// Consumers of events.
    pub ears: Arc<Ears>,
}

/// The machine's clock: it goes on while the machine is off, and is set forward now and then.
struct Jumping {
    base: MonotonicClock,
    ahead: AtomicU64,
}

impl Clock for Jumping {
    fn now(&self) -> Millis {
        self.base.now().plus(self.ahead.load(Ordering::SeqCst))
    }
}

/// A model that is slow, away, or wrong, as the dice fall; a flapping one is away for a while, there
/// for a while, and away again.
struct Moody {
    dice: Mutex<StdRng>,
    clock: Arc<dyn Clock>,
    /// How long it stays away, and then there, in milliseconds.
    flaps_ms: Option<u64>,
}

impl Model for Moody {
    fn ask<'a>(&'a self, request: &'a AskRequest) -> BoxFuture<'a, AttemptResult> {
        let (mood, ms) = {
            let mut dice = self.dice.lock().unwrap();
            (dice.random_range(0..20_u8), dice.random_range(1..3_000))
        };
        let away = |ms: u64| (self.clock.now().0 / ms).is_multiple_of(2);
        if self.flaps_ms.is_some_and(away) {
            return Box::pin(async { simulated::failed(FailureClass::Transport) });
        }
        let text = request.body["messages"].to_string();
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            match mood {
                0 => std::future::pending().await,
                1 => simulated::failed(FailureClass::Transport),
                2 | 3 => simulated::failed(FailureClass::Overloaded),
                4 => simulated::text("no JSON at all"),
                _ => {
                    let label = LABELS.into_iter().find(|label| text.contains(label));
                    simulated::text(&format!("{{\"label\": \"{}\"}}", label.unwrap_or("ham")))
                }
            }
        })
    }
}

impl World {
    /// The world of that seed, before anything happened.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            dice: StdRng::seed_from_u64(seed),
            now: START,
            kept: MemoryLedger::new(),
            history: Arc::default(),
            known: Arc::default(),
            ears: Arc::new(Ears::new(seed)),
        }
    }

    /// Some lives that end in a crash or a drain, then one that brings everything to its end.
    ///
    /// # Errors
    /// What a client saw that must not be.
    pub fn run(&mut self) -> Result<(), String> {
        for life in 0..self.dice.random_range(1..5) {
            self.life(life, false)?;
        }
        self.life(99, true)
    }

    fn life(&mut self, number: u64, last: bool) -> Result<(), String> {
        let seed = self.seed.wrapping_mul(1_000_003).wrapping_add(number);
        let mut dice = StdRng::seed_from_u64(seed);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let disk = Disk::over(&self.kept, seed, !last);
        // Some lives are over before all is up.
        let longest = if dice.random_bool(0.2) { 400 } else { 60_000 };
        let lasts = Duration::from_millis(dice.random_range(10..longest));
        let drains = dice.random_bool(0.3);
        let jumps = dice.random_bool(0.3).then(|| dice.random_range(1..400_000));
        let (history, known) = (Arc::clone(&self.history), Arc::clone(&self.known));
        let (ears, now) = (Arc::clone(&self.ears), self.now);
        let (lived, ended) = runtime.block_on(async {
            let clock = Arc::new(Jumping {
                base: MonotonicClock::starting_at(Millis(now)),
                ahead: AtomicU64::new(0),
            });
            tokio::spawn(disk.clone().turn());
            let lived = async {
                let engine = start(seed, &disk, &clock).await?;
                let deliveries = ears.start(&engine, &mut dice, last).await?;
                let mut clients = people::start(&engine, &history, &known, seed, last);
                clients.spawn(Arc::clone(&ears).operate(engine.clone(), deliveries.clone(), seed));
                tokio::time::sleep(lasts / 2).await;
                if let Some(jump) = jumps {
                    clock.ahead.fetch_add(jump, Ordering::SeqCst);
                }
                tokio::time::sleep(lasts / 2).await;
                if last {
                    people::settle(&engine, clients, LONGEST).await?;
                    ears.settle(&engine, &deliveries).await?;
                }
                if drains && !engine.drain(Duration::from_secs(3600)).await {
                    return Err("a drain of an hour does not end".to_owned());
                }
                if drains {
                    deliveries.stop().await;
                }
                Ok(())
            };
            // Read in here: outside, the machine's own time goes on.
            (lived.await, clock.now().0)
        });
        // A machine is off for a moment, or over a weekend; and whoever sets its clock then may set
        // it back, by a little or by much.
        let (long, far) = (dice.random_bool(0.1), dice.random_bool(0.1));
        let off = dice.random_range(0..if long { 200_000_000 } else { 120_000 });
        let back = dice.random_range(0..if far { 600_000 } else { 2_000 });
        self.now = (ended + off).saturating_sub(back);
        drop(runtime);
        futures_now(disk.cut());
        lived
    }
}

/// Starts the gateway; a disk that fails meanwhile is no mistake of its.
async fn start(seed: u64, disk: &Disk, clock: &Arc<Jumping>) -> Result<Engine, String> {
    let clock: Arc<dyn Clock> = clock.clone();
    let credential = ProviderGate::new("nobody", Arc::clone(&clock));
    let mut models = BTreeMap::new();
    let flaps_ms = [None, Some(5_000), Some(40_000)];
    for (place, name) in ["small", "large"].into_iter().enumerate() {
        let guards = ModelGuards {
            name: name.to_owned(),
            breaker: BreakerRules::default(),
            quality: QualityRules::default(),
            limits: Vec::new(),
            retry: RetryRules::default(),
            price: None,
            hedge: None,
        };
        let seed = seed.wrapping_add(place as u64);
        let gate = ModelGate::new(guards, Arc::clone(&credential), Arc::clone(&clock), seed);
        let dice = Mutex::new(StdRng::seed_from_u64(seed));
        let flaps_ms = flaps_ms.get((seed % 4) as usize).copied().flatten();
        let model = Arc::new(Moody { dice, clock: Arc::clone(&clock), flaps_ms });
        models.insert(name.to_owned(), Upstream { model, gate, timeouts: Timeouts::default() });
    }
    let workspace = files::workspace();
    let engine = Engine::new(Parts {
        workspace: Arc::clone(&workspace),
        ledger: Arc::new(disk.clone()),
        models: Models::new(models),
        services: Services::default(),
        clock,
        ids: Ids::seeded(seed),
        salt: vec![7; 32],
    });
    let sources = bench::bytes(&files::files());
    for _ in 0..5 {
        let in_force = engine.put_in_force(Arc::clone(&workspace), &sources).await;
        match in_force.map_err(|error| error.to_string()) {
            Ok(_) => break,
            // A disk that fails at the start is seen by whoever asks later.
            Err(error) if engine.ledger().is_healthy() && !error.contains("full") => {
                return Err(format!("the gateway does not start: {error}"));
            }
            Err(_) => {}
        }
    }
    match engine.recover().await {
        Err(stop) if engine.ledger().is_healthy() && !stop.may_pass() => {
            Err(format!("the gateway does not recover: {stop}"))
        }
        _ => Ok(engine),
    }
}

/// Carries out what needs no runtime: a ledger in memory is never waited for.
fn futures_now(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(work);
}
