//! A ledger that was touched is found out.

use std::{fs, io::Write as _, os::unix::fs::FileExt as _};

use backstop_domain::CallEvent;
use backstop_ledger::{
    Body, Ledger, OpenError, Report, Retention, SqliteLedger, rebuild_summaries, verify,
};
use rusqlite::Connection;

use crate::{
    sqlite::Folder,
    stories::{
        START, call_events, claim, opened, operator, paused, received, review_events, started,
        way_of_an_accepted_call,
    },
};

/// A folder with two calls, a review and what belongs to them, closed again.
async fn told() -> Folder {
    let folder = Folder::new();
    let ledger = folder.open();
    tell(&ledger).await;
    drop(ledger);
    folder
}

async fn tell(ledger: &SqliteLedger) {
    let first = call_events("a", 0, way_of_an_accepted_call());
    let first = first.with_bodies([Body::new(b"request".to_vec(), true)]);
    ledger.append(first.with_key(claim("a", "k", "body"))).await.unwrap();
    ledger.append(call_events("b", 0, vec![received("invoice-triage")])).await.unwrap();
    ledger.append(review_events("r", 0, vec![opened("b", "q", 500)])).await.unwrap();
    ledger.append(operator(1, paused(&"because ".repeat(2000)))).await.unwrap();
}

fn touch(folder: &Folder, sql: &str) {
    let connection = Connection::open(folder.path().join("ledger.db")).unwrap();
    assert!(connection.execute(sql, []).unwrap() > 0, "{sql}");
}

fn first_break(folder: &Folder) -> String {
    let report = verify(folder.path()).unwrap();
    report.breaks.first().map(ToString::to_string).unwrap_or_default()
}

#[tokio::test]
async fn a_whole_ledger_is_proven_whole() {
    let folder = told().await;
    let report = verify(folder.path()).unwrap();
    assert_eq!(report.breaks, []);
    let Report { events, calls, reviews, bodies, erased, unknown, .. } = report;
    assert_eq!((events, calls, reviews, erased, unknown), (12, 2, 1, 0, 0));
    assert!(bodies > 5, "{bodies}");
    // It changed nothing, and a gateway goes on from there.
    assert_eq!(folder.open().position(), 12);
}

#[tokio::test]
async fn no_column_of_an_event_can_be_changed_unseen() {
    let columns = [
        "stream = 'call/b'",
        "seq = 40",
        "id = 'evt_x'",
        "type = 'wait_ended'",
        "version = 2",
        "at = at + 1",
        "actor_kind = 'caller'",
        "actor_id = 'eve'",
        "actor_via = 'api'",
        "run = 2",
        "causation = 'evt_y'",
        "correlation = NULL",
        "revision = zeroblob(32)",
        "engine = 2",
        "body = '{}'",
        "body_digest = zeroblob(32)",
        "previous_hash = zeroblob(32)",
        "hash = zeroblob(32)",
    ];
    let folder = told().await;
    let whole = fs::read(folder.path().join("ledger.db")).unwrap();
    for column in columns {
        touch(&folder, &format!("UPDATE events SET {column} WHERE position = 3"));
        let found = first_break(&folder);
        assert!(
            found.starts_with("position 3: ") || column.starts_with("hash"),
            "{column}: {found}"
        );
        assert!(!found.is_empty(), "{column}");
        fs::write(folder.path().join("ledger.db"), &whole).unwrap();
        drop(fs::remove_file(folder.path().join("ledger.db-wal")));
    }
    assert_eq!(first_break(&folder), "");
}

#[tokio::test]
async fn what_stands_beside_the_events_is_held_to_them() {
    for (sql, expected) in [
        ("DELETE FROM events WHERE position = 4", "missing"),
        ("UPDATE bodies SET bytes = x'7b7d' WHERE id = 1", "does not have its digest"),
        ("DELETE FROM bodies WHERE id = (SELECT max(id) FROM bodies)", "the body is missing"),
        ("UPDATE calls SET summary = replace(summary, 'accepted', 'approved')", "summary"),
        ("UPDATE calls SET phase = 'waiting' WHERE id = 'b'", "listed under"),
        ("UPDATE reviews SET due = 1", "listed under"),
        ("DELETE FROM calls WHERE id = 'a'", "summary"),
        ("UPDATE keys SET call = 'b', policy = 'other'", "idempotency key"),
        ("DELETE FROM events WHERE stream = 'review/r'", "missing"),
    ] {
        let folder = told().await;
        touch(&folder, sql);
        let found = first_break(&folder);
        assert!(found.contains(expected), "{sql}: {found}");
    }
}

