//! One client under load: new calls, repeats, cancellations, new runs, and what people and operators
//! do, until nobody answers.

use super::record::Record;
use backstop_tests::history::{Act, ERASED, Seen, Told};
use backstop_tests::{Caller, Gateway, workspace};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Acts at random on one gateway.
pub struct Client {
    pub caller: Caller,
    pub reviewer: Caller,
    pub record: Arc<Record>,
    pub dice: StdRng,
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
            let done = match self.dice.random_range(0..16) {
                0..6 => self.call(&format!("{name}-{number}")).await,
                6..8 => self.repeat().await,
                8 | 9 => self.decide().await,
                10 => self.cancel().await,
                11 => self.hold().await,
                12 => self.erase().await,
                13 => self.deliver().await,
                _ => self.start_anew().await,
            };
            if done.is_err() {
                return;
            }
        }
    }

    async fn call(&mut self, key: &str) -> reqwest::Result<()> {
        let body = input(key);
        let ticket = self.record.history.ask(Act::Call { key: key.to_owned(), body: body.clone() });
        let started = Instant::now();
        // Whoever waits for people outlives no gateway here: half take a call that waits as it is.
        let wait = if self.dice.random_bool(0.5) { 0 } else { 2 };
        let answer = self.caller.call("typed", key, &body, wait).await?;
        let longest = Duration::from_secs(wait.into());
        self.record.history.waited(key, longest, started.elapsed());
        match answer.status.as_u16() {
            200 | 202 => {
                self.record.history.tell(ticket, Told::Seen(seen(&answer.body)));
                self.record.learn(key, &answer.body);
            }
            // A refusal at the door is no call; a failure to store is one that never was.
            429 | 503 => {}
            410 if self.record.may_be_erased(key) => {
                self.record.history.tell(ticket, Told::Refused);
            }
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

    async fn cancel(&mut self) -> reqwest::Result<()> {
        for fact in self.record.sample(&mut self.dice, 1) {
            let path = format!("/v1/calls/{}/cancel", fact.call);
            let ticket = self.record.history.ask(Act::Cancel { call: fact.call.clone() });
            self.record.unsure(&fact.call);
            let answer = self.caller.post(&path, &serde_json::json!({})).await?;
            if answer.status.as_u16() < 500 {
                self.record.sure(&fact.call);
            }
            if answer.status.is_success() {
                self.record.history.tell(ticket, Told::Seen(seen(&answer.body)));
            }
            if answer.status.is_success() && answer.body["outcome"] == "cancelled" {
                let run = answer.body["run"].as_u64();
                self.record.promise(&fact.call, run, Some("cancelled"));
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
                410 if self.record.may_be_erased(&fact.key) => {
                    self.record.history.tell(ticket, Told::Refused);
                }
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
    let answer = match body["output_erased"].as_bool() {
        Some(true) => ERASED.to_owned(),
        _ => body["output"].to_string(),
    };
    Seen {
        call: body["id"].as_str().expect("an answer names its call").to_owned(),
        run: body["run"].as_u64().expect("a call has a run"),
        end: outcome.map(|outcome| (outcome, answer)),
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
