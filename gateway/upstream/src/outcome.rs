//! How one attempt went: computed once, where the transport ends, and read by every guard.
//!
//! Nothing behind this file looks at a status or a header again.

use backstop_domain::{FailureClass, Millis};

use crate::answer::Answer;

/// The end of one attempt.
#[derive(Debug, Clone)]
pub enum AttemptResult {
    /// The model answered. Whether the answer is good is for others to judge; one that was cut
    /// (`length`) or refused is an answer too.
    Answered(Box<Answer>),
    /// It did not.
    Failed(Failure),
}

impl AttemptResult {
    /// The failure, if it is one.
    pub const fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure) => Some(failure),
            Self::Answered(_) => None,
        }
    }

    /// The answer, if it is one.
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Answered(answer) => Some(answer),
            Self::Failed(_) => None,
        }
    }

    /// What to charge for the attempt.
    pub fn settle(&self) -> Settle {
        match self {
            Self::Answered(answer) if answer.usage.is_none() => Settle::Estimate,
            Self::Answered(_) => Settle::Actual,
            Self::Failed(failure) => failure.settle,
        }
    }
}

/// How long the attempt took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timing {
    /// Milliseconds until the first byte of the body; `None` if none came.
    pub first_byte_ms: Option<u64>,
    /// Milliseconds until the end.
    pub total_ms: u64,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The branch that a policy takes.
    pub class: FailureClass,
    /// What happened, for people. Holds no secret.
    pub message: String,
    /// HTTP status, if one came.
    pub status: Option<u16>,
    /// The provider's own word for it, such as `insufficient_quota`.
    pub provider_code: Option<String>,
    /// How long the provider asks to wait, in milliseconds; at most 120 000.
    pub retry_after_ms: Option<u64>,
    /// The provider's `x-should-retry`, which wins over what the class suggests.
    pub should_retry: Option<bool>,
    /// Whether the request may have reached the model: `false` only if it surely did not.
    pub sent: bool,
    /// Which timer ended it, if one did.
    pub timer: Option<Timer>,
    /// What to charge.
    pub settle: Settle,
    /// The start of what came instead of an answer, byte for byte; at most 64 KiB.
    pub raw: Vec<u8>,
    /// How long it took.
    pub timing: Timing,
}

impl Failure {
    /// A failure of which nothing is known but its class and a sentence.
    pub fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
            status: None,
            provider_code: None,
            retry_after_ms: None,
            should_retry: None,
            sent: true,
            timer: None,
            settle: Settle::Estimate,
            raw: Vec::new(),
            timing: Timing::default(),
        }
    }

    /// When the provider may be asked again, if it said so.
    pub fn until(&self, now: Millis) -> Option<Millis> {
        self.retry_after_ms.map(|wait| now.plus(wait))
    }
}

/// The timers of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// No connection in time.
    Connect,
    /// No first byte in time.
    FirstByte,
    /// Too long a pause between two pieces.
    Idle,
    /// The attempt, or the call it belongs to, took too long.
    Total,
}

/// What an attempt costs the limits it reserved from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settle {
    /// What the provider counted.
    Actual,
    /// The estimate: nobody knows what was used, so assume that it was billed.
    Estimate,
    /// Half of the estimate: the model failed while working.
    Half,
    /// The request counts, its tokens do not: it was turned away.
    RequestOnly,
    /// Nothing: it was never sent.
    Nothing,
}
