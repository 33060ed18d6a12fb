//! How people decide is learnt without their knowing: further opinions and known answers look like
//! any other review, no call waits for them, and every verdict is a label.

use std::collections::BTreeSet;

use backstop_domain::{Refusal, ReviewId, ReviewKind, Sampled};
use backstop_engine::{Edit, ReviewError, What};
use backstop_ledger::{Ledger, ReviewSummary};
use backstop_tests::bench::{Bench, Setup, Told, label, person};
use serde_json::json;

const ASKS: &str =
    "rules: [{id: look, for: model, then: escalate}]\nfallback: {answer: {label: none}}\n";

async fn bench(desk: &str) -> Bench {
    let setup = Setup::policy(ASKS).gateway("{title: Desk, due: 1h, on_expiry: reject}", desk);
    setup.model("small", [label("ham")]).start().await
}

/// The open reviews that no call waits for.
async fn drawn(bench: &Bench) -> Vec<ReviewSummary> {
    let open = bench.ledger.open_reviews().await.unwrap();
    open.into_iter().filter(|row| row.kind == ReviewKind::Audit).collect()
}

fn excluded(said: &Result<impl std::fmt::Debug, ReviewError>) -> bool {
    matches!(said, Err(ReviewError::Refused(Refusal::Excluded { .. })))
}

#[tokio::test(start_paused = true)]
async fn a_second_person_decides_the_same_apart_and_the_call_waits_for_one() {
    let bench = bench("{due: 1h, overlap: 100%}").await;
    let told = bench.ask("text").await;
    let second = drawn(&bench).await;
    let [second] = &*second else { panic!("{second:?}") };
    assert_eq!(second.sampled, Some(Sampled::Overlap { of: told.review() }));
    let first = bench.review(&told.review()).await;
    assert_eq!(first.opened.sampled, Some(Sampled::Overlap { of: told.review() }));
    assert_eq!(first.opened.reasons.len(), second.because.len());
    let ended = bench.decide(&told, "ada", What::Approve).await.unwrap();
    assert_eq!(ended.state(), "approved", "nobody waits for the second");
    // The first person has no part in the second opinion.
    assert!(excluded(&bench.engine.claim(&second.id, person("ada")).await));
    assert!(excluded(&bench.decide_review(&second.id, "ada", What::Reject).await));
    bench.decide_review(&second.id, "bob", What::Reject).await.unwrap();
    assert_eq!(bench.look(&told).await.state(), "approved", "a label changes no call");
    let row = bench.ledger.review(&second.id).await.unwrap().unwrap();
    assert_eq!(row.decision.as_deref(), Some("rejected"));
}

#[tokio::test(start_paused = true)]
async fn as_many_people_as_the_queue_says_decide_apart_and_nobody_decides_two() {
    let bench = bench("{due: 1h, overlap: {share: 100%, people: 4}}").await;
    let told = bench.ask("text").await;
    let others = drawn(&bench).await;
    assert_eq!(others.len(), 3);
    bench.decide(&told, "ada", What::Approve).await.unwrap();
    let [second, third, last] = &*others else { panic!("{others:?}") };
    bench.decide_review(&second.id, "bob", What::Approve).await.unwrap();
    assert!(excluded(&bench.decide_review(&third.id, "bob", What::Approve).await));
    assert!(excluded(&bench.engine.claim(&last.id, person("ada")).await));
    bench.decide_review(&third.id, "cyd", What::Reject).await.unwrap();
    // Two tabs of one person at the same moment are still one person.
    let more = bench.ask("more").await;
    let [one, two, _] = &*drawn(&bench)
        .await
        .into_iter()
        .filter(|row| row.call == more.snapshot.id)
        .collect::<Vec<_>>()
    else {
        panic!("three more")
    };
    let both = tokio::join!(
        bench.decide_review(&one.id, "dan", What::Approve),
        bench.decide_review(&two.id, "dan", What::Reject)
    );
    assert!(both.0.is_ok() && excluded(&both.1), "{both:?}");
}

