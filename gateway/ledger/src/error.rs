//! Why something was not appended, not read, or not opened.

use std::{io, path::PathBuf};

use backstop_domain::{CallId, Digest, EventId, Stream};

/// Why a transaction is not in the ledger. Nothing of it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// Somebody else appended to that stream first: read it again and decide anew.
    #[error(
        "somebody else appended to stream `{stream}`: it stands at {found}, expected {expected}"
    )]
    Conflict {
        /// The stream.
        stream: Stream,
        /// Its seq as the writer of the transaction knew it.
        expected: u64,
        /// Its seq.
        found: u64,
    },
    /// The idempotency key belongs to another call: join or replay that one.
    #[error("the idempotency key belongs to call `{call}`")]
    KeyTaken {
        /// The call that has it.
        call: CallId,
        /// Fingerprint of that call's request; another one means another body under the same key.
        fingerprint: Digest,
    },
    /// The stream holds events of a newer Backstop, so this one must not go on with it.
    #[error("stream `{stream}` holds `{kind}` events of a newer Backstop; it is read-only here")]
    ReadOnly {
        /// The stream.
        stream: Stream,
        /// The type that is not known.
        kind: String,
    },
    /// An event of one family in a stream of another.
    #[error("event `{kind}` does not belong in stream `{stream}`")]
    Misplaced {
        /// The stream.
        stream: Stream,
        /// The event's type.
        kind: &'static str,
    },
    /// An event id that the ledger has already.
    #[error("event id `{id}` was used before")]
    Repeated {
        /// The id.
        id: EventId,
    },
    /// A stream twice, or nothing to append.
    #[error("the transaction is not well-formed: {0}")]
    Malformed(&'static str),
    /// More than the ledger takes in one piece.
    #[error("{what} of {size} is over the ledger's bound of {bound}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        size: usize,
        /// How large it may be.
        bound: usize,
    },
    /// More is on its way than the writer takes; try again later.
    #[error("the ledger's queue is full")]
    Busy,
    /// The disk did not take it. The ledger refuses everything from here on; reads go on.
    #[error(transparent)]
    Storage(#[from] StorageFault),
}

/// Why nothing is written any more. Latched until the process starts anew.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StorageFault {
    /// No space is left.
    #[error("the ledger's disk is full: make space, then restart")]
    Full,
    /// The disk failed. A failed fsync is never tried again: the kernel may have dropped the data.
    #[error("the ledger's disk failed ({0}): check it, then restart")]
    Io(String),
    /// The ledger was closed.
    #[error("the ledger is closed")]
    Closed,
}

/// Why something could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadFailed {
    /// The store did not answer.
    #[error("the ledger cannot be read: {0}")]
    Store(String),
    /// The store answered with something that we did not write.
    #[error("the ledger is damaged at {place}: {message}; run `backstop verify`")]
    Damaged {
        /// Where.
        place: String,
        /// What is wrong.
        message: String,
    },
}

/// Why a data folder was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder or a file in it cannot be used.
    #[error("cannot use data folder `{}`", .0.display())]
    Folder(PathBuf, #[source] io::Error),
    /// Another process works on it.
    #[error(
        "data folder `{}` is in use by another Backstop: stop it, or give `--data` another folder",
        .0.display()
    )]
    InUse(PathBuf),
    /// It lies on a network file system, where neither locks nor fsync can be relied on.
    #[error(
        "data folder `{}` lies on a network file system ({kind}): give `--data` a local one",
        .path.display()
    )]
    Remote {
        /// The folder.
        path: PathBuf,
        /// Type of the file system.
        kind: &'static str,
    },
    /// A newer Backstop wrote it.
    #[error(
        "data folder `{}` was written by a newer Backstop (format {found}, this one knows \
         {known}): start that one again", .path.display()
    )]
    Newer {
        /// The folder.
        path: PathBuf,
        /// Format of the folder.
        found: i64,
        /// Newest format that this binary knows.
        known: i64,
    },
    /// An older Backstop wrote it.
    #[error(
        "data folder `{path}` was written by an older Backstop (format {found}, this one writes \
         {known}): run `backstop migrate --data {path}`, which makes a backup first",
        path = .path.display()
    )]
    Older {
        /// The folder.
        path: PathBuf,
        /// Format of the folder.
        found: i64,
        /// The format that this binary writes.
        known: i64,
    },
    /// The SQLite that is linked has a known bug that corrupts files.
    #[error("SQLite {found} is older than {floor}, which mended a bug that corrupts ledgers")]
    OldSqlite {
        /// Linked version.
        found: String,
        /// Oldest one that is safe.
        floor: &'static str,
    },
    /// SQLite did not take a setting that durability rests on.
    #[error("SQLite runs with `{pragma} = {found}`, but the ledger needs `{needed}`")]
    Pragma {
        /// The setting.
        pragma: &'static str,
        /// What it is.
        found: String,
        /// What it must be.
        needed: &'static str,
    },
    /// SQLite refused.
    #[error("cannot open the ledger")]
    Sqlite(#[from] rusqlite::Error),
    /// The writer's thread did not start.
    #[error("cannot start the ledger's writer")]
    Thread(#[source] io::Error),
}
