//! What the writer need not look up again.

use std::collections::{HashMap, HashSet};

use backstop_domain::Stream;

use crate::CallSummary;

/// What this writer wrote itself and would only read back. Forgotten whenever something is rolled
/// back, so it never says what the disk does not.
#[derive(Default)]
pub(super) struct Remembered {
    /// Types that stand in `kinds`.
    pub kinds: HashSet<(&'static str, u16)>,
    /// Summaries of calls that are open.
    pub open: HashMap<Stream, CallSummary>,
    /// Position up to which the events of held calls hold what they name.
    pub held_to: u64,
}

impl Remembered {
    /// Open calls whose summaries are kept; beyond that all are read again.
    const OPEN_MAX: usize = 4096;

    /// Keeps a call's summary while it is open.
    pub fn keep(&mut self, stream: &Stream, call: Option<CallSummary>) {
        if self.open.len() >= Self::OPEN_MAX {
            self.open.clear();
        }
        if let Some(call) = call.filter(CallSummary::is_open) {
            self.open.insert(stream.clone(), call);
        }
    }
}
