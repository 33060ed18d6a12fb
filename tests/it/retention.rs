//! What is kept how long: first requests and answers go, then the words of events but for outcomes
//! and decisions, then theirs. What happened stays, and the chain with it.

use std::time::Duration;

use backstop_domain::{CallId, ControlEvent, Digest, Event, Millis, Stream};
use backstop_engine::{Stop, What, over, replay::Verdict};
use backstop_ledger::{Ledger, Unreadable};
use backstop_tests::bench::{Bench, Setup, label, load};

const DAY: Duration = Duration::from_secs(86_400);
const KEEPS: &str = "store: {kind: sqlite, retain: {bodies: 1d, events: 3d, labels: 6d}}";

/// A gateway that forgets, and a call that a person approved.
async fn approved(policy: &str) -> (Bench, CallId) {
    let policy = format!("rules: [{{id: look, for: model, then: escalate}}]\n{policy}");
    let setup = Setup::policy(&policy).gateway_has(KEEPS).model("small", [label("ham")]);
    let bench = setup.start().await;
    bench.engine.forget_on_time();
    let told = bench.ask("what the caller wrote").await;
    let told = bench.decide(&told, "ada", What::Approve).await.unwrap();
    assert_eq!(told.state(), "approved");
    (bench, told.snapshot.id)
}

/// The types of the call's events that can still be read, after the chain was walked.
async fn readable(bench: &Bench, id: &CallId) -> Vec<String> {
    let mut previous = Digest::ZERO;
    for recorded in bench.ledger.feed(0, 1_000).await.unwrap() {
        assert_eq!(recorded.envelope.previous_hash, previous);
        assert_eq!(recorded.envelope.computed_hash(), recorded.envelope.hash);
        previous = recorded.envelope.hash;
    }
    let events = bench.ledger.stream(&Stream::call(id), 0).await.unwrap();
    let read = events.into_iter().filter(|one| one.event.is_ok());
    read.map(|one| one.envelope.kind).collect()
}

#[tokio::test(start_paused = true)]
async fn a_record_is_compacted_step_by_step_and_the_chain_holds() {
    let (bench, id) = approved("").await;
    let whole = readable(&bench, &id).await;
    tokio::time::sleep(DAY / 2).await;
    let kept = bench.engine.call(&id).await.unwrap().unwrap();
    assert!(kept.answer.is_some(), "its time is not over");

    tokio::time::sleep(DAY * 3 / 2).await;
    assert_eq!(readable(&bench, &id).await, whole, "every event is told");
    let kept = bench.engine.call(&id).await.unwrap().unwrap();
    assert_eq!((kept.state.state_name(), kept.answer), ("approved", None));
    let verified = bench.engine.verify(&id).await.unwrap();
    assert_eq!(verified.verdict(), Verdict::Unknown, "it says what it cannot know");

    tokio::time::sleep(DAY * 2).await;
    let left = readable(&bench, &id).await;
    for kind in ["verdict_reached", "review_resolved", "call_ended"] {
        assert!(left.iter().any(|one| one == kind), "{kind}: {left:?}");
    }
    assert!(!left.iter().any(|one| one == "call_received" || one == "answer_judged"), "{left:?}");
    let read = bench.engine.call(&id).await;
    assert!(matches!(read, Err(Stop::Unreadable(Unreadable::Erased))), "{read:?}");
    let row = bench.ledger.call(&id).await.unwrap().unwrap();
    assert_eq!(row.outcome.unwrap().name(), "approved", "lists still say how it ended");

    tokio::time::sleep(DAY * 3).await;
    let left = readable(&bench, &id).await;
    assert!(!left.iter().any(|one| one == "call_ended"), "{left:?}");
    assert!(left.iter().any(|one| one == "attempt_started"), "what is nobody's words stays");
}

#[tokio::test(start_paused = true)]
async fn the_record_says_when_something_was_forgotten_and_nothing_when_nothing_was() {
    let (bench, _) = approved("").await;
    let told = async || {
        let events = bench.ledger.stream(&Stream::control("retention"), 0).await.unwrap();
        let events = events.into_iter().map(|one| match one.event {
            Ok(Event::Control(ControlEvent::RetentionApplied {
                bodies, bodies_before, ..
            })) => {
                assert_eq!(one.envelope.actor.id, "retention");
                assert_eq!(one.envelope.at.since(bodies_before), DAY.as_millis() as u64);
                bodies
            }
            other => panic!("{other:?}"),
        });
        events.collect::<Vec<_>>()
    };
    tokio::time::sleep(DAY / 2).await;
    assert_eq!(told().await, [0; 0], "nothing was over");
    tokio::time::sleep(DAY).await;
    let [bodies] = told().await.try_into().expect("one round had something to forget");
    assert!(bodies >= 2, "the request and the answer: {bodies}");
    tokio::time::sleep(DAY).await;
    assert_eq!(told().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_policy_keeps_longer_is_kept_longer() {
    let (bench, id) = approved("retain: {bodies: 8d, events: 9d}\n").await;
    tokio::time::sleep(DAY * 7).await;
    let kept = bench.engine.call(&id).await.unwrap().unwrap();
    assert!(kept.answer.is_some());
    tokio::time::sleep(DAY * 3).await;
    bench.engine.call(&id).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn nothing_of_an_open_review_goes() {
    let policy = "rules: [{id: look, for: model, then: escalate}]\n";
    let setup = Setup::policy(policy).gateway_has(KEEPS).model("small", [label("ham")]);
    let bench = setup.gateway("{title: Desk, due: 1h,", "{title: Desk, due: 20d,").start().await;
    bench.engine.forget_on_time();
    let told = bench.ask("what the caller wrote").await;
    tokio::time::sleep(DAY * 10).await;
    let told = bench.decide(&told, "ada", What::Approve).await.unwrap();
    assert_eq!(told.state(), "approved");
}

#[test]
fn each_time_counts_back_from_now() {
    let files = Setup::policy("").gateway_has(KEEPS).files();
    let now = Millis(1_790_000_000_000);
    let over = over(&load(&files), now);
    let days = |days: u64| Some(Millis(now.0 - days * 86_400_000));
    assert_eq!(over.bodies_unused_since, days(1));
    assert_eq!(over.events_unused_since, days(3));
    assert_eq!(over.labels_unused_since, days(6));
}
