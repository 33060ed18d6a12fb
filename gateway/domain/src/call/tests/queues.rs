//! Several queues, sent back or silent ones, and answers that no person may let pass.

use alloc::{string::ToString, vec};

use super::world::*;
use crate::{AnsweredBy, FailureClass, OnExpiry, Outcome, Phase, Resolution, Rung};

/// `good` must be seen by finance and then by fraud.
fn two_queues() -> World {
    world()
        .ladder("rules.large", vec![to("finance")])
        .ladder("rules.fraud", vec![to("fraud")])
        .objecting("good", &["rules.large", "rules.fraud"])
}

fn changes() -> Resolution {
    Resolution::ChangesRequested { tell: "shorter".to_string() }
}

fn edited(text: &str) -> Resolution {
    Resolution::Edited { subject: human(digest(text)) }
}

#[test]
fn a_queue_that_was_still_to_come_is_forgotten_when_another_answer_is_asked_for() {
    let mut world = two_queues()
        .objecting("shorter", &["rules.large"])
        .says([Says::Answer("good"), Says::Answer("shorter")]);
    world.run();
    world.approve();
    world.resolve(changes(), None);
    world.run();
    world.approve();
    // Nothing in the second answer concerns fraud.
    assert_eq!(world.ended().outcome, Outcome::Approved);
    assert_eq!(world.way.iter().filter(|step| *step == "fraud").count(), 1);
}

#[test]
fn an_answer_that_came_after_an_edited_one_is_the_models() {
    let mut world = two_queues()
        .objecting("better", &["rules.fraud"])
        .objecting("shorter", &["rules.large"])
        .says([Says::Answer("good"), Says::Answer("shorter")]);
    world.run();
    world.resolve(edited("better"), None);
    world.run();
    world.resolve(changes(), None);
    world.run();
    world.approve();
    assert_eq!(world.ended().outcome, Outcome::Approved);
    assert_eq!(world.ended().answered_by, AnsweredBy::Model);
}

#[test]
fn a_queue_that_let_an_older_answer_pass_is_asked_about_an_edit_of_the_new_one() {
    let mut world = world()
        .ladder("rules.fraud", vec![to("fraud")])
        .ladder("rules.large", vec![to("finance")])
        .objecting("good", &["rules.fraud", "rules.large"])
        .objecting("shorter", &["rules.large"])
        .objecting("mine", &["rules.fraud"])
        .says([Says::Answer("good"), Says::Answer("shorter")]);
    world.run();
    world.approve();
    world.resolve(changes(), None);
    world.run();
    world.resolve(edited("mine"), None);
    world.run();
    assert!(matches!(&world.state().phase, Phase::InReview { queue, .. } if queue == "fraud"));
}

#[test]
fn the_silence_of_one_queue_is_not_the_consent_of_the_next() {
    let mut world = two_queues();
    world.run();
    world.resolve(Resolution::Expired { action: OnExpiry::Approve }, None);
    world.run();
    assert!(matches!(&world.state().phase, Phase::InReview { queue, .. } if queue == "fraud"));
    world.approve();
    assert_eq!(world.ended().outcome, Outcome::Approved);
}

#[test]
fn silence_lets_nothing_pass_that_a_person_could_not() {
    let mut never = world()
        .ladder("rules.never", vec![to("finance"), Rung::Reject])
        .objecting("good", &["rules.never"]);
    let mut broken = world().misshapen("good", FailureClass::Schema).ladder("on.schema", vec![]);
    for world in [&mut never, &mut broken] {
        world.run();
        world.resolve(Resolution::Expired { action: OnExpiry::Approve }, None);
        world.run();
        assert_eq!(world.ended().outcome, Outcome::Expired);
        assert_eq!(world.ended().answer, None);
        assert!(!world.ended().unreviewed);
    }
}

#[test]
fn a_persons_answer_off_schema_is_refused_even_if_the_desk_let_it_through() {
    let mut world = world()
        .ladder("rules.large", vec![to("finance")])
        .objecting("good", &["rules.large"])
        .misshapen("broken", FailureClass::Schema);
    world.run();
    world.resolve(edited("broken"), None);
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Refused);
    assert_eq!(world.ended().answer, None);
}

#[test]
fn nobody_approves_another_answer_than_the_one_on_the_table() {
    let mut world = two_queues();
    world.run();
    let Phase::InReview { review, queue, .. } = world.state().phase.clone() else { return };
    let resolution = Resolution::Approved { subject: human(digest("slipped in")) };
    let (by, reason, undo_until) = (vec!["ann".to_string()], None, None);
    let resolved = crate::Resolved { review, queue, resolution, by, reason, undo_until };
    assert!(!world.follows(&crate::CallEvent::ReviewResolved(resolved)));
}

#[test]
fn a_queue_that_an_edit_calls_in_keeps_what_was_asked_of_it_before() {
    let strict = crate::Escalation { approvals: Some(2), ..crate::Escalation::to("fraud".into()) };
    let mut world = world()
        .ladder("rules.large", vec![to("finance")])
        .ladder("rules.fraud", vec![Rung::Escalate(strict)])
        .ladder("rules.odd", vec![to("fraud")])
        .objecting("good", &["rules.large", "rules.fraud"])
        .objecting("better", &["rules.odd"]);
    world.run();
    world.resolve(edited("better"), None);
    let opening = loop {
        match crate::next(&world.plan, world.state()) {
            crate::Step::OpenReview(review) => break review,
            step => world.step(step),
        }
    };
    assert_eq!(opening.to.approvals, Some(2));
    let by: alloc::vec::Vec<_> = opening.reasons.iter().map(|reason| reason.by.as_str()).collect();
    assert_eq!(by, ["rules.odd", "rules.fraud"]);
}

#[test]
fn an_approved_fallback_is_the_rules_answer_let_pass_by_a_person() {
    let fails = Says::Fails(FailureClass::Overloaded, None);
    let mut world = world()
        .ladder("rules.odd", vec![to("finance")])
        .objecting("fallback", &["rules.odd"])
        .says([fails.clone(), fails]);
    world.run();
    world.approve();
    assert_eq!(world.ended().outcome, Outcome::Approved);
    assert_eq!(world.ended().answered_by, AnsweredBy::Rule);
}

#[test]
fn a_settled_rule_does_not_hide_that_the_answer_is_off_schema() {
    let mut world = world()
        .ladder("rules.large", vec![to("finance")])
        .objecting("good", &["rules.large"])
        .objecting("broken", &["rules.large"])
        .misshapen("broken", FailureClass::Schema);
    world.run();
    world.resolve(edited("broken"), None);
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Refused);
}
