//! People, timers and callers move a call at once: one of them wins, and nothing is stuck.

use super::inside::{LONG, MOMENT, World, ada, outcome, review_of};
use backstop_domain::Actor;
use backstop_engine::{Engine, ReviewError};
use backstop_ledger::Ledger;
use std::time::Duration;

/// Comments without end: each bumps the review under whoever decides on it.
fn chatter(engine: &Engine, review: &backstop_domain::ReviewId) -> tokio::task::JoinHandle<()> {
    let (engine, review) = (engine.clone(), review.clone());
    tokio::spawn(async move {
        loop {
            let _ = engine.comment(&review, ada(), "well".to_owned()).await;
            tokio::task::yield_now().await;
        }
    })
}

#[test]
fn a_decision_gets_through_while_others_talk() {
    let world = World::new();
    let process = world.start();
    process.run(async {
        for number in 0..40 {
            let asked = process.ask("", &format!("{number} careful")).await;
            let review = review_of(&asked);
            let talk = chatter(&process.engine, &review);
            tokio::task::yield_now().await;
            let decided = loop {
                match process.approve(&review).await {
                    Err(ReviewError::Busy) => {}
                    other => break other,
                }
            };
            decided.unwrap();
            talk.abort();
            if number % 2 == 0 {
                let undone = process.engine.undo(&review, ada()).await;
                undone.unwrap();
                process.approve(&review).await.unwrap();
            }
            if number % 8 == 0 {
                assert_eq!(outcome(&process.end(&asked.id).await), "approved");
            }
        }
        tokio::time::sleep(Duration::from_millis(900)).await;
        assert_eq!(process.engine.in_flight(), 0, "every release came, and nothing is left");
    });
    assert!(world.is_lawful().iter().all(|(_, state)| state.ended().is_some()));
}

#[test]
fn a_cancelled_call_takes_its_review_along_while_others_talk() {
    let world = World::new();
    let process = world.start();
    process.run(async {
        for number in 0..40 {
            let asked = process.ask("", &format!("{number} unsure")).await;
            let review = review_of(&asked);
            let talk = chatter(&process.engine, &review);
            let cancelled = loop {
                let by = Actor::system("test");
                match process.engine.cancel(&asked.id, by, "enough".to_owned()).await {
                    Err(stop) if stop.may_pass() => {}
                    other => break other,
                }
            };
            talk.abort();
            cancelled.unwrap();
            // It was acknowledged, so it is on disk now.
            let kept = process.engine.call(&asked.id).await.unwrap().unwrap();
            assert_eq!(outcome(&kept), "cancelled");
            let review = process.engine.review(&review).await.unwrap().unwrap();
            assert_eq!(review.standing.name(), "withdrawn");
        }
        assert_eq!(process.engine.in_flight(), 0);
    });
    world.is_lawful();
}

#[test]
fn a_cancellation_at_any_moment_ends_the_call_once() {
    let world = World::new();
    let process = world.start();
    process.run(async {
        for number in 0..300_u64 {
            let admitted = process.submit("", &format!("{number} ham")).await.unwrap();
            let (engine, id) = (process.engine.clone(), admitted.id.clone());
            let waiter = tokio::spawn(async move { engine.wait_end(&id, LONG).await });
            for _ in 0..number % 30 {
                tokio::task::yield_now().await;
            }
            let by = Actor::system("test");
            process.engine.cancel(&admitted.id, by, "enough".to_owned()).await.unwrap();
            let told = waiter.await.unwrap().unwrap().unwrap();
            assert!(["accepted", "cancelled"].contains(&outcome(&told)), "{}", outcome(&told));
            let kept = process.engine.call(&admitted.id).await.unwrap().unwrap();
            assert_eq!((kept.state, kept.answer), (told.state, told.answer));
        }
        assert_eq!(process.engine.in_flight(), 0);
    });
    assert_eq!(world.is_lawful().len(), 300);
}

#[test]
fn decided_expired_and_cancelled_at_once_a_call_has_one_end() {
    let world = World::new();
    let process = world.start();
    process.run(async {
        let mut reviews = Vec::new();
        for number in 0..60 {
            let asked = process.ask("", &format!("{number} brief")).await;
            reviews.push((asked.id.clone(), review_of(&asked)));
        }
        world.pass(Duration::from_secs(299));
        let mut tasks = tokio::task::JoinSet::new();
        for (number, (id, _)) in reviews.iter().cloned().enumerate() {
            let engine = process.engine.clone();
            tasks.spawn(async move {
                tokio::time::sleep(Duration::from_millis(970 + number as u64)).await;
                let _ = engine.cancel(&id, Actor::system("test"), "enough".to_owned()).await;
            });
        }
        for (number, (_, review)) in reviews.iter().enumerate() {
            if number == 30 {
                // Whoever sleeps until the due time is woken by another review.
                process.ask("", "and one more brief").await;
            }
            let _ = process.approve(review).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tasks.join_all().await;
        for (id, _) in &reviews {
            process.end(id).await;
        }
    });
    world.is_lawful();
}

#[test]
fn the_second_click_gets_the_first_ones_result_even_after_the_end() {
    let world = World::new();
    let process = world.start();
    process.run(async {
        let asked = process.ask("", "unsure").await;
        process.approve(&review_of(&asked)).await.unwrap();
        process.end(&asked.id).await;
        process.approve(&review_of(&asked)).await.unwrap();
    });
    world.is_lawful();
}

#[test]
fn a_thousand_calls_that_wait_for_people_take_no_memory() {
    let world = World::new();
    let process = world.start();
    let asked = process.run(async {
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..1000 {
            let engine = process.engine.clone();
            tasks.spawn(async move {
                let key = format!("k{number}");
                let submit = super::inside::request("label", &key, &format!("{number} unsure"));
                let admitted = engine.submit(submit).await.unwrap();
                engine.wait(&admitted.id, LONG).await.unwrap().unwrap()
            });
        }
        tasks.join_all().await
    });
    process.run(async { tokio::time::sleep(MOMENT).await });
    assert_eq!((process.engine.in_flight(), process.engine.keys_held()), (0, 0));
    process.run(async {
        assert_eq!(world.ledger.open_in_queue("desk").await, Ok(1000));
        process.approve(&review_of(&asked[7])).await.unwrap();
        assert_eq!(outcome(&process.end(&asked[7].id).await), "approved");
    });
    process.kill();
    let process = world.start();
    assert_eq!(process.engine.in_flight(), 0, "nor after a restart");
    process.kill();
}

#[test]
fn a_call_whose_caller_never_waited_takes_no_memory_either() {
    let world = World::new();
    let process = world.start();
    process.run(async {
        let submit = super::inside::request("label", "k", "unsure");
        process.engine.submit(submit).await.unwrap();
        while world.ledger.open_in_queue("desk").await != Ok(1) {
            tokio::time::sleep(MOMENT).await;
        }
        tokio::time::sleep(MOMENT).await;
    });
    assert_eq!((process.engine.in_flight(), process.engine.keys_held()), (0, 0));
    process.kill();
}

#[test]
fn a_full_queue_takes_its_terminal_action_at_the_door() {
    let world = World::new();
    let process = world.start();
    process.run(async {
        process.ask("", "1 tight").await;
        let second = process.ask("", "2 tight").await;
        let third = process.ask("", "3 tight").await;
        assert_eq!((outcome(&second), outcome(&third)), ("open", "expired"));
        process.approve(&review_of(&second)).await.unwrap();
        assert_eq!(outcome(&process.ask("", "4 tight").await), "open", "there is room again");
    });
    world.is_lawful();
}
