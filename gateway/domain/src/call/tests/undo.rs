//! What was decided and taken back, and what can follow an end.

use alloc::{string::ToString, vec};

use super::world::*;
use crate::{
    AttemptEnded, AttemptResult, AttemptStarted, CallEvent, FailureClass, MicroMoney, OnExpiry,
    Outcome, Phase, Purpose, Resolution, Step, Usage, next,
};

/// Carries the call on until it is held for the undo window, and takes the decision back.
fn undo(world: &mut World) {
    let review = loop {
        match world.state().phase.clone() {
            Phase::Releasing { review, .. } => break review,
            _ => {
                let step = next(&world.plan, world.state());
                world.step(step);
            }
        }
    };
    world.record(CallEvent::DecisionUndone { review });
}

fn edited(text: &str) -> Resolution {
    Resolution::Edited { subject: human(digest(text)) }
}

#[test]
fn an_edit_that_was_taken_back_leaves_the_answer_as_it_was() {
    let mut world =
        world().ladder("rules.large", vec![to("finance")]).objecting("good", &["rules.large"]);
    world.run();
    world.resolve(edited("mine"), Some(5_000));
    undo(&mut world);
    assert_eq!(world.state().subject().unwrap().digest, digest("good"));
    world.resolve(Resolution::Expired { action: OnExpiry::Approve }, None);
    world.run();
    assert_eq!(world.ended().answer, Some(digest("good")));
}

#[test]
fn a_rejection_that_was_taken_back_leaves_the_other_queues_still_to_ask() {
    let mut world = world()
        .ladder("rules.large", vec![to("finance")])
        .ladder("rules.fraud", vec![to("fraud")])
        .objecting("good", &["rules.large", "rules.fraud"]);
    world.for_models = true;
    world.run();
    world.resolve(Resolution::Rejected, Some(5_000));
    undo(&mut world);
    world.approve();
    assert!(matches!(&world.state().phase, Phase::InReview { queue, .. } if queue == "fraud"));
}

#[test]
fn the_last_of_several_queues_takes_back_its_own_word_alone() {
    let mut world = world()
        .ladder("rules.large", vec![to("finance")])
        .ladder("rules.fraud", vec![to("fraud")])
        .objecting("good", &["rules.large", "rules.fraud"]);
    world.run();
    world.approve();
    let approved = Resolution::Approved { subject: human(digest("good")) };
    world.resolve(approved, Some(5_000));
    undo(&mut world);
    let queues = world.state().decided.iter().map(|approval| approval.queue.as_str());
    assert_eq!(queues.collect::<vec::Vec<_>>(), ["finance"]);
    world.resolve(Resolution::Rejected, None);
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Rejected);
}

#[test]
fn a_held_decision_leaves_once_its_window_has_passed_and_not_before() {
    let mut world =
        world().ladder("rules.large", vec![to("finance")]).objecting("good", &["rules.large"]);
    world.run();
    world.resolve(edited("mine"), Some(5_000));
    let decided = world.now;
    while !matches!(world.state().phase, Phase::Releasing { .. }) {
        let step = next(&world.plan, world.state());
        world.step(step);
    }
    assert!(world.state().release(b"mine".to_vec()).is_err());
    let Step::Sleep { until, then } = next(&world.plan, world.state()) else { return };
    assert_eq!(until.0, decided + 5_000);
    world.now = until.0 - 1;
    assert!(!world.follows(&then), "released inside the window");
    world.now = until.0;
    world.record(*then);
    assert_eq!(world.ended().outcome, Outcome::Edited);
}

#[test]
fn a_cancelled_call_ends_even_inside_the_undo_window_and_takes_no_answer_along() {
    let mut world =
        world().ladder("rules.large", vec![to("finance")]).objecting("good", &["rules.large"]);
    world.run();
    world.resolve(edited("mine"), Some(5_000));
    while !matches!(world.state().phase, Phase::Releasing { .. }) {
        let step = next(&world.plan, world.state());
        world.step(step);
    }
    let cancelled = |answer| crate::Ended {
        outcome: Outcome::Cancelled,
        answered_by: crate::AnsweredBy::Nobody,
        answer,
        cause: crate::Cause::default(),
        unreviewed: false,
        audits: vec![],
    };
    assert!(!world.follows(&CallEvent::CallEnded(cancelled(Some(digest("mine"))))));
    assert!(world.follows(&CallEvent::CallEnded(cancelled(None))));
}

fn vote(attempt: u32) -> (CallEvent, CallEvent) {
    let started = AttemptStarted {
        attempt,
        model: "small".to_string(),
        purpose: Purpose::Vote,
        request: digest("request"),
        estimate: Usage { input: 5, cached: 0, output: 5 },
        cost: MicroMoney(7),
    };
    let failed = AttemptResult::Failed {
        class: FailureClass::Transport,
        message: "reset".to_string(),
        status: None,
        until: None,
        raw: None,
    };
    let usage = Usage::default();
    let ended = AttemptEnded { attempt, result: failed, took_ms: 1, usage, cost: MicroMoney(0) };
    (CallEvent::AttemptStarted(started), CallEvent::AttemptEnded(ended))
}

#[test]
fn after_the_outcome_nothing_follows_not_even_a_late_vote() {
    let mut world = world();
    let (started, late) = vote(2);
    let received = world.received();
    world.record(CallEvent::CallReceived(received));
    while !matches!(world.state().phase, Phase::Checking { .. }) {
        let step = next(&world.plan, world.state());
        world.step(step);
    }
    world.record(started);
    let cancelled = crate::Ended {
        outcome: Outcome::Cancelled,
        answered_by: crate::AnsweredBy::Nobody,
        answer: None,
        cause: crate::Cause::default(),
        unreviewed: false,
        audits: vec![],
    };
    world.record(CallEvent::CallEnded(cancelled));
    assert!(!world.follows(&late));
    assert!(!world.follows(&CallEvent::DuplicateJoined { request: "req_2".to_string() }));
    assert_eq!(next(&world.plan, world.state()), Step::Done);
}

#[test]
fn votes_that_a_crash_cut_off_are_charged_and_the_answer_is_judged_anew() {
    let mut world = world();
    let received = world.received();
    world.record(CallEvent::CallReceived(received));
    while !matches!(world.state().phase, Phase::Checking { .. }) {
        let step = next(&world.plan, world.state());
        world.step(step);
    }
    let before = world.state().used;
    world.record(vote(2).0);
    world.record(vote(3).0);
    for _ in 0..2 {
        let Step::Record(event) = next(&world.plan, world.state()) else {
            panic!("a vote in flight was overlooked")
        };
        assert_eq!(event.name(), "attempt_ended");
        world.record(*event);
    }
    assert!(matches!(next(&world.plan, world.state()), Step::Judge(_)));
    let used = world.state().used;
    assert_eq!(used.attempts, before.attempts + 2);
    assert_eq!(used.tokens, before.tokens + 20);
    assert_eq!(used.cost.0, before.cost.0 + 14);
}

#[test]
fn nothing_is_judged_while_a_judge_of_it_is_still_asked() {
    let mut world = world();
    let received = world.received();
    world.record(CallEvent::CallReceived(received));
    world.record(vote(1).0);
    assert!(
        !world.follows(&CallEvent::RequestJudged { findings: vec![], basis: Default::default() })
    );
    world.record(vote(1).1);
    assert!(
        world.follows(&CallEvent::RequestJudged { findings: vec![], basis: Default::default() })
    );
}
