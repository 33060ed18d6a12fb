//! One consumer's own task: reads the log ahead within a window, gives events out lane by lane,
//! writes down how that went, and obeys operators. It waits for nobody else, and nobody for it.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use backstop_domain::{
    Actor, ControlEvent, Millis,
    guard::{Breaker, BreakerRules, BreakerState, Ticket},
};
use backstop_engine::Engine;
use backstop_ledger::{Delivery, Standing};
use futures_util::FutureExt as _;
use parking_lot::Mutex;
use tokio::{sync::mpsc, task::JoinSet};

use super::{
    Consumer,
    courier::{Courier, Receipt},
    feed::Feed,
    landing::{self, Flown},
    lanes::{Lanes, Row},
    orders::Order,
    saving::Halt,
    schedule,
};

/// Deliveries of one consumer on their way at one time.
pub const AT_ONCE: usize = 16;
/// Events of one consumer in memory.
pub(super) const WINDOW: usize = 512;
/// Time that deliveries on their way get when a task is told to stop.
const END_MAX: Duration = Duration::from_secs(2);
/// Pause after the ledger could not be read, or is too busy.
const PAUSE: Duration = Duration::from_secs(1);

/// When a consumer's breaker opens: quicker than a model's, since nobody waits for it.
const RULES: BreakerRules = BreakerRules {
    window_ms: 60_000,
    failures: 5,
    share: 500_000,
    slow_share: 1_000_001,
    least: 10,
    slow_ms: 60_000,
    cool_down_ms: 5_000,
    cool_down_max_ms: 300_000,
    probes: 1,
    probe_ms: 60_000,
    warm_up_ms: 0,
};

/// What others may see of it.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// Up to where everything is settled.
    pub cursor: u64,
    /// Events that wait in memory.
    pub waiting: usize,
    /// When the oldest event that waits happened, if one does.
    pub oldest: Option<Millis>,
    /// Why the oldest of them was not taken, and when it is tried next, if it was tried.
    pub failed: Option<(String, Millis)>,
    /// How its breaker stands.
    pub breaker: &'static str,
    /// Everything else, as it was last written down.
    pub standing: Standing,
}

/// The task.
pub(super) struct Worker {
    pub engine: Engine,
    pub feed: Arc<Feed>,
    pub consumer: Arc<Consumer>,
    pub courier: Arc<dyn Courier>,
    pub shown: Arc<Mutex<Shown>>,
    pub standing: Standing,
    pub lanes: Lanes,
    pub breaker: Breaker,
    /// The receiver asked to be left alone until then.
    pub hold: Millis,
    /// The breaker is shut until then.
    pub shut: Option<Millis>,
    /// The last position that was read.
    pub read: u64,
    pub settled: BTreeSet<u64>,
    pub put: BTreeMap<u64, Delivery>,
    pub done: BTreeSet<u64>,
    /// Something changed that is not written down yet.
    pub unsaved: bool,
    /// The ledger has no place of it yet.
    pub new: bool,
    /// The cursor as it was written down last.
    pub saved: u64,
    /// What is to be told in the ledger with the next step.
    pub news: Vec<(Actor, ControlEvent)>,
    pub flying: JoinSet<Flown>,
    late: bool,
}

impl Worker {
    /// A worker that goes on where its consumer stands; a new consumer starts at the end of the
    /// log, and that place is on disk before anything else happens: after a crash it starts there
    /// still, and not at a later end.
    pub async fn load(
        engine: Engine,
        feed: Arc<Feed>,
        consumer: Arc<Consumer>,
        courier: Arc<dyn Courier>,
        shown: Arc<Mutex<Shown>>,
    ) -> Result<Self, Halt> {
        let ledger = engine.ledger();
        let name = consumer.name.clone();
        let known = ledger.subscriptions().await?.into_iter().find(|one| one.name == name);
        let new = known.is_none();
        let cursor = ledger.position();
        let standing = known.unwrap_or_else(|| Standing { name, cursor, ..Standing::default() });
        let mut worker = Self {
            read: standing.cursor,
            saved: standing.cursor,
            settled: standing.settled.iter().copied().collect(),
            engine,
            feed,
            consumer,
            courier,
            shown,
            standing,
            lanes: Lanes::default(),
            breaker: Breaker::new(RULES),
            hold: Millis(0),
            shut: None,
            put: BTreeMap::new(),
            done: BTreeSet::new(),
            unsaved: new,
            new,
            news: Vec::new(),
            flying: JoinSet::new(),
            late: false,
        };
        worker.take_up().await?;
        if worker.new {
            worker.save().await?;
        }
        Ok(worker)
    }