#[tokio::test]
async fn a_flipped_byte_of_the_file_never_changes_what_is_told() {
    let folder = told().await;
    let path = folder.path().join("ledger.db");
    let whole = fs::read(&path).unwrap();
    let events = |ledger: &SqliteLedger| ledger.feed(0, 1000);
    let before = events(&folder.open()).await.unwrap();
    fs::write(&path, &whole).unwrap();
    let (mut found, mut told_the_same) = (0, 0);
    // Every page is hit; a prime stride keeps clear of any pattern in the layout.
    for place in (100..whole.len()).step_by(997) {
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(&[whole[place] ^ 0x10], place as u64).unwrap();
        let broken = verify(folder.path()).map_or(true, |report| !report.is_whole());
        if broken {
            found += 1;
        } else {
            let ledger = folder.open();
            let now = events(&ledger).await.unwrap();
            assert!(now == before, "byte {place} changed an event unseen");
            told_the_same += 1;
            drop(ledger);
        }
        let mut file = fs::File::create(&path).unwrap();
        file.write_all(&whole).unwrap();
        drop(fs::remove_file(folder.path().join("ledger.db-wal")));
        drop(fs::remove_file(folder.path().join("ledger.db-shm")));
    }
    println!("{found} flips found, {told_the_same} in unused space or beside the events");
    assert!(found > 10, "{found}");
}

#[tokio::test]
async fn an_unlawful_call_is_named() {
    let folder = Folder::new();
    let ledger = folder.open();
    let unlawful = vec![received("p"), CallEvent::WaitEnded];
    ledger.append(call_events("a", 0, unlawful)).await.unwrap();
    drop(ledger);
    let found = first_break(&folder);
    assert_eq!(found, "position 2: call/a: `wait_ended` cannot follow in state `admitted`");
}

#[tokio::test]
async fn erased_calls_are_counted_and_not_called_broken() {
    let folder = told().await;
    let ledger = folder.open();
    let end = vec![CallEvent::CallEnded(crate::stories::cancelled())];
    ledger.append(call_events("b", 1, end)).await.unwrap();
    let withdrawn =
        backstop_domain::ReviewEvent::ReviewWithdrawn { reason: "the caller cancelled".into() };
    ledger.append(review_events("r", 1, vec![withdrawn])).await.unwrap();
    let late = backstop_domain::Millis(START * 2);
    let all = Retention { keys_of_calls_ended_before: Some(late), ..Retention::all(late) };
    assert!(ledger.sweep(all).await.unwrap().bodies > 0);
    drop(ledger);
    let report = verify(folder.path()).unwrap();
    assert_eq!((report.breaks, report.erased, report.calls), (vec![], 4, 0));
    assert_eq!(rebuild_summaries(folder.path()).unwrap(), 0);
    assert!(verify(folder.path()).unwrap().is_whole());
}

#[tokio::test]
async fn summaries_can_be_made_anew_from_the_events() {
    let folder = told().await;
    touch(&folder, "DELETE FROM calls");
    touch(&folder, "UPDATE reviews SET phase = 'expired', summary = '{}'");
    assert!(!verify(folder.path()).unwrap().is_whole());
    assert_eq!(rebuild_summaries(folder.path()).unwrap(), 3);
    assert_eq!(verify(folder.path()).unwrap().breaks, []);
}

#[tokio::test]
async fn a_running_ledger_is_not_verified() {
    let folder = Folder::new();
    let ledger = folder.open();
    ledger.append(call_events("a", 0, vec![received("p")])).await.unwrap();
    drop(ledger.append(call_events("a", 1, vec![started(1)])));
    assert!(matches!(verify(folder.path()), Err(OpenError::InUse(_))));
    assert!(matches!(rebuild_summaries(folder.path()), Err(OpenError::InUse(_))));
    drop(ledger);
    // What was on its way when it was closed is there.
    assert_eq!(folder.open().position(), 2);
}

#[test]
fn a_folder_without_a_ledger_is_not_made_into_one() {
    let folder = Folder::new();
    assert!(matches!(verify(folder.path()), Err(OpenError::Folder(..))));
    assert!(!folder.path().exists());
}
