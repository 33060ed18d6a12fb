//! Models that answer from a suite's record, and note what it does not know.

use std::sync::Arc;

use backstop_engine::{Models, Services};
use backstop_policy::Gateway;
use backstop_upstream::{
    AskRequest, AttemptResult, BoxFuture, Clock, Model, Recorded, Recordings, Score, Service,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::gates::behind_fresh_gates;

/// A request that the record does not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Miss {
    /// The model, or `service NAME`.
    pub model: String,
    /// What the record knows that is near, in words.
    pub hint: String,
}

/// The record of one suite.
#[derive(Clone)]
pub struct Tape(pub Arc<Recordings>);

/// What one case missed.
pub(super) type Misses = Arc<Mutex<Vec<Miss>>>;

impl Tape {
    /// The models of `gateway`, each behind a gate that nobody has used yet.
    pub(super) fn models(
        &self,
        gateway: &Gateway,
        clock: &Arc<dyn Clock>,
        misses: &Misses,
    ) -> Models {
        behind_fresh_gates(gateway, clock, |_, model| {
            let known = Recorded::new(Arc::clone(&self.0), model.model.as_str(), Arc::clone(clock));
            Arc::new(Watched {
                known,
                tape: Arc::clone(&self.0),
                model: model.model.clone(),
                misses: Arc::clone(misses),
            })
        })
    }
}

/// A recorded model that notes what it is not able to answer.
struct Watched {
    known: Recorded,
    tape: Arc<Recordings>,
    model: String,
    misses: Misses,
}

impl Model for Watched {
    fn ask<'a>(&'a self, request: &'a AskRequest) -> BoxFuture<'a, AttemptResult> {
        if let Some(hint) = self.tape.missing(&self.model, request) {
            let model = self.model.clone();
            self.misses.lock().push(Miss { model, hint });
        }
        self.known.ask(request)
    }
}

/// Services are not recorded: a case that needs one cannot be replayed, and says so.
pub(super) fn services(gateway: &Gateway, misses: &Misses) -> Services {
    let away = gateway.services.keys().map(|name| {
        let service: Arc<dyn Service> =
            Arc::new(Away { name: name.clone(), misses: Arc::clone(misses) });
        (name.clone(), service)
    });
    Services::new(away.collect())
}

struct Away {
    name: String,
    misses: Misses,
}

impl Service for Away {
    fn score<'a>(
        &'a self,
        _: &'a [String],
        _: &'a str,
        _: std::time::Duration,
    ) -> BoxFuture<'a, Result<Score, String>> {
        let model = format!("service {}", self.name);
        let hint =
            "answers of services are not recorded; run this suite in the live tier".to_owned();
        self.misses.lock().push(Miss { model, hint });
        Box::pin(async { Err("not recorded".to_owned()) })
    }
}
