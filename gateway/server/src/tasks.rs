//! Where this crate's tasks start.

use std::future::Future;

/// Starts a task that nobody waits for.
#[expect(clippy::disallowed_methods, reason = "the one place of this crate that starts tasks")]
pub fn start(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}
