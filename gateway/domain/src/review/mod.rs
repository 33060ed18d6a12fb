//! A review: one item in a human queue, with its own stream and machine.

mod event;

pub use event::*;
