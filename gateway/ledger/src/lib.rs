//! The ledger: what happened, kept so that it can be proven later.
//!
//! Events go in by [`Ledger::append`], in transactions, and never change again: each carries the
//! hash of the one before it. Whatever else is stored (summaries, open sets, idempotency keys) is
//! derived in the same transaction and can be rebuilt. It decides nothing about calls.
#![deny(missing_docs)]

mod erasure;
mod error;
mod export;
mod kinds;
mod ledger;
mod memory;
mod named;
mod query;
mod retention;
mod seal;
mod sqlite;
mod subscription;
mod summary;
mod transaction;
mod validate;

pub use erasure::{CallBodies, KeepingChange, OwnBody, Size};
pub use error::{AppendError, OpenError, ReadFailed, StorageFault};
pub use export::{ExportError, ExportFile, Exported, export};
pub use kinds::{INLINE_MAX, Keeping, Waiting, keeping, waiting};
pub use ledger::{Ledger, Reading};
pub use memory::MemoryLedger;
pub use query::{
    CallFilter, CallsPage, Cursor, KeyBinding, Recorded, ReviewFilter, ReviewsPage, StoredBody,
    Unreadable,
};
pub use retention::{Over, Retention, Swept};
pub use sqlite::{
    BackupError, BodiesByDigest, Break, CommitStep, Copied, Counts, Faults, Head, Migrated,
    Offline, Options, Report, SqliteLedger, backup, head, lacks, migrate, over, read_body,
    read_stream, rebuild_summaries, restore, sizes, verify,
};
pub use subscription::{Again, Delivery, DeliveryFilter, Progress, Standing};
pub use summary::{CallPhase, CallSummary, ReviewPhase, ReviewSummary};
pub use transaction::{
    Append, Body, Committed, Durability, KeyClaim, NewEvent, Pending, Scope, Transaction,
};
