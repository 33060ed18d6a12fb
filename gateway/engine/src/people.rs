//! People are few: a queue that is full, or that would decide too late, takes nothing more in. Its
//! alternative is taken at the door, and the record says why. That is never an approval.

use std::{collections::HashMap, time::Duration};

use backstop_domain::{Millis, guard::Workrate};
use backstop_policy::gateway_file::{Calendar, Gateway, Queue};
use parking_lot::Mutex;

use crate::{
    engine::{Engine, Inner},
    live::Stop,
};

/// How fast every queue is worked, since the process began.
#[derive(Default)]
pub(crate) struct People(Mutex<HashMap<String, Workrate>>);

impl People {
    fn predicted_ms(&self, queue: &str, open: u64) -> Option<u64> {
        self.0.lock().get(queue)?.predicted_ms(open)
    }
}

impl Engine {
    /// How long a review that came into that queue now would wait behind `open` others, in
    /// milliseconds of its opening hours; `None` while that cannot be said. By the same figure the
    /// queue takes nothing more in.
    pub fn predicted_wait_ms(&self, queue: &str, open: u64) -> Option<u64> {
        self.0.people.predicted_ms(queue, open)
    }
}

impl Inner {
    /// A person decided in that queue.
    pub(crate) async fn worked(&self, name: &str, at: Millis) {
        let left = match self.ledger.open_in_queue(name).await {
            Ok(left) => left,
            Err(error) => return tracing::warn!(queue = name, %error, "a decision is not counted"),
        };
        let workspace = self.workspace.load();
        let hours = hours(&workspace.gateway, name);
        let mut queues = self.people.0.lock();
        let rate = queues.entry(name.to_owned()).or_default();
        rate.decided(at, left, |since| open_between(hours, since, at));
    }

    /// Why the queue takes in nothing more now, if it does not: it is full, or who comes now would
    /// be decided on too late.
    pub(crate) async fn turned_away(
        &self,
        queue: &Queue,
        name: &str,
        own_due_ms: Option<u64>,
    ) -> Result<Option<String>, Stop> {
        let open = self.ledger.open_in_queue(name).await?;
        if open >= queue.capacity {
            return Ok(Some(format!("queue `{name}` is full: {open} reviews are open")));
        }
        let late = queue.at_door.when_wait_over_ms;
        let late = late.unwrap_or_else(|| own_due_ms.unwrap_or(queue.due_ms));
        let predicted = self.people.predicted_ms(name, open);
        Ok(predicted.filter(|wait| *wait > late).map(|wait| {
            let (wait, late) = (in_words(wait), in_words(late));
            format!(
                "queue `{name}` is late: {open} reviews are open, about {wait} of work, and more \
                 than {late} is too long"
            )
        }))
    }
}

fn hours<'g>(gateway: &'g Gateway, queue: &str) -> Option<&'g Calendar> {
    gateway.hours.get(gateway.queues.get(queue)?.hours.as_ref()?)
}

fn open_between(hours: Option<&Calendar>, from: Millis, to: Millis) -> u64 {
    hours.map_or_else(|| to.since(from), |hours| hours.open_between(from, to))
}

fn in_words(ms: u64) -> String {
    let minutes = Duration::from_millis(ms).as_secs().div_ceil(60);
    match minutes {
        0..120 => format!("{minutes} min"),
        _ => format!("{} h", minutes.div_ceil(60)),
    }
}
