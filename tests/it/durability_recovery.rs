//! Killed in any phase, a call is carried on to its one end by the next process.

use super::inside::{LONG, MOMENT, World, outcome, request, review_of};
use backstop_domain::{AttemptResult, FailureClass, call::Attempt};
use std::time::Duration;

#[test]
fn a_call_whose_model_never_answered_is_asked_again_and_ends() {
    let world = World::new();
    let process = world.start();
    let id = process.run(async {
        let admitted = process.submit("k", "hang ham").await.unwrap();
        tokio::time::sleep(MOMENT).await;
        admitted.id
    });
    process.kill();
    let process = world.start();
    let end = process.run(process.end(&id));
    assert_eq!(outcome(&end), "accepted");
    assert_eq!(end.state.attempts.len(), 2, "the lost attempt is on record");
    assert_eq!(world.is_lawful().len(), 1);
}

#[test]
fn a_call_that_waits_to_try_again_goes_on() {
    let world = World::new();
    let process = world.start();
    let id = process.run(async {
        let admitted = process.submit("k", "busy ham").await.unwrap();
        tokio::time::sleep(MOMENT).await;
        admitted.id
    });
    process.kill();
    world.pass(Duration::from_secs(9));
    let process = world.start();
    assert_eq!(outcome(&process.run(process.end(&id))), "accepted");
    assert_eq!(world.model.asked(), 2);
    assert_eq!(world.is_lawful().len(), 1);
}

#[test]
fn votes_that_were_lost_are_asked_again_or_missing_but_never_a_pass() {
    let world = World::new();
    let process = world.start();
    let ids = process.run(async {
        let mut ids = Vec::new();
        for policy in ["voted", "thrifty"] {
            let asked = request(policy, policy, &format!("{policy} waver ham"));
            ids.push(process.engine.submit(asked).await.unwrap().id);
        }
        tokio::time::sleep(MOMENT).await;
        ids
    });
    process.kill();
    let process = world.start();
    let (voted, thrifty) = process.run(async {
        let voted = process.end(&ids[0]).await;
        (voted, process.engine.wait(&ids[1], LONG).await.unwrap().unwrap())
    });
    assert_eq!(outcome(&voted), "accepted");
    assert_eq!(voted.state.attempts.len(), 5, "one answer, two lost votes, two that came");
    let lost = |attempt: &Attempt| {
        let result = &attempt.ended.as_ref().unwrap().result;
        matches!(result, AttemptResult::Failed { class: FailureClass::Interrupted, .. })
    };
    assert_eq!(voted.state.attempts.iter().filter(|one| lost(one)).count(), 2);
    assert_eq!(outcome(&thrifty), "open", "what cannot be paid for again is missing: a person");
    assert_eq!(thrifty.state.attempts.len(), 3, "the lost votes are charged");
    assert_eq!(world.is_lawful().len(), 2);
}

#[test]
fn a_review_keeps_its_due_time_over_a_restart() {
    let world = World::new();
    let process = world.start();
    let asked = process.run(process.ask("k", "brief"));
    process.kill();
    let process = world.start();
    process.run(async {
        let still = process.engine.wait_end(&asked.id, MOMENT).await.unwrap().unwrap();
        assert_eq!(outcome(&still), "open");
    });
    process.kill();
    // It falls due while nothing runs.
    world.pass(Duration::from_secs(301));
    let process = world.start();
    let end = process.run(process.end(&asked.id));
    assert_eq!(outcome(&end), "fallback");
    assert_eq!(world.is_lawful().len(), 1);
}

#[test]
fn an_undo_window_goes_on_after_a_restart_and_closes_once() {
    let world = World::new();
    let process = world.start();
    let (asked, kept) = process.run(async {
        let asked = process.ask("one", "careful").await;
        let kept = process.ask("two", "careful indeed").await;
        process.approve(&review_of(&asked)).await.unwrap();
        process.approve(&review_of(&kept)).await.unwrap();
        (asked, kept)
    });
    process.kill();
    let process = world.start();
    process.run(async {
        process.engine.undo(&review_of(&asked), super::inside::ada()).await.unwrap();
        assert_eq!(outcome(&process.end(&kept.id).await), "approved");
        tokio::time::sleep(Duration::from_millis(800)).await;
        let still = process.engine.wait_end(&asked.id, MOMENT).await.unwrap().unwrap();
        assert_eq!(outcome(&still), "open", "what was taken back is not released");
        process.approve(&review_of(&asked)).await.unwrap();
        assert_eq!(outcome(&process.end(&asked.id).await), "approved");
    });
    assert_eq!(world.is_lawful().len(), 2);
}

#[test]
fn killed_at_any_moment_every_call_ends_once() {
    let world = World::new();
    let texts = ["ham", "slow ham", "unsure", "brief", "careful", "hang ham", "busy ham"];
    let mut ids = std::collections::BTreeSet::new();
    for round in 0..12 {
        let process = world.start();
        process.run(async {
            for (place, text) in texts.iter().enumerate() {
                let text = format!("{round} {text}");
                ids.insert(process.submit(&format!("{round}-{place}"), &text).await.unwrap().id);
            }
            tokio::time::sleep(Duration::from_millis(round * 7)).await;
        });
        process.kill();
    }
    world.pass(Duration::from_secs(9));
    let process = world.start();
    process.run(async {
        for id in &ids {
            let found = process.engine.wait(id, LONG).await.unwrap();
            // What the ledger never had was promised to nobody; here it has all that was begun.
            let Some(found) = found else { continue };
            if found.state.ended().is_none() {
                process.approve(&review_of(&found)).await.unwrap();
            }
            process.end(id).await;
        }
    });
    let states = world.is_lawful();
    assert!(states.iter().all(|(_, state)| state.ended().is_some()));
    println!("{} calls over 12 kills", states.len());
}
