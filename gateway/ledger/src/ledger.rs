//! The one door to storage. SQLite and the in-memory ledger stand behind it, and Postgres can.

use std::{collections::BTreeMap, future::Future, pin::Pin};

use backstop_domain::{CallId, Digest, ReviewId, Stream};
use tokio::sync::watch;

use crate::{
    CallBodies, CallFilter, CallSummary, CallsPage, Delivery, DeliveryFilter, KeyBinding, Pending,
    ReadFailed, Recorded, Retention, ReviewFilter, ReviewSummary, ReviewsPage, Scope, Size,
    Standing, StorageFault, StoredBody, Swept, Transaction,
};

/// A read on its way. It holds nothing of the ledger's, so it may outlive the borrow.
pub type Reading<T> = Pin<Box<dyn Future<Output = Result<T, ReadFailed>> + Send>>;

/// Events in, events and what follows from them out.
///
/// Reads see what is committed, never what is on its way. Every implementation is held to
/// `tests/it/conformance.rs`.
pub trait Ledger: Send + Sync {
    /// Puts a transaction on its way, at once and in order. It is checked, committed and then
    /// acknowledged through the [`Pending`], which need not be awaited.
    fn append(&self, transaction: Transaction) -> Pending;

    /// Events of a stream after that seq, in order; 0 for all.
    fn stream(&self, stream: &Stream, after_seq: u64) -> Reading<Vec<Recorded>>;

    /// Events of every stream after that position, in order, at most `limit` (and at most 1000).
    fn feed(&self, after_position: u64, limit: usize) -> Reading<Vec<Recorded>>;

    /// The bytes of that digest; `None` if the ledger never had them.
    fn body(&self, digest: Digest) -> Reading<Option<StoredBody>>;

    /// The call that has that idempotency key.
    fn key(&self, scope: Scope, key: String) -> Reading<Option<KeyBinding>>;

    /// Where a call stands.
    fn call(&self, id: &CallId) -> Reading<Option<CallSummary>>;

    /// Where a review stands.
    fn review(&self, id: &ReviewId) -> Reading<Option<ReviewSummary>>;

    /// Every call that has not ended, oldest first: what a restart goes on with.
    fn open_calls(&self) -> Reading<Vec<CallSummary>>;

    /// Every review that waits for a decision, due first.
    fn open_reviews(&self) -> Reading<Vec<ReviewSummary>>;

    /// How many reviews wait for a decision in that queue.
    fn open_in_queue(&self, queue: &str) -> Reading<u64>;

    /// Calls, newest first.
    fn calls(&self, filter: CallFilter) -> Reading<CallsPage>;

    /// Reviews, due first.
    fn reviews(&self, filter: ReviewFilter) -> Reading<ReviewsPage>;

    /// Where every consumer of events stands, by name.
    fn subscriptions(&self) -> Reading<Vec<Standing>>;

    /// What a consumer could not be given yet, in the order of positions.
    fn deliveries(&self, subscription: &str, filter: DeliveryFilter) -> Reading<Vec<Delivery>>;

    /// The bodies of those calls and of their reviews: what an erasure would take, and what a hold
    /// keeps. Reads the whole log.
    fn bodies_of(&self, calls: Vec<CallId>) -> Reading<CallBodies>;

    /// How much every policy keeps, by name. Reads the whole log.
    fn sizes(&self) -> Reading<BTreeMap<String, Size>>;

    /// How many events of a consumer are parked.
    fn parked(&self, subscription: &str) -> Reading<u64>;

    /// Position of the last committed event; 0 for none.
    fn position(&self) -> u64 {
        *self.watch().borrow()
    }

    /// The last committed position, as it moves: wait on it in place of polling. Take it before
    /// you read, so that nothing slips between.
    fn watch(&self) -> watch::Receiver<u64>;

    /// Whether transactions are still taken. `false` never turns `true` again.
    fn is_healthy(&self) -> bool {
        self.fault().is_none()
    }

    /// How full the queue of those who wait to be written is, in millionths; at a million the next
    /// one is refused.
    fn fullness(&self) -> u32;

    /// What stopped the ledger, if something did.
    fn fault(&self) -> Option<StorageFault>;

    /// Forgets what its time is over for: keys and bodies, never events.
    fn sweep(&self, retention: Retention) -> Reading<Swept>;
}
