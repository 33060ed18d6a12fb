//! `backstop verify`: proves offline that a ledger is whole. It writes nothing.
//!
//! Four walks, side by side: the chain by position, every stream by seq through the machines of
//! `domain` with the bodies that it names and what people decided, every body against its digest,
//! and every consumer against the log.

mod bodies;
mod chain;
mod consumers;
mod decisions;
mod head;
mod streams;

use std::{fmt, path::Path, thread};

use backstop_domain::Stream;
use rusqlite::Connection;

use crate::OpenError;

use super::{open, schema};

pub use self::head::{Head, head, lacks};

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Events whose place and hash were checked.
    pub events: u64,
    /// Calls that were folded again.
    pub calls: u64,
    /// Reviews that were folded again.
    pub reviews: u64,
    /// Bodies that were checked against their digests.
    pub bodies: u64,
    /// Streams that could not be folded, because retention took a body.
    pub erased: u64,
    /// Streams that could not be folded, because a newer Backstop wrote to them.
    pub unknown: u64,
    /// What does not hold, the first of each walk, in the order of the chain. Empty: it is whole.
    pub breaks: Vec<Break>,
}

impl Report {
    /// Whether everything holds.
    pub const fn is_whole(&self) -> bool {
        self.breaks.is_empty()
    }

    /// Takes in what another walk found.
    fn join(mut self, other: Self) -> Self {
        self.events += other.events;
        self.calls += other.calls;
        self.reviews += other.reviews;
        self.bodies += other.bodies;
        self.erased += other.erased;
        self.unknown += other.unknown;
        self.breaks.extend(other.breaks);
        self
    }
}

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    /// Position of the event, if it is one's.
    pub position: Option<u64>,
    /// The stream, if it is one's.
    pub stream: Option<Stream>,
    /// What does not hold.
    pub what: String,
}

impl Break {
    fn at(position: u64, stream: &Stream, what: impl Into<String>) -> Self {
        Self { position: Some(position), stream: Some(stream.clone()), what: what.into() }
    }

    fn of(stream: &Stream, what: impl Into<String>) -> Self {
        Self { position: None, stream: Some(stream.clone()), what: what.into() }
    }

    fn in_store(what: impl Into<String>) -> Self {
        Self { position: None, stream: None, what: what.into() }
    }
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(position) = self.position {
            write!(f, "position {position}: ")?;
        }
        if let Some(stream) = &self.stream {
            write!(f, "{stream}: ")?;
        }
        f.write_str(&self.what)
    }
}

impl From<rusqlite::Error> for Break {
    fn from(error: rusqlite::Error) -> Self {
        Self::in_store(format!("the store cannot be read: {error}"))
    }
}

/// A walk: what it found, or the first thing that does not hold, with what it found until then.
type Walk = fn(&Connection, &mut Report) -> Result<(), Break>;

/// Walks the whole ledger in that folder. No gateway may be running on it.
///
/// # Errors
/// [`OpenError`] if the folder is in use, or cannot be opened at all. Damage is no error: it
/// stands in the report.
pub fn verify(folder: &Path) -> Result<Report, OpenError> {
    open::check_version()?;
    let held = open::hold(folder, false)?;
    let database = held.database();
    schema::check(&open::reader(&database)?, folder)?;
    let walks: [Walk; 4] = [chain::walk, streams::walk, bodies::walk, consumers::walk];
    let reports = thread::scope(|scope| {
        let start = |walk: Walk| {
            let database = &database;
            scope.spawn(move || follow(database, walk))
        };
        let walking = walks.map(start);
        walking.map(|walk| walk.join().unwrap_or_else(|_| panicked()))
    });
    let mut report = reports.into_iter().fold(Report::default(), Report::join);
    report.breaks.sort_by_key(|found| found.position.unwrap_or(u64::MAX));
    Ok(report)
}

fn follow(database: &Path, walk: Walk) -> Report {
    let mut report = Report::default();
    let walked = open::reader(database)
        .map_err(Break::from)
        .and_then(|connection| walk(&connection, &mut report));
    report.breaks.extend(walked.err());
    report
}

fn panicked() -> Report {
    let found = Break::in_store("the verification itself failed; this is a bug of ours");
    Report { breaks: vec![found], ..Report::default() }
}
