//! A provider that cannot be reached: when its other models are left alone, and for how long.

use crate::Millis;
use crate::guard::Reach;

const NOW: Millis = Millis(1_000_000_000);

/// So many models asked now.
fn asked(models: &[&str]) -> Reach {
    let mut reach = Reach::default();
    for model in models {
        reach.asked(NOW, model);
    }
    reach
}

#[test]
fn two_models_of_three_that_cannot_be_reached_are_the_whole_provider() {
    let mut reach = asked(&["a", "b", "c"]);
    reach.lost(NOW, "a", NOW.plus(20_000));
    assert_eq!(reach.away(NOW), None, "one may be its own trouble");
    reach.lost(NOW, "b", NOW.plus(15_000));
    assert_eq!(reach.away(NOW), Some(NOW.plus(15_000)));
    assert_eq!(reach.away(NOW.plus(14_999)), Some(NOW.plus(15_000)));
    assert_eq!(reach.away(NOW.plus(15_000)), None, "the first of them may be tried");
}

#[test]
fn two_of_four_are_too_few_and_three_of_five_are_enough() {
    let until = NOW.plus(15_000);
    let mut reach = asked(&["a", "b", "c", "d"]);
    reach.lost(NOW, "a", until);
    reach.lost(NOW, "b", until);
    assert_eq!(reach.away(NOW), None);
    let mut reach = asked(&["a", "b", "c", "d", "e"]);
    for model in ["a", "b", "c"] {
        reach.lost(NOW, model, until);
    }
    assert_eq!(reach.away(NOW), Some(until));
}

#[test]
fn models_that_nobody_asked_for_a_minute_have_no_say() {
    let mut reach = asked(&["a", "b", "c", "d"]);
    let at = NOW.plus(59_999);
    reach.lost(at, "a", at.plus(15_000));
    reach.lost(at, "b", at.plus(15_000));
    assert_eq!(reach.away(at), None);
    assert_eq!(reach.away(NOW.plus(60_000)), Some(at.plus(15_000)));
}

#[test]
fn a_model_that_is_out_of_reach_for_long_counts_though_nobody_asks_it() {
    let mut reach = asked(&["a", "b"]);
    reach.lost(NOW, "a", NOW.plus(300_000));
    reach.lost(NOW, "b", NOW.plus(300_000));
    assert_eq!(reach.away(NOW.plus(120_000)), Some(NOW.plus(300_000)));
    reach.asked(NOW.plus(120_000), "c");
    assert_eq!(reach.away(NOW.plus(120_000)), Some(NOW.plus(300_000)), "two of three");
}

#[test]
fn anything_that_comes_from_it_shows_that_it_can_be_reached() {
    let mut reach = asked(&["a", "b"]);
    reach.lost(NOW, "a", NOW.plus(15_000));
    reach.lost(NOW, "b", NOW.plus(15_000));
    reach.reached();
    assert_eq!(reach.away(NOW), None);
}
