//! A ledger that was touched is found out.

use std::{fs, io::Write as _, os::unix::fs::FileExt as _};

use backstop_domain::{
    Act, CallEvent, Digest, Ended, Escalation, OnExpiry, Outcome, Resolution, Resolved,
    ReviewEvent, ReviewSpec, Source, Subject, Verdict,
};
use backstop_ledger::{
    Body, Ledger, OpenError, Report, Retention, SqliteLedger, rebuild_summaries, verify,
};
use rusqlite::Connection;

use crate::{
    sqlite::Folder,
    stories::{
        START, accepted, bodies, call_events, claim, judged, opened, operator, paused, received,
        requested, resolved, review_append, review_events, started, subject, verdict,
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
    let files = Body::new(b"policy files".to_vec(), false);
    let first = first.with_bodies(bodies().into_iter().chain([files]));
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
        ("UPDATE bodies SET bytes = NULL WHERE NOT private", "none of those that may be erased"),
    ] {
        let folder = told().await;
        touch(&folder, sql);
        let found = first_break(&folder);
        assert!(found.contains(expected), "{sql}: {found}");
    }
}

#[tokio::test]
async fn a_body_that_an_event_names_is_kept_or_erased_and_never_just_gone() {
    for (body, first) in [
        ("request", "position 1: call/a: body "),
        ("sent", "position 5: call/a: body "),
        ("raw", "position 6: call/a: body "),
        ("answer", "position 6: call/a: body "),
    ] {
        let folder = told().await;
        touch(&folder, &format!("DELETE FROM bodies WHERE bytes = CAST('{body}' AS BLOB)"));
        let found = first_break(&folder);
        assert!(found.starts_with(first), "{body}: {found}");
        assert!(found.ends_with("is lost: it is neither kept nor erased"), "{body}: {found}");
        // Erased it leaves its row.
        let folder = told().await;
        touch(
            &folder,
            &format!("UPDATE bodies SET bytes = NULL WHERE bytes = CAST('{body}' AS BLOB)"),
        );
        assert_eq!(first_break(&folder), "", "{body}");
    }
}

/// How a call came before a person and ended, and what its review tells of it.
struct Decided {
    call: Vec<CallEvent>,
    review: Vec<ReviewEvent>,
}

fn approval() -> Resolution {
    Resolution::Approved { subject: Subject { source: Source::Human, ..subject() } }
}

fn decided(resolution: Resolution) -> ReviewEvent {
    let CallEvent::ReviewResolved(Resolved { by, reason, undo_until, .. }) = resolved("r") else {
        unreachable!()
    };
    ReviewEvent::ReviewDecided { by, resolution, reason, undo_until }
}

/// A call that a person approved, as a gateway writes it.
fn approved() -> Decided {
    let to = Escalation::to("ap-review".into());
    let spec = ReviewSpec { to, reasons: Vec::new(), excluded: Vec::new() };
    let ended = Ended { outcome: Outcome::Approved, ..accepted() };
    let mut human = judged();
    if let CallEvent::AnswerJudged(judged) = &mut human {
        judged.subject.source = Source::Human;
    }
    let mut call = way_of_an_accepted_call();
    call.truncate(7);
    call.extend([
        verdict(Verdict::Escalate, Act::Review { reviews: vec![spec] }),
        requested("r", "ap-review", 500),
        of_the_call(approval()),
        human,
        verdict(Verdict::Accept, Act::End(ended.clone())),
        CallEvent::CallEnded(ended),
    ]);
    Decided { call, review: vec![opened("a", "ap-review", 500), decided(approval())] }
}

/// What the call tells of its review; it cannot be taken back.
fn of_the_call(resolution: Resolution) -> CallEvent {
    let CallEvent::ReviewResolved(told) = resolved("r") else { unreachable!() };
    CallEvent::ReviewResolved(Resolved { resolution, undo_until: None, ..told })
}

