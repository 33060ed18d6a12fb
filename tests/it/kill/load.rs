//! One client under load: new calls, repeats, decisions, cancellations, new runs, until nobody
//! answers.

use super::record::Record;
use backstop_tests::history::{Act, Seen, Told};
use backstop_tests::{Caller, Gateway, workspace};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

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
            let done = match self.dice.random_range(0..12) {
                0..6 => self.call(&format!("{name}-{number}")).await,
                6..8 => self.repeat().await,
                8 => self.decide().await,
                9 => self.cancel().await,
                _ => self.start_anew().await,
            };
            if done.is_err() {
                return;
            }
        }
    }

    async fn call(&self, key: &str) -> reqwest::Result<()> {
        let body = input(key);
        let ticket = self.record.history.ask(Act::Call { key: key.to_owned(), body: body.clone() });
        let started = Instant::now();
        let answer = self.caller.call("typed", key, &body, 2).await?;
        self.record.history.waited(key, Duration::from_secs(2), started.elapsed());
        match answer.status.as_u16() {
            200 | 202 => {
                self.record.history.tell(ticket, Told::Seen(seen(&answer.body)));
                self.record.learn(key, &answer.body);
            }
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
            let ticket = self.record.history.ask(Act::Decide { review: review.clone() });
            let decided = self.reviewer.approve(&review).await?;
            if decided.status.is_success() {
                let decision = Some("ada approved".to_owned());
                self.record.history.tell(ticket, Told::Done { decision });
                self.record.promise(&fact.call, decided.body["generation"].as_u64(), "approved");
            }
        }
        Ok(())
    }

    async fn cancel(&mut self) -> reqwest::Result<()> {
        for fact in self.record.sample(&mut self.dice, 1) {
            let path = format!("/v1/calls/{}/cancel", fact.call);
            let ticket = self.record.history.ask(Act::Cancel { call: fact.call.clone() });
            let answer = self.caller.post(&path, &serde_json::json!({})).await?;
            if answer.status.is_success() {
                self.record.history.tell(ticket, Told::Seen(seen(&answer.body)));
            }
            if answer.status.is_success() && answer.body["outcome"] == "cancelled" {
                self.record.promise(&fact.call, answer.body["run"].as_u64(), "cancelled");
            }
        }
        Ok(())
    }

    /// A new run of some call, rolled back to or resumed from any of its checkpoints.
    async fn start_anew(&mut self) -> reqwest::Result<()> {
        for fact in self.record.sample(&mut self.dice, 1) {
            let path = format!("/v1/calls/{}", fact.call);
            let found = self.caller.get(&format!("{path}/checkpoints")).await?;
            let starts = found.body["checkpoints"].as_array().cloned().unwrap_or_default();
            let Some(most) = starts.len().checked_sub(1) else { continue };
            let seq = &starts[self.dice.random_range(0..=most)]["seq"];
            let ticket = self.record.history.ask(Act::Fork { call: fact.call.clone() });
            let answer = match self.dice.random_bool(0.5) {
                true => {
                    let body = json!({ "to_seq": seq, "reason": "wrong" });
                    self.caller.post(&format!("{path}/rollback"), &body).await?
                }
                false => {
                    let mode = "resume_from";
                    let body = json!({ "mode": mode, "from_seq": seq, "reason": "wrong" });
                    self.caller.post(&format!("{path}/replay"), &body).await?
                }
            };
            match answer.status.as_u16() {
                200 | 202 => {
                    self.record.history.tell(ticket, Told::Seen(seen(&answer.body)));
                    self.record.learn(&fact.key, &answer.body);
                }
                // It is being worked on, another run came first, or it cannot be stored.
                409 | 422 => self.record.history.tell(ticket, Told::Refused),
                503 => {}
                other => panic!("{}: {other} {}", fact.call, answer.text),
            }
        }
        Ok(())
    }
}

/// How a call stands, as an answer tells it.
pub fn seen(body: &Value) -> Seen {
    let outcome = body["outcome"].as_str().map(str::to_owned);
    Seen {
        call: body["id"].as_str().expect("an answer names its call").to_owned(),
        run: body["run"].as_u64().expect("a call has a run"),
        end: outcome.map(|outcome| (outcome, body["output"].to_string())),
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
