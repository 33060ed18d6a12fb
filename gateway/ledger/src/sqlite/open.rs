//! Opening a data folder: whose it is, which SQLite it is, and that SQLite does what we asked.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use crate::OpenError;

use super::place;

/// Before this, a race while the log is reset could corrupt the file.
const FLOOR: (i32, &str) = (3_051_003, "3.51.3");

/// The database's name in the data folder.
pub(super) const DATABASE: &str = "ledger.db";

/// Pages in kibibytes, negative as SQLite wants it, that the writer keeps. Few, because digests
/// come in no order: that lets SQLite look through all its pages at the end of each commit, which
/// with 16 MiB of them took a fifth of a loaded gateway's time. The kernel keeps the rest.
const WRITER_CACHE: i32 = -1024;
/// The same for each connection that reads.
const READER_CACHE: i32 = -2048;

/// Held as long as a process works on the folder.
#[derive(Debug)]
pub(super) struct Held {
    /// The folder.
    pub folder: PathBuf,
    /// Locked until it is closed, which the kernel does even after SIGKILL.
    lock: File,
}

impl Held {
    /// Path of the database.
    pub fn database(&self) -> PathBuf {
        self.folder.join(DATABASE)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Closing is not enough: a process that is being started at this moment has all our files
        // open until it runs its own program, and would hold the folder for so long.
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, "the data folder stays locked until this process ends");
        }
    }
}

/// Takes the folder for this process alone; makes it if `create`.
///
/// # Errors
/// [`OpenError::InUse`] if another process has it, [`OpenError::Remote`] if it lies on a network
/// file system, [`OpenError::Folder`] if it cannot be used.
pub(super) fn hold(folder: &Path, create: bool) -> Result<Held, OpenError> {
    let failed = |error| OpenError::Folder(folder.into(), error);
    if create && !folder.exists() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    }
    if !create && !folder.join(DATABASE).exists() {
        return Err(failed(io::Error::new(io::ErrorKind::NotFound, "it holds no ledger.db")));
    }
    if let Some(kind) = place::remote(folder) {
        return Err(OpenError::Remote { path: folder.into(), kind });
    }
    let mode = folder.metadata().map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        let folder = folder.display();
        tracing::warn!(%folder, "other users can look into the data folder: chmod 700 it");
    }
    let path = folder.join("lock");
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let lock = options.open(path).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(Held { folder: folder.into(), lock }),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(folder.into())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Refuses an SQLite that is known to corrupt ledgers.
///
/// # Errors
/// [`OpenError::OldSqlite`].
pub(super) fn check_version() -> Result<(), OpenError> {
    if rusqlite::version_number() >= FLOOR.0 {
        return Ok(());
    }
    Err(OpenError::OldSqlite { found: rusqlite::version().into(), floor: FLOOR.1 })
}

/// How hard SQLite asks the disk to keep what is committed: its word for that, and the number that
/// it reads back as.
#[derive(Debug, Clone, Copy)]
pub(super) struct Synchronous(&'static str, &'static str);

impl Synchronous {
    /// Every commit is on the disk before anybody is told.
    pub const FULL: Self = Self("FULL", "2");
    /// Only checkpoints sync. For tests, which show what is lost by that.
    pub const LOWERED: Self = Self("NORMAL", "1");
}

/// The connection that writes. The file is made for its owner alone.
///
/// # Errors
/// [`OpenError::Pragma`] if SQLite did not take a setting, or what SQLite says.
pub(super) fn writer(
    held: &Held,
    max_bytes: Option<u64>,
    synchronous: Synchronous,
) -> Result<Connection, OpenError> {
    let path = held.database();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(&path).map_err(|error| OpenError::Folder(held.folder.clone(), error))?;
    let connection = Connection::open_with_flags(&path, flags(OpenFlags::SQLITE_OPEN_READ_WRITE))?;
    connection.busy_timeout(Duration::from_secs(10))?;
    // After a failed fsync nothing may be written again, not even by closing.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", synchronous.0)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_size_limit", 64 << 20, |_| Ok(()))?;
    // What is erased is overwritten, not only forgotten.
    connection.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
    connection.pragma_update(None, "cache_size", WRITER_CACHE)?;
    if let Some(bytes) = max_bytes {
        let page: u64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let pages = bytes / page.max(1);
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    needs(&connection, "journal_mode", "wal")?;
    needs(&connection, "synchronous", synchronous.1)?;
    needs(&connection, "secure_delete", "1")?;
    needs(&connection, "wal_autocheckpoint", "0")?;
    plan_once(&connection)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// A connection that only reads.
///
/// # Errors
/// What SQLite says.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    play_back(path)?;
    let connection = Connection::open_with_flags(path, flags(OpenFlags::SQLITE_OPEN_READ_ONLY))?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cache_size", READER_CACHE)?;
    plan_once(&connection)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// A restored or an older folder has no write-ahead log before its first writer made one. A kill
/// just then leaves a rollback journal, which SQLite undoes by itself, though never for a read-only
/// connection.
fn play_back(path: &Path) -> rusqlite::Result<()> {
    let mut journal = path.as_os_str().to_owned();
    journal.push("-journal");
    if !Path::new(&journal).exists() {
        return Ok(());
    }
    let connection = Connection::open_with_flags(path, flags(OpenFlags::SQLITE_OPEN_READ_WRITE))?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // Any reading does it.
    connection.pragma_query_value(None, "user_version", |_| Ok(()))
}

/// Statements are planned once: our plans do not depend on the values that are bound.
fn plan_once(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

fn flags(access: OpenFlags) -> OpenFlags {
    // Each connection has one user at a time, so SQLite's own locks would only cost time.
    access | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

/// SQLite takes a wrong word for a setting in silence, so each one is read back.
fn needs(
    connection: &Connection,
    pragma: &'static str,
    needed: &'static str,
) -> Result<(), OpenError> {
    use rusqlite::types::Value;
    let found = connection.pragma_query_value(None, pragma, |row| row.get::<_, Value>(0))?;
    let found = match found {
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => text,
        other => format!("{other:?}"),
    };
    if found == needed { Ok(()) } else { Err(OpenError::Pragma { pragma, found, needed }) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at a surprise")]

    use super::*;

    #[test]
    fn a_folder_that_was_let_go_can_be_taken_though_a_child_has_its_files_open() {
        let name = format!("backstop-held-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let held = hold(&folder, true).unwrap();
        assert!(matches!(hold(&folder, true), Err(OpenError::InUse(_))));
        // What a process has between its fork and its program: the same open file.
        let of_a_child = held.lock.try_clone().unwrap();
        drop(held);
        hold(&folder, true).unwrap();
        drop(of_a_child);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
