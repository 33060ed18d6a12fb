//! How budgets, counts and deadlines bound the rungs.

use alloc::{string::ToString, vec, vec::Vec};

use super::world::*;
use crate::{
    Estimate, FailureClass, MicroMoney, Outcome, Rung, SkipReason, Skipped, Usage, call::affordable,
};

fn skipped(world: &World) -> Vec<Skipped> {
    let decision = super::super::decide(&world.plan, world.state());
    decision.map(|decision| decision.skipped).unwrap_or_default()
}

#[test]
fn one_attempt_budget_covers_retries_repairs_and_next_models_alike() {
    let mut world = world()
        .ladder("rules.sum", vec![Rung::Repair { times: 9, model: None, mask: None }, onward()])
        .ladder("on.transport", vec![retry(9)])
        .objecting("bad", &["rules.sum"])
        .says([
            Says::Fails(FailureClass::Transport, None),
            Says::Answer("bad"),
            Says::Answer("bad"),
            Says::Answer("bad"),
            Says::Answer("bad"),
        ]);
    world.run();
    assert_eq!(world.state().used.attempts, 4);
    assert_eq!(world.way.last().unwrap(), "people");
}

#[test]
fn an_estimate_over_the_money_left_skips_the_rung() {
    let mut world = world().says([Says::Fails(FailureClass::Transport, None)]);
    world.plan.budget.cost = Some(MicroMoney(150));
    let mut received = world.received();
    received.estimates = vec![Estimate {
        model: "small".to_string(),
        usage: Usage::default(),
        cost: MicroMoney(100),
    }];
    world.record(crate::CallEvent::CallReceived(received));
    world.run();
    // The retry on `small` is estimated at 100 and 100 are spent; `large` has no estimate.
    assert_eq!(world.way, ["accept", "small", "next_model", "large", "accept"]);
}

#[test]
fn no_rung_starts_inside_the_reserve_before_the_deadline() {
    let mut world = world();
    let received = world.received();
    world.record(crate::CallEvent::CallReceived(received));
    let deadline = world.state().deadline;
    let just = crate::Millis(deadline.0 - 251);
    let late = crate::Millis(deadline.0 - 250);
    assert_eq!(affordable(&world.plan, world.state(), "small", 1, just), Ok(()));
    let refused = affordable(&world.plan, world.state(), "small", 1, late);
    assert_eq!(refused, Err(SkipReason::Deadline));
}

#[test]
fn next_model_never_goes_back() {
    let back = Rung::NextModel { to: Some("small".to_string()) };
    let mut world = world()
        .ladder("rules.a", vec![onward(), back])
        .objecting("bad", &["rules.a"])
        .says([Says::Answer("bad"), Says::Answer("bad")]);
    world.run();
    assert_eq!(world.way.last().unwrap(), "people");
    assert_eq!(world.way.iter().filter(|step| *step == "small").count(), 1);
}

#[test]
fn a_skipped_rung_is_recorded_with_its_reason() {
    let mut world = world().ladder("rules.a", vec![Rung::Fallback]).objecting("good", &["rules.a"]);
    world.plan.has_fallback = false;
    let received = world.received();
    world.record(crate::CallEvent::CallReceived(received));
    while !matches!(world.state().phase, crate::Phase::Deciding(crate::Topic::Answer)) {
        step_once(&mut world);
    }
    assert_eq!(skipped(&world).first().map(|skipped| skipped.why), Some(SkipReason::NoFallback));
}

fn step_once(world: &mut World) {
    let step = crate::next(&world.plan, world.state());
    world.step(step);
}

#[test]
fn a_truncated_answer_is_asked_again_with_twice_the_room() {
    let mut world = world()
        .ladder("on.truncated", vec![retry(1)])
        .says([Says::Fails(FailureClass::Truncated, None)]);
    world.run();
    assert_eq!(world.state().asked.as_ref().unwrap().doublings, 1);
    assert_eq!(world.ended().outcome, Outcome::Accepted);
}

#[test]
fn asking_beats_masking() {
    let mask = Rung::Repair { times: 1, model: None, mask: Some("privacy".to_string()) };
    let mut world = world()
        .ladder("checks.privacy", vec![mask])
        .ladder("rules.sum", vec![ask_again()])
        .objecting("bad", &["checks.privacy", "rules.sum"])
        .says([Says::Answer("bad")]);
    world.run();
    assert_eq!(world.way, ["accept", "small", "repair", "small", "accept"]);
}

#[test]
fn a_mask_needs_no_model() {
    let mask = Rung::Repair { times: 1, model: None, mask: Some("privacy".to_string()) };
    let mut world = world()
        .ladder("checks.privacy", vec![mask])
        .objecting("bad", &["checks.privacy"])
        .says([Says::Answer("bad")]);
    world.run();
    assert_eq!(world.way, ["accept", "small", "repair", "accept"]);
    assert_eq!(world.ended().answer, Some(digest("masked")));
}
