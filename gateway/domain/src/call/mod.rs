//! The call as a state machine: `fold` remembers, `next` decides. Pure and total.

mod decision;

pub use decision::*;
