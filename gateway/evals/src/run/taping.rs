//! Recording: what the record knows is answered from it, all else is asked and written down.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use backstop_domain::ControlEvent;
use backstop_upstream::{
    AskRequest, AttemptResult, BoxFuture, Clock, Model, Recorded, RecordedService, Recordings,
    Score, Service,
};
use parking_lot::Mutex;

use super::recorded::{Tape, Used, key};

/// Models and services over a record: which of its lines are asked for is noted.
#[derive(Clone)]
pub struct Taping {
    old: Arc<Recordings>,
    used: Used,
}

impl Taping {
    /// Over that record; an empty one has everything asked anew.
    pub fn over(tape: &Tape, used: &Used) -> Self {
        Self { old: Arc::clone(tape.known()), used: used.clone() }
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

    /// `live`, the service of that name, asked only for what is not known. Whatever it says of some
    /// texts holds for the whole recording, because a record has one line for them.
    pub fn service(&self, name: &str, live: Arc<dyn Service>) -> Arc<dyn Service> {
        let known = RecordedService::new(Arc::clone(&self.old), name);
        let (name, tape) = (name.to_owned(), self.clone());
        Arc::new(TapedService { name, known, live, said: Mutex::default(), tape })
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
        if lines.is_empty() {
            return self.live.ask(request);
        }
        self.tape.used.note(lines);
        self.known.ask(request)
    }
}

/// What a service said of texts of one kind.
type Said = BTreeMap<(Vec<String>, String), Result<Score, String>>;

struct TapedService {
    name: String,
    known: RecordedService,
    live: Arc<dyn Service>,
    said: Mutex<Said>,
    tape: Taping,
}

impl TapedService {
    async fn ask(&self, texts: &[String], kind: &str, timeout: Duration) -> Result<Score, String> {
        if let Some(line) = self.tape.old.service_line(&self.name, texts, kind) {
            self.tape.used.note(vec![line]);
            return self.known.score(texts, kind, timeout).await;
        }
        let asked = (texts.to_vec(), kind.to_owned());
        let before = self.said.lock().get(&asked).cloned();
        if let Some(said) = before {
            return said;
        }
        let said = self.live.score(texts, kind, timeout).await;
        self.said.lock().insert(asked, said.clone());
        said
    }
}

impl Service for TapedService {
    fn score<'a>(
        &'a self,
        texts: &'a [String],
        kind: &'a str,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Score, String>> {
        Box::pin(self.ask(texts, kind, timeout))
    }

    fn take_changes(&self) -> Vec<ControlEvent> {
        self.live.take_changes()
    }
}

/// The lines of a record in an order that depends on nothing but what they say, so that a record
/// made anew differs only where it does. Turns of one key keep their order.
pub fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort_by_cached_key(|line| key(line));
    lines
}
