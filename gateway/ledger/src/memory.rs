//! A ledger in memory, for tests: the same contract, no disk, and faults on demand.
//!
//! It keeps its promises for as long as it lives, and no longer. Never the store of a gateway.

mod keeping;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    future::ready,
    sync::Arc,
};

use backstop_domain::{CallId, Digest, Envelope, Event, EventId, Millis, ReviewId, Stream};
use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};

use crate::{
    AppendError, CallBodies, CallFilter, CallSummary, CallsPage, Committed, Delivery,
    DeliveryFilter, KeyBinding, KeyClaim, Ledger, Pending, Progress, Reading, Recorded, Retention,
    ReviewFilter, ReviewSummary, ReviewsPage, Scope, Size, Standing, StorageFault, StoredBody,
    Swept, Transaction, Unreadable,
    erasure::erased_key,
    kinds,
    query::{FEED_MAX, bounded, cut},
    retention::BodyClass,
    seal::{Sealed, Tip, seal},
    validate,
};

/// A ledger in memory. Clones share it.
#[derive(Clone)]
pub struct MemoryLedger {
    state: Arc<Mutex<State>>,
    position: Arc<watch::Sender<u64>>,
}

struct State {
    tip: Tip,
    events: Vec<Kept>,
    streams: HashMap<Stream, Vec<usize>>,
    ids: HashSet<EventId>,
    bodies: HashMap<Digest, KeptBody>,
    keys: BTreeMap<(Scope, String), KeyBinding>,
    calls: BTreeMap<CallId, CallSummary>,
    reviews: BTreeMap<ReviewId, ReviewSummary>,
    standings: BTreeMap<String, Standing>,
    deliveries: BTreeMap<(String, u64), Delivery>,
    kept_back: BTreeSet<(Digest, CallId)>,
    waiting: VecDeque<(Transaction, oneshot::Sender<Result<Committed, AppendError>>)>,
    held: bool,
    fail_next: Option<StorageFault>,
    fault: Option<StorageFault>,
}

struct Kept {
    envelope: Envelope,
    event: Event,
}

struct KeptBody {
    body: StoredBody,
    used: Millis,
    class: BodyClass,
}

impl Default for MemoryLedger {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryLedger {
    /// An empty one.
    pub fn new() -> Self {
        let state = State {
            tip: Tip::START,
            events: Vec::new(),
            streams: HashMap::new(),
            ids: HashSet::new(),
            bodies: HashMap::new(),
            keys: BTreeMap::new(),
            calls: BTreeMap::new(),
            reviews: BTreeMap::new(),
            standings: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            kept_back: BTreeSet::new(),
            waiting: VecDeque::new(),
            held: false,
            fail_next: None,
            fault: None,
        };
        Self { state: Arc::new(Mutex::new(state)), position: Arc::new(watch::Sender::new(0)) }
    }

    /// The next commit fails like that, and everything after it is refused.
    pub fn fail_next_commit(&self, fault: StorageFault) {
        self.state.lock().fail_next = Some(fault);
    }

    /// From here on the disk is slow: nothing is committed until [`Self::release`].
    pub fn hold(&self) {
        self.state.lock().held = true;
    }

    /// The disk is quick again; what was waiting is committed, in order.
    pub fn release(&self) {
        let mut state = self.state.lock();
        state.held = false;
        self.commit_waiting(&mut state);
    }

    fn commit_waiting(&self, state: &mut State) {
        while let Some((transaction, answer)) = state.waiting.pop_front() {
            let result = state.commit(transaction);
            self.position.send_if_modified(|position| {
                std::mem::replace(position, state.tip.position) != state.tip.position
            });
            // Whoever asked may have gone; the transaction stands all the same.
            drop(answer.send(result));
        }
    }

    fn read<T: Send + 'static>(&self, look: impl FnOnce(&State) -> T) -> Reading<T> {
        Box::pin(ready(Ok(look(&self.state.lock()))))
    }
}

