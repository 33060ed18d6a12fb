//! How ties are settled, when is waited how long, and what is said to whom.

use alloc::{string::ToString, vec, vec::Vec};

use super::super::budget::backoff;
use super::world::*;
use crate::{
    CallEvent, CallState, Escalation, FailureClass, Finding, Millis, Objection, Outcome, Phase,
    Purpose, Resolution, Resolved, Rung, Step, next,
};

/// Waits of that retry over many calls, in milliseconds.
fn waits(base_ms: u64, times: u32) -> Vec<u64> {
    let wait = |seed: u32| {
        let mut received = world().received();
        received.request = digest(&seed.to_string());
        let at = Millis(1_000_000);
        let event = CallEvent::CallReceived(received);
        let state = CallState::fold(None, &event, at).unwrap();
        backoff(&state, base_ms, times, 8_000).since(at)
    };
    (0..60).map(wait).collect()
}

#[test]
fn a_backoff_doubles_with_full_jitter_up_to_eight_seconds() {
    let first = waits(500, 0);
    assert!(first.iter().all(|ms| *ms <= 500) && first.iter().any(|ms| *ms > 250));
    let third = waits(500, 2);
    assert!(third.iter().all(|ms| *ms <= 2_000) && third.iter().any(|ms| *ms > 1_000));
    assert!(third.iter().any(|ms| *ms < 500), "no full jitter");
    let long = waits(60_000, 5);
    assert!(long.iter().all(|ms| *ms <= 8_000) && long.iter().any(|ms| *ms > 4_000));
}

#[test]
fn when_the_provider_says_when_its_word_wins_over_the_backoff() {
    let mut world = world()
        .ladder("on.overloaded", vec![retry(1)])
        .says([Says::Fails(FailureClass::Overloaded, Some(5_000))]);
    let before = world.now;
    world.run();
    assert!(world.now >= before + 5_000);
}

/// An objection with a text for each rung.
fn telling(by: &str, texts: &[&str]) -> Finding {
    let texts = texts.iter().map(|text| Some(text.to_string())).collect();
    let objection = Objection { ladder: by.into(), texts, excluded: vec!["carl".into()] };
    Finding { objection: Some(objection), ..objects(by) }
}

#[test]
fn each_rung_says_its_own_text() {
    let mut world = world()
        .ladder("rules.sum", vec![ask_again(), Rung::Reject])
        .says([Says::Answer("bad"), Says::Answer("bad")]);
    world.checks.insert("bad", vec![telling("rules.sum", &["add it up", "it does not add up"])]);
    world.run();
    assert_eq!(world.state().asked.as_ref().unwrap().tell, ["add it up"]);
    assert_eq!(world.ended().cause.text, "it does not add up");
}

#[test]
fn texts_of_several_repairs_go_into_one_request() {
    let mut world = world()
        .ladder("rules.sum", vec![ask_again()])
        .ladder("rules.tone", vec![ask_again()])
        .says([Says::Answer("bad")]);
    let both = vec![telling("rules.sum", &["add it up"]), telling("rules.tone", &["be kind"])];
    world.checks.insert("bad", both);
    world.run();
    assert_eq!(world.state().asked.as_ref().unwrap().tell, ["add it up", "be kind"]);
    assert_eq!(world.state().used.attempts, 2);
}

#[test]
fn a_written_reject_is_the_cause_before_one_that_only_ran_out() {
    let mut world = world()
        .ladder("rules.out", vec![])
        .ladder("rules.never", vec![Rung::Reject])
        .objecting("good", &["rules.out", "rules.never"]);
    world.plan.otherwise = Rung::Reject;
    world.run();
    assert_eq!(world.ended().cause.by.as_deref(), Some("rules.never"));
}

#[test]
fn of_several_waits_the_longest_counts() {
    let after = |ms| Rung::Retry { times: 1, backoff_ms: ms };
    let mut world = world()
        .ladder("rules.long", vec![after(8_000)])
        .ladder("rules.short", vec![after(0)])
        .objecting("bad", &["rules.long", "rules.short"])
        .says([Says::Answer("bad")]);
    world.run();
    assert!(world.log.iter().any(|(event, _)| matches!(event, CallEvent::WaitEnded)));
}

