//! How fast a queue is worked: by what was done while there was something to do.

use crate::Millis;
use crate::guard::Workrate;

const START: Millis = Millis(1_000_000);
const MINUTE: u64 = 60_000;

/// A decision at each of these minutes, with so many left after it.
fn worked(decisions: &[(u64, u64)]) -> Workrate {
    let mut rate = Workrate::default();
    for (minute, left) in decisions {
        let at = START.plus(minute * MINUTE);
        rate.decided(at, *left, |since| at.since(since));
    }
    rate
}

#[test]
fn a_queue_that_is_worked_every_two_minutes_takes_two_minutes_for_each() {
    let steady: [(u64, u64); 8] = core::array::from_fn(|turn| (turn as u64 * 2, 9));
    let rate = worked(&steady);
    assert_eq!(rate.predicted_ms(9), Some(20 * MINUTE), "nine others, and then itself");
    assert_eq!(rate.predicted_ms(99), Some(200 * MINUTE));
}

#[test]
fn nothing_is_said_before_enough_was_seen_or_while_few_wait() {
    let few: [(u64, u64); 5] = core::array::from_fn(|turn| (turn as u64 * 60, 9));
    assert_eq!(worked(&few).predicted_ms(1_000), None, "four times between five decisions");
    assert_eq!(worked(&[]).predicted_ms(1_000), None);
    let slow: [(u64, u64); 9] = core::array::from_fn(|turn| (turn as u64 * 600, 9));
    assert_eq!(worked(&slow).predicted_ms(4), None, "hardly anybody waits");
    assert!(worked(&slow).predicted_ms(5).is_some());
}

#[test]
fn five_times_are_enough_and_the_middle_one_counts() {
    let six = [(0, 9), (1, 9), (2, 9), (5, 9), (10, 9), (15, 9)];
    assert_eq!(worked(&six).predicted_ms(9), Some(30 * MINUTE), "of 1, 1, 3, 5 and 5 minutes");
}

#[test]
fn nobody_is_slow_because_nothing_came() {
    // Bursts of three, two minutes each, and half a day of nothing between.
    let bursts =
        [(0, 2), (2, 1), (4, 0), (700, 2), (702, 1), (704, 0), (1400, 2), (1402, 1), (1404, 0)];
    assert_eq!(worked(&bursts).predicted_ms(9), Some(20 * MINUTE));
}

#[test]
fn a_queue_that_is_empty_after_each_decision_says_nothing_of_how_fast_it_could_be() {
    let lone: [(u64, u64); 9] = core::array::from_fn(|turn| (turn as u64 * 700, 0));
    assert_eq!(worked(&lone).predicted_ms(9), None);
}

#[test]
fn one_long_break_changes_nothing() {
    let break_ = [(0, 9), (2, 9), (4, 9), (94, 9), (96, 9), (98, 9), (100, 9)];
    assert_eq!(worked(&break_).predicted_ms(9), Some(20 * MINUTE));
}

#[test]
fn what_was_done_long_ago_is_forgotten() {
    let mut decisions = [(0, 9); 41];
    for (turn, decision) in decisions.iter_mut().enumerate() {
        let turn = turn as u64;
        // Twenty slow ones, then twenty quick ones.
        decision.0 = if turn <= 20 { turn * 30 } else { 600 + turn - 20 };
    }
    assert_eq!(worked(&decisions).predicted_ms(9), Some(10 * MINUTE));
}
