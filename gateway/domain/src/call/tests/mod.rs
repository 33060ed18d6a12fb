//! Stories of the machine: each drives `next` and `fold` the way the engine does.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod hedges;
mod lawful;
mod limits;
mod pauses;
mod people;
mod properties;
mod queues;
mod rungs;
mod runs;
mod ties;
mod together;
mod undo;
mod ways;
mod world;
