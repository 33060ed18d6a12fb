//! Where this crate's tasks start.

use std::future::Future;

use tokio::task::JoinHandle;

/// Starts a task that nobody waits for.
#[expect(clippy::disallowed_methods, reason = "the one place of this crate that starts tasks")]
pub fn start(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}

/// Starts a task whose end somebody waits for.
#[expect(clippy::disallowed_methods, reason = "the one place of this crate that starts tasks")]
pub fn owned(task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(task)
}
