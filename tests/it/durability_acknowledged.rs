//! Nothing is said of a call that the disk has not (invariant 2).

use super::inside::{MOMENT, World, outcome, request};
use backstop_engine::{Refused, Stop};
use backstop_ledger::{Ledger, StorageFault};
use std::time::Duration;

#[test]
fn nothing_is_shown_before_its_commit() {
    let world = World::new();
    let process = world.start();
    world.ledger.hold();
    process.run(async {
        let admitted = process.submit("k", "ham").await.unwrap();
        // Even a caller who does not want to wait is told nothing of what a power cut takes back.
        let told = tokio::time::timeout(MOMENT, process.engine.wait(&admitted.id, Duration::ZERO));
        assert!(told.await.is_err(), "something was said before the disk had it");
        assert_eq!(world.model.asked(), 1, "the model is asked meanwhile");
        world.ledger.release();
        assert_eq!(outcome(&process.end(&admitted.id).await), "accepted");
    });
}

#[test]
fn a_commit_that_fails_is_told_and_nothing_is_taken_after_it() {
    let world = World::new();
    let process = world.start();
    process.run(async {
        world.ledger.fail_next_commit(StorageFault::Full);
        let admitted = process.submit("k", "ham").await.unwrap();
        let told = process.engine.wait(&admitted.id, MOMENT * 4).await;
        // Whoever comes after it broke finds no call, and no acknowledgement of one.
        assert!(matches!(told, Err(Stop::Broken(_)) | Ok(None)), "{told:?}");
        assert!(process.engine.health().unwrap_err().contains("disk is full"));
        let refused = process.submit("other", "ham").await.unwrap_err();
        assert!(matches!(refused, Refused::Unavailable { .. }), "{refused}");
        assert_eq!((process.engine.in_flight(), process.engine.keys_held()), (0, 0));
    });
    assert!(world.is_lawful().is_empty());
}

#[test]
fn those_who_wait_while_the_disk_fails_are_told_so() {
    let world = World::new();
    let process = world.start();
    world.ledger.hold();
    process.run(async {
        let admitted = process.submit("k", "ham").await.unwrap();
        let joined = process.submit("k", "ham").await.unwrap();
        assert!(joined.joined && joined.id == admitted.id);
        let (engine, id) = (process.engine.clone(), admitted.id.clone());
        let waiter = tokio::spawn(async move { engine.wait_end(&id, MOMENT * 20).await });
        tokio::time::sleep(MOMENT).await;
        world.ledger.fail_next_commit(StorageFault::Io("gone".to_owned()));
        world.ledger.release();
        assert!(matches!(waiter.await.unwrap(), Err(Stop::Broken(_))));
    });
}

#[test]
fn a_relaxed_answer_leaves_early_and_says_so() {
    let world = World::new();
    let process = world.start();
    world.ledger.hold();
    process.run(async {
        let admitted = process.engine.submit(request("quick", "k", "ham")).await.unwrap();
        let early = process.engine.wait(&admitted.id, MOMENT * 20).await.unwrap().unwrap();
        assert_eq!((outcome(&early), early.on_disk), ("accepted", false));
        world.ledger.release();
        let kept = process.engine.call(&admitted.id).await.unwrap().unwrap();
        assert_eq!((kept.state, kept.on_disk), (early.state, true));
    });
}

#[test]
fn a_relaxed_answer_that_is_lost_turns_the_gateway_red() {
    let world = World::new();
    let process = world.start();
    world.ledger.hold();
    process.run(async {
        let admitted = process.engine.submit(request("quick", "k", "ham")).await.unwrap();
        let early = process.engine.wait(&admitted.id, MOMENT * 20).await.unwrap().unwrap();
        assert_eq!(outcome(&early), "accepted");
        world.ledger.fail_next_commit(StorageFault::Full);
        world.ledger.release();
        tokio::time::sleep(MOMENT).await;
        assert!(process.engine.health().is_err());
        assert!(!world.ledger.is_healthy());
        assert_eq!((process.engine.in_flight(), process.engine.keys_held()), (0, 0));
    });
}
