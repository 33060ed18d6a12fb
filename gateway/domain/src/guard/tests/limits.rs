//! Several limits at once: all or none, bounded, and never leaking a place.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use proptest::prelude::*;

use crate::guard::{Amounts, Cap, LimitRule, Limiter, Quantity, Rate, Standing};
use crate::{MicroMoney, Millis};

const NOW: Millis = Millis(1_000_000);
const FAR: Millis = Millis(9_000_000);

fn rule(name: &str, quantity: Quantity, cap: Cap) -> LimitRule {
    LimitRule { name: name.to_string(), quantity, cap }
}

fn per_minute(amount: u64, burst: u64) -> Cap {
    Cap::Rate(Rate::new(amount, 60_000, burst).unwrap())
}

fn three() -> Limiter {
    Limiter::new(
        [
            rule("tokens", Quantity::Tokens, per_minute(60_000, 1_000)),
            rule("cost", Quantity::Cost, per_minute(6_000, 600)),
            rule("at once", Quantity::Concurrency, Cap::AtOnce(2)),
        ]
        .into(),
        100,
    )
}

fn amounts(tokens: u64, cost: u64) -> Amounts {
    Amounts { requests: 1, tokens, cost: MicroMoney(cost) }
}

fn standings(limiter: &Limiter, key: &str) -> Vec<Standing> {
    (0..3).map(|limit| limiter.standing(NOW, limit, key).unwrap()).collect()
}

const ALL: [Option<&str>; 3] = [Some("a"), Some("a"), Some("a")];

#[test]
fn a_refusal_takes_nothing_and_names_the_tightest_limit() {
    let mut limiter = three();
    let _held = limiter.reserve(NOW, &ALL, amounts(900, 550), FAR).unwrap();
    let before = standings(&limiter, "a");
    let refusal = limiter.reserve(NOW, &ALL, amounts(200, 100), FAR).unwrap_err();
    // 100 tokens flow in within 0.1 s, 50 of money within 0.5 s: money is tighter.
    assert_eq!((refusal.limit, refusal.key.as_str()), (1, "a"));
    assert_eq!(refusal.until, Some(NOW.plus(500)));
    assert_eq!(standings(&limiter, "a"), before);
    let refusal = limiter.reserve(NOW, &ALL, amounts(5_000, 1), FAR).unwrap_err();
    assert!(refusal.never && refusal.until.is_none(), "larger than the burst");
}

#[test]
fn a_place_is_held_until_it_is_given_back_whichever_way() {
    let mut limiter = three();
    let first = limiter.reserve(NOW, &ALL, amounts(1, 1), FAR).unwrap();
    let second = limiter.reserve(NOW, &ALL, amounts(1, 1), NOW.plus(10)).unwrap();
    let refusal = limiter.reserve(NOW, &ALL, amounts(1, 1), FAR).unwrap_err();
    assert_eq!((refusal.limit, refusal.until), (2, None));
    assert!(limiter.settle(NOW, first, amounts(1, 1)));
    assert!(!limiter.settle(NOW, first, amounts(1, 1)), "once only");
    let third = limiter.reserve(NOW, &ALL, amounts(1, 1), FAR).unwrap();
    // The second one was forgotten by its owner: it ends by itself.
    let _fourth = limiter.reserve(NOW.plus(10), &ALL, amounts(1, 1), FAR).unwrap();
    assert!(!limiter.cancel(NOW, second));
    assert!(limiter.abandon(NOW, third));
}

#[test]
fn an_abandoned_reservation_stays_charged_and_a_cancelled_one_does_not() {
    let mut limiter = three();
    let id = limiter.reserve(NOW, &ALL, amounts(400, 0), FAR).unwrap();
    limiter.abandon(NOW, id);
    assert_eq!(limiter.standing(NOW, 0, "a").unwrap().remaining, 600);
    let id = limiter.reserve(NOW, &ALL, amounts(400, 0), FAR).unwrap();
    limiter.cancel(NOW, id);
    assert_eq!(limiter.standing(NOW, 0, "a").unwrap().remaining, 600);
}

