//! One bucket, against a reference that keeps every fact and recounts from the start.

use alloc::vec::Vec;

use proptest::prelude::*;

use crate::Millis;
use crate::guard::{Bucket, Rate, Shortage};

const NOW: Millis = Millis(1_000_000);

fn rate() -> impl Strategy<Value = Rate> {
    (1_u64..2_000, 1_u64..100_000, 1_u64..500)
        .prop_map(|(amount, per_ms, burst)| Rate::new(amount, per_ms, burst).unwrap())
}

fn bucket_after(rate: Rate, now: Millis, units: &[u64]) -> Bucket {
    let mut bucket = Bucket::default();
    for units in units {
        if bucket.room(rate, now, *units).is_ok() {
            bucket.take(rate, now, *units);
        }
    }
    bucket
}

/// A full bucket of which ten units were reserved, and that many used.
fn used(rate: Rate, units: u64) -> Bucket {
    let mut bucket = Bucket::default();
    bucket.take(rate, NOW, 10);
    bucket.settle(rate, NOW, 10, units);
    bucket
}

#[test]
fn a_minute_of_600_lets_one_burst_through_and_then_one_each_100_ms() {
    let rate = Rate::new(600, 60_000, 3).unwrap();
    let mut bucket = Bucket::default();
    let start = Millis(1_000_000);
    for _ in 0..3 {
        assert_eq!(bucket.room(rate, start, 1), Ok(()));
        bucket.take(rate, start, 1);
    }
    assert_eq!(bucket.room(rate, start, 1), Err(Shortage::Until(start.plus(100))));
    assert_eq!(bucket.room(rate, start.plus(99), 1), Err(Shortage::Until(start.plus(100))));
    assert_eq!(bucket.room(rate, start.plus(100), 1), Ok(()));
    assert_eq!(bucket.room(rate, start, 4), Err(Shortage::Never));
}

#[test]
fn what_is_as_large_as_the_burst_passes_a_full_bucket() {
    let rate = Rate::new(600, 60_000, 3).unwrap();
    assert_eq!((rate.amount(), rate.per_ms(), rate.burst()), (600, 60_000, 3));
    assert_eq!(Bucket::default().room(rate, Millis(1_000_000), 3), Ok(()));
}

#[test]
fn what_was_used_beyond_the_estimate_is_owed_and_no_more() {
    let rate = Rate::new(1, 1_000, 10).unwrap();
    assert_eq!(used(rate, 12).full_at(), NOW.plus(12_000));
}

#[test]
fn a_new_rate_takes_the_whole_debt_over() {
    let (slow, quick) = (Rate::new(1, 1_000, 10).unwrap(), Rate::new(2, 1_000, 10).unwrap());
    let mut bucket = used(slow, 10_000);
    bucket.rescale(slow, quick, NOW);
    assert_eq!(bucket.full_at(), NOW.plus(15_000), "thirty units, two a second");
}

#[test]
fn debt_is_paid_off_before_anything_passes_and_is_capped_at_two_bursts() {
    let rate = Rate::new(1, 1_000, 10).unwrap();
    let bucket = used(rate, 10_000);
    assert_eq!(bucket.full_at(), NOW.plus(30_000), "ten used and twenty owed, no more");
    assert_eq!(bucket.room(rate, NOW.plus(20_000), 1), Err(Shortage::Until(NOW.plus(21_000))));
}

