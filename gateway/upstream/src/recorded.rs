//! A model that answers from a record: the same request gets the same answer, without a network.
//!
//! A record is a `.jsonl` file or a folder of them, one exchange a line:
//!
//! ```text
//! {"request": {"model": "small", "messages": [...], ...},   what decides the answer
//!  "sample": 0,                                             which of several votes; 0 if left out
//!  "key": "9f86d081…",                                      digest of the two; checked if given
//!  "raw": "{\"id\": …}" | "body": {…} | "failure": {…},     exactly one of the three
//!  "delay_ms": 120, "note": "…"}                            optional
//! ```
//!
//! `raw` is the provider's body byte for byte, an event stream too; `body` is the same as JSON, for
//! hand-written lines; `failure` is `{status, code, message, retry_after_ms}` or, without a status,
//! `{class, message}`. Lines of one key are the turns of one call: first ask, first retry, and so
//! on; the last one repeats. Fields that change no answer (`stream`, `user`, `metadata` and their
//! like) are no part of the key. Nothing is ever guessed: an unknown request fails and says why.
//!
//! Services stand in the same files, on lines of their own: `services.rs`.

mod services;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use backstop_domain::{Digest, FailureClass};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use services::{RecordedService, service_line};

use crate::classify::{Delivered, classify};
use crate::clock::Clock;
use crate::model::{AskRequest, BoxFuture, Model};
use crate::outcome::{AttemptResult, Failure, Settle, Timer, Timing};
use crate::simulated::refused;

/// Fields of a request that change nothing about its answer.
const IDLE_FIELDS: [&str; 10] = [
    "metadata",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "traceparent",
    "user",
];

/// One line of a record.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Line {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Digest>,
    pub request: Map<String, Value>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sample: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<RecordedFailure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A failure in a record.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecordedFailure {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<FailureClass>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Why a record cannot be used, or not be written.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// It cannot be read or written.
    #[error("record `{}`: {}", .0.display(), .1)]
    Io(PathBuf, std::io::Error),
    /// A line is not to the format.
    #[error("record `{}`, line {line}: {why}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and how to mend it.
        why: String,
    },
    /// A folder without records.
    #[error("record `{}` holds no `.jsonl` file; record one, or correct the path", .0.display())]
    Empty(PathBuf),
}

/// What decides the answer of a request, and its key.
pub(crate) fn key_of(model: &str, body: &Value, sample: u32) -> (Digest, Map<String, Value>) {
    let mut request = body.as_object().cloned().unwrap_or_default();
    request.retain(|field, value| !value.is_null() && !IDLE_FIELDS.contains(&field.as_str()));
    request.insert("model".to_owned(), json!(model));
    (digest(&request, sample), request)
}

fn digest(request: &Map<String, Value>, sample: u32) -> Digest {
    Digest::of_json(&json!({"request": request, "sample": sample}))
}

/// The exchanges of a record, by key.
#[derive(Debug, Default)]
pub struct Recordings {
    from: PathBuf,
    turns: BTreeMap<Digest, Vec<Line>>,
    services: BTreeMap<Digest, services::ServiceLine>,
}

/// Tells a service's line from a model's.
#[derive(Deserialize)]
struct Whose {
    service: Option<IgnoredAny>,
}

impl Recordings {
    /// Reads a file, or every `.jsonl` file of a folder in the order of their names.
    ///
    /// # Errors
    /// [`RecordingError`] names the file and line.
    pub fn read(path: &Path) -> Result<Self, RecordingError> {
        let mut read = Self { from: path.to_owned(), ..Self::default() };
        for file in files(path)? {
            let text = std::fs::read_to_string(&file)
                .map_err(|fault| RecordingError::Io(file.clone(), fault))?;
            for (place, line) in text.lines().enumerate() {
                if !line.trim().is_empty() {
                    read.add(line).map_err(|why| RecordingError::Line {
                        path: file.clone(),
                        line: place + 1,
                        why,
                    })?;
                }
            }
        }
        Ok(read)
    }

