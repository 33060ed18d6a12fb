//! Who holds a review, and until when.

use super::desk::*;
use crate::{Decide, Millis, Refusal, review::Standing};

#[test]
fn a_claim_is_a_lease_with_an_end_and_a_token() {
    let mut desk = desk(opened());
    assert_eq!(desk.claim("ann"), Ok(1));
    let until = Millis(START + CLAIM_MS);
    assert_eq!(desk.review.standing, Standing::Claimed { by: "ann".into(), lease: 1, until });
}

#[test]
fn what_somebody_holds_nobody_else_claims_or_decides() {
    let mut desk = desk(opened());
    desk.claim("ann").unwrap();
    let held = Refusal::Held { by: "ann".into(), until: Millis(START + CLAIM_MS) };
    assert_eq!(desk.claim("bea"), Err(held.clone()));
    assert_eq!(desk.decide("bea", approve()), Err(held));
}

#[test]
fn a_lease_that_ran_out_frees_the_review_at_its_very_end() {
    let mut desk = desk(opened());
    desk.claim("ann").unwrap();
    let mut early = desk.clone().at(START + CLAIM_MS - 1);
    assert!(early.claim("bea").is_err());
    let mut late = desk.at(START + CLAIM_MS);
    assert_eq!(late.claim("bea"), Ok(2));
}

#[test]
fn the_token_of_a_lost_lease_decides_renews_and_releases_nothing() {
    let mut desk = desk(opened());
    let lease = desk.claim("ann").unwrap();
    desk.now = START + CLAIM_MS;
    desk.claim("bea").unwrap();
    desk.now += CLAIM_MS;
    // Bea's has run out too: nobody holds it, and the old token is still worth nothing.
    let late = Decide { lease: Some(lease), ..saw("ann", approve()) };
    assert_eq!(desk.decide_as(late), Err(Refusal::LeaseLost));
    assert_eq!(desk.renew("ann", lease), Err(Refusal::LeaseLost));
    assert_eq!(desk.release("ann", lease), Err(Refusal::LeaseLost));
}

#[test]
fn a_token_is_the_holders_alone() {
    let mut desk = desk(opened());
    let lease = desk.claim("ann").unwrap();
    assert_eq!(desk.renew("bea", lease), Err(Refusal::LeaseLost));
    assert_eq!(desk.release("bea", lease), Err(Refusal::LeaseLost));
}

#[test]
fn a_second_tab_of_the_same_person_fences_the_first() {
    let mut desk = desk(opened());
    let first = desk.claim("ann").unwrap();
    let second = desk.claim("ann").unwrap();
    assert!(second > first);
    assert_eq!(desk.renew("ann", first), Err(Refusal::LeaseLost));
    assert_eq!(desk.renew("ann", second), Ok(()));
}

#[test]
fn renewing_lengthens_the_lease_from_now() {
    let mut desk = desk(opened());
    let lease = desk.claim("ann").unwrap();
    desk.now = START + CLAIM_MS - 1;
    desk.renew("ann", lease).unwrap();
    assert!(desk.review.held_by_another("bea", Millis(desk.now + CLAIM_MS - 1)));
    assert!(!desk.review.held_by_another("bea", Millis(desk.now + CLAIM_MS)));
}

#[test]
fn a_renewal_that_comes_too_late_is_refused() {
    let mut desk = desk(opened());
    let lease = desk.claim("ann").unwrap();
    desk.now = START + CLAIM_MS;
    assert_eq!(desk.renew("ann", lease), Err(Refusal::LeaseLost));
}

#[test]
fn what_is_released_may_be_taken_by_anybody() {
    let mut desk = desk(opened());
    let lease = desk.claim("ann").unwrap();
    desk.release("ann", lease).unwrap();
    assert_eq!(desk.review.standing, Standing::Open);
    assert_eq!(desk.claim("bea"), Ok(2));
}

#[test]
fn a_queue_without_claims_takes_decisions_without_a_token() {
    let mut desk = desk(opened());
    assert_eq!(desk.decide("ann", approve()), Ok(()));
}

#[test]
fn the_holder_decides_with_the_token() {
    let mut desk = desk(opened());
    let lease = desk.claim("ann").unwrap();
    let decide = Decide { lease: Some(lease), ..saw("ann", approve()) };
    assert_eq!(desk.decide_as(decide), Ok(()));
    assert_eq!(desk.review.standing.name(), "decided");
}

#[test]
fn a_vote_gives_the_review_back_to_the_others() {
    let mut desk = four_eyes();
    desk.claim("ann").unwrap();
    desk.decide("ann", approve()).unwrap();
    assert_eq!(desk.review.standing, Standing::Open);
    assert_eq!(desk.claim("bea"), Ok(2));
}
