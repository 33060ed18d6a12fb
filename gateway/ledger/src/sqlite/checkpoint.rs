//! Carries the log over into the file, on its own thread and connection, so that no commit waits
//! for it as long as the log is small.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};

use crate::OpenError;

use super::{Shared, writer};

/// After this many bytes the log is carried over while commits go on. A page that changed many
/// times meanwhile is carried once.
const CARRY: u64 = 16 << 20;
/// From this size on commits wait for a moment, so that the log is written from its start again:
/// under steady load it would otherwise grow for ever. The file keeps its size, since to let it
/// grow anew costs the kernel more than all of SQLite does for a commit.
const RESET: u64 = 64 << 20;
/// Bytes of a page in the log, with its header.
const FRAME: u64 = 4096 + 24;
/// After this long without a commit the log is emptied.
const IDLE: Duration = Duration::from_secs(1);

/// Starts the thread. It ends, with an emptied log, when the other end of the sender is dropped.
pub(super) fn start(
    database: &Path,
    shared: Arc<Shared>,
) -> Result<(JoinHandle<()>, SyncSender<()>), OpenError> {
    let connection = Connection::open_with_flags(
        database,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(Duration::from_millis(100))?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update_and_check(None, "journal_size_limit", RESET as i64, |_| Ok(()))?;
    let mut log = database.as_os_str().to_owned();
    log.push("-wal");
    let checkpointer = Checkpointer { connection, log: log.into(), shared };
    // One waiting nudge says all that two would.
    let (nudge, nudged) = sync_channel(1);
    let thread = thread::Builder::new()
        .name("ledger-checkpoint".into())
        .spawn(move || checkpointer.run(&nudged))
        .map_err(OpenError::Thread)?;
    Ok((thread, nudge))
}

struct Checkpointer {
    connection: Connection,
    log: PathBuf,
    shared: Arc<Shared>,
}

impl Checkpointer {
    fn run(self, nudged: &Receiver<()>) {
        let mut carried = 0;
        loop {
            match nudged.recv_timeout(IDLE) {
                Ok(()) => {
                    let size = self.shared.log_pages.load(Ordering::Relaxed) * FRAME;
                    carried = carried.min(size);
                    if size >= RESET {
                        self.checkpoint("RESTART");
                        carried = 0;
                    } else if size >= carried + CARRY {
                        self.checkpoint("PASSIVE");
                        carried = size;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    if self.log.metadata().is_ok_and(|file| file.len() > 0) {
                        self.checkpoint("TRUNCATE");
                        carried = 0;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return self.checkpoint("TRUNCATE"),
            }
        }
    }

    fn checkpoint(&self, how: &'static str) {
        // After a failed fsync the file may lack what the log still has: leave both as they are.
        if self.shared.fault().is_some() {
            return;
        }
        let sql = format!("PRAGMA wal_checkpoint({how})");
        match self.connection.query_row(&sql, [], |row| row.get::<_, i64>(0)) {
            Ok(_) => {}
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {}
            Err(error) => drop(self.shared.fail(writer::fault(&error))),
        }
    }
}
