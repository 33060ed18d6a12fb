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
mod export;
mod faults;
mod golden;
mod keeping;
mod measure;
mod memory;
mod power;
mod sqlite;
mod stories;
mod verify;
