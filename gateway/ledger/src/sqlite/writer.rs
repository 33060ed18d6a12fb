//! The one thread that writes. A batch forms while the last one's fsync runs, and is committed in
//! one piece; only then is anything in it acknowledged, refusals too.

use std::{
    sync::{Arc, atomic::Ordering, mpsc::SyncSender},
    thread::{self, JoinHandle},
    time::Duration,
};

use backstop_domain::EventId;
use rusqlite::{Connection, ErrorCode, hooks::Wal};
use tokio::sync::oneshot;

use crate::{
    AppendError, Committed, Durability, KeepingChange, KeyBinding, OpenError, Retention,
    StorageFault, Swept, Transaction,
    retention::BodyClass,
    seal::{Sealed, Tip, seal},
    validate,
};

use super::{
    CommitStep, Faults, Shared, consumers, erase, insert, remembered::Remembered, rows, sweep,
};

/// Jobs in one commit, at most: bounds how long the first of them waits for the last.
const BATCH: usize = 512;

/// What the writer is asked to do.
#[derive(Debug)]
pub(super) enum Job {
    /// Append a transaction.
    Append(Box<Transaction>, oneshot::Sender<Result<Committed, AppendError>>),
    /// Forget what its time is over for.
    Sweep(Retention, oneshot::Sender<Result<Swept, StorageFault>>),
}

impl Job {
    /// Bytes of bodies in it.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Append(transaction, _) => {
                transaction.bodies.iter().map(|body| body.bytes().len()).sum()
            }
            Self::Sweep(..) => 0,
        }
    }

    /// Whether somebody waits for it.
    pub fn hurries(&self) -> bool {
        match self {
            Self::Append(transaction, _) => transaction.durability == Durability::Await,
            Self::Sweep(..) => true,
        }
    }
}

/// Why a transaction is not part of the batch.
enum Stopped {
    /// It cannot be appended; the batch goes on without it.
    Refused(AppendError),
    /// The store refused a row that nobody expected it to: the batch starts over, each of its
    /// transactions for itself.
    Constraint,
    /// The disk failed; nothing goes on.
    Fault(StorageFault),
}

/// How a batch is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Each {
    /// As one piece: the plain way, since a savepoint copies every page that it touches.
    Together,
    /// Each transaction in a savepoint of its own, to find the one that the store refuses.
    Alone,
}

impl Stopped {
    /// As what it stops the ledger.
    fn into_fault(self) -> StorageFault {
        match self {
            Self::Fault(fault) => fault,
            Self::Constraint => StorageFault::Io("a row was refused".to_owned()),
            Self::Refused(why) => StorageFault::Io(why.to_string()),
        }
    }
}

impl From<AppendError> for Stopped {
    fn from(refused: AppendError) -> Self {
        Self::Refused(refused)
    }
}

impl From<rusqlite::Error> for Stopped {
    fn from(error: rusqlite::Error) -> Self {
        if is_constraint(&error) { Self::Constraint } else { Self::Fault(fault(&error)) }
    }
}

fn is_constraint(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

/// What an error of SQLite's means.
pub(super) fn fault(error: &rusqlite::Error) -> StorageFault {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StorageFault::Full,
        _ => StorageFault::Io(error.to_string()),
    }
}

/// The writer.
pub(super) struct Writer {
    connection: Connection,
    tip: Tip,
    shared: Arc<Shared>,
    /// Types that only a newer Backstop knows: their streams are read-only here.
    unknown: Vec<(String, u16)>,
    /// What need not be looked up again.
    remembered: Remembered,
    /// Tells the checkpointer that the log grew.
    nudge: SyncSender<()>,
    /// Whether a step of a commit fails.
    faults: Arc<dyn Faults>,
}

/// What a job came to, told once the batch is on disk.
enum Came {
    Append(Result<Committed, AppendError>),
    Sweep(Swept),
}

