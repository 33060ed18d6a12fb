//! Due times of reviews: each is origin, deadline and terminal action of a human wait.

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc, time::Duration};

use backstop_domain::{Millis, ReviewId};
use futures_util::StreamExt as _;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{engine::Inner, live::until};

/// Longest sleep, so that a clock that was set forward is noticed.
const NAP: Duration = Duration::from_secs(30);

/// How many reviews are ended side by side: after a long stop thousands may be due.
const AT_ONCE: usize = 64;
/// When a review is tried again that could not be ended, in milliseconds.
const AGAIN_MS: u64 = 1_000;

/// Reviews by due time. What was decided meanwhile is left in and found decided.
#[derive(Default)]
pub(crate) struct Due {
    heap: Mutex<BinaryHeap<Reverse<(Millis, ReviewId)>>>,
    earlier: Notify,
}

impl Due {
    /// A review falls due at that time.
    pub fn push(&self, at: Millis, review: ReviewId) {
        self.heap.lock().push(Reverse((at, review)));
        self.earlier.notify_one();
    }

    /// The reviews that are due at `now`.
    fn take(&self, now: Millis) -> Vec<ReviewId> {
        let mut heap = self.heap.lock();
        let mut due = Vec::new();
        while heap.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            if let Some(Reverse((_, review))) = heap.pop() {
                due.push(review);
            }
        }
        due
    }

    fn next(&self) -> Option<Millis> {
        self.heap.lock().peek().map(|Reverse((at, _))| *at)
    }
}

impl Inner {
    async fn end_due(self: &Arc<Self>, review: ReviewId) {
        let Err(error) = self.expire(&review).await else { return };
        // It stays open on disk. A passing trouble is tried again, a broken disk ends all waits.
        tracing::error!(%review, %error, "a due review could not be ended");
        if self.ledger.is_healthy() {
            self.due.push(self.clock.now().plus(AGAIN_MS), review);
        }
    }

    /// Takes the terminal action of every review that falls due, until the gateway drains.
    pub(crate) async fn watch_due(self: Arc<Self>) {
        loop {
            let now = self.clock.now();
            let due = futures_util::stream::iter(self.due.take(now));
            due.for_each_concurrent(AT_ONCE, |review| self.end_due(review)).await;
            let nap = self.due.next().map_or(NAP, |at| until(self.clock.now(), at).min(NAP));
            tokio::select! {
                () = tokio::time::sleep(nap) => {}
                () = self.due.earlier.notified() => {}
                () = self.tasks.draining() => return,
            }
        }
    }
}
