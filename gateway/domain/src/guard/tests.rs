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
mod gcra;
mod holds;
mod limits;
mod quality;
