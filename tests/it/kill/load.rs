//! One client under load: new calls, repeats, decisions, cancellations, until nobody answers.

use super::record::Record;
use backstop_tests::{Caller, Gateway, workspace};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::Arc;

/// Acts at random on one gateway.
pub struct Client {
    caller: Caller,
    reviewer: Caller,
    record: Arc<Record>,
    dice: StdRng,
}

impl Client {
    /// A client of `gateway` that acts as `seed` says.
    pub fn new(gateway: &Gateway, record: Arc<Record>, seed: u64) -> Self {
        let reviewer = gateway.caller_with(Some(workspace::REVIEWER_KEY));
        let dice = StdRng::seed_from_u64(seed);
        Self { caller: gateway.caller(), reviewer, record, dice }
    }

    /// Acts until the gateway is gone. `name` makes its keys its own.
    pub async fn run(mut self, name: String) {
        for number in 0.. {
            let done = match self.dice.random_range(0..10) {
                0..6 => self.call(&format!("{name}-{number}")).await,
                6..8 => self.repeat().await,
                8 => self.decide().await,
                _ => self.cancel().await,
            };
            if done.is_err() {
                return;
            }
        }
    }

    async fn call(&self, key: &str) -> reqwest::Result<()> {
        let answer = self.caller.call("typed", key, &input(key), 2).await?;
        match answer.status.as_u16() {
            200 | 202 => self.record.learn(key, &answer.body),
            // A refusal at the door is no call; a failure to store is one that never was.
            429 | 503 => {}
            other => panic!("{key}: {other} {}", answer.text),
        }
        Ok(())
    }

    async fn repeat(&mut self) -> reqwest::Result<()> {
        for fact in self.record.sample(&mut self.dice, 1) {
            self.call(&fact.key).await?;
        }
        Ok(())
    }

    async fn decide(&mut self) -> reqwest::Result<()> {
        for fact in self.record.sample(&mut self.dice, 3) {
            let Some(review) = review_of(&self.caller, &fact.call).await? else { continue };
            let decided = self.reviewer.approve(&review).await?;
            if decided.status.is_success() {
                self.record.promise(&fact.call, "approved");
            }
        }
        Ok(())
    }

    async fn cancel(&mut self) -> reqwest::Result<()> {
        for fact in self.record.sample(&mut self.dice, 1) {
            let path = format!("/v1/calls/{}/cancel", fact.call);
            let answer = self.caller.post(&path, &serde_json::json!({})).await?;
            if answer.status.is_success() && answer.body["outcome"] == "cancelled" {
                self.record.promise(&fact.call, "cancelled");
            }
        }
        Ok(())
    }
}

/// The review that a call waits for, if it waits for one.
///
/// # Errors
/// No answer came.
pub async fn review_of(caller: &Caller, call: &str) -> reqwest::Result<Option<String>> {
    let seen = caller.get(&format!("/v1/calls/{call}")).await?;
    let waits = seen.body["state"] == "in_review";
    Ok(seen.body["review"]["id"].as_str().filter(|_| waits).map(str::to_owned))
}

/// What the call of `key` asks: the same each time, and all ways through the machine by turns.
pub fn input(key: &str) -> String {
    let ham = r#"{"content": "{\"label\": \"ham\"}"}"#;
    let script = match key.bytes().map(u32::from).sum::<u32>() % 6 {
        0 => ham.to_owned(),
        1 => r#"{"delay_ms": 80, "content": "{\"label\": \"spam\"}"}"#.to_owned(),
        2 => format!(r#"{{"content": "no JSON at all"}}, {ham}"#),
        3 => r#"{"status": 503}"#.to_owned(),
        4 => r#"{"content": "{\"label\": \"unsure\"}"}"#.to_owned(),
        _ => format!(r#"{{"delay_ms": 30, "status": 503}}, {ham}"#),
    };
    format!("{key} script: [{script}]")
}
