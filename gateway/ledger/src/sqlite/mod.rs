//! The ledger on SQLite: one writer thread with group commit, readers beside it, one file.

mod backup;
mod checkpoint;
mod consumers;
mod erase;
mod faults;
mod insert;
mod keyring;
mod migrate;
mod offline;
mod open;
mod place;
mod queue;
mod read;
mod rebuild;
mod remembered;
mod rows;
mod schema;
mod sweep;
mod verify;
mod writer;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use backstop_domain::{CallId, Digest, ReviewId, Stream};
use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};

use crate::{
    AppendError, CallBodies, CallFilter, CallSummary, CallsPage, Delivery, DeliveryFilter,
    KeyBinding, Ledger, OpenError, Pending, ReadFailed, Reading, Recorded, Retention, ReviewFilter,
    ReviewSummary, ReviewsPage, Scope, Size, Standing, StorageFault, StoredBody, Swept,
    Transaction,
};

use self::{
    keyring::Keyring,
    open::Held,
    queue::{NotTaken, Queue},
    read::Readers,
    writer::Job,
};

pub use self::{
    backup::{BackupError, Copied, backup, restore},
    faults::{CommitStep, Faults},
    migrate::{Migrated, migrate},
    offline::{BodiesByDigest, Offline},
    read::{over, read_body, read_stream, sizes},
    rebuild::rebuild_summaries,
    verify::{Break, Head, Report, head, lacks, verify},
};

/// How a ledger is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Connections that read at the same time; at least 1.
    pub readers: usize,
    /// How long a riding transaction waits for one that is awaited.
    pub ride: Duration,
    /// The file grows no larger than this; then it is as if the disk were full.
    pub max_bytes: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self { readers: 4, ride: Duration::from_millis(10), max_bytes: None }
    }
}

/// How much the writer did since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Transactions that were committed.
    pub transactions: u64,
    /// Events in them.
    pub events: u64,
    /// Commits, each with one fsync of the log.
    pub commits: u64,
}

/// What the writer, its checkpoints and the door share.
#[derive(Debug)]
struct Shared {
    position: watch::Sender<u64>,
    fault: Mutex<Option<StorageFault>>,
    keys: Keyring,
    queue: Queue,
    /// Pages that the write-ahead log holds since it was last written from its start.
    log_pages: AtomicU64,
    transactions: AtomicU64,
    events: AtomicU64,
    commits: AtomicU64,
}

impl Shared {
    /// Latches what stopped the ledger; the first fault stays.
    fn fail(&self, fault: StorageFault) -> StorageFault {
        let mut latched = self.fault.lock();
        if latched.is_none() {
            tracing::error!(%fault, "the ledger stops: nothing more is acknowledged");
        }
        latched.get_or_insert(fault).clone()
    }

    fn fault(&self) -> Option<StorageFault> {
        self.fault.lock().clone()
    }
}

/// Tells that the writer is gone, and whether it died of a panic. First that and then the queue, so
/// that nobody whose job was lost finds the ledger healthy.
struct LastWord(Arc<Shared>);

impl Drop for LastWord {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(StorageFault::Closed);
        }
        self.0.queue.desert();
    }
}

/// The ledger in a data folder. Closing it (dropping it) commits what is on its way.
#[derive(Debug)]
pub struct SqliteLedger {
    threads: Vec<JoinHandle<()>>,
    readers: Readers,
    shared: Arc<Shared>,
    held: Held,
}

impl SqliteLedger {
    /// Opens the ledger in `folder`, and makes it if there is none.
    ///
    /// # Errors
    /// [`OpenError`] if the folder is another process's, a newer Backstop's, or cannot be used; or
    /// if SQLite would not keep what it acknowledges.
    pub fn open(folder: &Path, options: &Options) -> Result<Self, OpenError> {
        Self::open_with(folder, options, Arc::new(faults::NoFaults))
    }

    /// The same, on a disk that fails as it is told: for tests.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(
        folder: &Path,
        options: &Options,
        faults: Arc<dyn Faults>,
    ) -> Result<Self, OpenError> {
        open::check_version()?;
        let held = open::hold(folder, true)?;
        let lowered = faults.leaves_out_syncs();
        let synchronous =
            if lowered { open::Synchronous::LOWERED } else { open::Synchronous::FULL };
        let mut connection = open::writer(&held, options.max_bytes, synchronous)?;
        schema::ready(&mut connection, folder)?;
        let tip = rows::tip(&connection)?;
        let shared = Arc::new(Shared {
            position: watch::Sender::new(tip.position),
            fault: Mutex::new(None),
            keys: Keyring::read(&connection)?,
            queue: Queue::default(),
            log_pages: AtomicU64::new(0),
            transactions: AtomicU64::new(0),
            events: AtomicU64::new(0),
            commits: AtomicU64::new(0),
        });
        let database = held.database();
        let readers = Readers::open(&database, options.readers.max(1))?;
        let (checkpointer, nudge) = checkpoint::start(&database, Arc::clone(&shared))?;
        let writer = writer::Writer::new(connection, tip, Arc::clone(&shared), nudge, faults)?;
        let writer = writer.start(options.ride)?;
        let threads = vec![writer, checkpointer];
        Ok(Self { threads, readers, shared, held })
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        &self.held.folder
    }

    /// How much the writer did since it was opened.
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            transactions: read(&self.shared.transactions),
            events: read(&self.shared.events),
            commits: read(&self.shared.commits),
        }
    }

    /// Hands a job to the writer, or says why not.
    fn send(&self, job: Job) -> Result<(), AppendError> {
        if let Some(fault) = self.shared.fault() {
            return Err(fault.into());
        }
        self.shared.queue.push(job).map_err(|not| match not {
            NotTaken::Full => AppendError::Busy,
            // The writer died without a word: whoever asks for health is told so at once.
            NotTaken::Deserted => self.shared.fail(StorageFault::Closed).into(),
        })
    }
}

