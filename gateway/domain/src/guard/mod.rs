//! The guards before a model, and those around the whole gateway, as pure machines: limits,
//! breakers, retry budget, gates; places by class, levels of degradation, the pace of people.
//!
//! Each takes the time, and randomness where it needs some, as arguments, and returns a decision.
//! None of them waits, locks or looks at a clock: `upstream::adapters` and the engine's door hold
//! them behind locks.

pub mod aimd;
pub mod breaker;
pub mod bulkhead;
pub mod fair_queue;
pub mod gcra;
pub mod hedge;
pub mod hold;
pub mod levels;
pub mod limits;
pub mod pace;
pub mod quality;
pub mod reach;
pub mod retry_budget;
pub mod window;
pub mod workrate;

#[cfg(test)]
mod tests;

pub use aimd::Aimd;
pub use breaker::{Breaker, BreakerRules, BreakerState, Change, Closed, Hold, Sample, Ticket};
pub use bulkhead::{Asked, Bulkhead, ClassStands, Places, Served, longest_wait_ms};
pub use fair_queue::{FairQueue, Number, PRESSED_MS, Turn};
pub use gcra::{Bucket, Rate, Shortage};
pub use hedge::{HedgeBudget, HedgeRules};
pub use hold::{Latch, LatchCause, NotBefore};
pub use levels::{Level, LevelChange, LevelRules, Levels, Pin, Reading, highest};
pub use limits::{Amounts, Cap, LimitRule, Limiter, Quantity, Refusal, ReservationId, Standing};
pub use pace::Pace;
pub use quality::{QualityBreaker, QualityChange, QualityRules, QualityTicket};
pub use reach::Reach;
pub use retry_budget::{RetryBudget, RetryRules};
pub use workrate::Workrate;
