//! The door, the budget and the order of rungs: what no combination of objections gets around.

use alloc::{string::ToString, vec, vec::Vec};

use super::world::*;
use crate::{
    AtDoor, CallEvent, Estimate, FailureClass, Finding, MicroMoney, Millis, Mode, Outcome, Phase,
    Rung, Status, Usage,
};

fn shut(after: Option<u64>) -> World {
    let mut world = world().ladder("on.limit", vec![Rung::Wait { at_most_ms: None }, Rung::Reject]);
    let until = after.map(|ms| Millis(world.now + ms));
    let reason = "600/min of `shop`".to_string();
    world.door = Some(AtDoor { class: FailureClass::Limit, reason, until });
    world
}

#[test]
fn a_call_that_is_held_at_the_door_waits_until_it_opens() {
    let mut world = shut(Some(3_000));
    let before = world.now;
    world.run();
    assert_eq!(world.way, ["retry", "small", "accept"]);
    assert!(world.now >= before + 3_000);
}

#[test]
fn a_door_of_which_nobody_says_when_it_opens_is_not_waited_at() {
    let mut world = shut(None);
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Refused);
    assert_eq!(world.ended().cause.class, Some(FailureClass::Limit));
}

#[test]
fn a_door_that_opens_too_late_is_not_waited_at() {
    let mut world = shut(Some(60_000));
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Refused);
}

#[test]
fn a_rule_that_starts_with_a_later_model_does_not_get_around_the_door() {
    let mut world = shut(Some(3_000)).ladder("before.hard", vec![onward()]);
    world.before = vec![objects("before.hard")];
    let before = world.now;
    world.run();
    assert_eq!(world.way, ["next_model", "large", "accept"]);
    assert!(world.now >= before + 3_000, "the door was not waited at");
}

#[test]
fn a_first_attempt_that_the_budget_cannot_pay_is_not_made() {
    let mut world = world();
    world.plan.budget.cost = Some(MicroMoney(50));
    let mut received = world.received();
    for model in ["small", "large"] {
        let (model, usage) = (model.to_string(), Usage::default());
        received.estimates.push(Estimate { model, usage, cost: MicroMoney(100) });
    }
    world.record(CallEvent::CallReceived(received));
    world.run();
    assert_eq!(world.state().used.attempts, 0);
    assert_eq!(world.way.last().unwrap(), "people");
}

#[test]
fn the_first_attempt_too_ends_before_the_reserve() {
    let mut world = world().ladder("on.timeout", vec![Rung::Fallback]);
    let mut received = world.received();
    received.deadline = Millis(world.now + 250);
    world.record(CallEvent::CallReceived(received));
    world.run();
    assert_eq!(world.state().used.attempts, 0);
    assert_eq!(world.ended().outcome, Outcome::Fallback);
    assert_eq!(world.ended().cause.class, Some(FailureClass::Timeout));
}

#[test]
fn a_ladder_is_climbed_from_left_to_right_and_never_back() {
    // No time is known at first, so the wait is skipped; later it is known, and the wait is over.
    let mut world = world()
        .ladder("on.throttled", vec![Rung::Wait { at_most_ms: None }, onward(), Rung::Fallback])
        .says([
            Says::Fails(FailureClass::Throttled, None),
            Says::Fails(FailureClass::Throttled, Some(1_000)),
        ]);
    world.run();
    assert_eq!(world.way, ["accept", "small", "next_model", "large", "fallback", "accept"]);
}

#[test]
fn a_repair_by_an_earlier_model_does_not_lead_back_to_a_later_one() {
    let by_small = Rung::Repair { times: 1, model: Some("small".to_string()), mask: None };
    let mut world = world()
        .ladder("rules.sum", vec![by_small])
        .ladder("rules.tone", vec![onward()])
        .objecting("bad", &["rules.tone"])
        .objecting("sum", &["rules.sum"])
        .says([Says::Answer("bad"), Says::Answer("sum"), Says::Answer("bad")]);
    world.run();
    let asked = |way: &&alloc::string::String| ["small", "large"].contains(&way.as_str());
    let models: Vec<_> = world.way.iter().filter(asked).collect();
    assert_eq!(models, ["small", "large", "small"]);
    assert_eq!(world.way.last().unwrap(), "people");
}

#[test]
fn a_repair_by_a_model_that_is_not_listed_still_leaves_the_next_one() {
    let by_other = Rung::Repair { times: 1, model: Some("fixer".to_string()), mask: None };
    let mut world = world()
        .ladder("rules.sum", vec![by_other, onward()])
        .objecting("bad", &["rules.sum"])
        .says([Says::Answer("bad"), Says::Answer("bad")]);
    world.run();
    assert_eq!(world.way, ["accept", "small", "repair", "fixer", "next_model", "large", "accept"]);
}

#[test]
fn observe_covers_the_rules_over_the_request() {
    let mut world = world().ladder("before.no", vec![Rung::Reject]);
    world.before = vec![objects("before.no")];
    world.plan.mode = Mode::Observe;
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Observed);
}

#[test]
fn observe_does_not_open_a_shut_door() {
    let mut world = shut(None);
    world.plan.mode = Mode::Observe;
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Refused);
}

#[test]
fn observe_lets_an_answer_of_the_wrong_shape_leave_and_a_failure_take_its_ladder() {
    let mut shaped = world().misshapen("good", FailureClass::Schema);
    shaped.plan.mode = Mode::Observe;
    shaped.run();
    assert_eq!(shaped.ended().outcome, Outcome::Observed);
    let fails = Says::Fails(FailureClass::Overloaded, None);
    let mut failed = world().says([fails.clone(), fails]);
    failed.plan.mode = Mode::Observe;
    failed.run();
    assert_eq!(failed.ended().outcome, Outcome::Fallback);
}

#[test]
fn each_queue_gets_one_audit_of_an_answer() {
    let audits = |queue: &str| Finding {
        also_review: Some(queue.to_string()),
        ..Finding::plain("rules.audit", Status::Fail)
    };
    let mut world = world();
    world.checks.insert("good", vec![audits("a"), audits("b"), audits("a")]);
    world.run();
    assert_eq!(world.ended().audits, ["a", "b"]);
}

#[test]
fn a_wrong_shape_without_a_finding_of_its_own_takes_the_ladder_of_its_class() {
    let mut world = world()
        .misshapen("bad", FailureClass::Truncated)
        .ladder("on.truncated", vec![onward()])
        .says([Says::Answer("bad")]);
    world.run();
    assert_eq!(world.way, ["accept", "small", "next_model", "large", "accept"]);
}

#[test]
fn a_limiter_that_is_lost_again_and_again_is_not_waited_for_without_end() {
    let blocked = Says::Blocked(FailureClass::Limit, Some(0));
    let mut world = world()
        .ladder("on.limit", vec![Rung::Wait { at_most_ms: None }, Rung::Fallback])
        .says(vec![blocked; 30]);
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Fallback);
    assert_eq!(world.way.iter().filter(|step| *step == "retry").count(), 8);
}

#[test]
fn a_wait_longer_than_its_own_bound_is_skipped() {
    let bound = Rung::Wait { at_most_ms: Some(1_000) };
    let blocked = |ms| Says::Blocked(FailureClass::Limit, Some(ms));
    let mut short = world().ladder("on.limit", vec![bound.clone()]).says([blocked(1_000)]);
    short.run();
    assert_eq!(short.ended().outcome, Outcome::Accepted);
    let mut long = world().ladder("on.limit", vec![bound]).says([blocked(1_001)]);
    long.run();
    assert!(matches!(long.state().phase, Phase::InReview { .. }));
}
