//! What a review's stream may hold: folding is total, and refuses what cannot follow.

use alloc::{string::ToString, vec};

use super::desk::*;
use crate::{Millis, ReviewEvent, ReviewState};

fn follows(desk: &Desk, event: &ReviewEvent) -> bool {
    ReviewState::fold(Some(desk.review.clone()), event, desk.now()).is_ok()
}

#[test]
fn a_stream_begins_with_its_opening_and_has_only_one() {
    let opening = ReviewEvent::ReviewOpened(opened());
    let released = ReviewEvent::ReviewReleased { lease: 1 };
    assert!(ReviewState::fold(None, &released, Millis(START)).is_err());
    assert!(!follows(&desk(opened()), &opening));
}

#[test]
fn an_older_token_never_claims() {
    let mut desk = desk(opened());
    let lease = desk.claim("ann").unwrap();
    desk.release("ann", lease).unwrap();
    let until = Millis(DUE);
    assert!(!follows(&desk, &ReviewEvent::ReviewClaimed { by: "bea".into(), lease, until }));
}

#[test]
fn a_renewal_never_shortens_a_lease() {
    let mut desk = desk(opened());
    let lease = desk.claim("ann").unwrap();
    desk.take(vec![ReviewEvent::ReviewRenewed { lease, until: Millis(START) }]);
    assert!(desk.review.held_by_another("bea", Millis(START + CLAIM_MS - 1)));
}

#[test]
fn one_person_has_one_vote() {
    let mut desk = four_eyes();
    desk.decide("ann", approve()).unwrap();
    let again = ReviewEvent::VoteCast { by: "ann".into(), vote: approve(), reason: None };
    assert!(!follows(&desk, &again));
}

#[test]
fn comments_are_kept_in_order_even_after_the_decision() {
    let mut desk = desk(opened());
    let say = |text: &str| ReviewEvent::ReviewCommented { by: "ann".into(), text: text.into() };
    desk.take(vec![say("odd")]);
    desk.decide("ann", approve()).unwrap();
    desk.take(vec![say("fine after all")]);
    let texts: alloc::vec::Vec<_> = desk.review.comments.iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["odd", "fine after all"]);
}

#[test]
fn each_step_of_the_chain_of_reminders_is_taken_once() {
    let mut desk = desk(opened());
    let step = |step| ReviewEvent::ReviewStepTaken {
        step,
        did: "mailed the leads".to_string(),
        priority: None,
        queue: None,
        notify: alloc::vec::Vec::new(),
    };
    desk.take(vec![step(0), step(2)]);
    assert_eq!(desk.review.steps, 3);
    assert!(!follows(&desk, &step(1)));
    assert!(!follows(&desk, &step(2)));
    desk.decide("ann", approve()).unwrap();
    assert!(!follows(&desk, &step(3)));
}
