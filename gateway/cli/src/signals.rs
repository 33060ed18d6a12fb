//! When to stop, Ctrl-C or SIGTERM, and when to load files anew, SIGHUP.

/// Ends with the first of them.
pub async fn stop() {
    let interrupt = tokio::signal::ctrl_c();
    let Ok(mut terminate) =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
    else {
        let _ = interrupt.await;
        return;
    };
    tokio::select! {
        _ = interrupt => {}
        _ = terminate.recv() => {}
    }
}

/// SIGHUP, each time it comes; never, where it cannot be listened to.
pub fn hang_up() -> HangUp {
    let kind = tokio::signal::unix::SignalKind::hangup();
    HangUp(tokio::signal::unix::signal(kind).ok())
}

/// Waits for SIGHUP.
pub struct HangUp(Option<tokio::signal::unix::Signal>);

impl HangUp {
    /// The next one.
    pub async fn next(&mut self) {
        let heard = match &mut self.0 {
            Some(signal) => signal.recv().await,
            None => None,
        };
        if heard.is_none() {
            std::future::pending::<()>().await;
        }
    }
}