impl State {
    fn commit(&mut self, transaction: Transaction) -> Result<Committed, AppendError> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone().into());
        }
        validate::well_formed(&transaction)?;
        self.fits(&transaction)?;
        if let Some(fault) = self.fail_next.take() {
            self.fault = Some(fault.clone());
            return Err(fault.into());
        }
        let first = self.tip.position + 1;
        let at = transaction.last_time();
        for body in transaction.bodies {
            let (bytes, private) = (body.bytes().to_vec(), body.is_private());
            self.keep_body(body.digest(), bytes, private, at, BodyClass::Plain);
        }
        if let Some(KeyClaim { scope, key, fingerprint, call }) = transaction.key {
            let erased = false;
            self.keys.insert((scope, key), KeyBinding { call, fingerprint, erased });
        }
        if let Some(progress) = transaction.progress {
            self.step(progress);
        }
        transaction.keeping.into_iter().for_each(|change| self.change(change));
        let mut seqs = Vec::new();
        for append in transaction.appends {
            let mut seq = append.expected_seq;
            for new in append.events {
                seq += 1;
                let Sealed { envelope, text, .. } = seal(&mut self.tip, &append.stream, seq, &new);
                self.keep(envelope, text, new.event);
            }
            seqs.push(seq);
        }
        Ok(Committed { first, last: self.tip.position, seqs })
    }

    fn step(&mut self, progress: Progress) {
        let Progress { standing, put, done } = progress;
        for position in done {
            self.deliveries.remove(&(standing.name.clone(), position));
        }
        for delivery in put {
            self.deliveries.insert((standing.name.clone(), delivery.position), delivery);
        }
        self.standings.insert(standing.name.clone(), standing);
    }

    fn fits(&self, transaction: &Transaction) -> Result<(), AppendError> {
        let claim = transaction.key.as_ref();
        let bound = claim.and_then(|claim| self.key(&claim.scope, &claim.key));
        if let Some(KeyBinding { call, fingerprint, .. }) = bound {
            return Err(AppendError::KeyTaken { call, fingerprint });
        }
        for append in &transaction.appends {
            append.fits(self.head(&append.stream))?;
        }
        match transaction.events().find(|new| self.ids.contains(&new.id)) {
            Some(new) => Err(AppendError::Repeated { id: new.id.clone() }),
            None => Ok(()),
        }
    }

    /// The call that has that key, or had it before its words were erased.
    fn key(&self, scope: &Scope, key: &str) -> Option<KeyBinding> {
        let of = |key: String| self.keys.get(&(scope.clone(), key)).cloned();
        of(key.to_owned()).or_else(|| of(erased_key(scope, key)))
    }

    /// Last seq and event of a stream.
    fn head(&self, stream: &Stream) -> Option<(u64, &EventId)> {
        let places = self.streams.get(stream)?;
        let last = self.events.get(*places.last()?)?;
        Some((places.len() as u64, &last.envelope.id))
    }

    fn keep_body(
        &mut self,
        digest: Digest,
        bytes: Vec<u8>,
        private: bool,
        at: Millis,
        class: BodyClass,
    ) {
        let kept = self.bodies.entry(digest).or_insert_with(|| KeptBody {
            body: StoredBody { bytes: None, private: false },
            used: at,
            class,
        });
        kept.body.bytes = Some(bytes);
        kept.body.private |= private;
        kept.used = kept.used.max(at);
        kept.class = kept.class.max(class);
    }

    fn keep(&mut self, mut envelope: Envelope, text: Option<String>, event: Event) {
        match (&event, envelope.stream.call_id(), envelope.stream.review_id()) {
            (Event::Call(event), Some(id), _) => {
                let next = CallSummary::fold(self.calls.remove(&id), &envelope, event);
                self.calls.extend(next.map(|next| (id, next)));
            }
            (Event::Review(event), _, Some(id)) => {
                let next = ReviewSummary::fold(self.reviews.remove(&id), &envelope, event);
                self.reviews.extend(next.map(|next| (id, next)));
            }
            _ => {}
        }
        match (envelope.body_digest, text) {
            (Some(digest), Some(text)) => {
                let class = kinds::class(&envelope.kind);
                self.keep_body(digest, text.into_bytes(), true, envelope.at, class);
            }
            (_, text) => envelope.body = text.and_then(|text| serde_json::from_str(&text).ok()),
        }
        self.ids.insert(envelope.id.clone());
        self.streams.entry(envelope.stream.clone()).or_default().push(self.events.len());
        self.events.push(Kept { envelope, event });
    }

    fn recorded(&self, kept: &Kept) -> Recorded {
        let erased = kept.envelope.body_digest.is_some_and(|digest| {
            self.bodies.get(&digest).is_none_or(|kept| kept.body.bytes.is_none())
        });
        let event = if erased { Err(Unreadable::Erased) } else { Ok(kept.event.clone()) };
        Recorded { envelope: kept.envelope.clone(), event }
    }
}

impl Ledger for MemoryLedger {
    fn append(&self, transaction: Transaction) -> Pending {
        let (answer, pending) = oneshot::channel();
        let mut state = self.state.lock();
        state.waiting.push_back((transaction, answer));
        if !state.held {
            self.commit_waiting(&mut state);
        }
        Pending::on_its_way(pending)
    }

    fn fullness(&self) -> u32 {
        // It takes everything at once, and bounds nothing.
        0
    }

