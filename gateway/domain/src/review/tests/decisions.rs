//! Who may decide what, how often, and until when.

use alloc::{vec, vec::Vec};

use super::desk::*;
use crate::{
    Decide, Digest, Millis, OnExpiry, Opened, Refusal, Resolution, ReviewEvent, ReviewKind,
    ReviewState, review::Standing,
};

fn deciders(desk: &Desk) -> Vec<&str> {
    match &desk.review.standing {
        Standing::Decided { by, .. } => by.iter().map(|name| name.as_str()).collect(),
        _ => vec![],
    }
}

fn undo_until(desk: &Desk) -> Option<Millis> {
    match &desk.review.standing {
        Standing::Decided { undo_until, .. } => *undo_until,
        _ => None,
    }
}

#[test]
fn the_second_click_is_told_that_it_is_done() {
    let mut desk = desk(opened());
    desk.decide("ann", approve()).unwrap();
    assert_eq!(desk.decide("ann", approve()), Err(Refusal::Repeated));
    let closed = Refusal::Closed { standing: "decided" };
    assert_eq!(desk.decide("ann", Resolution::Rejected), Err(closed.clone()));
    assert_eq!(desk.decide("bea", approve()), Err(closed));
}

#[test]
fn the_second_click_of_a_first_voter_is_told_that_it_is_done() {
    let mut desk = four_eyes();
    desk.decide("ann", approve()).unwrap();
    assert_eq!(desk.decide("ann", approve()), Err(Refusal::Repeated));
    desk.decide("bea", approve()).unwrap();
    assert_eq!(desk.decide("ann", approve()), Err(Refusal::Repeated));
}

#[test]
fn a_first_voter_may_not_vote_again_in_another_way() {
    let mut desk = four_eyes();
    desk.decide("ann", approve()).unwrap();
    let again = desk.decide("ann", Resolution::Rejected);
    assert!(matches!(again, Err(Refusal::Excluded { .. })), "{again:?}");
}

#[test]
fn who_saw_another_answer_decides_nothing() {
    let mut desk = desk(opened());
    let other = Some(Digest::of(b"an older answer"));
    let stale = Decide { subject: other, ..saw("ann", approve()) };
    assert!(matches!(desk.decide_as(stale), Err(Refusal::Stale { .. })));
    let unseen = Decide { subject: None, ..saw("ann", Resolution::Rejected) };
    assert!(matches!(desk.decide_as(unseen), Err(Refusal::Stale { .. })));
}

#[test]
fn who_saw_an_older_run_decides_nothing() {
    let mut desk = desk(opened());
    let stale = Decide { generation: 0, ..saw("ann", approve()) };
    assert!(matches!(desk.decide_as(stale), Err(Refusal::Stale { .. })));
}

#[test]
fn nobody_approves_another_answer_than_the_one_they_saw() {
    let mut desk = desk(opened());
    let other = Resolution::Approved { subject: person("slipped in") };
    assert!(matches!(desk.decide("ann", other), Err(Refusal::Stale { .. })));
}

#[test]
fn who_is_excluded_neither_claims_nor_decides() {
    let mut desk = desk(opened());
    assert!(matches!(desk.claim("carl"), Err(Refusal::Excluded { .. })));
    assert!(matches!(desk.decide("carl", approve()), Err(Refusal::Excluded { .. })));
    assert!(matches!(desk.decide("carl", Resolution::Rejected), Err(Refusal::Excluded { .. })));
}

#[test]
fn four_eyes_are_two_different_people() {
    let mut desk = four_eyes();
    desk.decide("ann", approve()).unwrap();
    assert!(desk.review.standing.is_open());
    assert!(matches!(desk.claim("ann"), Err(Refusal::Excluded { .. })));
    desk.decide("bea", approve()).unwrap();
    assert_eq!(deciders(&desk), ["ann", "bea"]);
}

#[test]
fn three_approvals_are_three() {
    let mut desk = desk(Opened { approvals: 3, ..opened() });
    for name in ["ann", "bea"] {
        desk.decide(name, approve()).unwrap();
        assert!(desk.review.standing.is_open());
    }
    desk.decide("dan", approve()).unwrap();
    assert_eq!(deciders(&desk).len(), 3);
}

#[test]
fn one_rejection_ends_it_and_is_only_the_rejecters() {
    let mut desk = four_eyes();
    desk.decide("ann", approve()).unwrap();
    desk.decide("bea", Resolution::Rejected).unwrap();
    assert_eq!(deciders(&desk), ["bea"]);
}

#[test]
fn who_approved_cannot_take_back_anothers_rejection() {
    let mut desk = four_eyes();
    desk.decide("ann", approve()).unwrap();
    desk.decide("bea", Resolution::Rejected).unwrap();
    assert!(matches!(desk.undo("ann"), Err(Refusal::Excluded { .. })));
    assert_eq!(desk.undo("bea"), Ok(()));
}

#[test]
fn blind_stands_in_the_record_for_every_page_to_obey() {
    assert!(four_eyes().review.opened.blind);
    assert!(!desk(opened()).review.opened.blind);
}

#[test]
fn several_people_cannot_edit_because_they_would_not_agree_on_one_text() {
    let mut desk = four_eyes();
    assert!(matches!(desk.decide("ann", edit()), Err(Refusal::NotPossible { .. })));
    assert_eq!(super::desk::desk(opened()).decide("ann", edit()), Ok(()));
}

#[test]
fn an_answer_goes_back_only_as_often_as_is_left() {
    let mut desk = desk(Opened { changes_left: 0, ..opened() });
    assert!(matches!(desk.decide("ann", changes()), Err(Refusal::NotPossible { .. })));
    assert_eq!(super::desk::desk(opened()).decide("ann", changes()), Ok(()));
}

