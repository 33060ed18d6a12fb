//! What the writer need not look up again, nor write twice.

use std::collections::{BTreeSet, HashMap, HashSet};

use backstop_domain::{CallId, Event, Stream};
use rusqlite::Connection;

use crate::{CallSummary, seal::Sealed};

use super::{insert, rows};

/// What this writer wrote itself and would only read back. Forgotten whenever something is rolled
/// back, so it never says what the disk does not.
#[derive(Default)]
pub(super) struct Remembered {
    /// Types that stand in `kinds`.
    pub kinds: HashSet<(&'static str, u16)>,
    /// Summaries of calls.
    pub calls: Calls,
    /// Position up to which the events of held calls hold what they name.
    pub held_to: u64,
}

/// Summaries of calls that are open. A call often moves more than once in a batch: its row is
/// written when the batch is whole.
#[derive(Default)]
pub(super) struct Calls {
    known: HashMap<Stream, CallSummary>,
    /// Those whose rows are older.
    moved: BTreeSet<Stream>,
}

impl Calls {
    /// Open calls whose summaries are kept; beyond that all are read again.
    const OPEN_MAX: usize = 4096;

    /// Moves the summary of a call on by these events of it.
    pub fn go_on(
        &mut self,
        connection: &Connection,
        (stream, id): (&Stream, &CallId),
        events: &[Sealed<'_>],
    ) -> rusqlite::Result<()> {
        let mut call = match self.known.remove(stream) {
            None if !insert::starts(events) => rows::call(connection, id)?,
            known => known,
        };
        for Sealed { envelope, event, .. } in events {
            if let Event::Call(event) = event {
                call = CallSummary::fold(call, envelope, event);
            }
        }
        if let Some(call) = call {
            self.known.insert(stream.clone(), call);
            self.moved.insert(stream.clone());
        }
        Ok(())
    }

    /// Writes the rows of calls that moved. Whoever reads rows, or ends a transaction, does this
    /// first.
    pub fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        for stream in std::mem::take(&mut self.moved) {
            let Some(call) = self.known.get(&stream) else { continue };
            insert::put_call(connection, call)?;
            if !call.is_open() {
                self.known.remove(&stream);
            }
        }
        if self.known.len() >= Self::OPEN_MAX {
            self.known.clear();
        }
        Ok(())
    }
}
