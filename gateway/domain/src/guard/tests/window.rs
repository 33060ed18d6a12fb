//! Counts over a sliding stretch of time, against a reference that remembers every one.

use alloc::vec::Vec;

use proptest::prelude::*;

use crate::Millis;
use crate::guard::window::Window;

const NOW: Millis = Millis(1_000_000);

/// A second in ten buckets of a tenth, with one counted in each of the newest eleven.
fn full() -> (Window<1>, Millis) {
    let mut window = Window::new(1_000);
    for bucket in 0..11 {
        window.count(NOW.plus(bucket * 100), 0);
    }
    (window, NOW.plus(1_000))
}

#[test]
fn ten_buckets_are_within_the_window_and_eleven_cover_it() {
    let (mut window, now) = full();
    assert_eq!((window.within(now), window.covering(now)), ([10], [11]));
    assert_eq!((window.within(now.plus(99)), window.covering(now.plus(99))), ([10], [11]));
    assert_eq!((window.within(now.plus(100)), window.covering(now.plus(100))), ([9], [10]));
}

#[test]
fn after_a_long_silence_nothing_is_left_of_what_was_before() {
    for silence in (1_100..5_000).step_by(100).chain([1_000_000_007]) {
        let (mut window, now) = full();
        assert_eq!(window.covering(now.plus(silence)), [0], "{silence} ms");
    }
}

#[test]
fn what_is_cleared_is_gone_and_counting_goes_on() {
    let (mut window, now) = full();
    window.clear();
    assert_eq!(window.covering(now), [0]);
    window.add(now, 0, 7);
    assert_eq!(window.within(now), [7]);
}

#[test]
fn a_clock_that_goes_back_counts_into_the_newest_bucket() {
    let (mut window, now) = full();
    window.count(NOW, 0);
    assert_eq!((window.within(now), window.covering(NOW)), ([11], [12]));
}

proptest! {
    /// However far time jumps: the sums are those of the reference over the same ten and eleven
    /// buckets.
    #[test]
    fn sums_are_those_of_a_reference_that_remembers_everything(
        steps in prop::collection::vec((0_u64..400, 0_u64..5, 0_usize..2), 1..200),
    ) {
        let mut window: Window<2> = Window::new(1_000);
        let mut now = Millis(0);
        let mut all: Vec<(u64, usize, u64)> = Vec::new();
        for (wait, amount, which) in steps {
            // One step in four jumps far.
            now = now.plus(if wait % 4 == 0 { wait * 7 } else { wait });
            window.add(now, which, amount);
            let bucket = now.0 / 100;
            all.push((bucket, which, amount));
            let sum = |buckets: u64, of: usize| -> u64 {
                let is_mine = |(at, which): (u64, usize)| bucket - at < buckets && which == of;
                let mine = all.iter().filter(|(at, which, _)| is_mine((*at, *which)));
                mine.map(|(_, _, amount)| amount).sum()
            };
            prop_assert_eq!(window.within(now), [sum(10, 0), sum(10, 1)]);
            prop_assert_eq!(window.covering(now), [sum(11, 0), sum(11, 1)]);
        }
    }
}
