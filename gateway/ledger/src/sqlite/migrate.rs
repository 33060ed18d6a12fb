//! `backstop migrate`: takes an older data folder to the format of this binary. A backup is made
//! and proven first; each step is one transaction, so a kill leaves the folder as it was or as it
//! shall be, and the next run goes on from there.

use std::path::{Path, PathBuf};

use crate::OpenError;

use super::{BackupError, backup, open, schema};

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The format that was found.
    pub from: i64,
    /// The format that it has now.
    pub to: i64,
    /// Where it stands as it was, if anything was changed.
    pub backup: Option<PathBuf>,
}

/// Takes the folder to the format of this binary. No gateway may be running on it.
///
/// # Errors
/// [`BackupError`] if there can be no backup, or the folder is in use, newer or damaged; nothing
/// has changed then.
pub fn migrate(folder: &Path) -> Result<Migrated, BackupError> {
    open::check_version()?;
    let held = open::hold(folder, false)?;
    let reader = open::reader(&held.database()).map_err(OpenError::from)?;
    schema::check(&reader, folder)?;
    let from = schema::format(&reader)?;
    if from == schema::FORMAT {
        return Ok(Migrated { from, to: from, backup: None });
    }
    drop(reader);
    let kept = folder.join(format!("before-format-{}", schema::FORMAT));
    // One that is there was proven before it got its name: an earlier run came as far as this.
    if !kept.exists() {
        backup::backup(folder, &kept)?;
    }
    let mut connection = open::writer(&held, None, open::Synchronous::FULL)?;
    schema::step_up(&mut connection)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(Migrated { from, to: schema::FORMAT, backup: Some(kept) })
}