    /// Reads these lines.
    ///
    /// # Errors
    /// In words, with the line's number from 1.
    pub fn of_lines(lines: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut read = Self::default();
        for (place, line) in lines.into_iter().enumerate() {
            read.add(&line).map_err(|why| format!("line {}: {why}", place + 1))?;
        }
        Ok(read)
    }

    /// How many different requests it knows.
    pub fn len(&self) -> usize {
        self.turns.len() + self.services.len()
    }

    /// Whether it knows none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn add(&mut self, text: &str) -> Result<(), String> {
        let read = |fault: serde_json::Error| fault.to_string();
        if serde_json::from_str::<Whose>(text).map_err(read)?.service.is_some() {
            let line: services::ServiceLine = serde_json::from_str(text).map_err(read)?;
            let (key, line) = line.keyed()?;
            self.services.insert(key, line);
            return Ok(());
        }
        let mut line: Line = serde_json::from_str(text).map_err(read)?;
        let given = [line.raw.is_some(), line.body.is_some(), line.failure.is_some()];
        if given.iter().filter(|given| **given).count() != 1 {
            return Err("it needs exactly one of `raw`, `body` and `failure`".to_owned());
        }
        if let Some(failure) = &line.failure
            && failure.status.is_some() == failure.class.is_some()
        {
            return Err("`failure` needs either `status` or `class`".to_owned());
        }
        let model = line.request.get("model").and_then(Value::as_str).map(str::to_owned);
        let model = model.ok_or("`request.model` is missing")?;
        let (key, request) = key_of(&model, &Value::Object(line.request), line.sample);
        if line.key.is_some_and(|given| given != key) {
            return Err(format!("`key` is not that of the request, which is {key}; leave it out"));
        }
        line.request = request;
        self.turns.entry(key).or_default().push(line);
        Ok(())
    }

    /// What is near a request that is not in the record, in words; `None` if it is there.
    pub fn missing(&self, model: &str, request: &AskRequest) -> Option<String> {
        let (key, asked) = key_of(model, &request.body, request.sample);
        let known = self.turns.contains_key(&key);
        (!known).then(|| self.near(&asked, request.sample))
    }

    /// The lines that answer a request, as they stand in a record; empty if there are none.
    pub fn lines(&self, model: &str, request: &AskRequest) -> Vec<String> {
        let (key, _) = key_of(model, &request.body, request.sample);
        let lines = self.turns.get(&key).into_iter().flatten();
        let keyed = lines.map(|line| Line { key: Some(key), ..line.clone() });
        keyed.filter_map(|line| serde_json::to_string(&line).ok()).collect()
    }

    /// Every line, as it stands in a record.
    pub fn every_line(&self) -> Vec<String> {
        let models =
            self.turns.iter().flat_map(|(key, turns)| turns.iter().map(|line| (*key, line)));
        let models = models.map(|(key, line)| Line { key: Some(key), ..line.clone() });
        let models = models.filter_map(|line| serde_json::to_string(&line).ok());
        let services = self.services.values();
        models.chain(services.filter_map(|line| serde_json::to_string(line).ok())).collect()
    }

    fn find(&self, key: Digest, turn: u32) -> Option<&Line> {
        let turns = self.turns.get(&key)?;
        turns.get(usize::try_from(turn).unwrap_or(usize::MAX)).or(turns.last())
    }

    /// What is known about a request that is not in the record, for the person who must mend it.
    fn miss(&self, key: Digest, request: &Map<String, Value>, sample: u32) -> String {
        let (known, from) = (self.turns.len(), self.from.display());
        let near = self.near(request, sample);
        format!("no recorded answer under key {key} among {known} in `{from}`: {near}")
    }

    /// What is near a request that is not in the record.
    fn near(&self, request: &Map<String, Value>, sample: u32) -> String {
        let about = || request.get("messages");
        let mut lines = self.turns.values().filter_map(|turns| turns.first());
        let near = lines.find(|line| about().is_some() && line.request.get("messages") == about());
        match near {
            Some(line) if line.request == *request => {
                format!("it knows sample {} of it, not {sample}", line.sample)
            }
            Some(line) => {
                let differs = |field: &&String| line.request.get(*field) != request.get(*field);
                let mut fields: Vec<_> = line.request.keys().chain(request.keys()).collect();
                fields.sort();
                fields.dedup();
                let fields: Vec<_> = fields.iter().filter(|field| differs(field)).collect();
                format!("it knows these messages with other {fields:?}")
            }
            None => "it knows no such messages".to_owned(),
        }
    }
}

