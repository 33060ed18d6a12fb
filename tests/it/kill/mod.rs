//! Killed in the middle of anything, the gateway keeps every word it gave (invariants 2 and 3).
//!
//! Callers, reviewers who decide and take it back, cancellations, new runs, pauses, erasures and
//! deliveries run against the real binary; SIGKILL comes at a random time; it starts again on the
//! same folder. What it acknowledged is remembered here,
//! outside, and must be there afterwards: same call, same outcome and answer of its run; no key
//! makes a second call; every open call reaches an end; every run and every review has one; a consumer of events
//! hears of every call, in order; backups and restores that are killed too are whole or not there; the chain
//! verifies. More:
//! `BACKSTOP_KILLS=1000 cargo test -p backstop-tests --release --test it -- --ignored kill`

mod hears;
mod keeping;
mod load;
mod operator;
mod people;
mod record;
mod whole;

use backstop_tests::{Caller, Gateway, Upstream, Workspace, gateway, workspace::REVIEWER_KEY};
use hears::{Ears, SECRET};
use load::{Client, input};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use record::{Fact, Record};
use std::sync::Arc;
use std::time::Duration;

/// Callers at once.
const CLIENTS: u64 = 6;
/// Shortest and longest life between two kills, in milliseconds.
const LIFE_MS: std::ops::Range<u64> = 50..700;
/// How often an open call is looked at before it counts as stuck; each look waits 5 seconds.
const LOOKS_MAX: u32 = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_gateway_keeps_every_word_it_gave() {
    survive(10, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes as long as BACKSTOP_KILLS says: about a second each"]
async fn a_thousand_kills_lose_nothing() {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |text| text.parse().expect("a whole number"))
    };
    survive(number("BACKSTOP_KILLS", 1000), number("BACKSTOP_SEED", 1)).await;
}

async fn survive(kills: u64, seed: u64) {
    println!("{kills} kills, seed {seed}");
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let gateway_file = workspace.path().join("policies/gateway.yaml");
    let text = std::fs::read_to_string(gateway_file).unwrap();
    assert!(text.contains(people::QUEUE.0), "the queue is written as ever");
    workspace.write("policies/gateway.yaml", &text.replace(people::QUEUE.0, people::QUEUE.1));
    let ears = Ears::new(&workspace).await;
    let record = Arc::new(Record::default());
    let mut dice = StdRng::seed_from_u64(seed);
    for round in 0..kills {
        let gateway = Gateway::start_with(&workspace, &[SECRET]);
        for fact in record.sample(&mut dice, 20) {
            check(&gateway.caller(), &fact).await;
        }
        operator::still_held(&gateway.caller(), &record).await;
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let seed = seed.wrapping_mul(1_000_003) + round * CLIENTS + number;
                let name = format!("{round}-{number}");
                tokio::spawn(Client::new(&gateway, record.clone(), seed).run(name))
            })
            .collect();
        if round % 3 == 0 {
            let to = workspace.path().join("backup");
            keeping::backup(&workspace.data(), &to, &mut dice).await;
        }
        tokio::time::sleep(Duration::from_millis(dice.random_range(LIFE_MS))).await;
        gateway.kill();
        for client in clients {
            client.await.unwrap();
        }
        if (round + 1) % 10 == 0 {
            println!("{} kills: {}", round + 1, record.summary());
        }
    }
    settle(&workspace, &record, &ears).await;
}

/// Brings every call to its end, then holds the gateway to all that it ever acknowledged.
async fn settle(workspace: &Workspace, record: &Record, ears: &Ears) {
    let gateway = Gateway::start_with(workspace, &[SECRET]);
    let caller = gateway.caller();
    let reviewer = gateway.caller_with(Some(REVIEWER_KEY));
    let facts = record.all();
    for fact in &facts {
        let ended = end(&caller, &reviewer, fact).await;
        record.learn(&fact.key, &ended);
    }
    let ended = record.all();
    for fact in &ended {
        check(&caller, fact).await;
        let again = caller.call("typed", &fact.key, &input(&fact.key), 5).await.unwrap();
        if fact.erasing && again.status.as_u16() == 410 {
            continue;
        }
        assert_eq!(again.body["id"], fact.call, "the key {} made a second call", fact.key);
        let differs = fact.contradicts(&again.body);
        assert_eq!(differs, None, "{} answered anew", fact.key);
    }
    let erased = operator::stays_erased(&caller, record).await;
    let told = record.history.check().expect("a gateway that keeps its word could tell this");
    let counted = whole::each_once(&caller, record).await;
    let heard = ears.heard_everything(&caller).await;
    gateway.kill();
    let verified = gateway::verify(&workspace.data()).expect("the ledger is whole");
    println!("{} calls acknowledged; {}", ended.len(), record.summary());
    println!("{told}\n{counted}\n{heard}\n{erased}\n{verified}");
}

/// The call once it has ended; reviews in its way are approved.
async fn end(caller: &Caller, reviewer: &Caller, fact: &Fact) -> serde_json::Value {
    for _ in 0..LOOKS_MAX {
        if let Some(review) = load::review_of(caller, &fact.call).await.unwrap() {
            reviewer.approve(&review).await.unwrap();
        }
        let seen = caller.get(&format!("/v1/calls/{}?wait=5", fact.call)).await.unwrap();
        if fact.erasing && seen.status.as_u16() == 410 {
            return fact.seen.clone();
        }
        assert_eq!(seen.status.as_u16(), 200, "{}: acknowledged, now {}", fact.key, seen.text);
        if !seen.body["outcome"].is_null() {
            return seen.body;
        }
    }
    panic!("{} ({}) never ends", fact.key, fact.call)
}

/// The gateway still says what it said.
async fn check(caller: &Caller, fact: &Fact) {
    let now = caller.get(&format!("/v1/calls/{}", fact.call)).await.unwrap();
    if fact.erasing && now.status.as_u16() == 410 {
        return;
    }
    assert_eq!(now.status.as_u16(), 200, "{}: acknowledged, now lost: {}", fact.key, now.text);
    if let Some(difference) = fact.contradicts(&now.body) {
        panic!("{} ({}): {difference}", fact.key, fact.call);
    }
}
