//! Two requests side by side: which one counts, and what may not happen.

use alloc::{string::ToString, vec};

use super::world::*;
use crate::{
    AttemptEnded, AttemptResult, AttemptStarted, CallEvent, FailureClass, MicroMoney, Outcome,
    Phase, Purpose, Step, Usage, next,
};

fn started(attempt: u32, model: &str, purpose: Purpose) -> CallEvent {
    CallEvent::AttemptStarted(AttemptStarted {
        attempt,
        model: model.to_string(),
        purpose,
        request: digest("request"),
        estimate: Usage { input: 50, cached: 0, output: 50 },
        cost: MicroMoney(7),
    })
}

fn ended(attempt: u32, result: AttemptResult) -> CallEvent {
    let usage = Usage { input: 10, cached: 0, output: 10 };
    CallEvent::AttemptEnded(AttemptEnded {
        attempt,
        result,
        took_ms: 100,
        usage,
        cost: MicroMoney(2),
    })
}

fn says(text: &str) -> AttemptResult {
    AttemptResult::Answered { raw: digest(text), answer: digest(text), finish: None }
}

fn fails(class: FailureClass) -> AttemptResult {
    let message = "it failed".to_string();
    AttemptResult::Failed { class, message, status: None, until: None, raw: None }
}

/// A call whose first request to `small` is on its way, and a second one beside it.
fn hedged() -> World {
    let mut world = world();
    let received = world.received();
    world.record(CallEvent::CallReceived(received));
    loop {
        match next(&world.plan, world.state()) {
            Step::Ask(_) => break,
            step => world.step(step),
        }
    }
    world.record(started(1, "small", Purpose::Answer));
    world.record(started(2, "small", Purpose::Hedge));
    world
}

#[test]
fn the_one_that_is_written_last_is_the_answer_whichever_it_is() {
    for (lost, won) in [(1, 2), (2, 1)] {
        let mut world = hedged();
        world.record(ended(lost, says("bad")));
        assert!(matches!(world.state().phase, Phase::Attempting { .. }), "one is still awaited");
        world.record(ended(won, says("good")));
        let subject = world.state().subject().unwrap();
        assert_eq!((subject.attempt, subject.digest), (Some(won), digest("good")));
        world.run();
        assert_eq!(world.ended().outcome, Outcome::Accepted);
        assert_eq!(world.state().used.attempts, 2, "both count");
        assert_eq!(world.state().cost(), MicroMoney(4), "and both are paid for");
    }
}

#[test]
fn a_failure_beside_an_answer_decides_nothing() {
    let mut world = hedged();
    world.record(ended(1, fails(FailureClass::Transport)));
    world.record(ended(2, says("good")));
    world.run();
    assert_eq!(world.way, ["accept", "accept"]);
}

#[test]
fn when_both_fail_the_last_one_takes_its_ladder() {
    let mut world = hedged();
    world.record(ended(2, fails(FailureClass::Transport)));
    world.record(ended(1, fails(FailureClass::Overloaded)));
    world.run();
    assert_eq!(world.way, ["accept", "next_model", "large", "accept"]);
}

#[test]
fn after_a_crash_both_are_cut_off_and_the_ladder_is_taken_once() {
    let mut world = hedged();
    world.plan.ladders.insert("on.interrupted".to_string(), vec![retry(1)]);
    world.run();
    assert_eq!(world.way, ["accept", "retry", "small", "accept"]);
    assert_eq!(world.state().used.tokens, 2 * 100 + 20, "what was reserved is charged");
}

#[test]
fn nothing_is_hedged_twice_nor_with_another_model_nor_before_anything_was_asked() {
    let mut world = hedged();
    assert!(!world.follows(&started(3, "small", Purpose::Hedge)));
    world.record(ended(1, fails(FailureClass::Transport)));
    assert!(!world.follows(&started(3, "small", Purpose::Hedge)), "not even once one failed");
    let mut world = super::world::world();
    let received = world.received();
    world.record(CallEvent::CallReceived(received));
    loop {
        match next(&world.plan, world.state()) {
            Step::Ask(_) => break,
            step => world.step(step),
        }
    }
    assert!(!world.follows(&started(1, "small", Purpose::Hedge)), "there is nothing beside it");
    world.record(started(1, "small", Purpose::Answer));
    assert!(!world.follows(&started(2, "large", Purpose::Hedge)));
    assert!(!world.follows(&started(2, "small", Purpose::Answer)));
    assert!(!world.follows(&ended(2, says("good"))));
}

#[test]
fn an_answer_is_not_judged_while_another_is_awaited() {
    let mut world = hedged();
    world.record(ended(1, says("good")));
    assert!(matches!(next(&world.plan, world.state()), Step::Record(_)), "it is cut off first");
    assert!(!world.follows(&ended(1, says("good"))), "an attempt ends once");
}
