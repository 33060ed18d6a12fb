//! Models and services that answer from a suite's record, and note what it does not know.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use backstop_engine::{Models, Services};
use backstop_policy::Gateway;
use backstop_upstream::{
    AskRequest, AttemptResult, BoxFuture, Clock, Model, Recorded, RecordedService, Recordings,
    Score, Service,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::gates::{behind_fresh_gates, services_behind_fresh_gates};

/// A request that the record does not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Miss {
    /// The model, or `service NAME`.
    pub model: String,
    /// What the record knows that is near, in words.
    pub hint: String,
}

/// The record of one suite.
#[derive(Clone, Default)]
pub struct Tape {
    known: Arc<Recordings>,
    used: Option<Used>,
}

/// The lines of a record that were asked for, by key.
#[derive(Clone, Default)]
pub struct Used(Arc<Mutex<BTreeMap<String, Vec<String>>>>);

impl Used {
    /// All of them.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().values().flatten().cloned().collect()
    }

    /// The lines of one key.
    pub(super) fn note(&self, lines: Vec<String>) {
        if let Some(first) = lines.first() {
            self.0.lock().entry(key(first)).or_insert(lines);
        }
    }
}

/// The key of a line, as it stands there.
pub(super) fn key(line: &str) -> String {
    #[derive(Deserialize)]
    struct Keyed {
        key: Option<String>,
    }
    let read: Option<Keyed> = serde_json::from_str(line).ok();
    read.and_then(|line| line.key).unwrap_or_default()
}

/// What one case missed.
pub(super) type Misses = Arc<Mutex<Vec<Miss>>>;

impl Tape {
    /// This record.
    pub fn of(known: Arc<Recordings>) -> Self {
        Self { known, used: None }
    }

    /// The same record; which of its lines are asked for is noted in `used`.
    pub fn noting(&self, used: &Used) -> Self {
        Self { known: Arc::clone(&self.known), used: Some(used.clone()) }
    }

    /// What it knows.
    pub fn known(&self) -> &Arc<Recordings> {
        &self.known
    }

    /// The models of `gateway`, each behind a gate that nobody has used yet.
    pub(super) fn models(
        &self,
        gateway: &Gateway,
        clock: &Arc<dyn Clock>,
        misses: &Misses,
    ) -> Models {
        behind_fresh_gates(gateway, clock, |_, model| {
            let name = model.model.as_str();
            Arc::new(Watched {
                known: Recorded::new(Arc::clone(&self.known), name, Arc::clone(clock)),
                tape: self.clone(),
                model: model.model.clone(),
                misses: Arc::clone(misses),
            })
        })
    }

    /// The services of `gateway`, likewise.
    pub(super) fn services(
        &self,
        gateway: &Gateway,
        clock: &Arc<dyn Clock>,
        misses: &Misses,
    ) -> Services {
        services_behind_fresh_gates(gateway, clock, |name| {
            Arc::new(WatchedService {
                known: RecordedService::new(Arc::clone(&self.known), name),
                tape: self.clone(),
                name: name.to_owned(),
                misses: Arc::clone(misses),
            })
        })
    }
}

/// A recorded model that notes what it is not able to answer.
struct Watched {
    known: Recorded,
    tape: Tape,
    model: String,
    misses: Misses,
}

impl Model for Watched {
    fn ask<'a>(&'a self, request: &'a AskRequest) -> BoxFuture<'a, AttemptResult> {
        if let Some(used) = &self.tape.used {
            used.note(self.tape.known.lines(&self.model, request));
        }
        if let Some(hint) = self.tape.known.missing(&self.model, request) {
            let model = self.model.clone();
            self.misses.lock().push(Miss { model, hint });
        }
        self.known.ask(request)
    }
}

/// A recorded service that notes what it is not able to answer.
struct WatchedService {
    known: RecordedService,
    tape: Tape,
    name: String,
    misses: Misses,
}

impl Service for WatchedService {
    fn score<'a>(
        &'a self,
        texts: &'a [String],
        kind: &'a str,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Score, String>> {
        if let Some(used) = &self.tape.used {
            used.note(self.tape.known.service_line(&self.name, texts, kind).into_iter().collect());
        }
        if let Some(hint) = self.tape.known.missing_service(&self.name, texts, kind) {
            let model = format!("service {}", self.name);
            self.misses.lock().push(Miss { model, hint });
        }
        self.known.score(texts, kind, timeout)
    }
}
