//! A disk that is slow, fails, and is cut off with writes on their way. What is in `kept` is what
//! the platter has; everything else is a promise.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use backstop_domain::{CallId, Digest, ReviewId, Stream};
use backstop_ledger::{
    AppendError, CallBodies, CallFilter, CallSummary, CallsPage, Committed, Delivery,
    DeliveryFilter, KeyBinding, Ledger, MemoryLedger, Pending, Reading, Recorded, Retention,
    ReviewFilter, ReviewSummary, ReviewsPage, Scope, Size, Standing, StorageFault, StoredBody,
    Swept, Transaction,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::sync::{Notify, oneshot, watch};

type Answer = oneshot::Sender<Result<Committed, AppendError>>;

/// One life's view of the disk.
#[derive(Clone)]
pub struct Disk(Arc<Inner>);

struct Inner {
    kept: MemoryLedger,
    state: Mutex<State>,
    come: Notify,
}

struct State {
    dice: StdRng,
    waiting: VecDeque<(Transaction, Answer)>,
    fault: Option<StorageFault>,
    /// After how many commits the disk fails, if it does.
    fails_after: Option<u32>,
    slow_ms: u64,
    /// Whoever watches, each by a channel of its own: those of one channel are woken in an order
    /// that no seed decides.
    watching: Vec<watch::Sender<u64>>,
}

impl State {
    /// `None`: the write is fine. Else it is told to have failed, and whether it is on the platter
    /// all the same: nobody can know that of a write that failed.
    fn fault_of_this_write(&mut self) -> Option<bool> {
        if self.fault.is_some() {
            return Some(false);
        }
        let left = self.fails_after?;
        self.fails_after = Some(left.saturating_sub(1));
        (left == 0).then(|| {
            self.fault = Some(StorageFault::Full);
            self.dice.random_bool(0.5)
        })
    }
}

impl Disk {
    /// A view of what is kept. `fails`: this life's disk may fail.
    pub fn over(kept: &MemoryLedger, seed: u64, fails: bool) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let fails_after = (fails && dice.random_bool(0.2)).then(|| dice.random_range(1..60));
        let slow_ms = *[0, 1, 5, 200].get(dice.random_range(0..4)).expect("there are four");
        let waiting = VecDeque::new();
        let watching = Vec::new();
        let state = State { dice, waiting, fault: None, fails_after, slow_ms, watching };
        Self(Arc::new(Inner { kept: kept.clone(), state: Mutex::new(state), come: Notify::new() }))
    }

    /// Writes what comes, in order, some at a time; runs as long as its life.
    pub async fn turn(self) {
        loop {
            let (nap, batch) = {
                let mut state = self.0.state.lock().unwrap();
                let slow = state.slow_ms;
                let nap = state.dice.random_range(0..=slow);
                (nap, state.waiting.len())
            };
            if batch == 0 {
                self.0.come.notified().await;
                continue;
            }
            tokio::time::sleep(Duration::from_millis(nap)).await;
            for _ in 0..batch {
                self.write_one().await;
            }
        }
    }

    async fn write_one(&self) {
        let (next, fault) = {
            let mut state = self.0.state.lock().unwrap();
            let next = state.waiting.pop_front();
            (next, state.fault_of_this_write())
        };
        let Some((transaction, answer)) = next else { return };
        let result = match fault {
            Some(false) => Err(StorageFault::Full.into()),
            Some(true) => {
                let _on_the_platter = self.0.kept.append(transaction).await;
                Err(StorageFault::Full.into())
            }
            None => self.0.kept.append(transaction).await,
        };
        let (position, mut state) = (self.0.kept.position(), self.0.state.lock().unwrap());
        state.watching.retain(|one| one.send(position).is_ok());
        drop(state);
        // Whoever asked may have gone.
        let _gone = answer.send(result);
    }

    /// The power is cut: of what was on its way a part is on the platter, in order, and nobody was
    /// told of it.
    pub async fn cut(&self) {
        let (waiting, written) = {
            let mut state = self.0.state.lock().unwrap();
            let waiting = std::mem::take(&mut state.waiting);
            let most = if state.fault.is_some() { 0 } else { waiting.len() };
            let written = state.dice.random_range(0..=most);
            (waiting, written)
        };
        for (transaction, _) in waiting.into_iter().take(written) {
            let _on_the_platter = self.0.kept.append(transaction).await;
        }
    }

    fn late<T: Send + 'static>(
        &self,
        reading: impl FnOnce(&MemoryLedger) -> Reading<T>,
    ) -> Reading<T> {
        let nap = {
            let mut state = self.0.state.lock().unwrap();
            let slow = state.slow_ms.min(5);
            state.dice.random_range(0..=slow)
        };
        let reading = reading(&self.0.kept);
        Box::pin(async move {
            // The answer is of the moment when it was asked for, and late.
            let answer = reading.await;
            tokio::time::sleep(Duration::from_millis(nap)).await;
            answer
        })
    }
}

