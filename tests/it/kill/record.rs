//! What the gateway acknowledged, remembered outside of it. It believes answers only: a request
//! without one may or may not have happened.

use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// What must never change about a call once its outcome was told.
const FINAL: [&str; 3] = ["outcome", "answered_by", "output"];

/// One acknowledged call.
#[derive(Debug, Clone)]
pub struct Fact {
    /// Its idempotency key.
    pub key: String,
    /// Its id.
    pub call: String,
    /// The newest answer about it that told an outcome; else the first answer.
    pub seen: Value,
    /// A cancellation or decision was acknowledged: the outcome that it leads to.
    pub promised: Option<&'static str>,
}

impl Fact {
    /// How `now` contradicts what was acknowledged, in words.
    pub fn contradicts(&self, now: &Value) -> Option<String> {
        if now["id"] != *self.call {
            return Some(format!("was {}, is {}", self.call, now["id"]));
        }
        let ended = !self.seen["outcome"].is_null();
        for name in FINAL.into_iter().filter(|_| ended) {
            if now[name] != self.seen[name] {
                return Some(format!("{name} was {}, is {}", self.seen[name], now[name]));
            }
        }
        let broken = self
            .promised
            .filter(|promised| !now["outcome"].is_null() && now["outcome"] != *promised);
        broken.map(|promised| format!("{promised} was acknowledged, it is {}", now["outcome"]))
    }
}

/// Every acknowledged call, by key.
#[derive(Debug, Default)]
pub struct Record(Mutex<BTreeMap<String, Fact>>);

impl Record {
    /// Remembers an answer about the call of `key`.
    ///
    /// # Panics
    /// If it contradicts an earlier one.
    pub fn learn(&self, key: &str, body: &Value) {
        let call = body["id"].as_str().expect("an answer names its call").to_owned();
        let mut facts = self.0.lock().unwrap();
        if let Some(fact) = facts.get_mut(key) {
            if let Some(difference) = fact.contradicts(body) {
                panic!("{key}: {difference}");
            }
            if !body["outcome"].is_null() {
                fact.seen = body.clone();
            }
            return;
        }
        let (key, seen) = (key.to_owned(), body.clone());
        facts.insert(key.clone(), Fact { key, call, seen, promised: None });
    }

    /// Remembers that an act on `call` was acknowledged, which leads to `outcome`.
    pub fn promise(&self, call: &str, outcome: &'static str) {
        let mut facts = self.0.lock().unwrap();
        if let Some(fact) = facts.values_mut().find(|fact| fact.call == call) {
            fact.promised = Some(outcome);
        }
    }

    /// Everything.
    pub fn all(&self) -> Vec<Fact> {
        self.0.lock().unwrap().values().cloned().collect()
    }

    /// Some of it, at random.
    pub fn sample(&self, dice: &mut StdRng, count: usize) -> Vec<Fact> {
        let facts = self.all();
        let picks = if facts.is_empty() { 0 } else { count };
        (0..picks).map(|_| facts[dice.random_range(0..facts.len())].clone()).collect()
    }

    /// How many calls ended how.
    pub fn summary(&self) -> String {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for fact in self.all() {
            let outcome = fact.seen["outcome"].as_str().unwrap_or("open").to_owned();
            *counts.entry(outcome).or_default() += 1;
        }
        let parts: Vec<String> =
            counts.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
        parts.join(", ")
    }
}

#[test]
fn a_changed_answer_and_a_broken_promise_are_noticed() {
    let record = Record::default();
    let told = serde_json::json!({ "id": "c1", "outcome": "accepted", "output": { "a": 1 } });
    record.learn("k", &told);
    let mut fact = record.all().remove(0);
    assert_eq!(fact.contradicts(&told), None);
    let changed = serde_json::json!({ "id": "c1", "outcome": "accepted", "output": { "a": 2 } });
    assert!(fact.contradicts(&changed).unwrap().contains("output"));
    assert!(fact.contradicts(&serde_json::json!({ "id": "c2" })).is_some());
    fact.promised = Some("cancelled");
    assert!(fact.contradicts(&told).unwrap().contains("cancelled was acknowledged"));
}
