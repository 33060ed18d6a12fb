//! A review: one item in a human queue, with its own stream and machine.
//!
//! Every path (desk, API, chat tools, bulk) goes through the same commands, so that four eyes,
//! leases and deadlines hold on all of them.

mod command;
mod event;
mod state;
#[cfg(test)]
mod tests;

pub use command::{Decide, HandOver, Refusal, Step, Who};
pub use event::*;
pub use state::{Illegal, ReviewState, Standing, Vote};