impl Ledger for Disk {
    fn append(&self, transaction: Transaction) -> Pending {
        let mut state = self.0.state.lock().unwrap();
        if let Some(fault) = &state.fault {
            return Pending::settled(Err(fault.clone().into()));
        }
        if state.dice.random_bool(0.002) {
            return Pending::settled(Err(AppendError::Busy));
        }
        let (answer, pending) = oneshot::channel();
        state.waiting.push_back((transaction, answer));
        self.0.come.notify_one();
        Pending::on_its_way(pending)
    }

    fn stream(&self, stream: &Stream, after_seq: u64) -> Reading<Vec<Recorded>> {
        self.late(|kept| kept.stream(stream, after_seq))
    }

    fn feed(&self, after_position: u64, limit: usize) -> Reading<Vec<Recorded>> {
        self.late(|kept| kept.feed(after_position, limit))
    }

    fn body(&self, digest: Digest) -> Reading<Option<StoredBody>> {
        self.late(|kept| kept.body(digest))
    }

    fn key(&self, scope: Scope, key: String) -> Reading<Option<KeyBinding>> {
        self.late(|kept| kept.key(scope, key))
    }

    fn call(&self, id: &CallId) -> Reading<Option<CallSummary>> {
        self.late(|kept| kept.call(id))
    }

    fn review(&self, id: &ReviewId) -> Reading<Option<ReviewSummary>> {
        self.late(|kept| kept.review(id))
    }

    fn open_calls(&self) -> Reading<Vec<CallSummary>> {
        self.late(Ledger::open_calls)
    }

    fn open_reviews(&self) -> Reading<Vec<ReviewSummary>> {
        self.late(Ledger::open_reviews)
    }

    fn open_in_queue(&self, queue: &str) -> Reading<u64> {
        self.late(|kept| kept.open_in_queue(queue))
    }

    fn calls(&self, filter: CallFilter) -> Reading<CallsPage> {
        self.late(|kept| kept.calls(filter))
    }

    fn reviews(&self, filter: ReviewFilter) -> Reading<ReviewsPage> {
        self.late(|kept| kept.reviews(filter))
    }

    fn subscriptions(&self) -> Reading<Vec<Standing>> {
        self.late(Ledger::subscriptions)
    }

    fn deliveries(&self, subscription: &str, filter: DeliveryFilter) -> Reading<Vec<Delivery>> {
        self.late(|kept| kept.deliveries(subscription, filter))
    }

    fn bodies_of(&self, calls: Vec<CallId>) -> Reading<CallBodies> {
        self.late(|kept| kept.bodies_of(calls))
    }

    fn sizes(&self) -> Reading<BTreeMap<String, Size>> {
        self.late(Ledger::sizes)
    }

    fn parked(&self, subscription: &str) -> Reading<u64> {
        self.late(|kept| kept.parked(subscription))
    }

    fn watch(&self) -> watch::Receiver<u64> {
        let (watched, watch) = watch::channel(self.0.kept.position());
        self.0.state.lock().unwrap().watching.push(watched);
        watch
    }

    fn fault(&self) -> Option<StorageFault> {
        self.0.state.lock().unwrap().fault.clone()
    }

    fn fullness(&self) -> u32 {
        // It takes everything at once.
        0
    }

    fn sweep(&self, retention: Retention) -> Reading<Swept> {
        self.late(|kept| kept.sweep(retention))
    }
}
