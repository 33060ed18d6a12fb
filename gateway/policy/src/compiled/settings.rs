//! The plainer settings of a policy: models, limits, pending, cache, retention.

use backstop_checks::expression::{Expression, Template};
use backstop_checks::path::Path;
use backstop_domain::{MicroMoney, Price};

/// A model that a policy asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Name in the gateway file.
    pub name: String,
    /// The model's own name at its provider.
    pub wire: String,
    /// Price, if the gateway file gives one.
    pub price: Option<Price>,
    /// Longest backoff before it is asked again, in milliseconds.
    pub backoff_max_ms: u64,
    /// Tokens that fit into one request, answer included.
    pub context: Option<u64>,
    /// Tokens that it can answer.
    pub max_output: Option<u64>,
    /// Whether it returns token log-probabilities.
    pub logprobs: bool,
    /// Whether it takes a schema as `response_format`.
    pub schema: bool,
    /// Whether it takes tools.
    pub tools: bool,
}

/// A limit at the door.
#[derive(Debug)]
pub struct Limit {
    /// Its name in messages and metrics: `limits.0`.
    pub name: String,
    /// What it counts, and how much of it.
    pub of: LimitOf,
    /// Whose count it is.
    pub per: LimitPer,
    /// Most at once; `None` is ten seconds of the rate.
    pub burst: Option<u64>,
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitOf {
    /// Requests in a window of that many milliseconds.
    Requests {
        /// Most of them.
        most: u64,
        /// The window.
        window_ms: u64,
    },
    /// Tokens in a window.
    Tokens {
        /// Most of them.
        most: u64,
        /// The window.
        window_ms: u64,
    },
    /// Calls at the same time.
    Concurrency(u64),
    /// Money in a window.
    Cost {
        /// Most of it.
        most: MicroMoney,
        /// The window.
        window_ms: u64,
    },
}

/// Whose count it is.
#[derive(Debug)]
pub enum LimitPer {
    /// Each caller's own.
    Caller,
    /// Each tenant's own.
    Tenant,
    /// The policy's.
    Policy,
    /// Each model's own.
    Model,
    /// One for each value of the expression.
    Key(Expression),
}

/// What an OpenAI client gets while a person decides.
#[derive(Debug)]
pub struct Pending {
    /// How long it waits first, in milliseconds.
    pub wait_ms: u64,
    /// And then.
    pub then: PendingThen,
}

/// What is sent when the wait is over.
#[derive(Debug)]
pub enum PendingThen {
    /// An error with the call's id.
    Error,
    /// The fallback, marked interim.
    Fallback,
    /// A refusal with this text.
    Refuse(Template),
}

/// How accepted answers are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    /// For how long, in milliseconds.
    pub for_ms: u64,
    /// Whose they are: `caller`, `tenant` or `policy`.
    pub per: CachePer,
    /// Paths that must be equal, with their roots; the whole input when empty.
    pub key: Vec<(String, Path)>,
}

/// Whose a kept answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CachePer {
    /// The caller's.
    Caller,
    /// The tenant's.
    Tenant,
    /// Everyone's who uses the policy.
    Policy,
}

/// When an answer may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// After the events that it rests on are on disk.
    Strict,
    /// Before.
    Relaxed,
}

/// What becomes of a call whose caller hangs up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDisconnect {
    /// It goes on to its end.
    Continue,
    /// It is cancelled.
    Cancel,
}

/// How long things are kept, in milliseconds; `None` is the gateway's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retain {
    /// Requests and answers.
    pub bodies_ms: Option<u64>,
    /// Events.
    pub events_ms: Option<u64>,
    /// Labels of reviews.
    pub labels_ms: Option<u64>,
}
