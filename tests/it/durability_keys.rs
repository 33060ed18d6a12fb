//! A key means one call, whoever asks, whenever, before and after a restart (invariant 3).

use super::inside::{LONG, World, outcome, review_of};
use backstop_engine::{Refused, Submit, Verb, What};
use backstop_tests::bench::{self, Bench, Setup};
use backstop_upstream::AskRequest;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::{task::JoinHandle, time::Instant};

#[test]
fn a_flood_of_a_thousand_requests_with_a_hundred_keys_makes_a_hundred_calls() {
    let world = World::new();
    let process = world.start();
    let calls = process.run(async {
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..1000 {
            let key = format!("key-{}", number % 100);
            let (engine, text) = (process.engine.clone(), format!("{key} ham"));
            tasks.spawn(async move {
                let submit = super::inside::request("label", &key, &text);
                let admitted = engine.submit(submit).await.unwrap();
                let end = engine.wait_end(&admitted.id, LONG).await.unwrap().unwrap();
                (admitted.joined, admitted.id, outcome(&end))
            });
        }
        tasks.join_all().await
    });
    assert_eq!(calls.iter().filter(|(joined, ..)| !joined).count(), 100);
    assert!(calls.iter().all(|(_, _, outcome)| *outcome == "accepted"));
    assert_eq!(calls.into_iter().map(|(_, id, _)| id).collect::<BTreeSet<_>>().len(), 100);
    assert_eq!(world.is_lawful().len(), 100);
    assert_eq!(world.model.asked(), 100, "and the model is asked once for each");
    assert_eq!((process.engine.in_flight(), process.engine.keys_held()), (0, 0));
}

#[test]
fn a_repeat_is_answered_by_the_same_call_across_restarts() {
    let world = World::new();
    let process = world.start();
    let first = process.run(process.ask("k", "ham"));
    process.kill();
    let process = world.start();
    process.run(async {
        let again = process.submit("k", "ham").await.unwrap();
        assert!(again.joined && again.id == first.id);
        assert_eq!(process.end(&again.id).await.answer, first.answer);
        let other = process.submit("k", "another text").await.unwrap_err();
        assert!(matches!(other, Refused::KeyReused { .. }), "{other}");
    });
    assert_eq!(world.model.asked(), 1);
    assert_eq!(world.is_lawful().len(), 1);
}

#[test]
fn a_repeat_of_a_call_in_review_joins_it_and_gets_the_decision() {
    let world = World::new();
    let process = world.start();
    let asked = process.run(process.ask("k", "unsure"));
    assert_eq!(process.engine.keys_held(), 0, "the ledger answers for the key by now");
    process.kill();
    let process = world.start();
    process.run(async {
        let again = process.submit("k", "unsure").await.unwrap();
        assert!(again.joined && again.id == asked.id);
        let (engine, id) = (process.engine.clone(), again.id.clone());
        let waiter = tokio::spawn(async move { engine.wait_end(&id, LONG).await });
        tokio::time::sleep(super::inside::MOMENT).await;
        process.approve(&review_of(&asked)).await.unwrap();
        assert_eq!(outcome(&waiter.await.unwrap().unwrap().unwrap()), "approved");
    });
    assert_eq!(world.is_lawful().len(), 1);
}

/// Hands in the same key again after that time and waits; when the answer came, and which.
fn joins(bench: &Bench, after: Duration) -> JoinHandle<(Instant, Vec<u8>)> {
    let engine = bench.engine.clone();
    tokio::spawn(async move {
        tokio::time::sleep(after).await;
        let submit = Submit { key: Some("k".to_owned()), ..bench::request("text") };
        let admitted = engine.submit(submit).await.unwrap();
        let ended = engine.wait_end(&admitted.id, LONG * 100).await.unwrap().unwrap();
        (Instant::now(), ended.answer.expect("it has an answer").to_vec())
    })
}

async fn all_at_once(waiting: Vec<JoinHandle<(Instant, Vec<u8>)>>) {
    let mut told = Vec::new();
    for one in waiting {
        told.push(one.await.unwrap());
    }
    assert!(told.iter().all(|one| *one == told[0]), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn whoever_joins_a_call_that_is_worked_on_gets_the_same_bytes_at_the_same_moment() {
    let slow = |_: usize| Duration::from_secs(5);
    let script = |_: &AskRequest, turn: usize| bench::label(if turn == 0 { "ham" } else { "spam" });
    let bench = Setup::policy("").timed_model("small", slow, script).start().await;
    let waiting = (0..5).map(|turn| joins(&bench, Duration::from_secs(turn))).collect();
    all_at_once(waiting).await;
    assert_eq!(bench.asked("small").len(), 1, "the model was asked for all of them once");
}

#[tokio::test(start_paused = true)]
async fn whoever_joins_a_call_that_waits_for_a_person_gets_the_decision_with_the_others() {
    let bench = Setup::policy("rules: [{id: look, for: model, then: escalate}]\n").start().await;
    let waiting = (0..5).map(|turn| joins(&bench, Duration::from_secs(60 * turn))).collect();
    tokio::time::sleep(Duration::from_secs(600)).await;
    let open = bench.engine.ledger().open_reviews().await.unwrap();
    let [review] = &*open else { panic!("one call, one review: {open:?}") };
    let seen = bench.review(&review.id).await;
    let verb = Verb {
        actor: bench::person("ada"),
        lease: None,
        generation: seen.opened.generation,
        subject: seen.opened.subject,
        what: What::Approve,
        reason: None,
    };
    bench.engine.decide(&review.id, verb).await.unwrap();
    all_at_once(waiting).await;
}

#[test]
fn two_callers_may_use_the_same_key() {
    let world = World::new();
    let process = world.start();
    process.run(async {
        let mine = process.submit("k", "ham").await.unwrap();
        let mut submit = super::inside::request("label", "k", "ham");
        submit.caller.name = "somebody else".to_owned();
        let theirs = process.engine.submit(submit).await.unwrap();
        assert!(!theirs.joined && theirs.id != mine.id);
    });
}
