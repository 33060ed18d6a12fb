//! Stories of the machine: each drives `next` and `fold` the way the engine does.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod people;
mod properties;
mod rungs;
mod ways;
mod world;
