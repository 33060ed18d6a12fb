//! What the gateway acknowledged, remembered outside of it. It believes answers only: a request
//! without one may or may not have happened.

use backstop_tests::History;
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::SystemTime;

/// What must never change about a run of a call once its outcome was told.
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
    /// A cancellation or decision was acknowledged: the run, and the outcome that it leads to.
    pub promised: Option<(u64, &'static str)>,
    /// How many are about to take back what was promised, and were not answered yet.
    unsure: u32,
    /// Whether somebody wants its words to go.
    pub erasing: bool,
    /// Whether they are gone: that was acknowledged.
    erased: bool,
}

impl Fact {
    /// How `now` contradicts what was acknowledged, in words.
    pub fn contradicts(&self, now: &Value) -> Option<String> {
        if now["id"] != *self.call {
            return Some(format!("was {}, is {}", self.call, now["id"]));
        }
        let run = |body: &Value| body["run"].as_u64().unwrap_or(1);
        if run(now) < run(&self.seen) {
            return Some(format!("was in run {}, is in run {}", self.seen["run"], now["run"]));
        }
        let ended = !self.seen["outcome"].is_null() && run(now) == run(&self.seen);
        let gone = |body: &Value| body["output_erased"] == true;
        for name in FINAL.into_iter().filter(|_| ended) {
            if name == "output" && self.erasing && (gone(now) || gone(&self.seen)) {
                continue;
            }
            if now[name] != self.seen[name] {
                return Some(format!("{name} was {}, is {}", self.seen[name], now[name]));
            }
        }
        let broken = self.promised.filter(|(of, promised)| {
            *of == run(now) && !now["outcome"].is_null() && now["outcome"] != *promised
        });
        broken.map(|(_, promised)| format!("{promised} was acknowledged, it is {}", now["outcome"]))
    }
}

/// Every acknowledged call, by key, and everything that was asked and told.
#[derive(Debug, Default)]
pub struct Record {
    facts: Mutex<BTreeMap<String, Fact>>,
    /// What an operator was told is held, and until when; nobody asked to let it go on since. One
    /// asks at a time.
    pub held: tokio::sync::Mutex<BTreeMap<String, u64>>,
    /// For the checker.
    pub history: History,
}

impl Record {
    /// Remembers an answer about the call of `key`.
    ///
    /// # Panics
    /// If it contradicts an earlier one.
    pub fn learn(&self, key: &str, body: &Value) {
        let call = body["id"].as_str().expect("an answer names its call").to_owned();
        let mut facts = self.facts.lock().unwrap();
        if let Some(fact) = facts.get_mut(key) {
            // An answer may be older than one that came first: the history's checker knows which.
            let newer = body["run"].as_u64() > fact.seen["run"].as_u64();
            let ends = body["run"] == fact.seen["run"] && !body["outcome"].is_null();
            if let Some(difference) = fact.contradicts(body).filter(|_| newer || ends) {
                panic!("{key}: {difference}");
            }
            if newer || ends {
                fact.seen = body.clone();
            }
            return;
        }
        let (key, seen) = (key.to_owned(), body.clone());
        let (promised, unsure, erasing, erased) = (None, 0, false, false);
        let fact = Fact { key: key.clone(), call, seen, promised, unsure, erasing, erased };
        facts.insert(key, fact);
    }

    /// Remembers that an act on `call` was acknowledged, which leads that run to that outcome.
    pub fn promise(&self, call: &str, run: Option<u64>, outcome: Option<&'static str>) {
        self.change(call, |fact| {
            // A cancellation is final; what a person said is, unless somebody else is about to
            // take it back.
            if fact.unsure == 0 || outcome == Some("cancelled") {
                fact.promised = run.zip(outcome);
            }
        });
    }

    /// Somebody is about to take back, or to overrule, what was promised of `call`; whether that
    /// happens is known only once [`Record::sure`] is said.
    pub fn unsure(&self, call: &str) {
        self.change(call, |fact| (fact.unsure, fact.promised) = (fact.unsure + 1, None));
    }

    /// That was answered.
    pub fn sure(&self, call: &str) {
        self.change(call, |fact| fact.unsure -= 1);
    }

    fn change(&self, call: &str, change: impl FnOnce(&mut Fact)) {
        let mut facts = self.facts.lock().unwrap();
        facts.values_mut().find(|fact| fact.call == call).map(change);
    }

    /// From here on the words of the call of `key` may go.
    pub fn erasing(&self, key: &str) {
        if let Some(fact) = self.facts.lock().unwrap().get_mut(key) {
            fact.erasing = true;
        }
    }

    /// They are gone: that was acknowledged.
    pub fn erased(&self, key: &str) {
        if let Some(fact) = self.facts.lock().unwrap().get_mut(key) {
            fact.erased = true;
        }
    }

    /// Whether somebody wants the words of that call to go.
    pub fn may_be_erased(&self, key: &str) -> bool {
        self.facts.lock().unwrap().get(key).is_some_and(|fact| fact.erasing)
    }

    /// Whether somebody wants the words of the call with that stream to go.
    pub fn is_erasing(&self, stream: &str) -> bool {
        let facts = self.facts.lock().unwrap();
        facts.values().any(|fact| fact.erasing && stream.ends_with(&fact.call))
    }

    /// Every call of which an erasure was acknowledged.
    pub fn all_erased(&self) -> Vec<String> {
        self.all().into_iter().filter(|fact| fact.erased).map(|fact| fact.call).collect()
    }

    /// Everything.
    pub fn all(&self) -> Vec<Fact> {
        self.facts.lock().unwrap().values().cloned().collect()
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

/// The machine's time, in milliseconds since the epoch.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    u64::try_from(since.unwrap().as_millis()).unwrap()
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
    let later = serde_json::json!({ "id": "c1", "run": 2, "outcome": "rejected" });
    assert_eq!(fact.contradicts(&later), None, "another run, another outcome");
    let gone = serde_json::json!({ "id": "c1", "outcome": "accepted", "output_erased": true });
    assert!(fact.contradicts(&gone).unwrap().contains("output"), "nobody asked for that");
    fact.erasing = true;
    assert_eq!(fact.contradicts(&gone), None);
    fact.promised = Some((1, "cancelled"));
    assert!(fact.contradicts(&told).unwrap().contains("cancelled was acknowledged"));
}
