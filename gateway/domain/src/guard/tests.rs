//! Stories and properties of the guards, some against a naive reference.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used,
    reason = "tests fail loudly"
)]

extern crate std;

mod breaker;
mod bulkhead;
mod fair_queue;
mod gcra;
mod hedge;
mod holds;
mod levels;
mod limits;
mod pace;
mod quality;
mod reach;
mod window;
mod workrate;