impl Drop for SqliteLedger {
    fn drop(&mut self) {
        // The writer commits what is queued once nobody can send any more, then lets the
        // checkpointer go, which folds the log into the file.
        self.shared.queue.close();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the ledger panicked");
            }
        }
    }
}

impl Ledger for SqliteLedger {
    fn append(&self, transaction: Transaction) -> Pending {
        let (answer, pending) = oneshot::channel();
        match self.send(Job::Append(Box::new(transaction), answer)) {
            Ok(()) => Pending::on_its_way(pending),
            Err(refused) => Pending::settled(Err(refused)),
        }
    }

    fn stream(&self, stream: &Stream, after_seq: u64) -> Reading<Vec<Recorded>> {
        let stream = stream.clone();
        self.readers.run(move |connection| read::stream(connection, &stream, after_seq))
    }

    fn feed(&self, after_position: u64, limit: usize) -> Reading<Vec<Recorded>> {
        self.readers.run(move |connection| read::feed(connection, after_position, limit))
    }

    fn body(&self, digest: Digest) -> Reading<Option<StoredBody>> {
        self.readers.run(move |connection| read::body(connection, digest))
    }

    fn key(&self, scope: Scope, key: String) -> Reading<Option<KeyBinding>> {
        if self.shared.keys.is_free(&scope, &key) {
            return Box::pin(std::future::ready(Ok(None)));
        }
        self.readers.run(move |connection| Ok(rows::key(connection, &scope, &key)?))
    }

    fn call(&self, id: &CallId) -> Reading<Option<CallSummary>> {
        let id = id.clone();
        self.readers.run(move |connection| Ok(rows::call(connection, &id)?))
    }

    fn review(&self, id: &ReviewId) -> Reading<Option<ReviewSummary>> {
        let id = id.clone();
        self.readers.run(move |connection| Ok(rows::review(connection, &id)?))
    }

    fn open_calls(&self) -> Reading<Vec<CallSummary>> {
        self.readers.run(read::open_calls)
    }

    fn open_reviews(&self) -> Reading<Vec<ReviewSummary>> {
        self.readers.run(read::open_reviews)
    }

    fn open_in_queue(&self, queue: &str) -> Reading<u64> {
        let queue = queue.to_owned();
        self.readers.run(move |connection| read::open_in_queue(connection, &queue))
    }

    fn calls(&self, filter: CallFilter) -> Reading<CallsPage> {
        self.readers.run(move |connection| read::calls(connection, &filter))
    }

    fn reviews(&self, filter: ReviewFilter) -> Reading<ReviewsPage> {
        self.readers.run(move |connection| read::reviews(connection, &filter))
    }

    fn subscriptions(&self) -> Reading<Vec<Standing>> {
        self.readers.run(|connection| Ok(consumers::all(connection)?))
    }

    fn deliveries(&self, subscription: &str, filter: DeliveryFilter) -> Reading<Vec<Delivery>> {
        let name = subscription.to_owned();
        self.readers.run(move |connection| Ok(consumers::deliveries(connection, &name, filter)?))
    }

    fn bodies_of(&self, calls: Vec<CallId>) -> Reading<CallBodies> {
        self.readers.run(move |connection| Ok(erase::bodies_of(connection, &calls)?))
    }

    fn sizes(&self) -> Reading<BTreeMap<String, Size>> {
        self.readers.run(|connection| Ok(erase::sizes(connection)?))
    }

    fn parked(&self, subscription: &str) -> Reading<u64> {
        let name = subscription.to_owned();
        self.readers.run(move |connection| Ok(consumers::parked(connection, &name)?))
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.shared.position.subscribe()
    }

    fn fullness(&self) -> u32 {
        self.shared.queue.fullness()
    }

    fn fault(&self) -> Option<StorageFault> {
        let gone = self.threads.iter().any(JoinHandle::is_finished);
        self.shared.fault().or_else(|| gone.then_some(StorageFault::Closed))
    }

    fn sweep(&self, retention: Retention) -> Reading<Swept> {
        let (answer, swept) = oneshot::channel();
        let sent = self.send(Job::Sweep(retention, answer));
        Box::pin(async move {
            let store = |error: AppendError| ReadFailed::Store(error.to_string());
            sent.map_err(store)?;
            let closed = |_| ReadFailed::Store(StorageFault::Closed.to_string());
            swept.await.map_err(closed)?.map_err(|fault| store(fault.into()))
        })
    }
}
