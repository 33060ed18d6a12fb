//! Words and the pure machines of Backstop: call, review, plan, guards, outcome.
//!
//! It knows no clock, no randomness, no files and no network: `no_std` makes the compiler say so.
//! Time, ids, model answers and grants enter only as fields of events.
#![no_std]
#![deny(missing_docs)]

extern crate alloc;

pub mod failure;
pub mod units;

pub use failure::FailureClass;
pub use units::{MicroMoney, Millis, Signal};
