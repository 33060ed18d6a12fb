//! The fair queue: the same share for every tenant, whatever each sends, and nobody forgotten.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use proptest::prelude::*;

use crate::Millis;
use crate::guard::{FairQueue, Number, PRESSED_MS};

const NOW: Millis = Millis(1_000_000);
const LATER: Millis = Millis(9_000_000);

fn anybody(_: &str) -> bool {
    false
}

/// Who goes, in order, until nobody waits.
fn order(queue: &mut FairQueue, now: Millis) -> Vec<u64> {
    core::iter::from_fn(|| Some(queue.take(now, anybody)?.number.0)).collect()
}

fn queue(waiters: &[(u64, &str, u64)]) -> FairQueue {
    let mut queue = FairQueue::default();
    for (number, tenant, cost) in waiters {
        queue.push(Number(*number), tenant, *cost, NOW, LATER);
    }
    queue
}

/// Jain's index of these shares: 1 when all are equal, 1/n when one has everything.
fn jain(shares: &[u64]) -> f64 {
    let sum: f64 = shares.iter().map(|share| *share as f64).sum();
    let squares: f64 = shares.iter().map(|share| (*share as f64) * (*share as f64)).sum();
    sum * sum / (shares.len() as f64 * squares)
}

#[test]
fn one_tenant_is_served_in_the_order_of_coming() {
    let mut queue = queue(&[(1, "a", 9), (2, "a", 1), (3, "a", 5)]);
    assert_eq!(order(&mut queue, NOW), [1, 2, 3]);
    assert!(queue.is_empty() && queue.tenants() == 0);
}

#[test]
fn a_tenant_that_sends_much_does_not_push_others_back() {
    let flood = (1..=6).map(|number| (number, "loud", 10)).collect::<Vec<_>>();
    let mut queue = queue(&[flood, [(7, "quiet", 10), (8, "quiet", 10)].into()].concat());
    assert_eq!(order(&mut queue, NOW), [1, 7, 2, 8, 3, 4, 5, 6]);
}

#[test]
fn large_calls_count_for_more_than_small_ones() {
    let small = (1..=6).map(|number| (number, "small", 10)).collect::<Vec<_>>();
    let mut queue = queue(&[small, [(7, "large", 30), (8, "large", 30)].into()].concat());
    assert_eq!(order(&mut queue, NOW), [7, 1, 2, 3, 8, 4, 5, 6]);
}

#[test]
fn who_was_away_has_saved_up_nothing() {
    let mut queue = queue(&[(1, "a", 10), (2, "a", 10), (3, "a", 10), (4, "a", 10)]);
    assert_eq!(queue.take(NOW, anybody).unwrap().number, Number(1));
    assert_eq!(queue.take(NOW, anybody).unwrap().number, Number(2));
    for number in 5..8 {
        queue.push(Number(number), "b", 10, NOW, LATER);
    }
    assert_eq!(order(&mut queue, NOW), [5, 3, 6, 4, 7], "in turn, not all of b first");
}

#[test]
fn who_went_and_comes_back_still_owes_what_it_took() {
    let mut queue = queue(&[(1, "a", 100), (2, "b", 10), (3, "b", 10)]);
    assert_eq!(queue.take(NOW, anybody).unwrap().number, Number(1));
    queue.push(Number(4), "a", 10, NOW, LATER);
    assert_eq!(order(&mut queue, NOW), [2, 3, 4]);
}

#[test]
fn under_pressure_the_newest_goes_first_since_it_has_time_left() {
    let mut queue = FairQueue::default();
    for (number, after) in [(1, 0), (2, 300), (3, 550)] {
        queue.push(Number(number), "a", 1, NOW.plus(after), LATER);
    }
    let mut early = queue.clone();
    assert_eq!(order(&mut early, NOW.plus(PRESSED_MS)), [1, 2, 3]);
    assert_eq!(order(&mut queue, NOW.plus(PRESSED_MS + 100)), [3, 2, 1]);
}

#[test]
fn whose_time_is_over_when_the_turn_comes_is_told_so_and_costs_nothing() {
    let mut queue = FairQueue::default();
    queue.push(Number(1), "a", 1_000, NOW, NOW.plus(50));
    queue.push(Number(2), "a", 10, NOW, LATER);
    queue.push(Number(3), "b", 10, NOW, LATER);
    let now = NOW.plus(50);
    let turn = queue.take(now, anybody).unwrap();
    assert_eq!((turn.number, turn.late), (Number(1), true));
    assert_eq!(order(&mut queue, now), [2, 3]);
}

#[test]
fn how_long_the_first_has_waited_and_who_is_remembered_is_told() {
    let mut queue = queue(&[(1, "a", 1), (2, "a", 1), (3, "b", 1)]);
    assert_eq!((queue.longest(NOW.plus(250)), queue.tenants()), (250, 2));
    queue.push(Number(4), "c", 1, NOW.plus(100), LATER);
    order(&mut queue, NOW);
    assert_eq!((queue.longest(NOW.plus(250)), queue.tenants()), (0, 0));
    queue.push(Number(5), "c", 1, NOW.plus(100), LATER);
    assert_eq!(queue.longest(NOW.plus(250)), 150);
}