    fn stream(&self, stream: &Stream, after_seq: u64) -> Reading<Vec<Recorded>> {
        self.read(|state| {
            let places = state.streams.get(stream).into_iter().flatten();
            let events = places.filter_map(|place| state.events.get(*place));
            let later = events.filter(|kept| kept.envelope.seq > after_seq);
            later.map(|kept| state.recorded(kept)).collect()
        })
    }

    fn feed(&self, after_position: u64, limit: usize) -> Reading<Vec<Recorded>> {
        let skip = usize::try_from(after_position).unwrap_or(usize::MAX);
        self.read(|state| {
            let later = state.events.iter().skip(skip).take(limit.min(FEED_MAX));
            later.map(|kept| state.recorded(kept)).collect()
        })
    }

    fn body(&self, digest: Digest) -> Reading<Option<StoredBody>> {
        self.read(|state| state.bodies.get(&digest).map(|kept| kept.body.clone()))
    }

    fn key(&self, scope: Scope, key: String) -> Reading<Option<KeyBinding>> {
        self.read(|state| state.key(&scope, &key))
    }

    fn call(&self, id: &CallId) -> Reading<Option<CallSummary>> {
        self.read(|state| state.calls.get(id).cloned())
    }

    fn review(&self, id: &ReviewId) -> Reading<Option<ReviewSummary>> {
        self.read(|state| state.reviews.get(id).cloned())
    }

    fn open_calls(&self) -> Reading<Vec<CallSummary>> {
        self.read(|state| {
            let open = state.calls.values().filter(|call| call.is_open());
            let mut rows: Vec<_> = open.cloned().collect();
            rows.sort_by(|a, b| (a.received, &a.id).cmp(&(b.received, &b.id)));
            rows
        })
    }

    fn open_reviews(&self) -> Reading<Vec<ReviewSummary>> {
        self.read(|state| {
            let open = state.reviews.values().filter(|review| review.phase.is_open());
            let mut rows: Vec<_> = open.cloned().collect();
            rows.sort_by(|a, b| (a.due, &a.id).cmp(&(b.due, &b.id)));
            rows
        })
    }

    fn open_in_queue(&self, queue: &str) -> Reading<u64> {
        self.read(|state| {
            let open = state.reviews.values().filter(|review| review.phase.is_open());
            open.filter(|review| review.queue == queue).count() as u64
        })
    }

    fn calls(&self, filter: CallFilter) -> Reading<CallsPage> {
        self.read(|state| {
            let mut rows: Vec<_> =
                state.calls.values().filter(|call| filter.takes(call)).cloned().collect();
            rows.sort_by(|a, b| (b.received, &b.id).cmp(&(a.received, &a.id)));
            let next = cut(&mut rows, bounded(filter.limit), CallSummary::place);
            CallsPage { rows, next }
        })
    }

    fn reviews(&self, filter: ReviewFilter) -> Reading<ReviewsPage> {
        self.read(|state| {
            let mut rows: Vec<_> =
                state.reviews.values().filter(|review| filter.takes(review)).cloned().collect();
            rows.sort_by(|a, b| (a.due, &a.id).cmp(&(b.due, &b.id)));
            if filter.latest {
                rows.reverse();
            }
            let next = cut(&mut rows, bounded(filter.limit), ReviewSummary::place);
            ReviewsPage { rows, next }
        })
    }

    fn subscriptions(&self) -> Reading<Vec<Standing>> {
        self.read(|state| state.standings.values().cloned().collect())
    }

    fn deliveries(&self, subscription: &str, filter: DeliveryFilter) -> Reading<Vec<Delivery>> {
        self.read(|state| {
            let all = state.deliveries.iter().filter(|((name, _), _)| name == subscription);
            let taken = all.map(|(_, delivery)| delivery).filter(|one| filter.takes(one));
            taken.take(filter.most()).cloned().collect()
        })
    }

    fn bodies_of(&self, calls: Vec<CallId>) -> Reading<CallBodies> {
        self.read(|state| state.bodies_of(&calls))
    }

    fn sizes(&self) -> Reading<BTreeMap<String, Size>> {
        self.read(State::sizes)
    }

    fn parked(&self, subscription: &str) -> Reading<u64> {
        self.read(|state| {
            let all = state.deliveries.iter().filter(|((name, _), _)| name == subscription);
            all.filter(|(_, one)| one.parked.is_some()).count() as u64
        })
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.position.subscribe()
    }

    fn fault(&self) -> Option<StorageFault> {
        self.state.lock().fault.clone()
    }

    fn sweep(&self, retention: Retention) -> Reading<Swept> {
        Box::pin(ready(Ok(self.state.lock().sweep(retention))))
    }
}
