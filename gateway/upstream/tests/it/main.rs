//! Stories of the models: asked over HTTP, recorded, guarded. One binary, so that it links once.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "tests fail loudly"
)]

mod bench;
mod gates;
mod hostile;
mod http;
mod limits;
mod records;
mod retry_after;
mod streams;
mod timers;
mod transcripts;