#[test]
fn full_buckets_are_forgotten_and_crowded_ones_turn_newcomers_away() {
    let rules = [rule("tokens", Quantity::Tokens, per_minute(60_000, 1_000))];
    let mut limiter = Limiter::new(rules.into(), 10);
    for name in 0..10 {
        let key = format!("caller {name}");
        limiter.reserve(NOW, &[Some(&key)], amounts(500, 0), FAR).unwrap();
    }
    let refusal = limiter.reserve(NOW, &[Some("new")], amounts(1, 0), FAR).unwrap_err();
    assert_eq!(refusal.until, Some(NOW.plus(500)), "when the first bucket is full again");
    limiter.reserve(NOW, &[Some("caller 3")], amounts(1, 0), FAR).expect("old keys go on");
    limiter.reserve(NOW.plus(500), &[Some("new")], amounts(1, 0), FAR).expect("room again");
    assert!(limiter.keys() <= 10);
}

#[test]
fn a_reload_keeps_what_was_used_and_who_holds_a_place() {
    let mut limiter = three();
    let id = limiter.reserve(NOW, &ALL, amounts(800, 0), FAR).unwrap();
    limiter.reload(
        NOW,
        [
            rule("at once", Quantity::Concurrency, Cap::AtOnce(1)),
            rule("tokens", Quantity::Tokens, per_minute(120_000, 2_000)),
        ]
        .into(),
    );
    assert_eq!(limiter.standing(NOW, 1, "a").unwrap().remaining, 1_200);
    assert_eq!(limiter.standing(NOW, 0, "a").unwrap().remaining, 0);
    assert!(limiter.settle(NOW, id, amounts(100, 0)));
    assert_eq!(limiter.standing(NOW, 1, "a").unwrap().remaining, 1_900);
    assert_eq!(limiter.held(0), 0);
}

#[test]
fn a_limit_of_another_name_or_kind_starts_anew() {
    let mut limiter = three();
    let _held = limiter.reserve(NOW, &ALL, amounts(800, 100), FAR).unwrap();
    limiter.reload(
        NOW,
        [
            rule("cost", Quantity::Concurrency, Cap::AtOnce(3)),
            rule("tokens per day", Quantity::Tokens, per_minute(60_000, 1_000)),
            rule("more at once", Quantity::Concurrency, Cap::AtOnce(2)),
        ]
        .into(),
    );
    let remaining = standings(&limiter, "a").into_iter().map(|one| one.remaining);
    assert_eq!(remaining.collect::<Vec<_>>(), [3, 1_000, 2]);
}

#[test]
fn a_rate_that_becomes_a_number_of_places_is_held_to_that_number() {
    let rate = [rule("cap", Quantity::Tokens, per_minute(60, 60))];
    let mut limiter = Limiter::new(rate.into(), 10);
    limiter.reserve(NOW, &[Some("a")], amounts(9, 0), FAR).unwrap();
    let places = [rule("cap", Quantity::Concurrency, Cap::AtOnce(1))];
    limiter.reload(NOW, places.clone().into());
    assert_eq!(limiter.rules(), places);
    limiter.reserve(NOW, &[Some("a")], amounts(9, 0), FAR).expect("its place is free");
    limiter.reserve(NOW, &[Some("a")], amounts(9, 0), FAR).expect_err("and now it is taken");
}

#[test]
fn a_limit_of_no_place_never_lets_anybody_through_and_a_full_one_may_again() {
    let none = [rule("at once", Quantity::Concurrency, Cap::AtOnce(0))];
    let refusal =
        Limiter::new(none.into(), 10).reserve(NOW, &[Some("a")], amounts(1, 0), FAR).unwrap_err();
    assert!(refusal.never && refusal.until.is_none());
    let one = [rule("at once", Quantity::Concurrency, Cap::AtOnce(1))];
    let mut limiter = Limiter::new(one.into(), 10);
    limiter.reserve(NOW, &[Some("a")], amounts(1, 0), FAR).unwrap();
    let refusal = limiter.reserve(NOW, &[Some("a")], amounts(1, 0), FAR).unwrap_err();
    assert!(!refusal.never, "whoever holds it may give it back");
}

#[test]
fn one_who_brings_two_new_keys_needs_room_for_both() {
    let rules = ["caller", "tenant"].map(|name| rule(name, Quantity::Tokens, per_minute(60, 60)));
    let mut limiter = Limiter::new(rules.into(), 3);
    limiter.reserve(NOW, &[Some("a"), Some("x")], amounts(9, 0), FAR).unwrap();
    let refusal = limiter.reserve(NOW, &[Some("b"), Some("y")], amounts(9, 0), FAR).unwrap_err();
    assert_eq!((refusal.limit, refusal.key.as_str()), (0, "b"));
    limiter.reserve(NOW, &[Some("b"), Some("x")], amounts(9, 0), FAR).expect("one is known");
    assert_eq!(limiter.keys(), 3);
}

