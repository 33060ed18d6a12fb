//! What only a disk can show: batches, crashes, a full disk, a folder that is somebody else's.

use std::{fs, path::Path, sync::Arc, time::Duration};

use backstop_domain::{CallId, Stream};
use backstop_ledger::{
    AppendError, Ledger, OpenError, Options, SqliteLedger, StorageFault, verify,
};
use rusqlite::Connection;

use crate::{
    conformance::a_failed_commit_stops_the_ledger,
    sqlite::Folder,
    stories::{bodies, call_events, received, started, way_of_an_accepted_call},
};

#[tokio::test(flavor = "multi_thread")]
async fn many_callers_share_one_fsync() {
    let folder = Folder::new();
    let ledger = Arc::new(folder.open());
    let mut calls = tokio::task::JoinSet::new();
    for n in 0..64 {
        let ledger = Arc::clone(&ledger);
        calls.spawn(async move {
            for m in 0..10 {
                let call = format!("c{n}_{m}");
                let hurried = call_events(&call, 0, vec![received("p")]).hurried();
                ledger.append(hurried).await.unwrap();
            }
        });
    }
    calls.join_all().await;
    let counts = ledger.counts();
    assert_eq!((counts.transactions, counts.events), (640, 640));
    assert!(counts.commits * 2 < counts.transactions, "{counts:?}");
    assert!(counts.commits >= 10, "one caller's calls are one after the other: {counts:?}");
}

#[tokio::test]
async fn what_rides_is_told_only_with_the_commit_that_carries_it() {
    let folder = Folder::new();
    let options = Options { ride: Duration::from_secs(60), ..Options::default() };
    let ledger = SqliteLedger::open(folder.path(), &options).unwrap();
    ledger.append(call_events("a", 0, vec![received("p")]).hurried()).await.unwrap();
    let mut riding = ledger.append(call_events("a", 1, vec![started(1)]));
    let early = tokio::time::timeout(Duration::from_millis(100), &mut riding).await;
    assert!(early.is_err(), "{early:?}");
    assert_eq!((ledger.position(), ledger.counts().commits), (1, 1));
    let carrier = call_events("b", 0, vec![received("p")]).hurried();
    let carrier = ledger.append(carrier).await.unwrap();
    assert_eq!((riding.await.unwrap().last, carrier.first), (2, 3));
    assert_eq!(ledger.counts().commits, 2);
}

#[tokio::test]
async fn what_rides_alone_arrives_by_itself() {
    let folder = Folder::new();
    let ledger = folder.open();
    ledger.append(call_events("a", 0, vec![received("p")])).await.unwrap();
    let riding = ledger.append(call_events("a", 1, vec![started(1)])).await;
    assert_eq!(riding.unwrap().seqs, [2]);
}

#[tokio::test]
async fn a_full_disk_is_told_and_reads_live_on() {
    let folder = Folder::new();
    let options = Options { max_bytes: Some(400 * 1024), ..Options::default() };
    let ledger = SqliteLedger::open(folder.path(), &options).unwrap();
    let mut kept = Vec::new();
    let full = loop {
        let call = format!("c{}", kept.len());
        let way = call_events(&call, 0, way_of_an_accepted_call());
        match ledger.append(way.with_bodies(bodies())).await {
            Ok(_) => kept.push(call),
            Err(error) => break error,
        }
    };
    assert_eq!(full, AppendError::Storage(StorageFault::Full));
    assert!(kept.len() > 5, "{}", kept.len());
    assert_eq!(ledger.fault(), Some(StorageFault::Full));
    let after = ledger.append(call_events("after", 0, vec![received("p")])).await;
    assert_eq!(after, Err(AppendError::Storage(StorageFault::Full)));
    for _ in 0..2 {
        assert_eq!(ledger.open_calls().await, Ok(vec![]));
        assert_eq!(
            ledger.stream(&Stream::call(&CallId(kept[0].clone())), 0).await.unwrap().len(),
            9
        );
    }
    drop(ledger);
    let report = verify(folder.path()).unwrap();
    assert_eq!((report.breaks, report.calls), (vec![], kept.len() as u64));
    assert!(folder.open().append(call_events("after", 0, vec![received("p")])).await.is_ok());
}

#[tokio::test]
async fn a_failed_write_stops_sqlite_too() {
    let folder = Folder::new();
    let ledger = Arc::new(folder.open());
    // A trigger is the nearest to a failing disk that every machine has.
    let fail = || {
        let other = Connection::open(folder.path().join("ledger.db")).unwrap();
        let sql = "CREATE TRIGGER failing BEFORE INSERT ON events BEGIN \
                   SELECT json_extract('not json', '$'); END";
        other.execute_batch(sql).unwrap();
    };
    a_failed_commit_stops_the_ledger(ledger, fail).await;
}

