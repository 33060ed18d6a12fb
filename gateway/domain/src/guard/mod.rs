//! The guards before a model, as pure machines: limits, breakers, retry budget, gates.
//!
//! Each takes the time, and randomness where it needs some, as arguments, and returns a decision.
//! None of them waits, locks or looks at a clock: `upstream::adapters` holds them behind locks.

pub mod breaker;
pub mod gcra;
pub mod hold;
pub mod limits;
pub mod quality;
pub mod retry_budget;
pub mod window;

#[cfg(test)]
mod tests;

pub use breaker::{Breaker, BreakerRules, BreakerState, Change, Closed, Sample, Ticket};
pub use gcra::{Bucket, Rate, Shortage};
pub use hold::{Latch, LatchCause, NotBefore};
pub use limits::{Amounts, Cap, LimitRule, Limiter, Quantity, Refusal, ReservationId, Standing};
pub use quality::{QualityBreaker, QualityChange, QualityRules, QualityTicket};
pub use retry_budget::{RetryBudget, RetryRules};
