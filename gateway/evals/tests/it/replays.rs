//! What a replay is: the same every time, on recorded answers alone, as quick as the machine.

use crate::world::World;

#[test]
fn a_replay_gives_the_same_results_every_time() {
    let world = World::new(60);
    let tape = world.record();
    let (_, first) = world.replay(&tape);
    let (_, second) = world.replay(&tape);
    assert_eq!(first, second);
    assert_eq!(first.ran.len(), 60);
    assert_eq!(first.ran.iter().filter(|ran| ran.end == "accepted").count(), 54);
    assert_eq!(first.ran.iter().filter(|ran| ran.end == "in_review").count(), 6);
    assert!(first.ran.iter().all(|ran| ran.is_valid() && ran.expected == Some(true)));
}

#[test]
fn cases_stand_alone_whatever_became_of_the_others() {
    // Six busy cases in a row would open a breaker that they shared.
    let mut world = World::new(12);
    for at in 0..6 {
        world.change("evals/s/cases/a.jsonl", &format!("number {at}\""), &format!("busy {at}\""));
    }
    let world = world.with("evals/s/suite.yaml", "at_most: 12%", "at_most: 30%");
    let tape = world.record();
    let (_, results) = world.replay(&tape);
    let busy: Vec<_> = results.ran.iter().take(6).collect();
    assert!(busy.iter().all(|ran| ran.attempts == 2 && ran.expected == Some(true)), "{busy:#?}");
}

#[test]
fn recorded_time_counts_and_is_not_waited_for() {
    let world = World::new(30).with("evals/s/suite.yaml", "at_most: 12%", "at_most: 30%");
    let tape = world.record();
    let (_, results) = world.replay(&tape);
    assert!(results.ran.iter().all(|ran| (40..2_000).contains(&ran.took_ms)), "{results:#?}");
}

#[test]
fn a_request_that_is_not_recorded_is_named_with_what_is_near() {
    let mut world = World::new(30).with("evals/s/suite.yaml", "at_most: 12%", "at_most: 30%");
    let tape = world.record();
    world.change("prompts/label.md", "temperature: 0", "temperature: 0.5");
    let (_, results) = world.replay(&tape);
    let miss = &results.ran[0].misses[0];
    assert_eq!(miss.model, "m");
    assert!(miss.hint.contains("these messages with other [\"temperature\"]"), "{}", miss.hint);
}

#[test]
fn money_is_counted_as_the_answers_say() {
    let world = World::new(30).with("evals/s/suite.yaml", "at_most: 12%", "at_most: 30%");
    let tape = world.record();
    let (_, results) = world.replay(&tape);
    // 20 tokens in at $1/M and 5 out at $2/M.
    assert!(results.ran.iter().all(|ran| ran.cost_micro == 30), "{results:#?}");
}
