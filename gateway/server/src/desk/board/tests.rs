//! Stories about the order of the open reviews, and about following the ledger.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at a surprise")]

use backstop_domain::{
    Actor, CallId, EventId, OnExpiry, Opened, Reason, ReviewEvent, ReviewKind, Show, Stream,
};
use backstop_ledger::{MemoryLedger, NewEvent, Transaction};

use super::{super::follow::Followed, *};

const NOON: Millis = Millis(1_790_000_000_000);
const HOUR: u64 = 3_600_000;

fn opened(due: u64, priority: Priority) -> ReviewEvent {
    ReviewEvent::ReviewOpened(Opened {
        call: CallId::from("call_1"),
        generation: 1,
        policy: "invoices".into(),
        queue: "ap".into(),
        kind: ReviewKind::Decision,
        reasons: vec![Reason { by: "rules.stranger".into(), text: "unknown".into() }],
        subject: None,
        due: NOON.plus(due),
        on_expiry: OnExpiry::Reject,
        priority,
        approvals: 1,
        blind: false,
        excluded: Vec::new(),
        may_edit: None,
        show: Show::All,
        claim_ms: 600_000,
        undo_ms: 0,
        changes_left: 0,
        sampled: None,
    })
}

async fn put(ledger: &MemoryLedger, id: &str, seq: u64, event: ReviewEvent) {
    let new = NewEvent {
        id: EventId(format!("evt_{id}_{seq}")),
        at: NOON.plus(seq),
        actor: Actor::system("test"),
        run: 1,
        causation: None,
        correlation: None,
        revision: None,
        event: Event::Review(event),
    };
    let stream = Stream::review(&ReviewId::from(id));
    ledger.append(Transaction::one(stream, seq, vec![new])).await.unwrap();
}

async fn order(board: &Followed<Board>, ledger: &MemoryLedger) -> Vec<String> {
    let view = board.current(ledger, NOON).await.unwrap();
    view.rows.iter().map(|row| row.id.0.clone()).collect()
}

#[tokio::test]
async fn what_is_due_first_comes_first_and_no_priority_starves_another() {
    let (board, ledger) = (Followed::<Board>::default(), MemoryLedger::new());
    put(&ledger, "rev_normal", 0, opened(3 * HOUR, Priority::Normal)).await;
    put(&ledger, "rev_high", 0, opened(4 * HOUR, Priority::High)).await;
    put(&ledger, "rev_low", 0, opened(HOUR, Priority::Low)).await;
    assert_eq!(order(&board, &ledger).await, ["rev_high", "rev_normal", "rev_low"]);
    // Newer ones of a high priority queue up behind an old one of a low priority at last.
    put(&ledger, "rev_later", 0, opened(12 * HOUR, Priority::High)).await;
    assert_eq!(order(&board, &ledger).await, ["rev_high", "rev_normal", "rev_low", "rev_later"]);
}

#[tokio::test]
async fn the_board_follows_what_people_do_and_what_comes_back() {
    let (board, ledger) = (Followed::<Board>::default(), MemoryLedger::new());
    put(&ledger, "rev_a", 0, opened(HOUR, Priority::Normal)).await;
    put(&ledger, "rev_b", 0, opened(2 * HOUR, Priority::Normal)).await;
    assert_eq!(order(&board, &ledger).await, ["rev_a", "rev_b"]);
    let decided = ReviewEvent::ReviewDecided {
        by: vec!["ann".into()],
        resolution: backstop_domain::Resolution::Rejected,
        reason: None,
        undo_until: Some(NOON.plus(HOUR)),
    };
    put(&ledger, "rev_a", 1, decided).await;
    assert_eq!(order(&board, &ledger).await, ["rev_b"]);
    let view = board.current(&ledger, NOON).await.unwrap();
    assert_eq!(view.decided_lately("ap", NOON.plus(HOUR / 2)), 1);
    let alike = view.alike("invoices", &["rules.stranger".to_owned()], &"rev_b".into());
    assert_eq!(alike.len(), 1);
    put(&ledger, "rev_a", 2, ReviewEvent::ReviewUndone { by: "ann".into() }).await;
    assert_eq!(order(&board, &ledger).await, ["rev_a", "rev_b"], "it is open again");
    assert!(board.current(&ledger, NOON).await.unwrap().past.is_empty());
}

#[tokio::test]
async fn a_step_of_the_chain_raises_a_review_above_others() {
    let (board, ledger) = (Followed::<Board>::default(), MemoryLedger::new());
    put(&ledger, "rev_a", 0, opened(2 * HOUR, Priority::Normal)).await;
    put(&ledger, "rev_b", 0, opened(3 * HOUR, Priority::Normal)).await;
    let step = ReviewEvent::ReviewStepTaken {
        step: 0,
        did: "raised".into(),
        priority: Some(Priority::High),
        queue: Some("leads".into()),
        notify: Vec::new(),
    };
    put(&ledger, "rev_b", 1, step).await;
    let view = board.current(&ledger, NOON).await.unwrap();
    assert_eq!(view.rows[0].id.as_str(), "rev_b");
    assert_eq!(view.rows[0].also, ["leads"]);
}

#[tokio::test]
async fn nothing_is_counted_twice_when_the_board_was_read_late() {
    let ledger = MemoryLedger::new();
    put(&ledger, "rev_a", 0, opened(HOUR, Priority::Normal)).await;
    let vote = ReviewEvent::VoteCast {
        by: "ann".into(),
        vote: backstop_domain::Resolution::Rejected,
        reason: None,
    };
    put(&ledger, "rev_a", 1, vote).await;
    let mut late = Board::default();
    late.load(&ledger, NOON).await.unwrap();
    // As if the vote had come between noting the position and reading the rows.
    let events = ledger.feed(1, 10).await.unwrap();
    assert!(!late.take(&ledger, &events).await.unwrap(), "that was known");
    assert_eq!(late.open[&ReviewId::from("rev_a")].voters, ["ann"]);
}
