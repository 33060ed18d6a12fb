//! Retry budget, not-before and latch.

use alloc::vec::Vec;

use proptest::prelude::*;

use crate::Millis;
use crate::guard::{Latch, LatchCause, NotBefore, RetryBudget, RetryRules};

const NOW: Millis = Millis(1_000_000_000);

#[test]
fn a_quiet_model_bears_three_retries_and_no_fourth() {
    let mut budget = RetryBudget::new(RetryRules::default());
    assert!((0..3).all(|_| budget.retry(NOW, 0, false)));
    assert!(!budget.retry(NOW, 0, false));
    assert!(!budget.retry(NOW.plus(59_999), 0, false));
    assert!(budget.retry(NOW.plus(67_000), 0, false), "a window later");
}

#[test]
fn sheddable_work_leaves_half_of_the_budget_to_others() {
    let mut budget = RetryBudget::new(RetryRules::default());
    for _ in 0..70 {
        budget.first(NOW, 100);
    }
    assert_eq!((0..100).filter(|_| budget.retry(NOW, 100, true)).count(), 5);
    assert_eq!((0..100).filter(|_| budget.retry(NOW, 100, false)).count(), 5);
}

#[test]
fn a_few_long_retries_use_up_what_many_short_ones_would() {
    let mut budget = RetryBudget::new(RetryRules::default());
    for _ in 0..100 {
        budget.first(NOW, 1_000);
    }
    // 13 retries would be allowed, and 15,000 tokens.
    assert_eq!((0..100).filter(|_| budget.retry(NOW, 3_000, false)).count(), 5);
    assert!(!budget.allows(NOW, 1, false), "not even a short one");
}

#[test]
fn the_first_few_retries_may_be_of_any_length() {
    let mut budget = RetryBudget::new(RetryRules::default());
    budget.first(NOW, 10);
    assert_eq!((0..100).filter(|_| budget.retry(NOW, 90_000, false)).count(), 3);
}

#[test]
fn another_share_holds_at_once_and_another_window_starts_anew() {
    let rules = RetryRules::default();
    let mut budget = RetryBudget::new(rules);
    assert!((0..3).all(|_| budget.retry(NOW, 0, false)));
    budget.reload(RetryRules { at_least: 5, ..rules });
    assert_eq!((0..100).filter(|_| budget.retry(NOW, 0, false)).count(), 2, "three are spent");
    budget.reload(RetryRules { window_ms: 30_000, ..rules });
    assert_eq!((0..100).filter(|_| budget.retry(NOW, 0, false)).count(), 3, "none is counted yet");
}

#[test]
fn beyond_the_first_few_it_is_tokens_that_count() {
    let mut budget = RetryBudget::new(RetryRules::default());
    for _ in 0..20 {
        budget.first(NOW, 10);
    }
    // Five would be allowed, and thirty tokens.
    assert_eq!((0..100).filter(|_| budget.retry(NOW, 90_000, false)).count(), 3);
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
    /// the first attempts and three, and more than three take at most 15 % of the tokens. The
    /// reference looks at every window by itself.
    #[test]
    fn retries_stay_within_their_share_in_every_window(
        steps in prop::collection::vec((0_u64..4_000, any::<bool>(), 1_u64..5_000), 1..250),
    ) {
        let mut budget = RetryBudget::new(RetryRules::default());
        let mut now = NOW;
        let (mut firsts, mut retries) = (Vec::new(), Vec::new());
        for (wait, first, tokens) in steps {
            now = now.plus(wait);
            if first {
                budget.first(now, tokens);
                firsts.push((now, tokens));
            } else if budget.retry(now, tokens, false) {
                retries.push((now, tokens));
            }
        }
        for (end, _) in &retries {
            let within = |(at, _): &&(Millis, u64)| at <= end && end.since(*at) <= 60_000;
            let sum = |all: &[(Millis, u64)]| -> (u64, u64) {
                all.iter().filter(within).fold((0, 0), |(n, sum), (_, one)| (n + 1, sum + one))
            };
            let ((spent, spent_tokens), (earned, earned_tokens)) = (sum(&retries), sum(&firsts));
            prop_assert!(spent <= earned / 10 + 3);
            prop_assert!(spent <= 3 || spent_tokens * 100 <= earned_tokens * 15);
        }
    }
}

#[test]
fn what_a_credential_lacks_has_the_words_that_events_and_pages_use() {
    assert_eq!([LatchCause::Quota, LatchCause::Auth].map(LatchCause::name), ["quota", "auth"]);
}
