//! Samples: stable, keyed, recorded, repeatable.

use backstop_domain::Drawn;
use serde_json::{Map, Value as Json, json};

use super::super::{Environment, Sampling, Want, compile};
use super::scope;

struct Call(Map<String, Json>, Sampling);

impl Environment for Call {
    fn variable(&self, name: &str) -> Option<&Json> {
        self.0.get(name)
    }

    fn sampling(&self) -> Option<&Sampling> {
        Some(&self.1)
    }
}

fn call(key: &str, sampling: Sampling) -> Call {
    let Json::Object(map) = json!({"call": {"key": key}}) else { unreachable!() };
    Call(map, sampling)
}

fn drawn(key: &str, rule: &str) -> (bool, Vec<Drawn>) {
    let sample = compile("sample(call.key, 0.25)", &scope(), Want::Condition).unwrap();
    let call = call(key, Sampling::fresh(b"secret", "invoice-triage", rule).unwrap());
    (sample.holds(&call).unwrap(), call.1.drawn())
}

#[test]
fn a_retry_does_not_roll_again_and_two_rules_are_independent() {
    let keys: Vec<String> = (0..2000).map(|n| format!("k-{n}")).collect();
    let taken = |rule| keys.iter().map(|key| drawn(key, rule).0).collect::<Vec<bool>>();
    let (first, again, other) = (taken("audit"), taken("audit"), taken("spot-check"));
    assert_eq!(first, again);
    let share = first.iter().filter(|taken| **taken).count();
    assert!((420..580).contains(&share), "{share} of 2000 at a quarter");
    let both = first.iter().zip(&other).filter(|(a, b)| **a && **b).count();
    assert!((80..175).contains(&both), "{both} of 2000 in both");
}

#[test]
fn a_recorded_draw_is_repeated_without_the_salt_and_no_other_is_made_up() {
    let (taken, record) = drawn("k-7", "audit");
    assert_eq!(record.len(), 1);
    let sample = compile("sample(call.key, 0.25)", &scope(), Want::Condition).unwrap();
    let replayed = call("k-7", Sampling::recorded("audit", record.clone()));
    assert_eq!(sample.holds(&replayed), Ok(taken));
    assert_eq!(replayed.1.drawn(), record);
    let stranger = call("k-8", Sampling::recorded("audit", record.clone()));
    assert!(sample.holds(&stranger).is_err());
    assert!(!format!("{record:?}").contains("k-7"), "the key may be private");
}

#[test]
fn a_recorded_draw_says_what_it_says_of_other_shares_and_nothing_more() {
    let at = |source: &str, record: &[Drawn]| {
        let sample = compile(source, &scope(), Want::Condition).unwrap();
        sample.holds(&call("k", Sampling::recorded("audit", record.to_vec()))).ok()
    };
    let (taken, record) = drawn("k", "audit");
    let (smaller, larger) = ("sample(call.key, 0.1)", "sample(call.key, 0.5)");
    let (known, unknown) = if taken { (larger, smaller) } else { (smaller, larger) };
    assert_eq!(at(known, &record), Some(taken));
    assert_eq!(at(unknown, &record), None);
    let of_another = record.iter().map(|d| Drawn { by: "other".to_owned(), ..d.clone() });
    assert_eq!(at("sample(call.key, 0.25)", &of_another.collect::<Vec<_>>()), None);
    // With the salt in hand every share is known, and is what it was.
    let fresh = || Sampling::fresh(b"secret", "invoice-triage", "audit").unwrap();
    let sample = compile(unknown, &scope(), Want::Condition).unwrap();
    let alone = sample.holds(&call("k", fresh()));
    assert_eq!(sample.holds(&call("k", fresh().after(record))), alone);
}

#[test]
fn shares_at_the_ends_are_never_and_always() {
    for (source, expected) in [("sample(call.key, 0)", false), ("sample(call.key, 1.0)", true)] {
        let sample = compile(source, &scope(), Want::Condition).unwrap();
        for key in 0..200 {
            let call = call(&key.to_string(), Sampling::fresh(b"s", "p", "r").unwrap());
            assert_eq!(sample.holds(&call), Ok(expected));
        }
    }
}