#[test]
fn when_it_is_crowded_places_that_were_given_back_are_forgotten_and_held_ones_are_not() {
    let rules = [rule("at once", Quantity::Concurrency, Cap::AtOnce(1))];
    let mut limiter = Limiter::new(rules.into(), 2);
    let first = limiter.reserve(NOW, &[Some("a")], amounts(1, 0), FAR).unwrap();
    limiter.reserve(NOW, &[Some("b")], amounts(1, 0), FAR).unwrap();
    let refusal = limiter.reserve(NOW, &[Some("c")], amounts(1, 0), FAR).unwrap_err();
    assert_eq!(refusal.until, Some(NOW.plus(1_000)), "a place may come back at any time");
    assert!(limiter.cancel(NOW, first));
    let later = NOW.plus(1_000);
    limiter.reserve(later, &[Some("c")], amounts(1, 0), FAR).expect("where `a` was");
    limiter.reserve(later, &[Some("b")], amounts(1, 0), FAR).expect_err("it still holds its place");
    assert_eq!((limiter.keys(), limiter.held(0)), (2, 2));
}

#[test]
fn what_a_limit_counts_has_the_word_of_the_rules_file() {
    let all = [Quantity::Requests, Quantity::Tokens, Quantity::Cost, Quantity::Concurrency];
    assert_eq!(all.map(Quantity::name), ["requests", "tokens", "cost", "concurrency"]);
}

#[derive(Debug, Clone)]
enum Act {
    Reserve { key: u8, tokens: u64, hold: u64 },
    Settle { which: usize, tokens: u64 },
    Cancel { which: usize },
    Abandon { which: usize },
    Wait { ms: u64 },
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0_u8..4, 1_u64..600, 1_u64..5_000)
            .prop_map(|(key, tokens, hold)| Act::Reserve { key, tokens, hold }),
        2 => (any::<usize>(), 0_u64..900).prop_map(|(which, tokens)| Act::Settle { which, tokens }),
        1 => any::<usize>().prop_map(|which| Act::Cancel { which }),
        1 => any::<usize>().prop_map(|which| Act::Abandon { which }),
        2 => (1_u64..2_000).prop_map(|ms| Act::Wait { ms }),
    ]
}

proptest! {
    /// Whatever is completed, cancelled, dropped or forgotten, in any order: as many places are
    /// held as there are open reservations. The reference counts them one by one.
    #[test]
    fn places_are_conserved_under_any_interleaving(acts in prop::collection::vec(act(), 1..120)) {
        let mut limiter = three();
        let mut now = NOW;
        let mut open = Vec::new();
        for act in acts {
            match act {
                Act::Reserve { key, tokens, hold } => {
                    let key = format!("{key}");
                    let keys = [Some(key.as_str()), None, Some(key.as_str())];
                    let held = open
                        .iter()
                        .filter(|(_, of, until)| *of == key && *until > now)
                        .count();
                    match limiter.reserve(now, &keys, amounts(tokens, 0), now.plus(hold)) {
                        Ok(id) => {
                            prop_assert!(held < 2);
                            open.push((id, key, now.plus(hold)));
                        }
                        Err(refusal) => prop_assert!(refusal.limit == 0 || held == 2),
                    }
                }
                Act::Settle { which, tokens } if !open.is_empty() => {
                    let (id, _, _) = open.remove(which % open.len());
                    limiter.settle(now, id, amounts(tokens, 0));
                }
                Act::Cancel { which } if !open.is_empty() => {
                    let (id, _, _) = open.remove(which % open.len());
                    limiter.cancel(now, id);
                }
                Act::Abandon { which } if !open.is_empty() => {
                    let (id, _, _) = open.remove(which % open.len());
                    limiter.abandon(now, id);
                }
                Act::Wait { ms } => now = now.plus(ms),
                _ => {}
            }
            limiter.expire(now);
            open.retain(|(_, _, until)| *until > now);
            let mut expected: BTreeMap<&str, u64> = BTreeMap::new();
            for (_, key, _) in &open {
                *expected.entry(key).or_default() += 1;
            }
            prop_assert_eq!(limiter.held(2), open.len() as u64);
            for (key, held) in expected {
                prop_assert_eq!(limiter.standing(now, 2, key).unwrap().remaining, 2 - held);
            }
        }
    }
}
