//! Where a disk can fail in a commit, so that tests can make it. A gateway's never does by itself:
//! what its disk says comes from SQLite.

use std::fmt;

use crate::StorageFault;

/// The steps of a commit, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitStep {
    /// The transaction is open; nothing is written.
    Begun,
    /// Everything is written; nothing is committed.
    Written,
    /// It is on the disk; nobody knows.
    Committed,
    /// Readers know of it; whoever waits for it does not.
    Noticed,
}

/// Says at each step whether it fails. It may take its time, as a slow disk does.
pub trait Faults: fmt::Debug + Send + Sync {
    /// Reaches that step.
    ///
    /// # Errors
    /// What the disk says.
    fn at(&self, step: CommitStep) -> Result<(), StorageFault>;

    /// Whether commits leave out the sync that acknowledgements rest on, so that a test can see
    /// what a power cut takes then.
    fn leaves_out_syncs(&self) -> bool {
        false
    }
}

/// A disk of which SQLite alone speaks.
#[derive(Debug, Clone, Copy)]
pub(super) struct NoFaults;

impl Faults for NoFaults {
    fn at(&self, _: CommitStep) -> Result<(), StorageFault> {
        Ok(())
    }
}
