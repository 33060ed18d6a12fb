//! Recording: what the record knows is answered from it, all else is asked and written down.

use std::collections::BTreeMap;
use std::sync::Arc;

use backstop_upstream::{AskRequest, AttemptResult, BoxFuture, Clock, Model, Recorded, Recordings};
use parking_lot::Mutex;
use serde_json::Value;

/// Keeps the lines of the old record that are still asked for.
#[derive(Clone, Default)]
pub struct Taping {
    old: Arc<Recordings>,
    used: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
}

impl Taping {
    /// Over that record; an empty one has everything asked anew.
    pub fn over(old: Arc<Recordings>) -> Self {
        Self { old, used: Arc::default() }
    }

    /// `live`, the model that its provider calls `name`, asked only for what is not known.
    pub fn model(
        &self,
        name: &str,
        live: Arc<dyn Model>,
        clock: &Arc<dyn Clock>,
    ) -> Arc<dyn Model> {
        let known = Recorded::new(Arc::clone(&self.old), name, Arc::clone(clock));
        Arc::new(Taped { name: name.to_owned(), known, live, tape: self.clone() })
    }

    /// The lines of the old record that were asked for.
    pub fn used(&self) -> Vec<String> {
        self.used.lock().values().flatten().cloned().collect()
    }
}

struct Taped {
    name: String,
    known: Recorded,
    live: Arc<dyn Model>,
    tape: Taping,
}

impl Model for Taped {
    fn ask<'a>(&'a self, request: &'a AskRequest) -> BoxFuture<'a, AttemptResult> {
        let lines = self.tape.old.lines(&self.name, request);
        let Some(first) = lines.first().cloned() else { return self.live.ask(request) };
        self.tape.used.lock().entry(key(&first)).or_insert(lines);
        self.known.ask(request)
    }
}

/// The lines of a record in an order that depends on nothing but what they say, so that a record
/// made anew differs only where it does. Turns of one key keep their order.
pub fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort_by_cached_key(|line| key(line));
    lines
}

fn key(line: &str) -> String {
    let read: Option<Value> = serde_json::from_str(line).ok();
    let key = read.as_ref().and_then(|line| line.get("key")).and_then(Value::as_str);
    key.unwrap_or_default().to_owned()
}
