//! The budget of hedges: a share of first attempts, from whatever moment on.

use alloc::vec::Vec;

use proptest::prelude::*;

use crate::guard::HedgeBudget;

#[test]
fn two_in_a_hundred_is_one_after_fifty() {
    let mut budget = HedgeBudget::default();
    for _ in 0..49 {
        budget.first(20_000);
        assert!(!budget.allows());
    }
    budget.first(20_000);
    assert!(budget.allows());
    budget.spend();
    assert!(!budget.allows());
}

#[test]
fn a_quiet_day_saves_up_ten_and_no_more() {
    let mut budget = HedgeBudget::default();
    for _ in 0..100_000 {
        budget.first(20_000);
    }
    let mut spent = 0;
    while budget.allows() {
        budget.spend();
        spent += 1;
    }
    assert_eq!(spent, 10);
}

proptest! {
    /// From any moment on, hedges are at most their share of the first attempts since then, and
    /// ten that were saved up before.
    #[test]
    fn hedges_stay_within_their_share_from_any_moment_on(
        share in 0_u32..1_000_000, firsts in prop::collection::vec(any::<bool>(), 1..400),
    ) {
        let mut budget = HedgeBudget::default();
        let mut history: Vec<bool> = Vec::new();
        for first in firsts {
            if first {
                budget.first(share);
                history.push(true);
            } else if budget.allows() {
                budget.spend();
                history.push(false);
            }
        }
        for from in 0..history.len() {
            let earned = history[from..].iter().filter(|first| **first).count() as u64;
            let spent = history[from..].iter().filter(|first| !**first).count() as u64;
            let saved = if from == 0 { 0 } else { 10 };
            prop_assert!(spent * 1_000_000 <= earned * u64::from(share) + saved * 1_000_000);
        }
    }
}
