//! Complaints: whoever got an answer reports it as wrong, and a person decides whether it was. The
//! call stays as it is; the verdict is a label.

use std::time::Duration;

use backstop_domain::{Actor, ActorKind, Refusal, ReviewKind, Sampled};
use backstop_engine::{Complaint, ComplaintError, ReviewError, What};
use backstop_ledger::Ledger;
use backstop_tests::bench::{Bench, Setup, Told, label, person};

async fn answered(policy: &str) -> (Bench, Told) {
    let bench = Setup::policy(policy).model("small", [label("ham")]).start().await;
    let told = bench.ask("text").await;
    assert_eq!(told.state(), "accepted");
    (bench, told)
}

fn says(actor: Actor, reason: &str) -> Complaint {
    Complaint { actor, reason: reason.to_owned(), queue: None }
}

fn caller() -> Actor {
    Actor { kind: ActorKind::Caller, id: "orders".to_owned(), via: Some("api".to_owned()) }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_reported_as_wrong_comes_before_a_person_and_the_call_stays_as_it_is() {
    let (bench, told) = answered("").await;
    let complaint = says(caller(), "that was spam");
    let (id, review) = bench.engine.complain(&told.snapshot.id, complaint).await.unwrap();
    let opened = &review.opened;
    assert_eq!((opened.kind, &opened.sampled), (ReviewKind::Audit, &Some(Sampled::Complaint)));
    assert_eq!((opened.queue.as_str(), opened.reasons[0].text.as_str()), ("desk", "that was spam"));
    assert_eq!(opened.subject, told.ended().answer, "it is about what went out");
    let decided = bench.decide_review(&id, "ada", What::Reject).await.unwrap();
    assert_eq!(decided.standing.name(), "decided");
    assert_eq!(bench.look(&told).await.state(), "accepted");
    let row = bench.ledger.review(&id).await.unwrap().unwrap();
    assert_eq!(
        (row.decision.as_deref(), row.sampled),
        (Some("rejected"), Some(Sampled::Complaint))
    );
}

#[tokio::test(start_paused = true)]
async fn who_complains_does_not_decide_and_who_complains_later_is_heard_in_the_same_review() {
    let (bench, told) = answered("").await;
    let call = &told.snapshot.id;
    let (id, _) = bench.engine.complain(call, says(person("ada"), "wrong")).await.unwrap();
    let theirs = bench.decide_review(&id, "ada", What::Reject).await;
    assert!(matches!(theirs, Err(ReviewError::Refused(Refusal::Excluded { .. }))));
    let (again, review) =
        bench.engine.complain(call, says(caller(), "wrong here too")).await.unwrap();
    assert_eq!((again == id, review.comments.len()), (true, 1));
    assert_eq!(review.comments[0].1, "wrong here too");
    bench.decide_review(&id, "bob", What::Approve).await.unwrap();
    let late = bench.engine.complain(call, says(caller(), "I insist")).await;
    assert!(matches!(late, Err(ComplaintError::Decided { review }) if review == id));
}

#[tokio::test(start_paused = true)]
async fn there_is_nothing_to_complain_about_before_an_answer_and_somebody_must_decide() {
    let asks = "rules: [{id: look, for: model, then: escalate}]\n";
    let bench = Setup::policy(asks).start().await;
    let told = bench.ask("text").await;
    let complain = async |complaint: Complaint| {
        bench.engine.complain(&told.snapshot.id, complaint).await.map(drop)
    };
    let early = complain(says(caller(), "too slow")).await;
    assert!(matches!(early, Err(ComplaintError::NoAnswer { state: "in_review" })), "{early:?}");
    bench.decide(&told, "ada", What::Reject).await.unwrap();
    let none = complain(says(caller(), "I want one")).await;
    assert!(matches!(none, Err(ComplaintError::NoAnswer { state: "rejected" })), "{none:?}");

    let (bench, told) = answered("").await;
    let queue = Some("nowhere".to_owned());
    let lost = Complaint { queue, ..says(caller(), "wrong") };
    let lost = bench.engine.complain(&told.snapshot.id, lost).await;
    assert!(matches!(lost, Err(ComplaintError::UnknownQueue { .. })), "{lost:?}");
}

#[tokio::test(start_paused = true)]
async fn a_complaint_outlives_a_restart_and_ends_at_its_due_time_without_a_verdict() {
    let (bench, told) = answered("").await;
    let (id, review) =
        bench.engine.complain(&told.snapshot.id, says(caller(), "no")).await.unwrap();
    let next = Setup::policy("").over(&bench.ledger).start().await;
    assert_eq!(next.review(&id).await.standing.name(), "open");
    let due = review.opened.due.since(review.opened_at);
    tokio::time::sleep(Duration::from_millis(due + 5_000)).await;
    assert_eq!(next.review(&id).await.standing.name(), "expired");
    assert_eq!(next.look(&told).await.state(), "accepted");
}

#[tokio::test(start_paused = true)]
async fn whoever_goes_away_in_the_middle_of_a_complaint_leaves_no_review_that_waits_for_ever() {
    let (bench, told) = answered("").await;
    bench.ledger.hold();
    let complaint = bench.engine.complain(&told.snapshot.id, says(caller(), "no"));
    let left = tokio::time::timeout(Duration::from_millis(10), complaint).await;
    assert!(left.is_err(), "the disk is slow, and they did not wait for it");
    bench.ledger.release();
    tokio::time::sleep(Duration::from_millis(10)).await;
    let open = bench.ledger.open_reviews().await.unwrap();
    let [review] = &open[..] else { panic!("the complaint is heard all the same: {open:?}") };
    let due = review.due.since(review.opened);
    tokio::time::sleep(Duration::from_millis(due + 5_000)).await;
    assert_eq!(bench.review(&review.id).await.standing.name(), "expired");
}
