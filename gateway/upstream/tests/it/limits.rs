//! Sets of limits: governor's request rates and our own ledger commit together or not at all.

use std::sync::Arc;

use backstop_domain::MicroMoney;
use backstop_domain::guard::{Amounts, Cap, LimitRule, Quantity, Rate};
use backstop_upstream::{LimitPermit, LimitSet, acquire_all};

use crate::bench::{Hand, NOW};

const HOLD: u64 = 60_000;

fn rule(name: &str, quantity: Quantity, cap: Cap) -> LimitRule {
    LimitRule { name: name.to_owned(), quantity, cap }
}

fn per_minute(amount: u64, burst: u64) -> Cap {
    Cap::Rate(Rate::new(amount, 60_000, burst).unwrap())
}

fn set(clock: &Hand) -> Arc<LimitSet> {
    LimitSet::new(
        vec![
            rule("requests per caller", Quantity::Requests, per_minute(60, 5)),
            rule("tokens per tenant", Quantity::Tokens, per_minute(6_000, 1_000)),
            rule("requests over all", Quantity::Requests, per_minute(600, 8)),
            rule("at once", Quantity::Concurrency, Cap::AtOnce(6)),
        ],
        Arc::new(clock.clone()),
    )
}

fn tokens(tokens: u64) -> Amounts {
    Amounts { requests: 1, tokens, cost: MicroMoney(0) }
}

fn remaining(set: &LimitSet, keys: &[&str; 4]) -> Vec<u64> {
    let standing = |(limit, key): (usize, &&str)| set.standing(limit, key).unwrap().remaining;
    keys.iter().enumerate().map(standing).collect()
}

#[test]
fn a_refusal_by_any_limit_takes_from_none() {
    let clock = Hand::new();
    let set = set(&clock);
    let names = ["ann", "acme", "all", "all"];
    let keys = names.map(Some);
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(set.acquire(&keys, tokens(100), HOLD).unwrap());
    }
    assert_eq!(remaining(&set, &names), [0, 500, 3, 1]);
    let refused = set.acquire(&keys, tokens(100), HOLD).unwrap_err();
    assert_eq!((refused.limit.as_str(), refused.key.as_str()), ("requests per caller", "ann"));
    assert_eq!(refused.until, Some(NOW.plus(1_000)), "one a second flows in");
    assert_eq!(remaining(&set, &names), [0, 500, 3, 1]);

    let other = ["bob", "acme", "all", "all"];
    let refused = set.acquire(&other.map(Some), tokens(600), HOLD).unwrap_err();
    assert_eq!(refused.limit, "tokens per tenant");
    assert_eq!(remaining(&set, &other), [5, 500, 3, 1], "governor's took its request back");
    let refused = set.acquire(&other.map(Some), tokens(2_000), HOLD).unwrap_err();
    assert!(refused.never, "no wait helps an amount above the burst");
}

#[test]
fn settling_refunds_dropping_charges_and_cancelling_undoes() {
    let clock = Hand::new();
    let set = set(&clock);
    let names = ["ann", "acme", "all", "all"];
    let acquire = || set.acquire(&names.map(Some), tokens(300), HOLD).unwrap();
    acquire().settle(tokens(50));
    assert_eq!(remaining(&set, &names), [4, 950, 7, 6]);
    drop(acquire());
    assert_eq!(remaining(&set, &names), [3, 650, 6, 6]);
    acquire().cancel();
    assert_eq!(remaining(&set, &names), [3, 650, 6, 6]);
    clock.turn(60_000);
    assert_eq!(remaining(&set, &names), [5, 1_000, 8, 6]);
}

#[test]
fn a_limit_without_a_key_does_not_apply() {
    let set = set(&Hand::new());
    for _ in 0..6 {
        let permit = set.acquire(&[None, None, Some("all"), None], tokens(9_999), HOLD);
        permit.unwrap().settle(tokens(9_999));
    }
}

#[test]
fn several_sets_commit_together() {
    let clock = Hand::new();
    let (callers, policies) = (set(&clock), set(&clock));
    let names = ["ann", "acme", "all", "all"];
    let keys = names.map(Some);
    let _full: Vec<LimitPermit> =
        (0..5).map(|_| policies.acquire(&keys, tokens(1), HOLD).unwrap()).collect();
    let both = [(&callers, &keys[..]), (&policies, &keys[..])];
    let refused = acquire_all(&both, tokens(10), HOLD).unwrap_err();
    assert_eq!(refused.limit, "requests per caller");
    assert_eq!(remaining(&callers, &names), [5, 1_000, 8, 6]);
}

#[test]
fn a_reload_keeps_what_was_used_in_governor_too() {
    let clock = Hand::new();
    let set = set(&clock);
    let keys = ["ann", "acme", "all", "all"].map(Some);
    let permits: Vec<LimitPermit> =
        (0..4).map(|_| set.acquire(&keys, tokens(200), HOLD).unwrap()).collect();
    set.reload(vec![
        rule("tokens per tenant", Quantity::Tokens, per_minute(6_000, 1_200)),
        rule("requests per caller", Quantity::Requests, per_minute(120, 10)),
        rule("requests over all", Quantity::Requests, per_minute(600, 8)),
    ]);
    assert_eq!(set.standing(0, "acme").unwrap().remaining, 400);
    assert_eq!(set.standing(1, "ann").unwrap().remaining, 6);
    assert_eq!(set.standing(2, "all").unwrap().remaining, 4);
    permits.into_iter().for_each(LimitPermit::cancel);
    assert_eq!(set.standing(0, "acme").unwrap().remaining, 1_200);
}

#[test]
fn limits_hold_under_a_race() {
    let clock = Hand::new();
    let set = set(&clock);
    let names = ["ann", "acme", "all", "all"];
    let passed: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let tries = (0..200)
                        .filter_map(|_| set.acquire(&names.map(Some), tokens(100), HOLD).ok());
                    tries.inspect(|_| std::thread::yield_now()).count()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(passed, 5, "the caller's burst, and not one more");
    assert_eq!(remaining(&set, &names), [0, 500, 3, 6]);
}
