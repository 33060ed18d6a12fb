//! The breaker: when it opens, that one probe at a time goes, and that the past cannot vote.

use alloc::{collections::VecDeque, vec::Vec};

use proptest::prelude::*;

use crate::Millis;
use crate::guard::{Breaker, BreakerRules, BreakerState, Change, Hold, Sample, Ticket};

const NOW: Millis = Millis(1_000_000_000);
/// Dice that leave a cool-down as it is.
const EVEN: u64 = 20;

fn breaker() -> Breaker {
    Breaker::new(BreakerRules::default())
}

fn admit(breaker: &mut Breaker, now: Millis) -> Ticket {
    breaker.admit(now, EVEN).0.expect("admitted")
}

fn ask(breaker: &mut Breaker, now: Millis, sample: Sample) -> Option<Change> {
    let ticket = admit(breaker, now);
    breaker.record(now, ticket, sample, None, EVEN)
}

fn opened(breaker: &mut Breaker, now: Millis) -> Millis {
    loop {
        if let Some(Change { to: BreakerState::Open { until }, .. }) =
            ask(breaker, now, Sample::Bad)
        {
            return until;
        }
    }
}

#[test]
fn five_failures_in_a_row_open_it_for_fifteen_seconds() {
    let mut breaker = breaker();
    for _ in 0..4 {
        assert_eq!(ask(&mut breaker, NOW, Sample::Bad), None);
    }
    let change = ask(&mut breaker, NOW, Sample::Bad).expect("the fifth opens");
    assert_eq!(change.to, BreakerState::Open { until: NOW.plus(15_000) });
    let closed = breaker.admit(NOW.plus(14_999), EVEN).0.unwrap_err();
    assert_eq!(closed.until, Some(NOW.plus(15_000)));
}

#[test]
fn half_of_ten_opens_it_and_half_of_nine_does_not() {
    let mut breaker = breaker();
    for _ in 0..4 {
        assert_eq!(ask(&mut breaker, NOW, Sample::Good), None);
        assert_eq!(ask(&mut breaker, NOW, Sample::Bad), None);
    }
    assert_eq!(ask(&mut breaker, NOW, Sample::Good), None);
    assert_eq!(ask(&mut breaker, NOW, Sample::Bad).unwrap().cause, "share of failures");
}

#[test]
fn four_of_ten_open_nothing() {
    let mut breaker = breaker();
    for turn in 0..20 {
        let sample = if turn % 5 > 2 { Sample::Bad } else { Sample::Good };
        assert_eq!(ask(&mut breaker, NOW, sample), None);
    }
}

#[test]
fn what_says_nothing_about_a_model_does_not_make_its_failures_a_share() {
    let mut breaker = breaker();
    for sample in [Sample::Bad; 4].into_iter().chain([Sample::Good]).chain([Sample::Bad; 4]) {
        assert_eq!(ask(&mut breaker, NOW, sample), None);
    }
    assert_eq!(ask(&mut breaker, NOW, Sample::Neutral), None, "eight of nine, as before");
    assert_eq!(breaker.counts(NOW), (1, 8, 0));
}

#[test]
fn other_rules_hold_at_once_and_what_was_counted_stays_unless_the_window_changes() {
    let mut breaker = breaker();
    ask(&mut breaker, NOW, Sample::Good);
    ask(&mut breaker, NOW, Sample::Bad);
    breaker.reload(BreakerRules { failures: 2, ..BreakerRules::default() });
    assert_eq!(breaker.counts(NOW), (1, 1, 0));
    breaker.reload(BreakerRules { window_ms: 30_000, failures: 2, ..BreakerRules::default() });
    assert_eq!(breaker.counts(NOW), (0, 0, 0));
    let change = ask(&mut breaker, NOW, Sample::Bad).expect("the second in a row");
    assert_eq!(change.cause, "failures in a row");
}

#[test]
fn failures_of_a_minute_ago_do_not_count() {
    let mut breaker = breaker();
    for _ in 0..4 {
        ask(&mut breaker, NOW, Sample::Good);
        ask(&mut breaker, NOW, Sample::Bad);
    }
    let later = NOW.plus(60_000);
    ask(&mut breaker, later, Sample::Good);
    assert_eq!(ask(&mut breaker, later, Sample::Bad), None);
}

