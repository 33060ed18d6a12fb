//! What people at the desk do beside deciding, written down: they came, they looked, they left.

use std::collections::HashMap;

use backstop_domain::{Actor, ControlEvent, Stream};
use backstop_ledger::{AppendError, Transaction};
use tokio::sync::Mutex;

use crate::{engine::Engine, live::Stop, reviews::TRIES};

/// Where the streams of the desk's people end, as far as this process knows.
#[derive(Default)]
pub(crate) struct DeskLog {
    ends: Mutex<HashMap<Stream, u64>>,
}

impl Engine {
    /// Writes down what that person did at the desk, in a stream of their own.
    ///
    /// # Errors
    /// [`Stop`] if it cannot be written; what they asked for must not be given then.
    pub async fn note(&self, actor: Actor, event: ControlEvent) -> Result<(), Stop> {
        let inner = &self.0;
        let stream = Stream::control(&format!("desk.{}", actor.id));
        // Held until the place is taken, so that one person's events keep their order.
        let mut ends = inner.desk_log.ends.lock().await;
        for _ in 0..TRIES {
            let end = match ends.get(&stream) {
                Some(end) => *end,
                None => inner.ledger.stream(&stream, 0).await?.len() as u64,
            };
            let new = inner.control_event(actor.clone(), event.clone());
            let one = Transaction::one(stream.clone(), end, vec![new]);
            match inner.ledger.append(one).await {
                Ok(_) => {
                    ends.insert(stream, end + 1);
                    return Ok(());
                }
                // Another process wrote there.
                Err(AppendError::Conflict { .. }) => drop(ends.remove(&stream)),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Stop::Broken("the desk's record is being changed all the time".to_owned()))
    }
}
