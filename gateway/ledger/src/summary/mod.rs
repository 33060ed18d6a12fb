//! Where calls and reviews stand, in a row each: folded from events, never written by hand.
//!
//! A summary holds no text of callers, models or people, so erasing a body need not touch it.

mod call;
mod review;

pub use call::{CallPhase, CallSummary};
pub use review::{ReviewPhase, ReviewSummary};
