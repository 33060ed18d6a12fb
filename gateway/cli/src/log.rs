//! The log, on standard error.

use std::{
    io::{self, BufWriter, Write},
    time::Duration,
};

use anyhow::{Context, Result};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

/// Lines that may wait to be written; at about 500 bytes each a few megabytes.
const WAITING_MAX: usize = 8_192;
/// How often it is counted what was dropped.
const EVERY: Duration = Duration::from_secs(5);

/// Tells what a command has to say beside its result.
///
/// # Errors
/// As [`beside`].
pub fn plain(filter: &str) -> Result<()> {
    start(filter, "text", io::stderr)
}

/// A log that is written by a thread of its own: whoever reads it may be slow, or stop reading, and
/// no call waits for that. Lines that find no room are dropped and counted.
#[must_use = "what waits is written when this is dropped"]
pub struct Beside {
    _writes: WorkerGuard,
    dropped: ErrorCounter,
}

/// Starts the log of a gateway, in `format` `text` or else `json`.
///
/// # Errors
/// If `filter` is none, or there is a log already.
pub fn beside(filter: &str, format: &str) -> Result<Beside> {
    let (writer, log) = Beside::to(io::stderr());
    start(filter, format, writer)?;
    Ok(log)
}

impl Beside {
    fn to(end: impl Write + Send + 'static) -> (tracing_appender::non_blocking::NonBlocking, Self) {
        let lines = NonBlockingBuilder::default().buffered_lines_limit(WAITING_MAX);
        // What waits goes out in one piece.
        let (writer, writes) = lines.thread_name("log").finish(BufWriter::new(end));
        let dropped = writer.error_counter();
        (writer, Self { _writes: writes, dropped })
    }

    /// Counts lines that were dropped, as long as it is waited for.
    pub async fn count(&self) {
        let dropped = metrics::counter!("backstop_log_lines_dropped_total");
        loop {
            dropped.absolute(self.dropped.dropped_lines() as u64);
            tokio::time::sleep(EVERY).await;
        }
    }
}

/// async-openai would log whole bodies, so it is silenced last.
fn start(
    filter: &str,
    format: &str,
    writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
) -> Result<()> {
    let filter = EnvFilter::try_new(format!("{filter},async_openai=off"))
        .with_context(|| format!("`{filter}` is no log filter; write `info` or `crate=debug`"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    let started = match format {
        "text" => builder.with_target(false).try_init(),
        _ => builder.json().flatten_event(true).with_current_span(false).try_init(),
    };
    started.map_err(anyhow::Error::from_boxed)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at a surprise")]

    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Whoever reads the log: takes a piece only when told to, and passes it on.
    struct Reader {
        may: Receiver<()>,
        read: Sender<Vec<u8>>,
    }

    impl Write for Reader {
        fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
            self.may.recv().map_err(io::Error::other)?;
            self.read.send(piece.to_vec()).map_err(io::Error::other)?;
            Ok(piece.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn who_reads_the_log_slowly_stops_nobody_and_what_is_lost_is_counted() {
        let (go_on, may) = channel();
        let (read, pieces) = channel();
        let (mut writer, log) = Beside::to(Reader { may, read });
        let line = [b'.'; 100];
        let sent = 3 * WAITING_MAX;
        // Nobody reads: this would never end if a line waited for its reader.
        (0..sent).for_each(|_| writer.write_all(&line).unwrap());
        assert!(log.dropped.dropped_lines() >= WAITING_MAX);
        let kept = sent - log.dropped.dropped_lines();
        (0..sent).for_each(|_| go_on.send(()).unwrap());
        drop(log);
        let bytes: usize = pieces.try_iter().map(|piece| piece.len()).sum();
        assert_eq!(bytes, kept * line.len());
    }
}
