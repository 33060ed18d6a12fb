//! What a client under load does as an operator: holds calls, models, queues and policies, erases
//! words, and has events given again.

use std::sync::Arc;
use std::time::Duration;

use backstop_tests::Caller;
use backstop_tests::history::{Act, Told};
use rand::RngExt;
use serde_json::json;

use super::load::Client;
use super::record::{Record, now_ms};

/// What is held for long, because no call of the load goes there: it is still held after a kill.
const IDLE: [&str; 3] = ["queue/back", "model/bench", "policy/bench"];
/// What calls run into, for a moment.
const BUSY: [&str; 4] = ["queue/desk", "model/flaky", "model/spare", "policy/typed"];
/// A pause that is over so soon may be gone from the list already, in milliseconds.
const OVER_MS: u64 = 2_000;

impl Client {
    /// Holds something, or lets it go on.
    pub async fn hold(&mut self) -> reqwest::Result<()> {
        let calls = self.record.sample(&mut self.dice, 1);
        let (target, for_ms) = match (self.dice.random_range(0..4_u8), calls.first()) {
            (0, Some(fact)) => (format!("call/{}", fact.call), 400),
            (1, _) => (BUSY[self.dice.random_range(0..BUSY.len())].to_owned(), 150),
            _ => (IDLE[self.dice.random_range(0..IDLE.len())].to_owned(), 60_000),
        };
        let record = Arc::clone(&self.record);
        let mut all = record.held.lock().await;
        all.remove(&target);
        if self.dice.random_bool(0.3) {
            let end = json!({ "target": target, "reason": "over" });
            self.caller.post("/v1/pauses/end", &end).await?;
            return Ok(());
        }
        let mut pause = json!({ "target": target, "for_ms": for_ms, "reason": "odd" });
        if target.starts_with("call/") && self.dice.random_bool(0.3) {
            pause["then"] = json!("cancel");
        }
        let held = self.caller.post("/v1/pauses", &pause).await?;
        if held.status.is_success() && IDLE.contains(&&*target) {
            let until = held.body["until"].as_u64().expect("a pause ends");
            all.insert(target, until);
        }
        Ok(())
    }

    /// Erases the words of a call that has ended.
    pub async fn erase(&mut self) -> reqwest::Result<()> {
        for fact in self.record.sample(&mut self.dice, 1) {
            if self.dice.random_bool(0.5) || fact.seen["outcome"].is_null() {
                continue;
            }
            self.record.erasing(&fact.key);
            let ticket = self.record.history.ask(Act::Erase { call: fact.call.clone() });
            let sent = json!({ "call": fact.call, "reason": "asked by letter" });
            let answer = self.caller.post("/v1/erasures", &sent).await?;
            if answer.status.is_success() {
                self.record.history.tell(ticket, Told::Done { decision: None });
                self.record.erased(&fact.key);
            }
        }
        Ok(())
    }

    /// Switches the consumer off and on, or has it given something again.
    pub async fn deliver(&mut self) -> reqwest::Result<()> {
        let path = "/v1/subscriptions/ears";
        match self.dice.random_range(0..3_u8) {
            0 => {
                self.caller.post(&format!("{path}/disable"), &json!({})).await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
                self.caller.post(&format!("{path}/enable"), &json!({})).await?;
            }
            1 => drop(self.caller.post(&format!("{path}/enable"), &json!({})).await?),
            _ => {
                let from = self.dice.random_range(1..2_000);
                let again = json!({ "from": from, "until": from + 20 });
                self.caller.post(&format!("{path}/redeliver"), &again).await?;
            }
        }
        Ok(())
    }
}

/// Whatever an operator was told is held is held still.
///
/// # Panics
/// If it is not.
pub async fn still_held(caller: &Caller, record: &Record) {
    let due = record.held.lock().await.clone();
    let listed = caller.get("/v1/pauses").await.unwrap();
    let listed = listed.body["pauses"].as_array().expect("a list of pauses");
    for (target, until) in due.into_iter().filter(|(_, until)| *until > now_ms() + OVER_MS) {
        let there = listed.iter().any(|held| held["target"] == *target);
        assert!(there, "{target} was held until {until}, and is not after a kill: {listed:?}");
    }
}

/// Of every call whose erasure was acknowledged, nothing is left to erase.
///
/// # Panics
/// If something is.
pub async fn stays_erased(caller: &Caller, record: &Record) -> String {
    let (mut calls, mut gone) = (0, 0);
    for call in record.all_erased() {
        let now = caller.get(&format!("/v1/calls/{call}")).await.unwrap();
        assert_eq!(now.status.as_u16(), 410, "{call} was erased, and is told of: {}", now.text);
        let sent = json!({ "call": call, "reason": "a look", "dry_run": true });
        let would = caller.post("/v1/erasures", &sent).await.unwrap();
        assert_eq!(would.body["bodies"], 0, "{call} was erased, and has words: {}", would.text);
        (calls, gone) = (calls + 1, gone + would.body["gone"].as_u64().unwrap_or(0));
    }
    format!("{calls} calls erased, {gone} bodies of them gone for good")
}
