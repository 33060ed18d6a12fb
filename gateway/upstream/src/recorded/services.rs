//! Services in a record: what they said of which texts, beside what models answered.
//!
//! ```text
//! {"service": "injection",                                  its name in the gateway file
//!  "request": {"texts": ["…"], "kind": "the check"},        what decides the score
//!  "key": "9f86d081…",                                      digest of the two; checked if given
//!  "body": {"score": 0.02, "found": []} | "failure": {"message": "…"},    exactly one of the two
//!  "delay_ms": 12, "note": "…"}                             optional
//! ```
//!
//! The same texts get the same score, however often they are asked about: of several lines of one
//! key the last counts. What the record does not know fails, and says so.

use std::sync::Arc;
use std::time::Duration;

use backstop_domain::Digest;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Recordings;
use crate::model::BoxFuture;
use crate::service::{Score, Service, late};

/// One line of a record that is a service's.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceLine {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Digest>,
    pub service: String,
    pub request: Asked,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Score>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<ServiceFailure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What a service is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    pub texts: Vec<String>,
    pub kind: String,
}

/// Why a service gave no score.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceFailure {
    pub message: String,
}

fn key_of(service: &str, asked: &Asked) -> Digest {
    Digest::of_json(&json!({ "service": service, "request": asked }))
}

impl ServiceLine {
    fn of(service: &str, texts: &[String], kind: &str) -> Self {
        let request = Asked { texts: texts.to_vec(), kind: kind.to_owned() };
        Self {
            key: Some(key_of(service, &request)),
            service: service.to_owned(),
            request,
            body: None,
            failure: None,
            delay_ms: None,
            note: None,
        }
    }

    /// Checks a line as read, and gives it its key.
    pub(super) fn keyed(mut self) -> Result<(Digest, Self), String> {
        if self.body.is_some() == self.failure.is_some() {
            return Err("a service's line needs either `body` or `failure`".to_owned());
        }
        let key = key_of(&self.service, &self.request);
        if self.key.is_some_and(|given| given != key) {
            return Err(format!("`key` is not that of the request, which is {key}; leave it out"));
        }
        self.key = Some(key);
        Ok((key, self))
    }
}

/// The line that keeps what a service said of these texts.
pub fn service_line(
    service: &str,
    texts: &[String],
    kind: &str,
    said: &Result<Score, String>,
    delay_ms: Option<u64>,
) -> String {
    let mut line = ServiceLine { delay_ms, ..ServiceLine::of(service, texts, kind) };
    match said {
        Ok(score) => line.body = Some(score.clone()),
        Err(why) => line.failure = Some(ServiceFailure { message: why.clone() }),
    }
    // Texts and numbers always serialise.
    serde_json::to_string(&line).unwrap_or_default()
}

impl Recordings {
    fn of_service(&self, service: &str, texts: &[String], kind: &str) -> Option<&ServiceLine> {
        let asked = Asked { texts: texts.to_vec(), kind: kind.to_owned() };
        self.services.get(&key_of(service, &asked))
    }

    /// The line with what a service said of these texts, as it stands in a record.
    pub fn service_line(&self, service: &str, texts: &[String], kind: &str) -> Option<String> {
        serde_json::to_string(self.of_service(service, texts, kind)?).ok()
    }

    /// What is near a question to a service that is not in the record, in words; `None` if it is
    /// there.
    pub fn missing_service(&self, service: &str, texts: &[String], kind: &str) -> Option<String> {
        if self.of_service(service, texts, kind).is_some() {
            return None;
        }
        let mut near = self.services.values().filter(|line| line.request.texts == texts);
        Some(match near.next() {
            Some(line) if line.service != service => {
                format!("it knows these texts of the service `{}`", line.service)
            }
            Some(line) => {
                format!("it knows these texts for the check `{}`, not `{kind}`", line.request.kind)
            }
            None => "it knows nothing of these texts".to_owned(),
        })
    }
}

/// A service that answers from a record.
pub struct RecordedService {
    recordings: Arc<Recordings>,
    name: String,
}

impl RecordedService {
    /// The service of that name, as far as the record knows it.
    pub fn new(recordings: Arc<Recordings>, name: impl Into<String>) -> Self {
        Self { recordings, name: name.into() }
    }

    async fn replay(
        &self,
        texts: &[String],
        kind: &str,
        timeout: Duration,
    ) -> Result<Score, String> {
        let Some(line) = self.recordings.of_service(&self.name, texts, kind) else {
            let near = self.recordings.missing_service(&self.name, texts, kind);
            let (name, from) = (&self.name, self.recordings.from.display());
            let near = near.unwrap_or_default();
            return Err(format!("service `{name}` has no recorded score in `{from}`: {near}"));
        };
        let delay = Duration::from_millis(line.delay_ms.unwrap_or(0));
        if !delay.is_zero() {
            tokio::time::sleep(delay.min(timeout)).await;
        }
        if delay > timeout {
            return Err(late(&self.name, timeout));
        }
        match (&line.body, &line.failure) {
            (Some(score), _) => Ok(score.clone()),
            (_, failure) => Err(failure.as_ref().map(|f| f.message.clone()).unwrap_or_default()),
        }
    }
}

impl Service for RecordedService {
    fn score<'a>(
        &'a self,
        texts: &'a [String],
        kind: &'a str,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Score, String>> {
        Box::pin(self.replay(texts, kind, timeout))
    }
}
