//! `backstop backup` and `backstop restore`: a copy of the ledger as it stands at one moment, made
//! beside a gateway that goes on writing, and proven whole before it gets its name.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags, backup::Backup};

use crate::OpenError;

use super::{Report, open, rows, verify};

/// The secret that keys random samples stands beside the database and belongs to it.
const SALT: &str = "salt";

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Position of the last event in it.
    pub position: u64,
    /// Hash of that event.
    pub hash: backstop_domain::Digest,
    /// What proving it whole found.
    pub report: Report,
}

/// Why there is no copy. Nothing of it has the name that it was to get.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// Something stands there already.
    #[error("`{}` is there already: name a folder that is not", .0.display())]
    InTheWay(PathBuf),
    /// The source cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A file cannot be written.
    #[error("cannot write `{}`", .0.display())]
    Write(PathBuf, #[source] io::Error),
    /// SQLite could not copy it.
    #[error("the copy failed")]
    Copy(#[from] rusqlite::Error),
    /// The copy is not whole, and neither is what it was made from.
    #[error("the copy is broken: {0}; `backstop verify` says more")]
    Broken(String),
}

/// Copies the ledger of `folder`, which a gateway may be using, into the new folder `to`.
///
/// # Errors
/// [`BackupError`]; there is no folder `to` then.
pub fn backup(folder: &Path, to: &Path) -> Result<Copied, BackupError> {
    open::check_version()?;
    let source = folder.join(open::DATABASE);
    fs::metadata(&source).map_err(|error| OpenError::Folder(folder.into(), error))?;
    let reader = open::reader(&source).map_err(OpenError::from)?;
    super::schema::check(&reader, folder)?;
    let building = begin(to)?;
    let database = building.join(open::DATABASE);
    create(&database)?;
    copy(&reader, &database)?;
    carry_salt(folder, &building)?;
    finish(&building, to)
}

/// Puts the backup in `from` where a gateway can use it, as the new folder `folder`.
///
/// # Errors
/// [`BackupError`]; there is no folder `folder` then.
pub fn restore(from: &Path, folder: &Path) -> Result<Copied, BackupError> {
    backup(from, folder)
}

/// The folder that the copy is made in. What a killed one left is cleared away.
fn begin(to: &Path) -> Result<PathBuf, BackupError> {
    let empty = fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_none());
    if to.exists() && !empty {
        return Err(BackupError::InTheWay(to.into()));
    }
    let mut name = to.as_os_str().to_owned();
    name.push(".partial");
    let building = PathBuf::from(name);
    let failed = |error| BackupError::Write(building.clone(), error);
    match fs::remove_dir_all(&building) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    DirBuilder::new().recursive(true).mode(0o700).create(&building).map_err(failed)?;
    Ok(building)
}

fn create(database: &Path) -> Result<(), BackupError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(database).map(drop).map_err(|error| BackupError::Write(database.into(), error))
}

/// One step for all pages: a reader sees the ledger as it was at one moment, however much is
/// written meanwhile, and holds up no writer.
fn copy(reader: &Connection, database: &Path) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut copy = Connection::open_with_flags(database, flags)?;
    copy.pragma_update(None, "synchronous", "FULL")?;
    Backup::new(reader, &mut copy)?.step(-1)?;
    // Without a log beside it the copy is one file, which may be moved about.
    copy.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))
}

fn carry_salt(folder: &Path, building: &Path) -> Result<(), BackupError> {
    let (from, to) = (folder.join(SALT), building.join(SALT));
    let failed = |error| BackupError::Write(to.clone(), error);
    let bytes = match fs::read(&from) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(OpenError::Folder(folder.into(), error).into()),
    };
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(&to).map_err(failed)?;
    io::Write::write_all(&mut file, &bytes).map_err(failed)
}

/// Proves the copy whole, brings it to the disk, and gives it its name.
fn finish(building: &Path, to: &Path) -> Result<Copied, BackupError> {
    let report = verify(building)?;
    if let Some(found) = report.breaks.first() {
        return Err(BackupError::Broken(found.to_string()));
    }
    let tip = rows::tip(&open::reader(&building.join(open::DATABASE))?)?;
    let failed = |error| BackupError::Write(to.into(), error);
    let left = ["lock", "ledger.db-wal", "ledger.db-shm"];
    for name in left {
        match fs::remove_file(building.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    for entry in fs::read_dir(building).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        File::open(path).and_then(|file| file.sync_all()).map_err(failed)?;
    }
    File::open(building).and_then(|folder| folder.sync_all()).map_err(failed)?;
    fs::rename(building, to).map_err(failed)?;
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or_else(|| Path::new("."));
    File::open(parent).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(Copied { position: tip.position, hash: tip.hash, report })
}
