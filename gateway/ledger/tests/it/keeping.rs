//! Backups, restores and folders of an older format.

use std::fs;

use backstop_domain::Millis;
use backstop_ledger::{
    BackupError, Ledger, OpenError, Options, Retention, SqliteLedger, backup, migrate, restore,
    verify,
};
use rusqlite::Connection;

use crate::{
    sqlite::Folder,
    stories::{bodies, call_events, received, way_of_an_accepted_call},
};

/// A folder that Backstop 0.1.0 wrote with format 1, as text; never edited.
const FORMAT_1: &str = include_str!("../older/format-1.sql");

/// A folder as that older Backstop left it.
fn older() -> Folder {
    let folder = Folder::new();
    fs::create_dir(folder.path()).unwrap();
    let raw = Connection::open(folder.path().join("ledger.db")).unwrap();
    raw.execute_batch(FORMAT_1).unwrap();
    fs::write(folder.path().join("salt"), [7; 32]).unwrap();
    folder
}

async fn calls(ledger: &SqliteLedger, from: usize, to: usize) {
    for n in from..to {
        let call = call_events(&format!("c{n}"), 0, way_of_an_accepted_call());
        ledger.append(call.with_bodies(bodies())).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_one_moment_of_a_ledger_that_goes_on() {
    let (folder, to) = (Folder::new(), Folder::new());
    let ledger = folder.open();
    fs::write(folder.path().join("salt"), [9; 32]).unwrap();
    calls(&ledger, 0, 40).await;
    let (source, target) = (folder.path().to_owned(), to.path().to_owned());
    let copying = tokio::task::spawn_blocking(move || backup(&source, &target));
    let (copied, ()) = tokio::join!(copying, calls(&ledger, 40, 120));
    let copied = copied.unwrap().unwrap();
    // Whole transactions only: each call has all nine events.
    assert!(copied.position >= 360 && copied.position.is_multiple_of(9), "{}", copied.position);
    assert_eq!((copied.report.events, copied.report.breaks.len()), (copied.position, 0));
    let same = ledger.feed(copied.position - 1, 1).await.unwrap();
    assert_eq!(same[0].envelope.hash, copied.hash, "it is the same chain");
    let files: Vec<_> =
        fs::read_dir(to.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files.len(), 2, "{files:?}");
    assert_eq!(ledger.position(), 120 * 9, "the ledger did not wait");
}

#[tokio::test]
async fn what_is_restored_goes_on_where_the_backup_was() {
    let (folder, kept, again) = (Folder::new(), Folder::new(), Folder::new());
    let ledger = folder.open();
    fs::write(folder.path().join("salt"), [9; 32]).unwrap();
    calls(&ledger, 0, 3).await;
    backup(folder.path(), kept.path()).unwrap();
    calls(&ledger, 3, 5).await;
    drop(ledger);
    restore(kept.path(), again.path()).unwrap();
    assert_eq!(fs::read(again.path().join("salt")).unwrap(), [9; 32]);
    let ledger = again.open();
    assert_eq!(ledger.position(), 27);
    calls(&ledger, 3, 4).await;
    drop(ledger);
    assert!(verify(again.path()).unwrap().is_whole());
    // The backup itself was not touched.
    assert_eq!(verify(kept.path()).unwrap().events, 27);
}

#[tokio::test]
async fn nothing_is_overwritten_and_half_a_backup_has_no_name() {
    let (folder, to) = (Folder::new(), Folder::new());
    let ledger = folder.open();
    calls(&ledger, 0, 2).await;
    backup(folder.path(), to.path()).unwrap();
    let refused = backup(folder.path(), to.path());
    assert!(matches!(refused, Err(BackupError::InTheWay(_))), "{refused:?}");
    let restored = restore(to.path(), folder.path());
    assert!(matches!(restored, Err(BackupError::InTheWay(_))), "{restored:?}");
    // One was killed half-way: its remains are cleared away.
    let half = Folder::new();
    let mut partial = half.path().as_os_str().to_owned();
    partial.push(".partial");
    fs::create_dir(&partial).unwrap();
    fs::write(std::path::Path::new(&partial).join("ledger.db"), "half").unwrap();
    assert!(!half.path().exists());
    assert_eq!(backup(folder.path(), half.path()).unwrap().position, 18);
    assert!(!std::path::Path::new(&partial).exists());
}

#[tokio::test]
async fn a_broken_ledger_makes_no_backup() {
    let (folder, to) = (Folder::new(), Folder::new());
    let ledger = folder.open();
    calls(&ledger, 0, 2).await;
    drop(ledger);
    let raw = Connection::open(folder.path().join("ledger.db")).unwrap();
    raw.execute("UPDATE events SET run = 7 WHERE position = 5", []).unwrap();
    drop(raw);
    let refused = backup(folder.path(), to.path()).unwrap_err();
    assert!(refused.to_string().contains("position 5"), "{refused}");
    assert!(!to.path().exists());
}

#[tokio::test]
async fn an_older_folder_is_told_how_to_become_new_and_keeps_every_event() {
    let folder = older();
    let refused = SqliteLedger::open(folder.path(), &Options::default()).unwrap_err();
    assert!(matches!(refused, OpenError::Older { found: 1, .. }), "{refused}");
    assert!(refused.to_string().contains("backstop migrate --data"), "{refused}");
    let before = verify(folder.path()).unwrap();
    assert_eq!((before.events, before.calls, before.breaks.len()), (37, 2, 0));
    let done = migrate(folder.path()).unwrap();
    assert_eq!(done.from, 1);
    let kept = done.backup.unwrap();
    assert_eq!(verify(&kept).unwrap(), before, "the backup is what was there");
    assert_eq!(fs::read(kept.join("salt")).unwrap(), [7; 32]);
    assert_eq!(verify(folder.path()).unwrap(), before);
    let ledger = folder.open();
    assert_eq!(ledger.position(), 37);
    assert!(ledger.feed(0, 100).await.unwrap().iter().all(|one| one.event.is_ok()));
    assert_eq!(ledger.subscriptions().await, Ok(vec![]));
    let end = Some(Millis(u64::MAX >> 1));
    let events = Retention { events_unused_since: end, ..Retention::default() };
    while ledger.sweep(events).await.unwrap().more {}
    let left = ledger.feed(0, 100).await.unwrap();
    let readable =
        |kind: &str| left.iter().any(|one| one.event.is_ok() && one.envelope.kind == kind);
    assert!(readable("call_ended") && !readable("call_received"), "old bodies have classes too");
    let new = call_events("new", 0, vec![received("p")]).with_bodies(bodies());
    ledger.append(new).await.unwrap();
    drop(ledger);
    assert!(verify(folder.path()).unwrap().is_whole());
    assert_eq!(migrate(folder.path()).unwrap().backup, None, "there is nothing left to do");
}

#[tokio::test]
async fn a_migration_that_was_killed_goes_on() {
    // Killed while the backup was made.
    let folder = older();
    let partial = folder.path().join("before-format-4.partial");
    fs::create_dir(&partial).unwrap();
    fs::write(partial.join("ledger.db"), "half").unwrap();
    assert!(migrate(folder.path()).unwrap().backup.unwrap().exists());
    // Killed after the backup, before the step.
    let folder = older();
    let kept = folder.path().join("before-format-4");
    backup(folder.path(), &kept).unwrap();
    assert_eq!(migrate(folder.path()).unwrap().backup, Some(kept));
    // Killed inside the step: SQLite has none of it.
    let folder = older();
    let raw = Connection::open(folder.path().join("ledger.db")).unwrap();
    raw.execute_batch("BEGIN; CREATE TABLE subscriptions (x);").unwrap();
    drop(raw);
    migrate(folder.path()).unwrap();
    assert_eq!(folder.open().position(), 37);
}

#[tokio::test]
async fn a_folder_in_use_and_a_newer_one_are_not_migrated() {
    let folder = Folder::new();
    let ledger = folder.open();
    assert!(migrate(folder.path()).unwrap_err().to_string().contains("in use"));
    drop(ledger);
    let raw = Connection::open(folder.path().join("ledger.db")).unwrap();
    raw.pragma_update(None, "user_version", 99).unwrap();
    drop(raw);
    assert!(migrate(folder.path()).unwrap_err().to_string().contains("newer Backstop"));
}

#[test]
fn a_kill_before_the_first_log_is_undone_by_whoever_looks_next() {
    let folder = older();
    let database = folder.path().join("ledger.db");
    // The first writer changes the mode of a folder; killed in that, it leaves its rollback journal.
    leave_a_hot_journal(&database);
    assert!(folder.path().join("ledger.db-journal").exists());
    assert_eq!(verify(folder.path()).unwrap().events, 37);
    assert!(!folder.path().join("ledger.db-journal").exists(), "it was played back");
    leave_a_hot_journal(&database);
    assert_eq!(migrate(folder.path()).unwrap().from, 1);
    assert_eq!(verify(folder.path()).unwrap().events, 37);
}

/// Writes half a transaction into the file, as SIGKILL leaves it.
fn leave_a_hot_journal(database: &std::path::Path) {
    let mut half = database.as_os_str().to_owned();
    half.push("-half");
    let raw = Connection::open(database).unwrap();
    raw.execute_batch(
        "PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN IMMEDIATE;
         CREATE TABLE junk (bytes BLOB);
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
         INSERT INTO junk SELECT zeroblob(4096) FROM n;",
    )
    .unwrap();
    // Copied while the transaction is open, then put where the killed process left it.
    let journal = |path: &std::path::Path| {
        let mut name = path.as_os_str().to_owned();
        name.push("-journal");
        std::path::PathBuf::from(name)
    };
    let (half, kept) = (std::path::PathBuf::from(half), journal(database));
    fs::copy(database, &half).unwrap();
    let undo = fs::read(&kept).unwrap();
    raw.execute_batch("ROLLBACK").unwrap();
    drop(raw);
    fs::rename(&half, database).unwrap();
    fs::write(&kept, undo).unwrap();
}
