//! A model for tests and simulations: it answers what a closure says, and counts how often it was
//! asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use backstop_domain::{FailureClass, Millis};
use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::classify::{Delivered, classify};
use crate::model::{AskRequest, BoxFuture, Model};
use crate::outcome::{AttemptResult, Failure, Timing};

type Takes = dyn Fn(usize) -> Duration + Send + Sync;
type Script = dyn Fn(&AskRequest, usize) -> AttemptResult + Send + Sync;

/// A scripted model.
pub struct Simulated {
    script: Box<Script>,
    takes: Box<Takes>,
    asked: AtomicUsize,
}

impl Simulated {
    /// A model that answers what `script` says to a request and its number, from 0.
    pub fn new(
        script: impl Fn(&AskRequest, usize) -> AttemptResult + Send + Sync + 'static,
    ) -> Self {
        let takes = Box::new(|_| Duration::ZERO);
        Self { script: Box::new(script), takes, asked: AtomicUsize::new(0) }
    }

    /// A model that gives these results in turn; the last one repeats. Without any it fails.
    pub fn in_turn(results: Vec<AttemptResult>) -> Self {
        Self::new(move |_, number| {
            let nothing =
                || AttemptResult::Failed(Failure::new(FailureClass::Transport, "no script"));
            results.get(number).or(results.last()).cloned().unwrap_or_else(nothing)
        })
    }

    /// Takes that long for each answer, by tokio's clock.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        self.taking(move |_| delay)
    }

    /// Takes as long as it says for each request, by its number, from 0.
    #[must_use]
    pub fn taking(mut self, takes: impl Fn(usize) -> Duration + Send + Sync + 'static) -> Self {
        self.takes = Box::new(takes);
        self
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Model for Simulated {
    fn ask<'a>(&'a self, request: &'a AskRequest) -> BoxFuture<'a, AttemptResult> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            let takes = (self.takes)(number);
            if !takes.is_zero() {
                tokio::time::sleep(takes).await;
            }
            (self.script)(request, number)
        })
    }
}

/// A result from the `message` and finish reason of one choice, as a provider would send it.
pub fn answered(message: Value, finish_reason: &str) -> AttemptResult {
    let body = json!({
        "id": "chatcmpl-simulated",
        "object": "chat.completion",
        "created": 0,
        "model": "simulated",
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    });
    from_body(body)
}

/// A plain text as a result.
pub fn text(content: &str) -> AttemptResult {
    answered(json!({"role": "assistant", "content": content}), "stop")
}

/// A whole `chat.completion` object as a result; a failure if it is none.
pub fn from_body(body: Value) -> AttemptResult {
    let raw = Bytes::from(body.to_string());
    match Answer::read(raw, body, Timing::default()) {
        Ok(answer) => AttemptResult::Answered(Box::new(answer)),
        Err(fault) => {
            AttemptResult::Failed(Failure::new(FailureClass::Transport, fault.to_string()))
        }
    }
}

/// A failure of that class as a result.
pub fn failed(class: FailureClass) -> AttemptResult {
    AttemptResult::Failed(Failure::new(class, format!("simulated {class}")))
}

/// An error of a provider, classified as any other is. `wait_ms` is what it asks callers to wait.
pub fn refused(
    status: u16,
    code: Option<&str>,
    message: Option<&str>,
    wait_ms: Option<u64>,
    timing: Timing,
    now: Millis,
) -> AttemptResult {
    let mut headers = HeaderMap::new();
    if let Some(wait) = wait_ms {
        headers.insert("retry-after-ms", wait.into());
    }
    let error = json!({"message": message, "code": code, "type": null, "param": null});
    let body = Bytes::from(json!({"error": error}).to_string());
    classify(&Delivered { status, headers, body, cut: None, timing }, now, None)
}
