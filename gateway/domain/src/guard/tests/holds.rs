//! Retry budget, not-before and latch.

use alloc::vec::Vec;

use proptest::prelude::*;

use crate::Millis;
use crate::guard::{Latch, LatchCause, NotBefore, RetryBudget, RetryRules};

const NOW: Millis = Millis(1_000_000_000);

#[test]
fn a_quiet_model_bears_three_retries_and_no_fourth() {
    let mut budget = RetryBudget::new(RetryRules::default());
    assert!((0..3).all(|_| budget.retry(NOW, false)));
    assert!(!budget.retry(NOW, false));
    assert!(!budget.retry(NOW.plus(59_999), false));
    assert!(budget.retry(NOW.plus(67_000), false), "a window later");
}

#[test]
fn sheddable_work_leaves_half_of_the_budget_to_others() {
    let mut budget = RetryBudget::new(RetryRules::default());
    for _ in 0..70 {
        budget.first(NOW);
    }
    assert_eq!((0..100).filter(|_| budget.retry(NOW, true)).count(), 5);
    assert_eq!((0..100).filter(|_| budget.retry(NOW, false)).count(), 5);
}

#[test]
fn a_nearer_wait_never_shortens_a_farther_one() {
    let mut gate = NotBefore::default();
    assert_eq!(gate.blocked(NOW), None);
    gate.hold(NOW.plus(5_000));
    gate.hold(NOW.plus(1_000));
    assert_eq!(gate.blocked(NOW.plus(4_999)), Some(NOW.plus(5_000)));
    assert_eq!(gate.blocked(NOW.plus(5_000)), None);
}

#[test]
fn a_spent_quota_latches_at_once_and_a_refused_key_at_the_second_time() {
    let mut latch = Latch::default();
    assert!(!latch.turned_down(NOW), "one refusal may be a hiccup");
    assert!(latch.turned_down(NOW));
    assert_eq!(latch.blocked(NOW), Some((LatchCause::Auth, NOW.plus(60_000))));
    let later = NOW.plus(60_000);
    assert_eq!(latch.blocked(later), None);
    assert!(latch.turned_down(later), "still refused: latched again at once");
    assert!(latch.accepted(later));
    assert!(!latch.turned_down(later), "an accepted key starts anew");
    assert!(latch.quota_spent(later));
    assert_eq!(latch.blocked(later), Some((LatchCause::Quota, later.plus(600_000))));
}

proptest! {
    /// The promise: in every window of 60 s, wherever it starts, retries are at most a tenth of
    /// the first attempts and three. The reference looks at every window by itself.
    #[test]
    fn retries_stay_within_their_share_in_every_window(
        steps in prop::collection::vec((0_u64..4_000, any::<bool>()), 1..250),
    ) {
        let mut budget = RetryBudget::new(RetryRules::default());
        let mut now = NOW;
        let (mut firsts, mut retries) = (Vec::new(), Vec::new());
        for (wait, first) in steps {
            now = now.plus(wait);
            if first {
                budget.first(now);
                firsts.push(now);
            } else if budget.retry(now, false) {
                retries.push(now);
            }
        }
        for end in &retries {
            let within = |at: &&Millis| *at <= end && end.since(**at) <= 60_000;
            let (spent, earned) =
                (retries.iter().filter(within).count(), firsts.iter().filter(within).count());
            prop_assert!(spent <= earned / 10 + 3);
        }
    }
}
