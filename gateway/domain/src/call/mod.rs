//! The call as a state machine: `fold` remembers, `next` decides. Pure and total.
//!
//! `fold(state, event)` is the only way in which a call changes. `next(plan, state)` says what is
//! to be done now; the engine does it, records what happened as an event, folds, and asks again.

mod act;
mod attempts;
mod budget;
mod decide;
mod decision;
mod end;
mod fold;
mod fork;
mod next;
mod offer;
mod pause;
mod resolve;
mod state;
#[cfg(test)]
mod tests;

pub use budget::affordable;
pub use decide::{decide, verdict_on};
pub use decision::*;
pub use fold::Illegal;
pub use fork::{Checkpoint, Folded, RUNS_MAX, Run};
pub use next::{Step, next};
pub use offer::written_reject;
pub use state::{Approval, Attempt, CallState, Phase, Topic, Used};
