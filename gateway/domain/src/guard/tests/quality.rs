//! The quality breaker: when a share is surely too high, and how a model comes back by trials.

use alloc::{collections::VecDeque, vec::Vec};

use proptest::prelude::*;

use crate::Millis;
use crate::guard::quality::{QualityBreaker, QualityChange, QualityRules, QualityTicket};
use crate::guard::{BreakerState, Closed};

const NOW: Millis = Millis(1_000_000_000);
const COOL: u64 = 300_000;

fn breaker() -> QualityBreaker {
    QualityBreaker::new(QualityRules::default())
}

fn answer(breaker: &mut QualityBreaker, now: Millis, bad: bool) -> Option<QualityChange> {
    let ticket = breaker.admit(now).0.expect("admitted");
    breaker.rate(now, &ticket, bad)
}

/// Bad answers until it opens; when it is tried again.
fn opened(breaker: &mut QualityBreaker, now: Millis) -> Millis {
    for _ in 0..30 {
        if let Some(QualityChange { to: BreakerState::Open { until }, .. }) =
            answer(breaker, now, true)
        {
            return until;
        }
    }
    panic!("thirty bad answers open it");
}

/// The next trial, after those that are turned away.
fn trial(breaker: &mut QualityBreaker, now: Millis) -> QualityTicket {
    (0..20).find_map(|_| breaker.admit(now).0.ok()).expect("one in twenty")
}

#[test]
fn fourteen_of_thirty_are_surely_more_than_three_in_ten_and_thirteen_are_not() {
    for (bad, opens) in [(13, false), (14, true)] {
        let mut breaker = breaker();
        let changes: Vec<_> =
            (0..30).filter_map(|turn| answer(&mut breaker, NOW, turn < bad)).collect();
        assert_eq!(!changes.is_empty(), opens, "{bad} of 30");
        if let [change] = changes.as_slice() {
            assert_eq!(change.reason, "14 of its newest 30 answers were bad");
            assert_eq!(change.to, BreakerState::Open { until: NOW.plus(COOL) });
        }
    }
}

/// 1,299 of 2,500 is the very share of which the lower bound is a half.
#[test]
fn a_bound_that_just_reaches_the_limit_is_not_above_it() {
    for (bad, opens) in [(1_299, false), (1_300, true)] {
        let rules = QualityRules { bad: 500_000, least: 2_500, ..QualityRules::default() };
        let mut breaker = QualityBreaker::new(rules);
        let opened = (0..2_500).any(|turn| answer(&mut breaker, NOW, turn < bad).is_some());
        assert_eq!(opened, opens, "{bad} of 2500");
    }
}

#[test]
fn fewer_than_thirty_prove_nothing_however_bad_they_are() {
    let mut breaker = breaker();
    assert!((0..29).all(|_| answer(&mut breaker, NOW, true).is_none()));
    assert!(answer(&mut breaker, NOW, true).is_some());
}

#[test]
fn a_model_that_turns_bad_is_seen_within_its_newest_two_hundred() {
    let mut breaker = breaker();
    assert!((0..5_000).all(|_| answer(&mut breaker, NOW, false).is_none()));
    let turns = (1..).find(|_| answer(&mut breaker, NOW, true).is_some()).unwrap();
    assert_eq!(turns, 73, "as many as are surely more than 30 % of 200");
}

#[test]
fn it_looks_at_two_hundred_and_at_those_on_trial_while_it_is_tried() {
    let mut breaker = breaker();
    (0..250).for_each(|turn| drop(answer(&mut breaker, NOW, turn % 10 == 0)));
    assert_eq!(breaker.counts(NOW), (200, 20));
    let mut breaker = QualityBreaker::new(QualityRules::default());
    let until = opened(&mut breaker, NOW);
    assert_eq!(breaker.counts(until), (0, 0));
    for bad in [true, false, false] {
        let ticket = trial(&mut breaker, until);
        breaker.rate(until, &ticket, bad);
    }
    assert_eq!(breaker.counts(until), (3, 1));
}

#[test]
fn answers_of_an_hour_ago_do_not_count() {
    let mut breaker = breaker();
    assert!((0..29).all(|_| answer(&mut breaker, NOW, true).is_none()));
    let later = NOW.plus(900_000);
    assert_eq!(answer(&mut breaker, later, true), None);
    assert_eq!(breaker.counts(later), (1, 1));
}

#[test]
fn it_turns_everybody_away_without_a_time_to_wait_for() {
    let mut breaker = breaker();
    let until = opened(&mut breaker, NOW);
    let state = breaker.state();
    let (refused, change) = breaker.admit(Millis(until.0 - 1));
    assert_eq!((refused, change), (Err(Closed { until: None, state }), None));
}

#[test]
fn ten_good_trials_close_it_and_the_rest_go_elsewhere_meanwhile() {
    let mut breaker = breaker();
    let until = opened(&mut breaker, NOW);
    let mut asked = 0;
    let mut admitted = 0;
    while breaker.state() != BreakerState::Closed {
        asked += 1;
        if let Ok(ticket) = breaker.admit(until).0 {
            admitted += 1;
            breaker.rate(until, &ticket, false);
        }
    }
    assert_eq!((admitted, asked), (10, 1 + 9 * 20), "the first at once, then one in twenty");
}