#[test]
fn of_several_models_the_furthest_is_asked() {
    let far = Rung::NextModel { to: Some("huge".to_string()) };
    let mut world = world()
        .ladder("rules.far", vec![far])
        .ladder("rules.near", vec![onward()])
        .objecting("bad", &["rules.far", "rules.near"])
        .says([Says::Answer("bad")]);
    world.plan.models.push(model("huge"));
    world.run();
    assert_eq!(world.way, ["accept", "small", "next_model", "huge", "accept"]);
}

#[test]
fn a_repair_keeps_the_room_that_a_cut_off_answer_was_given() {
    let mut world = world()
        .ladder("on.truncated", vec![retry(1)])
        .ladder("rules.sum", vec![ask_again()])
        .objecting("bad", &["rules.sum"])
        .says([Says::Fails(FailureClass::Truncated, None), Says::Answer("bad")]);
    world.run();
    assert_eq!(world.state().asked.as_ref().unwrap().doublings, 1);
}

#[test]
fn a_repair_that_failed_on_the_way_is_asked_again_as_a_repair() {
    let mut world = world()
        .ladder("on.limit", vec![Rung::Wait { at_most_ms: None }])
        .ladder("rules.sum", vec![ask_again()])
        .objecting("bad", &["rules.sum"])
        .says([
            Says::Blocked(FailureClass::Limit, Some(10)),
            Says::Answer("bad"),
            Says::Fails(FailureClass::Transport, None),
        ]);
    world.run();
    let purposes = world.state().attempts.iter().map(|attempt| attempt.started.purpose);
    assert_eq!(purposes.collect::<Vec<_>>(), [Purpose::Answer, Purpose::Repair, Purpose::Repair]);
}

#[test]
fn no_model_is_asked_about_the_policys_own_answer() {
    let fails = Says::Fails(FailureClass::Overloaded, None);
    let mut world = world()
        .ladder("on.overloaded", vec![Rung::Fallback])
        .ladder("rules.any", vec![retry(1), onward(), ask_again(), Rung::Reject])
        .objecting("fallback", &["rules.any"])
        .says([fails]);
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Refused);
    assert_eq!(world.state().used.attempts, 1);
}

#[test]
fn one_review_takes_the_tighter_of_each_option_and_excludes_whom_either_excludes() {
    let first = Escalation {
        due_ms: Some(5_000),
        may_edit: Some(vec!["a".into(), "b".into()]),
        ..Escalation::to("finance".into())
    };
    let second = Escalation {
        due_ms: Some(3_000),
        approvals: Some(2),
        blind: Some(true),
        may_edit: Some(vec!["b".into()]),
        ..Escalation::to("finance".into())
    };
    let mut world = world()
        .ladder("rules.large", vec![Rung::Escalate(first)])
        .ladder("rules.odd", vec![Rung::Escalate(second)]);
    world.checks.insert("good", vec![objects("rules.large"), telling("rules.odd", &[])]);
    let received = world.received();
    world.record(CallEvent::CallReceived(received));
    let review = loop {
        match next(&world.plan, world.state()) {
            Step::OpenReview(review) => break review,
            step => world.step(step),
        }
    };
    assert_eq!(review.to.due_ms, Some(3_000));
    assert_eq!(review.to.approvals, Some(2));
    assert_eq!(review.to.blind, Some(true));
    assert_eq!(review.to.may_edit, Some(vec!["b".into()]));
    assert_eq!(review.excluded, ["carl"]);
}

#[test]
fn who_sends_back_grants_a_new_deadline_from_now_on() {
    let mut world =
        world().ladder("rules.large", vec![to("finance")]).objecting("good", &["rules.large"]);
    world.run();
    world.now += 3_600_000;
    world.resolve(Resolution::ChangesRequested { tell: "shorter".to_string() }, None);
    let granted = world.now + world.plan.deadline_ms;
    world.run();
    assert_eq!(world.state().deadline, Millis(granted));
    assert_eq!(world.state().used.attempts, 1);
}

#[test]
fn the_reason_of_a_rejection_is_told_to_the_caller() {
    let mut world =
        world().ladder("rules.large", vec![to("finance")]).objecting("good", &["rules.large"]);
    world.run();
    let Phase::InReview { review, queue, .. } = world.state().phase.clone() else { return };
    let (by, reason) = (vec!["ann".to_string()], Some("wrong account".to_string()));
    let resolution = Resolution::Rejected;
    let resolved = Resolved { review, queue, resolution, by, reason, undo_until: None };
    world.record(CallEvent::ReviewResolved(resolved));
    world.run();
    assert_eq!(world.ended().cause.text, "wrong account");
}