#[test]
fn throttling_and_the_callers_own_mistakes_open_nothing() {
    let mut breaker = breaker();
    for _ in 0..200 {
        assert_eq!(ask(&mut breaker, NOW, Sample::Throttled), None);
        assert_eq!(ask(&mut breaker, NOW, Sample::Neutral), None);
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn calls_that_are_stuck_count_before_they_end() {
    let mut breaker = breaker();
    let stuck: Vec<Ticket> = (0..10).map(|_| admit(&mut breaker, NOW)).collect();
    assert!(breaker.admit(NOW.plus(29_999), EVEN).0.is_ok());
    let (refused, change) = breaker.admit(NOW.plus(30_000), EVEN);
    assert_eq!(change.expect("opens while they are in flight").cause, "share of slow calls");
    assert!(refused.is_err());
    for ticket in stuck {
        assert_eq!(breaker.record(NOW.plus(31_000), ticket, Sample::Good, None, EVEN), None);
    }
    assert!(matches!(breaker.state(), BreakerState::Open { .. }), "late answers change nothing");
}

#[test]
fn callers_who_give_up_on_a_stuck_model_cannot_hide_it() {
    let mut breaker = breaker();
    let mut change = None;
    for _ in 0..10 {
        let ticket = admit(&mut breaker, NOW);
        change = breaker.record(NOW.plus(30_000), ticket, Sample::Neutral, None, EVEN);
    }
    assert_eq!(change.expect("opens").cause, "share of slow calls");
}

#[test]
fn one_probe_at_a_time_and_three_good_ones_close_it() {
    let mut breaker = breaker();
    let until = opened(&mut breaker, NOW);
    for probe in 0..3 {
        let ticket = admit(&mut breaker, until);
        assert!(breaker.admit(until, EVEN).0.is_err(), "a second probe while one is out");
        let change = breaker.record(until, ticket, Sample::Good, None, EVEN);
        assert_eq!(change.is_some(), probe == 2);
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn good_probes_of_an_earlier_try_do_not_count() {
    let mut breaker = breaker();
    let until = opened(&mut breaker, NOW);
    ask(&mut breaker, until, Sample::Good);
    ask(&mut breaker, until, Sample::Good);
    ask(&mut breaker, until, Sample::Bad);
    let again = until.plus(30_000);
    assert_eq!(ask(&mut breaker, again, Sample::Good), None);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
}

#[test]
fn a_probe_that_proves_nothing_lets_the_next_one_go() {
    let mut breaker = breaker();
    let until = opened(&mut breaker, NOW);
    assert_eq!(ask(&mut breaker, until, Sample::Neutral), None);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    assert!(ask(&mut breaker, until, Sample::Throttled).is_some(), "a 429 fails the probe");
}

#[test]
fn a_probe_that_is_answered_slowly_proves_nothing_good() {
    let rules = BreakerRules { probes: 1, slow_ms: 10_000, ..BreakerRules::default() };
    for (took, cause) in [(9_999, "probes succeeded"), (10_000, "probe too slow")] {
        let mut breaker = Breaker::new(rules);
        let until = opened(&mut breaker, NOW);
        let probe = admit(&mut breaker, until);
        let change = breaker.record(until.plus(took), probe, Sample::Good, None, EVEN);
        assert_eq!(change.unwrap().cause, cause);
    }
}

#[test]
fn a_probe_that_never_comes_back_counts_as_failed() {
    let mut breaker = breaker();
    let until = opened(&mut breaker, NOW);
    let _lost = admit(&mut breaker, until);
    let (refused, change) = breaker.admit(until.plus(30_000), EVEN);
    assert!(refused.is_err());
    assert_eq!(change.expect("opens again").cause, "probe too slow");
}

#[test]
fn the_cool_down_doubles_up_to_five_minutes_and_forgets_after_a_healthy_while() {
    let mut breaker = breaker();
    let mut at = opened(&mut breaker, NOW);
    let mut waits = Vec::new();
    for _ in 0..6 {
        let Some(Change { to: BreakerState::Open { until }, .. }) =
            ask(&mut breaker, at, Sample::Bad)
        else {
            panic!("a failed probe opens it again")
        };
        waits.push(until.since(at) / 1_000);
        at = until;
    }
    assert_eq!(waits, [30, 40, 40, 40, 40, 40]);
    for _ in 0..3 {
        ask(&mut breaker, at, Sample::Good);
    }
    let healthy = at.plus(300_000);
    assert_eq!(opened(&mut breaker, healthy), healthy.plus(15_000));
}

#[test]
fn it_stays_open_at_least_as_long_as_the_provider_asks() {
    let mut breaker = breaker();
    for _ in 0..4 {
        ask(&mut breaker, NOW, Sample::Bad);
    }
    let ticket = admit(&mut breaker, NOW);
    let change = breaker.record(NOW, ticket, Sample::Bad, Some(90_000), EVEN).unwrap();
    assert_eq!(change.to, BreakerState::Open { until: NOW.plus(90_000) });
}

#[test]
fn results_of_calls_from_before_the_outage_do_not_open_it_again() {
    let mut breaker = breaker();
    let late: Vec<Ticket> = (0..20).map(|_| admit(&mut breaker, NOW)).collect();
    let until = opened(&mut breaker, NOW);
    for _ in 0..3 {
        ask(&mut breaker, until, Sample::Good);
    }
    let later = until.plus(60_000);
    assert_eq!(breaker.counts(later), (0, 0, 0), "not even while they are stuck");
    for ticket in late {
        assert_eq!(breaker.record(later, ticket, Sample::Bad, None, EVEN), None);
    }
    assert_eq!((breaker.state(), breaker.counts(later)), (BreakerState::Closed, (0, 0, 0)));
}

#[test]
fn an_answer_from_before_the_outage_is_no_successful_probe() {
    let mut breaker = breaker();
    let late: Vec<Ticket> = (0..3).map(|_| admit(&mut breaker, NOW)).collect();
    let until = opened(&mut breaker, NOW);
    let probe = admit(&mut breaker, until);
    for ticket in late {
        assert_eq!(breaker.record(until, ticket, Sample::Good, None, EVEN), None);
    }
    assert!(breaker.admit(until, EVEN).0.is_err(), "the probe is still out");
    assert_eq!(breaker.record(until, probe, Sample::Good, None, EVEN), None, "one of three");
}

#[test]
fn by_hand_it_is_out_of_use_until_somebody_releases_it() {
    let mut breaker = breaker();
    assert!(breaker.hold(Hold::Isolated, None).is_some());
    assert_eq!(breaker.hold(Hold::Isolated, None), None);
    assert_eq!(breaker.admit(NOW.plus(u64::MAX / 2), EVEN).0.unwrap_err().until, None);
    assert_eq!(breaker.release(NOW).unwrap().to, BreakerState::HalfOpen);
}

#[test]
fn an_isolation_ends_by_itself_and_probes_decide() {
    let mut breaker = breaker();
    let until = NOW.plus(60_000);
    breaker.hold(Hold::Isolated, Some(until));
    assert_eq!(breaker.held_until(), Some(until));
    assert_eq!(breaker.admit(NOW, EVEN).0.unwrap_err().until, Some(until));
    let (probe, change) = breaker.admit(until, EVEN);
    assert_eq!(change.unwrap().to, BreakerState::HalfOpen);
    assert!(probe.is_ok() && breaker.admit(until, EVEN).0.is_err(), "one at a time");
    assert_eq!(breaker.held_until(), None);
}

#[test]
fn one_that_is_held_closed_admits_everybody_whatever_becomes_of_them() {
    let mut breaker = breaker();
    opened(&mut breaker, NOW);
    let until = NOW.plus(60_000);
    assert_eq!(breaker.hold(Hold::Closed, Some(until)).unwrap().to, BreakerState::HeldClosed);
    for _ in 0..20 {
        assert_eq!(ask(&mut breaker, NOW, Sample::Bad), None);
    }
    assert_eq!(breaker.counts(NOW), (0, 20, 0), "it is counted all the same");
    let (admitted, change) = breaker.admit(until, EVEN);
    assert!(admitted.is_ok());
    assert_eq!(change.unwrap().to, BreakerState::Closed, "from then on it judges again");
    assert!(opened(&mut breaker, until) > until);
}

#[test]
fn a_model_that_came_back_gets_a_tenth_of_its_load_and_all_of_it_after_half_a_minute() {
    let mut breaker = breaker();
    let load: Vec<Ticket> = (0..100).map(|_| admit(&mut breaker, NOW)).collect();
    let until = opened(&mut breaker, NOW);
    drop(load);
    for _ in 0..3 {
        ask(&mut breaker, until, Sample::Good);
    }
    let borne = |breaker: &mut Breaker, at: Millis| {
        let mut tickets = Vec::new();
        loop {
            match breaker.admit(at, EVEN).0 {
                Ok(ticket) => tickets.push(ticket),
                Err(closed) => {
                    assert_eq!(closed.state, BreakerState::Closed);
                    break (tickets, closed.until.unwrap());
                }
            }
            assert!(tickets.len() < 1_000, "no bound");
        }
    };
    let (first, next) = borne(&mut breaker, until);
    assert_eq!(first.len(), 10);
    let just_before = Millis(next.0 - 1);
    assert!(breaker.admit(just_before, EVEN).0.is_err(), "the time that is told is exact");
    let (mut second, next) = borne(&mut breaker, next);
    assert_eq!(second.len(), 1);
    assert!(breaker.admit(Millis(next.0 - 1), EVEN).0.is_err(), "and so is the next one");
    second.push(admit(&mut breaker, next));
    let (half, _) = borne(&mut breaker, until.plus(15_000));
    let counts = [&first, &second, &half].map(Vec::len);
    assert_eq!(counts, [10, 2, 43], "a tenth of 101, and half of the rest after half of the time");
    let late = until.plus(29_000);
    for ticket in first.into_iter().chain(second).chain(half) {
        breaker.record(late, ticket, Sample::Good, None, EVEN);
    }
    assert!(
        (0..500).all(|_| breaker.admit(until.plus(30_000), EVEN).0.is_ok()),
        "no bound any more"
    );
}

#[test]
fn a_model_that_breaks_while_it_warms_up_grows_to_the_load_of_before() {
    let mut breaker = breaker();
    let load: Vec<Ticket> = (0..99).map(|_| admit(&mut breaker, NOW)).collect();
    let mut until = opened(&mut breaker, NOW);
    drop(load);
    for _ in 0..2 {
        for _ in 0..3 {
            ask(&mut breaker, until, Sample::Good);
        }
        let came_back = until;
        let held: Vec<_> = core::iter::from_fn(|| breaker.admit(came_back, EVEN).0.ok()).collect();
        assert_eq!(held.len(), 10, "a tenth of the hundred that it bore when all was well");
        for ticket in held {
            if let Some(Change { to: BreakerState::Open { until: next }, .. }) =
                breaker.record(came_back, ticket, Sample::Bad, None, EVEN)
            {
                until = next;
            }
        }
        assert!(until > came_back, "it broke again");
    }
}

#[test]
fn a_cool_down_reaches_a_fifth_to_either_side() {
    let spread = |dice| {
        let mut breaker = breaker();
        for _ in 0..5 {
            let ticket = breaker.admit(NOW, dice).0.unwrap();
            breaker.record(NOW, ticket, Sample::Bad, None, dice);
        }
        let BreakerState::Open { until } = breaker.state() else { panic!("open") };
        until.since(NOW)
    };
    assert_eq!([0, 20, 40, 41].map(spread), [12_000, 15_000, 18_000, 12_000]);
}

#[test]
fn who_has_another_way_leaves_probes_to_others_but_not_for_ever() {
    let mut breaker = breaker();
    assert!(!breaker.spares(NOW), "a closed breaker needs no probe");
    let until = opened(&mut breaker, NOW);
    assert!(!breaker.spares(NOW), "nor does one that is open for longer");
    assert!(breaker.spares(until) && breaker.spares(until.plus(14_999)));
    assert!(!breaker.spares(until.plus(15_000)), "nobody else came");
    let at = until.plus(20_000);
    ask(&mut breaker, at, Sample::Good);
    assert!(breaker.spares(at.plus(14_999)) && !breaker.spares(at.plus(15_000)));
}

#[derive(Debug, Clone)]
enum Act {
    Ask,
    End { which: usize, sample: u8 },
    Wait { ms: u64 },
    Hold { isolated: bool, ms: u64 },
    Release,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => Just(Act::Ask),
        6 => (any::<usize>(), 0_u8..8).prop_map(|(which, sample)| Act::End { which, sample }),
        3 => (0_u64..40_000).prop_map(|ms| Act::Wait { ms }),
        1 => (any::<bool>(), 0_u64..60_000).prop_map(|(isolated, ms)| Act::Hold { isolated, ms }),
        1 => Just(Act::Release),
    ]
}

fn sample(number: u8) -> Sample {
    match number {
        0 | 1 => Sample::Good,
        2 => Sample::Neutral,
        3 => Sample::Throttled,
        _ => Sample::Bad,
    }
}

proptest! {
    /// Two promises under any history. A model that is being probed sees one request at a time,
    /// and a result that belongs to an earlier state changes nothing.
    #[test]
    fn one_probe_at_most_and_no_vote_from_the_past(
        acts in prop::collection::vec(act(), 1..300), dice in any::<u64>(),
    ) {
        let mut breaker = breaker();
        let mut now = NOW;
        let mut open: Vec<(Ticket, u64)> = Vec::new();
        for act in acts {
            match act {
                Act::Ask => {
                    let (admitted, _) = breaker.admit(now, dice);
                    if let Ok(ticket) = admitted {
                        open.push((ticket, breaker.epoch()));
                        let state = breaker.state();
                        prop_assert!(matches!(
                            state,
                            BreakerState::Closed | BreakerState::HalfOpen | BreakerState::HeldClosed
                        ));
                    }
                }
                Act::End { which, sample: number } if !open.is_empty() => {
                    let (ticket, epoch) = open.remove(which % open.len());
                    let (state, current) = (breaker.state(), breaker.epoch());
                    let change = breaker.record(now, ticket, sample(number), None, dice);
                    if epoch != current {
                        prop_assert_eq!(change, None);
                        prop_assert_eq!(breaker.state(), state);
                        prop_assert_eq!(breaker.epoch(), current);
                    }
                }
                Act::Wait { ms } => now = now.plus(ms),
                Act::Hold { isolated, ms } => {
                    let how = if isolated { Hold::Isolated } else { Hold::Closed };
                    breaker.hold(how, Some(now.plus(ms)));
                }
                Act::Release => { breaker.release(now); }
                Act::End { .. } => {}
            }
            if breaker.state() == BreakerState::HalfOpen {
                let current = breaker.epoch();
                let probes = open.iter().filter(|(_, epoch)| *epoch == current).count();
                prop_assert!(probes <= 1);
            }
        }
    }

    /// While a model warms up, never more are under way than the line from a tenth of its former
    /// load to all of it allows; the reference computes it with decimals.
    #[test]
    fn a_model_that_warms_up_bears_no_more_than_the_line_allows(
        load in 1_usize..200, steps in prop::collection::vec((0_u64..900, any::<bool>()), 1..300),
    ) {
        let mut breaker = breaker();
        let busy: Vec<Ticket> = (0..load).map(|_| admit(&mut breaker, NOW)).collect();
        let until = opened(&mut breaker, NOW);
        drop(busy);
        for _ in 0..3 {
            ask(&mut breaker, until, Sample::Good);
        }
        // One of the failures was under way beside the load.
        let full = (load + 1) as f64;
        let first = (full / 10.0).floor().max(1.0);
        let (mut now, mut under_way) = (until, VecDeque::new());
        for (wait, ends) in steps {
            now = now.plus(wait);
            if now.since(until) >= 29_000 {
                break;
            }
            if ends && let Some(ticket) = under_way.pop_front() {
                breaker.record(now, ticket, Sample::Good, None, EVEN);
            }
            let line = first + (full - first) * now.since(until) as f64 / 30_000.0;
            match breaker.admit(now, EVEN).0 {
                Ok(ticket) => {
                    under_way.push_back(ticket);
                    prop_assert!(under_way.len() as f64 <= line + 1e-9);
                }
                Err(_) => prop_assert!((under_way.len() + 1) as f64 > line - 1e-9),
            }
        }
    }

    /// A cool-down is spread by a fifth either way, so that a fleet does not come back as one.
    #[test]
    fn a_cool_down_is_spread_within_a_fifth(dice in any::<u64>()) {
        let mut breaker = breaker();
        for _ in 0..5 {
            let ticket = breaker.admit(NOW, dice).0.unwrap();
            breaker.record(NOW, ticket, Sample::Bad, None, dice);
        }
        let BreakerState::Open { until } = breaker.state() else { panic!("open") };
        prop_assert!((12_000..=18_000).contains(&until.since(NOW)));
    }
}
