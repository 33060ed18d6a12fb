//! The ledger's stories: one binary, one folder, so that it links once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may fail loudly"
)]

mod conformance;
mod disk;
mod golden;
mod measure;
mod memory;
mod sqlite;
mod stories;
mod verify;