#[test]
fn the_trial_that_is_one_too_many_bad_opens_it_for_twice_as_long() {
    let mut breaker = breaker();
    let mut at = opened(&mut breaker, NOW);
    let mut waits = Vec::new();
    for _ in 0..5 {
        let mut change = None;
        for bad in [true, false, true, true, true] {
            let ticket = trial(&mut breaker, at);
            assert_eq!(change, None);
            change = breaker.rate(at, &ticket, bad);
        }
        let change = change.expect("four of ten are more than 30 %");
        assert_eq!(change.reason, "4 of 5 answers on trial were bad");
        let BreakerState::Open { until } = change.to else { panic!("{change:?}") };
        waits.push(until.since(at) / COOL);
        at = until;
    }
    assert_eq!(waits, [2, 4, 8, 12, 12], "an hour at most");
}

#[test]
fn few_callers_still_find_out_that_it_is_well_again() {
    let mut breaker = breaker();
    let mut at = opened(&mut breaker, NOW);
    for _ in 0..9 {
        answer(&mut breaker, at, false);
        assert!(breaker.admit(at.plus(COOL - 1)).0.is_err());
        at = at.plus(COOL);
    }
    answer(&mut breaker, at, false);
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn a_trial_that_was_never_sent_is_for_the_next_caller() {
    let mut breaker = breaker();
    let until = opened(&mut breaker, NOW);
    let ticket = breaker.admit(until).0.unwrap();
    breaker.unsent(&ticket);
    assert!(breaker.admit(until).0.is_ok());
    assert!(breaker.admit(until).0.is_err());
}

#[test]
fn a_while_of_good_answers_forgets_the_longer_cool_downs() {
    let mut breaker = breaker();
    let until = opened(&mut breaker, NOW);
    for _ in 0..10 {
        let ticket = trial(&mut breaker, until);
        breaker.rate(until, &ticket, false);
    }
    let again = opened(&mut breaker.clone(), until);
    assert_eq!(again.since(until), 2 * COOL, "bad again at once");
    let healthy = until.plus(COOL);
    assert_eq!(opened(&mut breaker, healthy).since(healthy), COOL);
}

#[test]
fn other_rules_apply_at_once_and_forget_nothing() {
    let mut breaker = breaker();
    for turn in 0..20 {
        assert_eq!(answer(&mut breaker, NOW, turn % 2 == 0), None);
    }
    breaker.reload(QualityRules { least: 10, bad: 100_000, ..QualityRules::default() });
    assert!(answer(&mut breaker, NOW, false).is_some());
}

/// The reference: the interval as the books have it, with a root.
fn wilson_lower(bad: f64, all: f64) -> f64 {
    let (z, share) = (1.96_f64, bad / all);
    let centre = share + z * z / (2.0 * all);
    let spread = z * (share * (1.0 - share) / all + z * z / (4.0 * all * all)).sqrt();
    (centre - spread) / (1.0 + z * z / all)
}

proptest! {
    /// It opens just when Wilson's lower bound over the newest answers in the window is above the
    /// limit, as a reference that keeps everything and computes with roots says.
    #[test]
    fn it_opens_just_when_the_lower_bound_is_above_the_limit(
        steps in prop::collection::vec((0_u64..60_000, any::<bool>()), 1..400),
        limit in 10_000_u32..950_000, least in 1_u64..60,
    ) {
        let rules = QualityRules { bad: limit, least, ..QualityRules::default() };
        let mut breaker = QualityBreaker::new(rules);
        let mut now = NOW;
        let mut all: VecDeque<(Millis, bool)> = VecDeque::new();
        for (wait, bad) in steps {
            now = now.plus(wait);
            let opened = answer(&mut breaker, now, bad).is_some();
            all.push_back((now, bad));
            let newest: Vec<bool> = (all.iter().rev().take(200))
                .filter(|(at, _)| now.since(*at) < 900_000)
                .map(|(_, bad)| *bad)
                .collect();
            let bads = newest.iter().filter(|bad| **bad).count();
            let lower = wilson_lower(bads as f64, newest.len() as f64);
            let over = lower - f64::from(limit) / 1e6;
            // Where the root rounds, either is right.
            if over.abs() > 1e-9 {
                prop_assert_eq!(opened, newest.len() as u64 >= least && over > 0.0);
            }
            if opened {
                break;
            }
        }
    }

    /// While it is tried again, one in twenty and one each cool-down are sent, and no more; and an
    /// answer from another epoch changes nothing.
    #[test]
    fn trials_stay_a_small_share_and_the_past_has_no_vote(
        steps in prop::collection::vec((0_u64..30_000, any::<bool>(), any::<usize>()), 1..600),
    ) {
        let mut breaker = breaker();
        let mut old: Vec<(QualityTicket, u64)> =
            (0..5).map(|_| (breaker.admit(NOW).0.unwrap(), 0)).collect();
        let mut now = opened(&mut breaker, NOW);
        let (mut since, mut epoch, mut asked, mut sent) = (now, breaker.epoch(), 0_u64, 0_u64);
        for (wait, bad, which) in steps {
            now = now.plus(wait);
            let admitted = breaker.admit(now).0;
            if breaker.epoch() != epoch {
                (since, epoch, asked, sent) = (now, breaker.epoch(), 0, 0);
            }
            asked += 1;
            if let Ok(ticket) = admitted {
                sent += 1;
                old.push((ticket, breaker.epoch()));
            }
            if breaker.state() == BreakerState::HalfOpen {
                prop_assert!(sent <= 1 + asked / 20 + now.since(since) / COOL);
            }
            if !old.is_empty() {
                let (ticket, of) = old.swap_remove(which % old.len());
                let before = (breaker.state(), breaker.counts(now));
                let change = breaker.rate(now, &ticket, bad);
                if of != epoch {
                    prop_assert_eq!((breaker.state(), breaker.counts(now)), before);
                    prop_assert_eq!(change, None);
                }
                if breaker.epoch() != epoch {
                    (since, epoch, asked, sent) = (now, breaker.epoch(), 0, 0);
                }
            }
        }
    }
}