proptest! {
    /// Why it matters: an estimate that was right must cost nothing beside itself.
    #[test]
    fn settling_what_was_reserved_changes_nothing(
        rate in rate(), units in 1_u64..500, earlier in 0_u64..500, waited in 0_u64..200_000,
    ) {
        let now = Millis(1_000_000);
        let mut bucket = bucket_after(rate, now, &[earlier, units]);
        let before = bucket;
        bucket.settle(rate, now.plus(waited), units, units);
        prop_assert_eq!(bucket, before);
    }

    /// Why it matters: a refund must never be worth more than what was paid.
    #[test]
    fn a_cancelled_reservation_leaves_no_more_room_than_before(
        rate in rate(), earlier in 0_u64..500, units in 1_u64..500, probe in 1_u64..500,
        waited in 0_u64..1_000,
    ) {
        let now = Millis(1_000_000);
        let without = bucket_after(rate, now, &[earlier]);
        let mut with = without;
        prop_assume!(with.room(rate, now, units).is_ok());
        with.take(rate, now, units);
        with.settle(rate, now.plus(waited), units, 0);
        let later = now.plus(waited);
        if with.room(rate, later, probe).is_ok() {
            prop_assert!(without.room(rate, later, probe).is_ok());
        }
        if waited == 0 {
            prop_assert_eq!(with.remaining(rate, now), without.remaining(rate, now));
        }
    }

    /// The promise to the provider: in no stretch of time does more pass than the rate allows and
    /// one burst. The reference counts every stretch by itself.
    #[test]
    fn no_stretch_of_time_lets_more_through_than_rate_and_burst(
        rate in rate(),
        steps in prop::collection::vec((0_u64..3_000, 1_u64..100), 1..60),
    ) {
        let mut bucket = Bucket::default();
        let mut now = Millis(1_000_000);
        let mut passed: Vec<(Millis, u64)> = Vec::new();
        for (wait, units) in steps {
            now = now.plus(wait);
            if bucket.room(rate, now, units).is_ok() {
                bucket.take(rate, now, units);
                passed.push((now, units));
            }
        }
        for (first, (from, _)) in passed.iter().enumerate() {
            let mut sum = 0_u128;
            for (at, units) in &passed[first..] {
                sum += u128::from(*units);
                let flowed = u128::from(at.since(*from)) * u128::from(rate.amount());
                let allowed = u128::from(rate.burst()) * u128::from(rate.per_ms()) + flowed;
                // A nanosecond of rounding per reservation, in the caller's disfavour only.
                prop_assert!(sum * u128::from(rate.per_ms()) <= allowed);
            }
        }
    }

    /// With late deficits too: what is charged is at most rate, burst and the cap on debt.
    #[test]
    fn debt_never_goes_deeper_than_its_cap(
        rate in rate(),
        steps in prop::collection::vec((0_u64..3_000, 1_u64..100, 0_u64..10_000), 1..40),
    ) {
        let mut bucket = Bucket::default();
        let mut now = Millis(1_000_000);
        for (wait, reserved, actual) in steps {
            now = now.plus(wait);
            if bucket.room(rate, now, reserved).is_ok() {
                bucket.take(rate, now, reserved);
                bucket.settle(rate, now, reserved, actual);
                let cap = 3 * rate.cost_ns(rate.burst()).div_ceil(1_000_000) + 1;
                prop_assert!(bucket.full_at().since(now) <= cap);
            }
        }
    }

    /// The wait that is told is long enough, and not a millisecond too long.
    #[test]
    fn the_wait_that_is_told_is_exact(
        rate in rate(), taken in prop::collection::vec(1_u64..200, 1..10), units in 1_u64..200,
    ) {
        let now = Millis(1_000_000);
        let bucket = bucket_after(rate, now, &taken);
        if let Err(Shortage::Until(until)) = bucket.room(rate, now, units) {
            prop_assert!(bucket.room(rate, until, units).is_ok());
            prop_assert!(bucket.room(rate, Millis(until.0 - 1), units).is_err());
        }
    }

    /// Why it matters: else editing a file would give everybody a fresh bucket.
    #[test]
    fn a_reload_never_hands_out_what_was_used(
        from in rate(), to in rate(), taken in prop::collection::vec(1_u64..100, 1..10),
    ) {
        let now = Millis(1_000_000);
        let mut bucket = bucket_after(from, now, &taken);
        let used = from.burst() - bucket.remaining(from, now);
        bucket.rescale(from, to, now);
        let left = bucket.remaining(to, now);
        // Remaining is rounded down on both sides.
        prop_assert!(left <= to.burst().saturating_sub(used.saturating_sub(1)));
    }
}