#[test]
fn where_there_is_no_answer_one_is_written_and_none_approved() {
    let mut desk = desk(Opened { subject: None, ..opened() });
    let nothing = |resolution| Decide { subject: None, ..saw("ann", resolution) };
    let refused = desk.decide_as(nothing(approve()));
    assert!(matches!(refused, Err(Refusal::NotPossible { .. })), "{refused:?}");
    assert_eq!(desk.decide_as(nothing(edit())), Ok(()));
}

#[test]
fn no_person_lets_a_review_expire() {
    let mut desk = desk(opened());
    let expired = Resolution::Expired { action: OnExpiry::Approve };
    assert!(matches!(desk.decide("ann", expired), Err(Refusal::NotPossible { .. })));
}

#[test]
fn an_audit_takes_no_fallback_because_the_answer_has_left() {
    let mut desk = desk(Opened { kind: ReviewKind::Audit, ..opened() });
    let refused = desk.decide("ann", Resolution::FallbackChosen);
    assert!(matches!(refused, Err(Refusal::NotPossible { .. })));
    assert_eq!(desk.decide("ann", Resolution::Rejected), Ok(()));
}

#[test]
fn before_the_due_time_nothing_expires_and_from_it_on_nobody_decides() {
    let mut early = desk(opened()).at(DUE - 1);
    assert!(matches!(early.expire(), Err(Refusal::NotPossible { .. })));
    assert_eq!(early.clone().decide("ann", approve()), Ok(()));
    let mut late = early.at(DUE);
    assert_eq!(late.decide("ann", approve()), Err(Refusal::TooLate));
    assert_eq!(late.claim("ann"), Err(Refusal::TooLate));
    assert_eq!(late.review.expire(late.now()), Ok(OnExpiry::Reject));
    late.expire().unwrap();
    assert_eq!(late.expire(), Err(Refusal::Closed { standing: "expired" }));
}

#[test]
fn a_claim_does_not_keep_a_review_from_expiring() {
    let mut desk = desk(opened());
    let lease = desk.claim("ann").unwrap();
    for _ in 0..6 {
        desk.now += CLAIM_MS - 1;
        desk.renew("ann", lease).unwrap();
    }
    assert_eq!(desk.at(DUE).expire(), Ok(()));
}

#[test]
fn a_decision_is_taken_back_inside_its_window_and_not_at_its_end() {
    let mut desk = desk(opened());
    desk.decide("ann", approve()).unwrap();
    let mut late = desk.clone().at(START + UNDO_MS);
    assert_eq!(late.undo("ann"), Err(Refusal::NothingToUndo));
    let mut inside = desk.at(START + UNDO_MS - 1);
    assert_eq!(inside.undo("ann"), Ok(()));
    assert_eq!(inside.review.standing, Standing::Open);
    assert_eq!(inside.decide("ann", Resolution::Rejected), Ok(()));
}

#[test]
fn only_who_decided_takes_it_back() {
    let mut desk = desk(opened());
    desk.decide("ann", approve()).unwrap();
    assert!(matches!(desk.undo("bea"), Err(Refusal::Excluded { .. })));
}

#[test]
fn what_was_taken_back_needs_every_vote_again() {
    let mut desk = four_eyes();
    desk.decide("ann", approve()).unwrap();
    desk.decide("bea", approve()).unwrap();
    desk.undo("ann").unwrap();
    desk.decide("ann", approve()).unwrap();
    assert!(desk.review.standing.is_open());
    desk.decide("bea", approve()).unwrap();
    assert_eq!(desk.review.standing.name(), "decided");
}

#[test]
fn only_what_ends_a_call_is_held_for_the_undo_window() {
    let held = [approve(), edit(), Resolution::Rejected];
    for resolution in held {
        let mut desk = desk(opened());
        desk.decide("ann", resolution).unwrap();
        assert_eq!(undo_until(&desk), Some(Millis(START + UNDO_MS)));
    }
    // The model is asked, or the fallback taken, at once.
    for resolution in [changes(), Resolution::FallbackChosen] {
        let mut desk = desk(opened());
        desk.decide("ann", resolution).unwrap();
        assert_eq!(desk.undo("ann"), Err(Refusal::NothingToUndo));
    }
}

#[test]
fn without_a_window_there_is_nothing_to_undo() {
    let mut desk = desk(Opened { undo_ms: 0, ..opened() });
    desk.decide("ann", approve()).unwrap();
    assert_eq!(desk.undo("ann"), Err(Refusal::NothingToUndo));
}

#[test]
fn what_is_withdrawn_is_closed_to_everybody() {
    let mut desk = desk(opened());
    let lease = desk.claim("ann").unwrap();
    desk.withdraw();
    let closed = Refusal::Closed { standing: "withdrawn" };
    assert_eq!(desk.decide("ann", approve()), Err(closed.clone()));
    assert_eq!(desk.claim("bea"), Err(closed));
    assert_eq!(desk.renew("ann", lease), Err(Refusal::LeaseLost));
    assert!(desk.at(DUE).expire().is_err());
}

#[test]
fn a_held_decision_goes_with_its_cancelled_call_and_a_final_one_does_not() {
    let withdrawn = ReviewEvent::ReviewWithdrawn { reason: "cancelled".into() };
    let mut held = desk(opened());
    held.decide("ann", approve()).unwrap();
    held.withdraw();
    assert_eq!(held.undo("ann"), Err(Refusal::NothingToUndo));
    let mut last = desk(Opened { undo_ms: 0, ..opened() });
    last.decide("ann", approve()).unwrap();
    assert!(ReviewState::fold(Some(last.review), &withdrawn, Millis(START)).is_err());
}