#[test]
fn who_gives_up_is_not_served_and_only_once() {
    let mut queue = queue(&[(1, "a", 1), (2, "a", 1), (3, "b", 1)]);
    assert!(queue.give_up(Number(2), "a"));
    assert!(!queue.give_up(Number(2), "a"));
    assert!(!queue.give_up(Number(3), "a"), "another tenant's");
    assert_eq!(queue.len(), 2);
    assert_eq!(order(&mut queue, NOW), [1, 3]);
    assert!(!queue.give_up(Number(1), "a"));
}

#[test]
fn whoever_has_enough_goes_last_but_goes() {
    let mut queue = queue(&[(1, "a", 1), (2, "a", 1), (3, "b", 9)]);
    let has_enough = |tenant: &str| tenant == "a";
    let taken = core::iter::from_fn(|| Some(queue.take(NOW, has_enough)?.number.0));
    assert_eq!(taken.collect::<Vec<_>>(), [3, 1, 2]);
}

/// Eight tenants of equal right, who send calls of very different size and at very different
/// paces, all more than there is room for.
#[test]
fn equal_tenants_get_equal_shares_by_jains_index() {
    let costs = [50, 100, 200, 400, 800, 1_600, 3_200, 6_400];
    let mut queue = FairQueue::default();
    let mut number = 0;
    let mut push = |queue: &mut FairQueue, tenant: usize| {
        number += 1;
        queue.push(Number(number), &format!("t{tenant}"), costs[tenant], NOW, LATER);
    };
    for tenant in 0..costs.len() {
        // The first sends in bursts of two, the last in bursts of nine.
        (0..tenant + 2).for_each(|_| push(&mut queue, tenant));
    }
    let mut served = [0_u64; 8];
    for _ in 0..10_000 {
        let turn = queue.take(NOW, anybody).unwrap();
        let tenant: usize = turn.tenant[1..].parse().unwrap();
        served[tenant] += costs[tenant];
        push(&mut queue, tenant);
    }
    let index = jain(&served);
    assert!(index >= 0.95, "{index}: {served:?}");
    // Nor is it only the long run: nobody is ahead of another by more than their largest calls.
    let (most, least) = (served.iter().max().unwrap(), served.iter().min().unwrap());
    assert!(most - least <= 2 * 6_400, "{served:?}");
}

#[test]
fn a_plain_queue_would_not_pass_that_test() {
    // The same tenants, first come first served: shares follow what each sends.
    let costs = [50_u64, 100, 200, 400, 800, 1_600, 3_200, 6_400];
    let mut line: VecDeque<usize> =
        (0..8).flat_map(|tenant| core::iter::repeat_n(tenant, tenant + 2)).collect();
    let mut served = [0_u64; 8];
    for _ in 0..10_000 {
        let tenant = line.pop_front().unwrap();
        served[tenant] += costs[tenant];
        line.push_back(tenant);
    }
    assert!(jain(&served) < 0.5, "{}", jain(&served));
}

proptest! {
    /// Whatever comes and goes: everybody who waits is served exactly once, and a tenant that
    /// waits is never behind another by more than the largest calls of the two.
    #[test]
    fn nobody_is_lost_and_nobody_falls_behind(
        steps in prop::collection::vec((0_u8..4, 0_usize..5, 1_u64..500), 1..400),
    ) {
        let mut queue = FairQueue::default();
        let mut waits: BTreeMap<u64, String> = BTreeMap::new();
        let mut number = 0;
        for (what, tenant, cost) in steps {
            let name = format!("t{tenant}");
            match what {
                0 | 1 => {
                    number += 1;
                    queue.push(Number(number), &name, cost, NOW, LATER);
                    waits.insert(number, name);
                }
                2 => {
                    let turn = queue.take(NOW, anybody);
                    prop_assert_eq!(turn.is_none(), waits.is_empty());
                    if let Some(turn) = turn {
                        prop_assert_eq!(waits.remove(&turn.number.0), Some(turn.tenant));
                    }
                }
                _ => {
                    let chosen = waits.iter().nth(tenant).map(|(number, of)| (*number, of.clone()));
                    if let Some((number, of)) = chosen {
                        prop_assert!(queue.give_up(Number(number), &of));
                        waits.remove(&number);
                    }
                }
            }
            prop_assert_eq!(queue.len(), waits.len());
        }
        let rest = order(&mut queue, NOW).len();
        prop_assert_eq!(rest, waits.len());
        prop_assert_eq!(queue.tenants(), 0);
    }

    /// Two tenants that both wait all the time never differ by more than one call of each.
    #[test]
    fn two_who_both_wait_stay_level(
        costs in prop::collection::vec((1_u64..1_000, 1_u64..1_000), 20..200),
    ) {
        let mut queue = FairQueue::default();
        let mut number = 0;
        let mut sent: BTreeMap<u64, u64> = BTreeMap::new();
        for (one, other) in &costs {
            for (tenant, cost) in [("a", *one), ("b", *other)] {
                number += 1;
                sent.insert(number, cost);
                queue.push(Number(number), tenant, cost, NOW, LATER);
            }
        }
        let (mut a, mut b) = (0_i64, 0_i64);
        let (mut left_a, mut left_b) = (costs.len(), costs.len());
        while left_a > 0 && left_b > 0 {
            let turn = queue.take(NOW, anybody).unwrap();
            let cost = sent[&turn.number.0] as i64;
            if turn.tenant == "a" { a += cost; left_a -= 1 } else { b += cost; left_b -= 1 }
            prop_assert!((a - b).abs() <= 2_000, "{a} {b}");
        }
    }
}
