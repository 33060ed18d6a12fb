//! Runs the cases of a suite through the real engine, each in a gateway of its own.
//!
//! A case never sees what another left behind: breakers, limits, caches and ledgers are fresh, so a
//! replay gives the same results in any order and on any number of threads. It replays on a paused
//! clock: recorded delays and backoffs pass at once, and count all the same.

mod gates;
mod live;
mod one;
mod recorded;
mod replay;
mod result;
mod slim;
mod taping;

pub use gates::{behind_fresh_gates, services_behind_fresh_gates};
pub use live::{LiveRun, live};
pub use recorded::{Miss, Tape, Used};
pub use replay::{replay, replay_with};
pub use result::{Ran, Results, SCHEMA};
pub use slim::slim;
pub use taping::{Taping, sorted};

use std::sync::Arc;

use backstop_domain::Millis;
use backstop_engine::InForce;

/// When a replayed call is received: the 5th of January 2026, 10:00 UTC, a working day.
pub(crate) const RECEIVED: Millis = Millis(1_767_607_200_000);
/// Keys samples of replayed calls; fixed, so that the same cases are drawn every time.
const SALT: &[u8] = b"backstop evals: samples are drawn alike in every run";

/// What every case of a run shares.
#[derive(Clone)]
pub struct Setting {
    /// The policies in force.
    pub workspace: Arc<InForce>,
}

/// Told after each case: how many are done, of how many.
pub type Progress<'a> = &'a (dyn Fn(usize, usize) + Sync);