fn files(path: &Path) -> Result<Vec<PathBuf>, RecordingError> {
    let fault = |fault| RecordingError::Io(path.to_owned(), fault);
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(fault)? {
        let file = entry.map_err(fault)?.path();
        if file.extension().is_some_and(|extension| extension == "jsonl") {
            found.push(file);
        }
    }
    found.sort();
    if found.is_empty() { Err(RecordingError::Empty(path.to_owned())) } else { Ok(found) }
}

/// A model that answers from a record.
pub struct Recorded {
    recordings: Arc<Recordings>,
    model: String,
    clock: Arc<dyn Clock>,
}

impl Recorded {
    /// The model that its provider calls `model`, as far as the record knows it.
    pub fn new(
        recordings: Arc<Recordings>,
        model: impl Into<String>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { recordings, model: model.into(), clock }
    }

    async fn replay(&self, request: &AskRequest) -> AttemptResult {
        let (key, asked) = key_of(&self.model, &request.body, request.sample);
        let Some(line) = self.recordings.find(key, request.turn) else {
            let why = self.recordings.miss(key, &asked, request.sample);
            let failure = Failure::new(FailureClass::Misconfigured, why);
            let settle = Settle::Nothing;
            return AttemptResult::Failed(Failure { sent: false, settle, ..failure });
        };
        let left = request.deadline.since(self.clock.now());
        let delay = line.delay_ms.unwrap_or(0);
        let total_ms = delay.min(left);
        if total_ms > 0 {
            tokio::time::sleep(Duration::from_millis(total_ms)).await;
        }
        if left < delay || left == 0 {
            let failure = Failure::new(FailureClass::Timeout, "the deadline was over");
            let timing = Timing { first_byte_ms: None, total_ms };
            return AttemptResult::Failed(Failure { timer: Some(Timer::Total), timing, ..failure });
        }
        let timing = Timing { first_byte_ms: Some(total_ms), total_ms };
        self.answer(line, timing)
    }

    /// Answers go the way that a provider's would: one classification for all.
    fn answer(&self, line: &Line, timing: Timing) -> AttemptResult {
        let mut headers = HeaderMap::new();
        let (status, body) = match (&line.raw, &line.body, &line.failure) {
            (Some(raw), _, _) => {
                let is_object = raw.trim_start().starts_with('{');
                let kind = if is_object { "application/json" } else { "text/event-stream" };
                headers.insert("content-type", HeaderValue::from_static(kind));
                (200, raw.clone())
            }
            (_, Some(body), _) => (200, body.to_string()),
            (
                _,
                _,
                Some(RecordedFailure {
                    status: Some(status), code, message, retry_after_ms, ..
                }),
            ) => {
                let (code, said) = (code.as_deref(), message.as_deref());
                return refused(*status, code, said, *retry_after_ms, timing, self.clock.now());
            }
            (_, _, failure) => {
                let failure = failure.clone().unwrap_or_default();
                let class = failure.class.unwrap_or(FailureClass::Transport);
                let message = failure.message.unwrap_or_else(|| format!("recorded {class}"));
                return AttemptResult::Failed(Failure { timing, ..Failure::new(class, message) });
            }
        };
        let body = Bytes::from(body);
        let delivered = Delivered { status, headers, body, cut: None, timing };
        classify(&delivered, self.clock.now(), None)
    }
}

impl Model for Recorded {
    fn ask<'a>(&'a self, request: &'a AskRequest) -> BoxFuture<'a, AttemptResult> {
        Box::pin(self.replay(request))
    }
}
