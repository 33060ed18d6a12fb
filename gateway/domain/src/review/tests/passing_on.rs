//! Stories about reviews that people pass on: set aside, handed over, raised by the queue's chain.

use alloc::{string::ToString, vec};

use super::desk::*;
use crate::{Millis, Priority, Refusal, review::HandOver, review::Standing};

#[test]
fn who_sets_a_review_aside_no_longer_holds_it_and_all_others_still_see_it() {
    let mut desk = desk(opened());
    desk.claim("ann").unwrap();
    desk.set_aside("ann", Some(START + 5_000)).unwrap();
    assert_eq!(desk.review.standing, Standing::Open);
    assert!(desk.review.is_aside("ann", Millis(START + 4_999)));
    assert!(!desk.review.is_aside("ann", Millis(START + 5_000)), "the time is over");
    assert!(!desk.review.is_aside("bea", Millis(START)));
    assert!(desk.review.votes.is_empty(), "it is no verdict");
    desk.decide("ann", approve()).unwrap();
}

#[test]
fn setting_aside_ends_no_other_persons_claim() {
    let mut desk = desk(opened());
    let lease = desk.claim("bea").unwrap();
    desk.set_aside("ann", None).unwrap();
    desk.renew("bea", lease).unwrap();
    assert!(desk.review.is_aside("ann", Millis(DUE)), "for good");
}

#[test]
fn a_time_that_has_passed_sets_nothing_aside() {
    let mut desk = desk(opened());
    let refused = desk.set_aside("ann", Some(START));
    assert!(matches!(refused, Err(Refusal::NotPossible { .. })), "{refused:?}");
}

#[test]
fn what_another_holds_only_a_lead_hands_over_and_the_claim_ends_with_it() {
    let mut desk = desk(opened());
    let lease = desk.claim("bea").unwrap();
    assert!(matches!(desk.hand_over("ann", false, to("ann")), Err(Refusal::Held { .. })));
    desk.hand_over("lea", true, to("ann")).unwrap();
    assert_eq!(desk.review.assigned.as_deref(), Some("ann"));
    assert_eq!(desk.renew("bea", lease), Err(Refusal::LeaseLost));
}

#[test]
fn nobody_gets_a_review_that_they_may_not_decide_on() {
    let mut desk = four_eyes();
    assert!(matches!(desk.hand_over("ann", true, to("carl")), Err(Refusal::Excluded { .. })));
    desk.decide("bea", approve()).unwrap();
    assert!(matches!(desk.hand_over("ann", true, to("bea")), Err(Refusal::Excluded { .. })));
    let nowhere = desk.hand_over("ann", true, HandOver::default());
    assert!(matches!(nowhere, Err(Refusal::NotPossible { .. })));
}

#[test]
fn who_gets_a_review_sees_it_again_although_they_had_set_it_aside() {
    let mut desk = desk(opened());
    desk.set_aside("ann", None).unwrap();
    desk.hand_over("bea", false, to("ann")).unwrap();
    assert!(!desk.review.is_aside("ann", desk.now()));
}

#[test]
fn a_review_moves_to_another_queue_and_keeps_those_that_its_chain_added() {
    let mut desk = desk(opened());
    desk.step(0).unwrap();
    let fraud = HandOver { queue: Some("fraud".to_string()), ..HandOver::default() };
    desk.hand_over("ann", false, fraud).unwrap();
    assert_eq!(desk.review.queues, ["fraud", "leads"]);
    assert_eq!(desk.review.opened.queue, "finance", "what was asked stays what was asked");
}

#[test]
fn a_step_raises_a_review_once_and_never_lowers_it() {
    let mut desk = desk(opened());
    desk.step(0).unwrap();
    assert_eq!(desk.review.priority, Priority::High);
    assert_eq!(desk.step(0), Err(Refusal::Repeated));
    let low = crate::review::Step {
        step: 1,
        did: "lowered".to_string(),
        priority: Some(Priority::Low),
        queue: Some("leads".to_string()),
        ..Default::default()
    };
    let event = desk.review.take_step(low, desk.now()).unwrap();
    desk.take(vec![event]);
    assert_eq!(desk.review.priority, Priority::High);
    assert_eq!(desk.review.queues, ["finance", "leads"], "no queue twice");
}

#[test]
fn a_closed_review_is_passed_on_no_more() {
    let mut desk = desk(opened());
    desk.decide("ann", approve()).unwrap();
    for refused in
        [desk.set_aside("bea", None), desk.hand_over("lea", true, to("bea")), desk.step(0)]
    {
        assert!(matches!(refused, Err(Refusal::Closed { .. })), "{refused:?}");
    }
}