#[tokio::test(start_paused = true)]
async fn whoever_holds_the_one_of_two_may_not_take_the_other() {
    let bench = bench("{due: 1h, overlap: 100%}").await;
    let told = bench.ask("text").await;
    let second = drawn(&bench).await.remove(0);
    bench.engine.claim(&second.id, person("bob")).await.unwrap();
    assert!(excluded(&bench.engine.claim(&told.review(), person("bob")).await));
    assert!(excluded(&bench.decide(&told, "bob", What::Approve).await));
    // Given back it is as if they had never had it.
    let lease = bench.review(&second.id).await.lease;
    bench.engine.release(&second.id, person("bob"), lease).await.unwrap();
    assert!(bench.engine.claim(&told.review(), person("bob")).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn every_decision_can_be_given_on_a_drawn_review_and_taken_back() {
    let bench = bench("{due: 1h, overlap: 100%, undo: 1min}").await;
    let edit = What::Edit(Edit::Output(json!({ "label": "spam" })));
    let all = [edit, What::UseFallback, What::RequestChanges("shorter".to_owned()), What::Reject];
    for (number, what) in all.into_iter().enumerate() {
        bench.ask(&format!("text {number}")).await;
        let second = drawn(&bench).await.remove(0);
        let decided = bench.decide_review(&second.id, "bob", what).await.unwrap();
        assert_eq!(decided.standing.name(), "decided");
    }
    bench.ask("one more").await;
    let second = drawn(&bench).await.remove(0);
    bench.decide_review(&second.id, "bob", What::Approve).await.unwrap();
    bench.engine.undo(&second.id, person("bob")).await.unwrap();
    assert_eq!(bench.review(&second.id).await.standing.name(), "open");
}

/// A call whose answer a lead marks as known after `ada` rejected it.
async fn known(bench: &Bench) -> Told {
    let told = bench.ask("a known text").await;
    let ended = bench.decide(&told, "ada", What::Reject).await.unwrap();
    assert_eq!(ended.state(), "rejected");
    let marked = bench.engine.mark_known(&told.review(), person("lea"), true, String::new()).await;
    marked.unwrap();
    told
}

#[tokio::test(start_paused = true)]
async fn a_known_answer_comes_again_as_it_came_first_and_tells_nothing_of_its_end() {
    let bench = bench("{due: 1h, known_answers: 100%}").await;
    let first = known(&bench).await;
    let next = bench.ask("another text").await;
    let seeded = drawn(&bench).await;
    let [seeded] = &*seeded else { panic!("{seeded:?}") };
    assert_eq!(seeded.sampled, Some(Sampled::Known { of: first.review() }));
    assert_eq!((&seeded.call, &seeded.policy), (&first.snapshot.id, &"story".to_owned()));
    assert_eq!(seeded.due, bench.review(&next.review()).await.opened.due);
    assert!(seeded.excluded.contains(&"ada".to_owned()), "she knows it");
    let (call, events) =
        bench.engine.call_as_asked(&seeded.call, &first.review()).await.unwrap().unwrap();
    assert_eq!(call.state.state_name(), "in_review");
    assert!(call.state.ended().is_none());
    let names: BTreeSet<_> = events.iter().map(|one| one.envelope.kind.as_str()).collect();
    assert!(!names.contains("review_resolved") && !names.contains("call_ended"), "{names:?}");
    bench.decide_review(&seeded.id, "bob", What::Approve).await.unwrap();
    assert_eq!(bench.look(&first).await.state(), "rejected");
    // Whoever had it once is not asked again.
    bench.ask("a third text").await;
    let again = drawn(&bench).await.remove(0);
    assert!(again.excluded.contains(&"bob".to_owned()), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn only_what_a_person_decided_for_a_call_is_marked_and_the_mark_can_be_taken_off() {
    let bench = bench("{due: 1h, known_answers: 100%}").await;
    let open = bench.ask("open").await;
    let mark = async |id: &ReviewId, known: bool| {
        bench.engine.mark_known(id, person("lea"), known, String::new()).await
    };
    assert!(mark(&open.review(), true).await.is_err(), "nobody has decided it");
    let first = known(&bench).await;
    bench.ask("next").await;
    let seeded = drawn(&bench).await.remove(0);
    bench.decide_review(&seeded.id, "bob", What::Reject).await.unwrap();
    assert!(mark(&seeded.id, true).await.is_err(), "a label is no proof");
    mark(&first.review(), false).await.unwrap();
    bench.ask("after").await;
    assert!(drawn(&bench).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn how_long_a_review_was_held_is_in_its_row() {
    let bench = bench("{due: 1h}").await;
    let told = bench.ask("text").await;
    bench.engine.claim(&told.review(), person("ada")).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(40)).await;
    bench.engine.claim(&told.review(), person("ada")).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    bench.decide(&told, "ada", What::Approve).await.unwrap();
    let row = bench.ledger.review(&told.review()).await.unwrap().unwrap();
    assert_eq!(row.held_ms.map(|ms| ms / 1_000), Some(45));
}
