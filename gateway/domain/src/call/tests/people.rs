//! The ways that a call takes when people are asked.

use alloc::{string::ToString, vec};

use super::world::*;
use crate::{AnsweredBy, CallEvent, Millis, OnExpiry, Outcome, Phase, Resolution, Rung};

fn large_amount() -> World {
    world().ladder("rules.large", vec![to("finance")]).objecting("good", &["rules.large"])
}

#[test]
fn an_approved_answer_is_the_models_and_the_outcome_is_approved() {
    let mut world = large_amount();
    world.run();
    world.approve();
    assert_eq!(world.ended().outcome, Outcome::Approved);
    assert_eq!(world.ended().answered_by, AnsweredBy::Model);
    assert!(world.state().release(b"good".to_vec()).is_ok());
}

#[test]
fn an_edited_answer_is_judged_anew_and_is_the_persons() {
    let mut world = large_amount();
    world.run();
    let subject = human(digest("better"));
    world.resolve(Resolution::Edited { subject }, None);
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Edited);
    assert_eq!(world.ended().answered_by, AnsweredBy::Human);
    assert!(world.state().release(b"better".to_vec()).is_ok());
    assert!(world.state().release(b"good".to_vec()).is_err());
}

#[test]
fn the_rule_that_asked_does_not_ask_again_about_the_persons_answer() {
    let mut world = large_amount().objecting("better", &["rules.large"]);
    world.run();
    world.resolve(Resolution::Edited { subject: human(digest("better")) }, None);
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Edited);
}

#[test]
fn an_edit_that_another_queue_must_see_goes_there() {
    let mut world = large_amount()
        .ladder("rules.fraud", vec![to("fraud")])
        .objecting("better", &["rules.large", "rules.fraud"]);
    world.run();
    world.resolve(Resolution::Edited { subject: human(digest("better")) }, None);
    world.run();
    assert_eq!(world.way.last().unwrap(), "fraud");
    world.approve();
    assert_eq!(world.ended().outcome, Outcome::Edited);
}

#[test]
fn no_person_overrules_a_written_reject() {
    let mut world = world()
        .ladder("rules.never", vec![ask_again(), Rung::Reject])
        .ladder("rules.large", vec![to("finance")])
        .objecting("good", &["rules.large"])
        .objecting("better", &["rules.never"]);
    world.run();
    world.resolve(Resolution::Edited { subject: human(digest("better")) }, None);
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Refused);
    assert_eq!(world.ended().answer, None);
}

#[test]
fn several_queues_are_asked_one_after_another_and_all_must_approve() {
    let mut world = world()
        .ladder("rules.large", vec![to("finance")])
        .ladder("rules.fraud", vec![to("fraud")])
        .objecting("good", &["rules.large", "rules.fraud"]);
    world.run();
    assert_eq!(world.way.last().unwrap(), "finance");
    world.approve();
    assert_eq!(world.way.last().unwrap(), "fraud");
    world.approve();
    assert_eq!(world.ended().outcome, Outcome::Approved);
}

#[test]
fn one_queue_gets_one_review_with_all_reasons() {
    let mut world = world()
        .ladder("rules.large", vec![to("finance")])
        .ladder("rules.odd", vec![to("finance")])
        .objecting("good", &["rules.large", "rules.odd"]);
    world.run();
    world.approve();
    assert_eq!(world.way.iter().filter(|step| *step == "finance").count(), 1);
}

#[test]
fn a_rejection_ends_the_call_without_an_answer() {
    let mut world = large_amount();
    world.run();
    world.resolve(Resolution::Rejected, None);
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Rejected);
    assert_eq!(world.ended().answered_by, AnsweredBy::Nobody);
}

#[test]
fn changes_go_back_to_the_model_with_a_fresh_budget_at_most_so_often() {
    let mut world = large_amount();
    world.plan.budget.attempts = 1;
    world.run();
    world.resolve(Resolution::ChangesRequested { tell: "shorter".to_string() }, None);
    world.run();
    assert_eq!(world.way.iter().filter(|step| *step == "small").count(), 2);
    world.resolve(Resolution::ChangesRequested { tell: "shorter".to_string() }, None);
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Refused);
}

#[test]
fn the_reviewer_may_choose_the_fallback() {
    let mut world = large_amount();
    world.run();
    world.resolve(Resolution::FallbackChosen, None);
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Fallback);
}

#[test]
fn an_expired_review_is_its_own_outcome_and_never_an_approval_by_default() {
    let mut world = large_amount();
    world.run();
    world.resolve(Resolution::Expired { action: OnExpiry::Reject }, None);
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Expired);
    assert_eq!(world.ended().answer, None);
    assert_eq!(world.ended().cause.by.as_deref(), Some("review_expired"));
}

#[test]
fn an_expiry_that_approves_is_marked_unreviewed() {
    let mut world = large_amount();
    world.run();
    world.resolve(Resolution::Expired { action: OnExpiry::Approve }, None);
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Expired);
    assert!(world.ended().unreviewed);
}

#[test]
fn an_expiry_that_falls_back_says_so() {
    let mut world = large_amount();
    world.run();
    world.resolve(Resolution::Expired { action: OnExpiry::Fallback }, None);
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Fallback);
    assert_eq!(world.ended().cause.by.as_deref(), Some("review_expired"));
}

#[test]
fn a_decision_can_be_taken_back_inside_its_window_and_not_after_it() {
    let mut world = large_amount();
    world.run();
    let subject = human(digest("good"));
    world.resolve(Resolution::Approved { subject }, Some(5_000));
    // Judged and decided, but held.
    for _ in 0..2 {
        match crate::next(&world.plan, world.state()) {
            crate::Step::Record(event) => world.record(*event),
            crate::Step::Judge(subject) => {
                let judged = crate::Judged {
                    subject,
                    shape: None,
                    findings: vec![],
                    signals: vec![],
                    mended: vec![],
                    complete: true,
                    writes: false,
                    basis: Default::default(),
                };
                world.record(CallEvent::AnswerJudged(judged));
            }
            other => panic!("unexpected {other:?}"),
        }
    }
    let Phase::Releasing { until, review, .. } = world.state().phase.clone() else {
        panic!("not held: {:?}", world.state().phase)
    };
    let undo = CallEvent::DecisionUndone { review };
    let late = crate::CallState::fold(world.state.clone(), &undo, until);
    assert!(late.is_err(), "an undo after the window");
    let back = crate::CallState::fold(world.state.clone(), &undo, Millis(until.0 - 1)).unwrap();
    assert!(matches!(back.phase, Phase::InReview { .. }));
    assert!(back.decided.is_empty());
}

#[test]
fn a_person_may_write_the_answer_when_no_model_was_asked() {
    let mut world = world().ladder("before.odd", vec![to("people")]);
    world.before = vec![objects("before.odd")];
    world.run();
    world.resolve(Resolution::Edited { subject: human(digest("mine")) }, None);
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Edited);
    assert_eq!(world.state().used.attempts, 0);
}