#[tokio::test]
async fn a_crash_loses_nothing_that_was_acknowledged() {
    let folder = Folder::new();
    let ledger = folder.open();
    let database = folder.path().join("ledger.db");
    let log = folder.path().join("ledger.db-wal");
    for n in 0..20 {
        let call = call_events(&format!("c{n}"), 0, way_of_an_accepted_call());
        ledger.append(call.with_bodies(bodies())).await.unwrap();
    }
    let acknowledged = ledger.position();
    let (file, safe) = (fs::read(&database).unwrap(), fs::read(&log).unwrap().len());
    for n in 20..40 {
        let call = call_events(&format!("c{n}"), 0, way_of_an_accepted_call());
        ledger.append(call.with_bodies(bodies())).await.unwrap();
    }
    let whole_log = fs::read(&log).unwrap();
    if whole_log.len() < safe || fs::read(&database).unwrap() != file {
        println!("the log was carried over meanwhile: this run proves nothing");
        return;
    }
    drop(ledger);
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..40 {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let cut = safe + usize::try_from(seed).unwrap() % (whole_log.len() - safe);
        let mut log = whole_log[..cut].to_vec();
        if round % 2 == 0 {
            // The tail that was never synced may also hold anything.
            log.extend(whole_log[cut..].iter().map(|byte| byte ^ 0x5a));
        }
        let clone = Folder::new();
        fs::create_dir(clone.path()).unwrap();
        fs::write(clone.path().join("ledger.db"), &file).unwrap();
        fs::write(clone.path().join("ledger.db-wal"), log).unwrap();
        let ledger = clone.open();
        let position = ledger.position();
        assert!(position >= acknowledged, "cut at {cut}: {position} of {acknowledged}");
        // Transactions are whole or not there: each call has all nine events.
        assert_eq!(position % 9, 0);
        let last = format!("c{}", position / 9);
        ledger.append(call_events(&last, 0, way_of_an_accepted_call())).await.unwrap();
        drop(ledger);
        assert_eq!(verify(clone.path()).unwrap().breaks, []);
    }
}

#[tokio::test]
async fn a_restart_goes_on_where_it_was() {
    let folder = Folder::new();
    for n in 0..3 {
        let ledger = folder.open();
        assert_eq!(ledger.position(), n * 9);
        let call = call_events(&format!("c{n}"), 0, way_of_an_accepted_call());
        ledger.append(call.with_bodies(bodies())).await.unwrap();
    }
    assert!(verify(folder.path()).unwrap().is_whole());
    let log = folder.path().join("ledger.db-wal");
    assert_eq!(log.metadata().map_or(0, |log| log.len()), 0, "closing empties the log");
}

#[tokio::test]
async fn a_folder_has_one_owner() {
    let folder = Folder::new();
    let first = folder.open();
    let second = SqliteLedger::open(folder.path(), &Options::default());
    let told = second.unwrap_err().to_string();
    assert!(told.contains("in use by another Backstop"), "{told}");
    drop(first);
    drop(folder.open());
}

#[tokio::test]
async fn a_newer_folder_is_left_alone() {
    let folder = Folder::new();
    drop(folder.open());
    let raw = Connection::open(folder.path().join("ledger.db")).unwrap();
    raw.pragma_update(None, "user_version", 99).unwrap();
    drop(raw);
    for error in [
        SqliteLedger::open(folder.path(), &Options::default()).unwrap_err(),
        verify(folder.path()).unwrap_err(),
    ] {
        assert!(matches!(error, OpenError::Newer { found: 99, .. }), "{error}");
        assert!(error.to_string().contains("newer Backstop"), "{error}");
    }
}

#[test]
fn nobody_else_can_read_the_folder() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    drop(folder.open());
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder.path()), 0o700);
    assert_eq!(mode(&folder.path().join("ledger.db")), 0o600);
}

#[test]
fn a_file_in_the_way_is_told_by_name() {
    let folder = Folder::new();
    fs::write(folder.path(), "not a folder").unwrap();
    let error = SqliteLedger::open(folder.path(), &Options::default()).unwrap_err();
    assert!(matches!(error, OpenError::Folder(..)), "{error}");
    fs::remove_file(folder.path()).unwrap();
}

#[tokio::test]
async fn a_stream_with_events_of_a_newer_backstop_is_read_only() {
    let folder = Folder::new();
    let ledger = folder.open();
    for call in ["new", "known"] {
        ledger.append(call_events(call, 0, vec![received("p"), started(1)])).await.unwrap();
    }
    drop(ledger);
    let raw = Connection::open(folder.path().join("ledger.db")).unwrap();
    raw.execute_batch(
        "UPDATE events SET type = 'run_split' WHERE stream = 'call/new' AND seq = 2; \
         INSERT INTO kinds VALUES ('call', 'run_split', 1);",
    )
    .unwrap();
    drop(raw);
    let ledger = folder.open();
    let refused = ledger.append(call_events("new", 2, vec![started(2)])).await;
    let stream = Stream::from("call/new");
    assert_eq!(refused, Err(AppendError::ReadOnly { stream, kind: "run_split".into() }));
    let goes_on = ledger.append(call_events("known", 2, vec![started(2)])).await;
    assert!(goes_on.is_ok(), "{goes_on:?}");
    let read = ledger.stream(&Stream::from("call/new"), 0).await.unwrap();
    assert!(read[0].event.is_ok());
    assert!(read[1].event.as_ref().unwrap_err().to_string().contains("run_split"));
}
