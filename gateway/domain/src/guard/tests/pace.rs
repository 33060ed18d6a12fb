//! How long a model usually takes, and how many requests it bears at once.

use alloc::{collections::VecDeque, vec::Vec};

use proptest::prelude::*;

use crate::Millis;
use crate::guard::{Aimd, Pace};

const NOW: Millis = Millis(1_000_000_000);

#[test]
fn the_middle_of_ten_is_known_and_of_nine_it_is_not() {
    let mut pace = Pace::default();
    for took in 1..=9 {
        pace.answered(NOW, took * 100);
    }
    assert_eq!(pace.usual(NOW), None);
    pace.answered(NOW, 1_000_000);
    assert_eq!(pace.usual(NOW), Some(500), "one that took long does not move it");
    assert_eq!(pace.usual(NOW.plus(299_999)), Some(500));
    assert_eq!(pace.usual(NOW.plus(300_000)), None, "that was long ago");
}

#[test]
fn the_newest_sixty_four_count_and_no_older_one() {
    let mut pace = Pace::default();
    let mut answer = |took: u64, times: usize| {
        (0..times).for_each(|_| pace.answered(NOW, took));
        pace.usual(NOW)
    };
    assert_eq!(answer(100, 64), Some(100));
    assert_eq!(answer(1_000, 32), Some(100), "half of them");
    assert_eq!(answer(1_000, 1), Some(1_000), "and one more");
}

#[test]
fn an_overload_takes_three_tenths_once_in_five_seconds_and_never_the_last_place() {
    let mut aimd = Aimd::new(100);
    aimd.overloaded(NOW, None);
    aimd.overloaded(NOW.plus(4_999), None);
    assert_eq!(aimd.allowed(), 70);
    aimd.overloaded(NOW.plus(5_000), None);
    assert_eq!(aimd.allowed(), 49);
    aimd.overloaded(NOW.plus(20_000), Some(30_000));
    assert_eq!(aimd.allowed(), 49, "calls of half a minute tell of it for half a minute");
    for turn in 0..30 {
        aimd.overloaded(NOW.plus(60_000 + turn * 5_000), None);
    }
    assert_eq!(aimd.allowed(), 1);
}

#[test]
fn a_place_comes_back_for_each_full_round_of_answers_while_they_are_needed() {
    let mut aimd = Aimd::new(10);
    aimd.overloaded(NOW, None);
    for _ in 0..1_000 {
        aimd.answered(5);
    }
    assert_eq!(aimd.allowed(), 7, "five of seven are not needed");
    for _ in 0..7 + 8 {
        aimd.answered(aimd.allowed());
    }
    assert_eq!(aimd.allowed(), 9);
    for _ in 0..1_000 {
        aimd.answered(10);
    }
    assert_eq!(aimd.allowed(), 10, "never more than the file allows");
}

#[test]
fn four_of_five_places_taken_are_enough_to_need_more() {
    let mut aimd = Aimd::new(8);
    aimd.overloaded(NOW, None);
    assert_eq!(aimd.allowed(), 5);
    for _ in 0..5 {
        aimd.answered(4);
    }
    assert_eq!(aimd.allowed(), 6);
}

#[test]
fn other_limits_in_the_file_are_kept_at_once() {
    let mut aimd = Aimd::new(10);
    aimd.reload(20);
    assert_eq!(aimd.allowed(), 20);
    aimd.overloaded(NOW, None);
    aimd.reload(30);
    assert_eq!(aimd.allowed(), 14, "what was learnt stays");
    aimd.reload(5);
    assert_eq!(aimd.allowed(), 5);
}

proptest! {
    /// The middle is that of a reference which keeps everything and sorts.
    #[test]
    fn the_middle_is_that_of_the_newest_sorted(
        steps in prop::collection::vec((0_u64..20_000, 0_u64..90_000), 1..200),
    ) {
        let mut pace = Pace::default();
        let mut now = NOW;
        let mut all: VecDeque<(Millis, u64)> = VecDeque::new();
        for (wait, took) in steps {
            now = now.plus(wait);
            pace.answered(now, took);
            all.push_front((now, took));
            let newest = all.iter().take(64).filter(|(at, _)| now.since(*at) < 300_000);
            let mut sorted: Vec<u64> = newest.map(|(_, took)| *took).collect();
            sorted.sort_unstable();
            let middle = (sorted.len() >= 10).then(|| sorted[(sorted.len() - 1) / 2]);
            prop_assert_eq!(pace.usual(now), middle);
        }
    }

    /// Whatever happens, some place is left and never more than the file allows.
    #[test]
    fn places_stay_within_their_bounds(
        most in 0_u64..200, steps in prop::collection::vec((0_u64..8_000, 0_u8..8, 0_u64..200), 1..300),
    ) {
        let (mut aimd, mut most) = (Aimd::new(most), most);
        let mut now = NOW;
        for (wait, act, number) in steps {
            now = now.plus(wait);
            let before = aimd.allowed();
            match act {
                0 => aimd.overloaded(now, None),
                1 => {
                    most = number;
                    aimd.reload(most);
                }
                _ => {
                    aimd.answered(number);
                    prop_assert!(aimd.allowed() - before <= 1);
                }
            }
            prop_assert!(aimd.allowed() <= most && aimd.allowed() >= most.min(1));
        }
    }
}