    /// Works until nobody can give orders any more, or the ledger takes nothing any more.
    pub async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let mut watch = self.engine.ledger().watch();
        loop {
            watch.mark_unchanged();
            let pause = match self.turn().await {
                Ok(()) => None,
                Err(Halt::Written(why)) => {
                    let subscription = &self.consumer.name;
                    tracing::error!(subscription, why, "deliveries stop with the ledger");
                    return;
                }
                Err(Halt::Read(why)) => {
                    let subscription = &self.consumer.name;
                    tracing::warn!(subscription, %why, "deliveries pause");
                    Some(PAUSE)
                }
            };
            self.show();
            let wake = pause.or_else(|| self.wakes());
            tokio::select! {
                // Each round does whatever is due, so nothing of this starves the rest; the order
                // is fixed so that a simulation goes the same way again.
                biased;
                order = orders.recv() => match order {
                    Some(order) => self.obey(order).await,
                    None => break,
                },
                Some(flown) = self.flying.join_next() => self.landed(flown),
                moved = watch.changed(), if self.reads() && pause.is_none() => {
                    if moved.is_err() {
                        break;
                    }
                }
                () = tokio::time::sleep(wake.unwrap_or_default()), if wake.is_some() => {}
            }
            while let Some(flown) = self.flying.try_join_next() {
                self.landed(flown);
            }
        }
        // What is on its way may come to its end; what does not has had a try.
        let ending = async {
            while let Some(flown) = self.flying.join_next().await {
                self.landed(flown);
            }
        };
        let _ = tokio::time::timeout(END_MAX, ending).await;
        self.flying.abort_all();
        if let Err(halt) = self.save().await {
            tracing::warn!(subscription = self.consumer.name, %halt, "its place was not kept");
        }
    }

    /// One round: read ahead, give out what is due, write down what changed.
    async fn turn(&mut self) -> Result<(), Halt> {
        if self.is_on() {
            self.read_again().await?;
            self.read_on().await?;
            return self.give_out().await;
        }
        if self.unsaved { self.save().await } else { Ok(()) }
    }

    /// Whether anything is delivered.
    pub(super) fn is_on(&self) -> bool {
        self.consumer.enabled && self.standing.disabled.is_none()
    }

    pub(super) fn now(&self) -> Millis {
        self.engine.clock().now()
    }

    /// Whether there is room for what comes.
    fn reads(&self) -> bool {
        self.is_on() && self.lanes.len() < WINDOW
    }

    /// How long until something is due.
    fn wakes(&self) -> Option<Duration> {
        if !self.is_on() || self.flying.len() >= AT_ONCE {
            return None;
        }
        let due = self.lanes.next_due()?.max(self.hold).max(self.shut.unwrap_or_default());
        // What waits for a probe to come back is woken by it.
        let probing = self.breaker.state() == BreakerState::HalfOpen && !self.flying.is_empty();
        (!probing).then(|| Duration::from_millis(due.since(self.now()).max(1)))
    }

    /// Sends what is due. Its tries are on disk before a request is.
    async fn give_out(&mut self) -> Result<(), Halt> {
        let now = self.now();
        let mut taken = Vec::new();
        self.shut = None;
        while self.flying.len() + taken.len() < AT_ONCE && self.hold <= now {
            let Some(due) = self.lanes.next_due().filter(|due| *due <= now) else { break };
            let dice = schedule::dice(&self.consumer.name, due.0, 0);
            match self.breaker.admit(now, dice).0 {
                Ok(ticket) => match self.load_up(now) {
                    Some(rows) => taken.push((rows, ticket)),
                    None => break,
                },
                Err(closed) => {
                    self.shut = closed.until;
                    break;
                }
            }
        }
        for row in taken.iter().flat_map(|(rows, _)| rows).filter(|row| row.kept) {
            self.put.insert(row.position, row.delivery(None));
        }
        let far = self.cursor() >= self.saved + 1000;
        if !taken.is_empty() || self.unsaved || far {
            self.save().await?;
        }
        for (rows, ticket) in taken {
            self.send(rows, ticket);
        }
        Ok(())
    }

    /// What goes in one letter: an event, or for people whatever waits.
    fn load_up(&mut self, now: Millis) -> Option<Vec<Row>> {
        let first = self.lanes.take(now)?;
        let along = match &self.consumer.people {
            Some(_) => self.lanes.take_along(&first.lane),
            None => Vec::new(),
        };
        Some(std::iter::once(first).chain(along).collect())
    }

    /// As if nothing had failed: whoever switched it on wants to see it work.
    pub(super) fn start_afresh(&mut self) {
        self.breaker = Breaker::new(RULES);
        self.hold = Millis(0);
        let now = self.now();
        self.lanes.hurry(now);
        self.unsaved = true;
    }

    fn send(&mut self, rows: Vec<Row>, ticket: Ticket) {
        let (engine, feed) = (self.engine.clone(), Arc::clone(&self.feed));
        let (consumer, courier) = (Arc::clone(&self.consumer), Arc::clone(&self.courier));
        self.flying.spawn(async move {
            let positions = rows.iter().map(|row| row.position).collect();
            let going = landing::take(&engine, &feed, &consumer, &*courier, rows);
            let ours = |_| (Receipt::Refused("a fault of ours".to_owned()), false);
            let (receipt, gap) = AssertUnwindSafe(going).catch_unwind().await.unwrap_or_else(ours);
            Flown { positions, ticket, receipt, gap }
        });
    }

    /// Lets others see how it stands.
    pub(super) fn show(&mut self) {
        let first = self.lanes.oldest().and_then(|first| self.lanes.get(first));
        let oldest = first.map(|row| row.at);
        let failed = first.and_then(|row| Some((row.last.clone()?, row.due)));
        let cursor = self.cursor();
        let mut shown = self.shown.lock();
        shown.cursor = cursor;
        shown.waiting = self.lanes.len();
        shown.oldest = oldest;
        shown.failed = failed;
        shown.breaker = self.breaker.state().name();
        shown.standing.clone_from(&self.standing);
        let kept_ms = self.engine.workspace().gateway.store.retain.bodies_ms;
        let late = super::is_late(&shown, self.engine.clock().now(), kept_ms);
        drop(shown);
        if late && !std::mem::replace(&mut self.late, late) {
            let subscription = &self.consumer.name;
            tracing::warn!(subscription, "retention may soon reach what was not delivered yet");
        }
        self.late = late;
    }
}