async fn written(told: Decided) -> Folder {
    let folder = Folder::new();
    let ledger = folder.open();
    let mut both = call_events("a", 0, told.call).with_bodies(bodies());
    let review = told.review.into_iter().map(|event| match event {
        ReviewEvent::ReviewDecided { by, resolution, reason, .. } => {
            ReviewEvent::ReviewDecided { by, resolution, reason, undo_until: None }
        }
        other => other,
    });
    both.appends.push(review_append("r", 0, review.collect()));
    ledger.append(both).await.unwrap();
    drop(ledger);
    folder
}

#[tokio::test]
async fn a_call_and_its_review_tell_the_same_decision() {
    assert_eq!(first_break(&written(approved()).await), "");
    let review = |last: Vec<ReviewEvent>| {
        let mut told = approved();
        told.review.truncate(1);
        told.review.extend(last);
        told
    };
    let at = "position 10: call/a: of r the call tells: approved by grace; the review: ";
    for (told, review) in [
        (review(vec![decided(Resolution::Rejected)]), "rejected by grace"),
        (review(vec![]), "nothing more"),
        (review(vec![ReviewEvent::ReviewExpired { action: OnExpiry::Reject }]), "expired"),
    ] {
        assert_eq!(first_break(&written(told).await), format!("{at}{review}"));
    }
    // By somebody else, or for another answer, is another decision too.
    let raw = Subject { source: Source::Human, digest: Digest::of(b"raw"), ..subject() };
    let raw = decided(Resolution::Approved { subject: raw });
    let found = first_break(&written(review(vec![raw])).await);
    assert_eq!(
        found,
        "position 10: call/a: of r the call and the review both tell: approved by grace; but of \
         another answer, for another reason, or to be undone until another time"
    );
    // A review that nobody told the call of.
    let mut untold = approved();
    untold.call.truncate(9);
    let found = first_break(&written(untold).await);
    let said =
        "position 11: review/r: of r the call tells: nothing more; the review: approved by grace";
    assert_eq!(found, said);
}

#[tokio::test]
async fn a_call_ends_as_people_said_last() {
    let ends = |resolution: Resolution, outcome: Outcome| {
        let mut told = approved();
        told.review = vec![opened("a", "ap-review", 500), decided(resolution.clone())];
        told.call[9] = of_the_call(resolution.clone());
        if !matches!(resolution, Resolution::Approved { .. }) {
            told.call.remove(10);
        }
        let ended = Ended { outcome, ..accepted() };
        let last = told.call.len() - 1;
        told.call[last - 1] = verdict(Verdict::Accept, Act::End(ended.clone()));
        told.call[last] = CallEvent::CallEnded(ended);
        told
    };
    for (resolution, outcome, words) in [
        (
            Resolution::Rejected,
            Outcome::Approved,
            "it ended as approved, but what people said last is: rejected",
        ),
        (
            Resolution::Rejected,
            Outcome::Accepted,
            "it ended as accepted, but what people said last is: rejected",
        ),
        (
            approval(),
            Outcome::Rejected,
            "it ended as rejected, but what people said last is: approved",
        ),
        (approval(), Outcome::Approved, ""),
        (Resolution::Rejected, Outcome::Rejected, ""),
    ] {
        let found = first_break(&written(ends(resolution, outcome)).await);
        assert!(found.ends_with(words) && found.is_empty() == words.is_empty(), "{found}");
    }
    // Without a review nobody approves.
    let alone = Ended { outcome: Outcome::Approved, ..accepted() };
    let mut way = way_of_an_accepted_call();
    way[7] = verdict(Verdict::Accept, Act::End(alone.clone()));
    way[8] = CallEvent::CallEnded(alone);
    let found =
        first_break(&written(Decided { call: way, review: vec![opened("a", "q", 500)] }).await);
    assert_eq!(
        found,
        "position 9: call/a: it ended as approved, but what people said last is: nothing"
    );
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
    ledger.append(call_events("a", 0, unlawful).with_bodies(bodies())).await.unwrap();
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
