//! What the tests of the policies in force cover. Whoever starts the gateway counts it, after a
//! workspace has come into force; here it only waits to be shown.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use backstop_domain::Digest;

/// What the tests of one policy cover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    /// The policy's revision, as it was counted.
    pub revision: Digest,
    /// Tests that fail.
    pub failing: usize,
    /// Everything that a test could cover.
    pub points: usize,
    /// What none does.
    pub open: Vec<Uncovered>,
}

/// One thing that no test covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uncovered {
    /// What it is, in words.
    pub what: String,
    /// What of it was never seen, in words.
    pub never: String,
    /// File and line; empty if it stands nowhere.
    pub place: String,
}

/// How far the counting is.
#[derive(Debug, Default)]
pub enum Count {
    /// Nothing is known yet.
    #[default]
    Pending,
    /// What each policy's tests cover.
    Done(BTreeMap<String, Covered>),
    /// It could not be counted; the log says why.
    Failed,
}

/// The newest count. Cheap to clone: all see the same.
#[derive(Debug, Clone, Default)]
pub struct Coverage(Arc<ArcSwap<Count>>);

impl Coverage {
    /// Shows that from here on.
    pub fn put(&self, count: Count) {
        self.0.store(Arc::new(count));
    }

    /// What is shown now.
    pub(crate) fn now(&self) -> Arc<Count> {
        self.0.load_full()
    }
}
