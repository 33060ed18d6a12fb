//! Pauses: a call is held where it is, and goes on there.

use alloc::string::ToString;

use super::world::*;
use crate::{
    CallEvent, FailureClass, Millis, Outcome, PauseEnd, Paused, Phase, Resolution, Rung, Step, next,
};

fn paused(until: u64, then: PauseEnd) -> CallEvent {
    let reason = "the model is odd".to_string();
    CallEvent::CallPaused(Paused { until: Millis(until), then, reason })
}

fn resumed(state: &str) -> CallEvent {
    CallEvent::CallResumed { state: state.to_string(), reason: None }
}

/// A call that is about to ask its model.
fn about_to_ask() -> World {
    let mut world = world();
    let received = world.received();
    world.record(CallEvent::CallReceived(received));
    while !matches!(world.state().phase, Phase::Attempting { .. }) {
        let step = next(&world.plan, world.state());
        world.step(step);
    }
    world
}

#[test]
fn a_paused_call_goes_on_where_it_was_and_its_clock_stood_still() {
    let mut world = about_to_ask();
    let deadline = world.state().deadline;
    world.record(paused(world.now + 600_000, PauseEnd::Cancel));
    assert_eq!(world.state().state_name(), "waiting");
    world.now += 60_000;
    assert!(!world.follows(&resumed("admitted")), "it was not there");
    world.record(resumed("attempting"));
    assert_eq!(world.state().deadline, deadline.plus(60_000));
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Accepted);
}

#[test]
fn when_its_time_is_over_a_pause_ends_as_it_said() {
    for (then, outcome) in
        [(PauseEnd::Cancel, Outcome::Cancelled), (PauseEnd::Resume, Outcome::Accepted)]
    {
        let mut world = about_to_ask();
        let until = world.now + 600_000;
        world.record(paused(until, then));
        let Step::Sleep { until: sleeps, .. } = next(&world.plan, world.state()) else {
            panic!("it does not wait")
        };
        assert_eq!(sleeps, Millis(until));
        world.run();
        assert_eq!(world.ended().outcome, outcome);
    }
}

#[test]
fn what_people_decide_on_or_has_ended_is_not_paused() {
    let mut asked = world().ladder("on.transport", alloc::vec![to("people")]);
    asked.says = [Says::Fails(FailureClass::Transport, None)].into();
    asked.run();
    let hold = |world: &World| paused(world.now + 1_000, PauseEnd::Resume);
    assert!(!asked.follows(&hold(&asked)));
    asked.resolve(Resolution::Rejected, Some(5_000));
    assert!(!asked.follows(&hold(&asked)), "in the middle of a person's word");
    asked.run();
    assert!(!asked.follows(&hold(&asked)), "it has ended");
    let mut twice = about_to_ask();
    twice.record(hold(&twice));
    assert!(!twice.follows(&hold(&twice)), "it is held already");
    let past = about_to_ask();
    assert!(!past.follows(&paused(past.now, PauseEnd::Resume)), "until a time that is over");
}

#[test]
fn a_new_run_of_a_paused_call_is_not_paused() {
    let mut world = about_to_ask().ladder("on.transport", alloc::vec![Rung::Reject]);
    world.record(paused(world.now + 600_000, PauseEnd::Cancel));
    let held = world.seq_of("call_paused");
    assert!(world.fork(held));
    assert_eq!(world.state().state_name(), "attempting");
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Accepted);
}