impl Writer {
    pub fn new(
        mut connection: Connection,
        tip: Tip,
        shared: Arc<Shared>,
        nudge: SyncSender<()>,
        faults: Arc<dyn Faults>,
    ) -> Result<Self, OpenError> {
        let unknown = rows::unknown_kinds(&connection)?;
        let remembered = Remembered::default();
        let told = Arc::clone(&shared);
        connection.wal_hook(Some(move |_: &mut Wal, pages| {
            told.log_pages.store(u64::try_from(pages).unwrap_or_default(), Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(Self { connection, tip, shared, unknown, remembered, nudge, faults })
    }

    /// Starts the thread. It ends when nobody can send jobs any more and none is left.
    pub fn start(self, ride: Duration) -> Result<JoinHandle<()>, OpenError> {
        thread::Builder::new()
            .name("ledger-writer".into())
            .spawn(move || self.run(ride))
            .map_err(OpenError::Thread)
    }

    fn run(mut self, ride: Duration) {
        let shared = Arc::clone(&self.shared);
        let _last_word = super::LastWord(Arc::clone(&shared));
        while let Some(batch) = shared.queue.take(BATCH, ride) {
            match self.write(batch) {
                Ok(()) => drop(self.nudge.try_send(())),
                Err(fault) => drop(self.shared.fail(fault)),
            }
        }
    }

    /// Writes a batch and tells everybody in it.
    fn write(&mut self, batch: Vec<Job>) -> Result<(), StorageFault> {
        if let Some(fault) = self.shared.fault() {
            refuse(batch, &fault);
            return Ok(());
        }
        let before = self.tip;
        let done = match self.attempt(&batch, Each::Together, before) {
            Err(Stopped::Constraint) => self.attempt(&batch, Each::Alone, before),
            done => done,
        };
        let done = done.and_then(|came| self.reach(CommitStep::Committed).map(|()| came));
        let came = match done {
            Ok(came) => came,
            Err(stopped) => {
                let fault = self.shared.fail(stopped.into_fault());
                refuse(batch, &fault);
                return Err(fault);
            }
        };
        self.account(&came, before);
        self.shared.position.send_if_modified(|position| {
            std::mem::replace(position, self.tip.position) != self.tip.position
        });
        if let Err(stopped) = self.reach(CommitStep::Noticed) {
            let fault = self.shared.fail(stopped.into_fault());
            refuse(batch, &fault);
            return Err(fault);
        }
        batch.into_iter().zip(came).for_each(|(job, came)| tell(job, came));
        Ok(())
    }

    /// Commits a batch, or leaves nothing of it.
    fn attempt(&mut self, batch: &[Job], each: Each, before: Tip) -> Result<Vec<Came>, Stopped> {
        let done = self.put_all(batch, each);
        if done.is_err() {
            // What SQLite has not rolled back by itself is rolled back here.
            drop(self.connection.execute_batch("ROLLBACK"));
            self.tip = before;
            self.remembered = Remembered::default();
        }
        done
    }

    fn put_all(&mut self, batch: &[Job], each: Each) -> Result<Vec<Came>, Stopped> {
        self.execute("BEGIN IMMEDIATE")?;
        self.reach(CommitStep::Begun)?;
        let mut came = Vec::with_capacity(batch.len());
        for job in batch {
            came.push(match job {
                Job::Append(transaction, _) => match self.append(transaction, each) {
                    Ok(committed) => Came::Append(Ok(committed)),
                    Err(Stopped::Refused(why)) => Came::Append(Err(why)),
                    Err(stopped) => return Err(stopped),
                },
                Job::Sweep(retention, _) => Came::Sweep(self.sweep(*retention)?),
            });
        }
        self.remembered.calls.write(&self.connection)?;
        self.reach(CommitStep::Written)?;
        self.execute("COMMIT")?;
        Ok(came)
    }

    fn sweep(&mut self, retention: Retention) -> rusqlite::Result<Swept> {
        self.remembered.calls.write(&self.connection)?;
        let swept = sweep::sweep(&self.connection, retention, self.remembered.held_to)?;
        self.remembered.held_to = self.tip.position;
        Ok(swept)
    }

    fn reach(&self, step: CommitStep) -> Result<(), Stopped> {
        self.faults.at(step).map_err(Stopped::Fault)
    }

    fn append(&mut self, transaction: &Transaction, each: Each) -> Result<Committed, Stopped> {
        validate::well_formed(transaction)?;
        self.fits(transaction)?;
        match each {
            Each::Together => Ok(self.put(transaction)?),
            Each::Alone => self.append_alone(transaction),
        }
    }

    fn append_alone(&mut self, transaction: &Transaction) -> Result<Committed, Stopped> {
        let before = self.tip;
        self.execute("SAVEPOINT one")?;
        let put = self.put(transaction).and_then(|committed| {
            self.remembered.calls.write(&self.connection).map(|()| committed)
        });
        match put {
            Ok(committed) => {
                self.execute("RELEASE one")?;
                Ok(committed)
            }
            Err(error) if is_constraint(&error) => {
                self.tip = before;
                self.remembered = Remembered::default();
                self.execute("ROLLBACK TO one")?;
                self.execute("RELEASE one")?;
                let ids = transaction.events().map(|new| new.id.clone()).collect();
                Err(self.at_fault(ids, &error)?.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What a constraint refused. An id that was used before is found here and not beforehand:
    /// asking for every id would cost more than the insert.
    fn at_fault(&self, ids: Vec<EventId>, error: &rusqlite::Error) -> Result<AppendError, Stopped> {
        for id in ids {
            if rows::has_event(&self.connection, &id)? {
                return Ok(AppendError::Repeated { id });
            }
        }
        tracing::error!(%error, "the store refused a transaction that seemed right");
        Ok(AppendError::Malformed("the store refused it"))
    }

    /// Whether it can be appended to what stands there now, earlier ones of the batch included.
    fn fits(&self, transaction: &Transaction) -> Result<(), Stopped> {
        if let Some(claim) = &transaction.key
            && !self.shared.keys.is_free(&claim.scope, &claim.key)
        {
            let bound = rows::key(&self.connection, &claim.scope, &claim.key)?;
            if let Some(KeyBinding { call, fingerprint, .. }) = bound {
                return Err(AppendError::KeyTaken { call, fingerprint }.into());
            }
        }
        for append in &transaction.appends {
            let head = rows::head(&self.connection, &append.stream)?;
            append.fits(head.as_ref().map(|(seq, id)| (*seq, id)))?;
            let unknown = rows::unknown_in(&self.connection, &append.stream, &self.unknown)?;
            if let Some(kind) = unknown {
                return Err(AppendError::ReadOnly { stream: append.stream.clone(), kind }.into());
            }
        }
        Ok(())
    }

    fn put(&mut self, transaction: &Transaction) -> rusqlite::Result<Committed> {
        let first = self.tip.position + 1;
        let at = transaction.last_time();
        let mut inserts = insert::Inserts::of(&self.connection)?;
        for body in &transaction.bodies {
            let (digest, private) = (body.digest(), body.is_private());
            inserts.body(digest, body.bytes(), private, at, BodyClass::Plain)?;
        }
        if let Some(claim) = &transaction.key {
            self.shared.keys.add(&claim.scope, &claim.key);
            insert::key(&self.connection, claim)?;
        }
        if let Some(progress) = &transaction.progress {
            consumers::step(&self.connection, progress)?;
        }
        for change in &transaction.keeping {
            erase::change(&self.connection, change)?;
            if let KeepingChange::Hold { .. } = change {
                // Whoever asked for it may not have seen what the call came to since.
                self.remembered.held_to = 0;
            }
        }
        let mut seqs = Vec::with_capacity(transaction.appends.len());
        for append in &transaction.appends {
            let stream = &append.stream;
            let seals = append.events.iter().zip(append.expected_seq + 1..);
            let sealed: Vec<Sealed<'_>> =
                seals.map(|(new, seq)| seal(&mut self.tip, stream, seq, new)).collect();
            for one in &sealed {
                inserts.event(one)?;
                if self.remembered.kinds.insert((one.event.name(), one.envelope.version)) {
                    insert::kind(&self.connection, one)?;
                }
            }
            if let Some(id) = stream.call_id() {
                self.remembered.calls.go_on(&self.connection, (stream, &id), &sealed)?;
            } else if let Some(id) = stream.review_id() {
                insert::review_summary(&self.connection, &id, &sealed)?;
            }
            seqs.push(append.expected_seq + sealed.len() as u64);
        }
        Ok(Committed { first, last: self.tip.position, seqs })
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    fn account(&self, came: &[Came], before: Tip) {
        let done = came.iter().filter(|one| matches!(one, Came::Append(Ok(_)))).count();
        let events = self.tip.position - before.position;
        self.shared.transactions.fetch_add(done as u64, Ordering::Relaxed);
        self.shared.events.fetch_add(events, Ordering::Relaxed);
        self.shared.commits.fetch_add(u64::from(events > 0), Ordering::Relaxed);
    }
}

/// Tells what a job came to. Whoever asked may have gone; it stands all the same.
fn tell(job: Job, came: Came) {
    match (job, came) {
        (Job::Append(_, answer), Came::Append(result)) => drop(answer.send(result)),
        (Job::Sweep(_, answer), Came::Sweep(swept)) => drop(answer.send(Ok(swept))),
        // What came of a job is of its own kind: `put_all` makes one for each, in order.
        (Job::Append(..), Came::Sweep(_)) | (Job::Sweep(..), Came::Append(_)) => {}
    }
}

fn refuse(jobs: impl IntoIterator<Item = Job>, fault: &StorageFault) {
    for job in jobs {
        match job {
            Job::Append(_, answer) => drop(answer.send(Err(fault.clone().into()))),
            Job::Sweep(_, answer) => drop(answer.send(Err(fault.clone()))),
        }
    }
}
