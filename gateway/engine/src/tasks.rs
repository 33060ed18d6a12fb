//! Where this crate's tasks start: tracked, so that a drain can wait for them.

use std::{future::Future, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Every task of the engine.
#[derive(Clone, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// Starts a task.
    pub fn start(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(task);
    }

    /// Carries work to its end although whoever asked for it may go away in the middle: a call must
    /// not be left half moved because a connection broke. `None`: it panicked.
    pub async fn whole<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        self.tracker.spawn(work).await.ok()
    }

    /// Ends when the gateway drains: what waits gives up, what is asked of a model goes on.
    pub async fn draining(&self) {
        self.stop.cancelled().await;
    }

    /// Whether the gateway drains.
    pub fn is_draining(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Tells every task to come to a halt at its next safe place.
    pub fn close(&self) {
        self.stop.cancel();
        self.tracker.close();
    }

    /// Tells every task to come to a halt at its next safe place, and waits for them.
    /// `false`: some were still running after `longest`.
    pub async fn drain(&self, longest: Duration) -> bool {
        self.close();
        tokio::time::timeout(longest, self.tracker.wait()).await.is_ok()
    }
}
