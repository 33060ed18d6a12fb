//! What every model is to the engine: something that is asked once and answers once.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use backstop_domain::Millis;
use serde_json::Value;

use crate::outcome::AttemptResult;

/// A boxed future, so that models can stand behind one trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A model, real or not. One call of [`Self::ask`] is one attempt: it never asks twice.
pub trait Model: Send + Sync {
    /// Asks once. Dropping the future cancels the request.
    fn ask<'a>(&'a self, request: &'a AskRequest) -> BoxFuture<'a, AttemptResult>;
}

/// One request to one model.
#[derive(Debug, Clone)]
pub struct AskRequest {
    /// The chat completions body. `model` is set by the model itself; all other fields, known or
    /// not, go on as they stand.
    pub body: Value,
    /// Timers of this attempt.
    pub timeouts: Timeouts,
    /// When the attempt must be over, by the model's clock.
    pub deadline: Millis,
    /// W3C `traceparent` to pass on.
    pub traceparent: Option<String>,
    /// Which of several independent answers to the same request this is, from 0: votes differ.
    pub sample: u32,
    /// How often this call has asked this model for the same thing before: a retry is turn 1.
    pub turn: u32,
}

/// Timers of one attempt. Connecting has its own, per provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// From sending until the first byte of the body.
    pub first_byte: Duration,
    /// Between two pieces of the body.
    pub idle: Duration,
    /// The whole attempt; `None`: until the deadline.
    pub total: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { first_byte: Duration::from_secs(20), idle: Duration::from_secs(15), total: None }
    }
}
