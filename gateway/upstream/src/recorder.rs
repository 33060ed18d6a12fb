//! Writes a record while real models and services answer, in the format of `recorded`.
//!
//! It writes what decides an answer and what came back: never a header, so never a key. Requests
//! that were never sent leave no line.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use backstop_domain::ControlEvent;
use parking_lot::Mutex;

use crate::clock::Clock;
use crate::model::{AskRequest, BoxFuture, Model};
use crate::outcome::{AttemptResult, Failure};
use crate::recorded::{Line, RecordedFailure, RecordingError, key_of, service_line};
use crate::service::{Score, Service};

/// A record that is being written.
struct Pen {
    path: PathBuf,
    file: Mutex<File>,
}

impl Pen {
    fn open(path: &Path) -> Result<Self, RecordingError> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(|fault| RecordingError::Io(path.to_owned(), fault))?;
        Ok(Self { path: path.to_owned(), file: Mutex::new(file) })
    }

    /// Whoever waits for the answer gets it all the same; that the record lacks it is told at once.
    fn write(&self, line: &str) {
        if let Err(fault) = self.file.lock().write_all(format!("{line}\n").as_bytes()) {
            tracing::error!(record = %self.path.display(), %fault, "an exchange is not recorded");
        }
    }
}

/// A model that is recorded.
pub struct Recorder {
    model: Arc<dyn Model>,
    name: String,
    pen: Pen,
}

impl Recorder {
    /// Appends the exchanges of `model`, which its provider calls `name`, to the file at `path`.
    ///
    /// # Errors
    /// [`RecordingError`], if the file cannot be opened.
    pub fn new(
        model: Arc<dyn Model>,
        name: impl Into<String>,
        path: &Path,
    ) -> Result<Self, RecordingError> {
        Ok(Self { model, name: name.into(), pen: Pen::open(path)? })
    }

    fn write(&self, request: &AskRequest, result: &AttemptResult) {
        let (key, asked) = key_of(&self.name, &request.body, request.sample);
        let mut line = Line {
            key: Some(key),
            request: asked,
            sample: request.sample,
            raw: None,
            body: None,
            failure: None,
            delay_ms: None,
            note: None,
        };
        match result {
            AttemptResult::Answered(answer) => {
                line.delay_ms = Some(answer.timing.total_ms);
                line.raw = Some(String::from_utf8_lossy(&answer.raw).into_owned());
            }
            AttemptResult::Failed(failure) if failure.sent => {
                line.delay_ms = Some(failure.timing.total_ms);
                line.failure = Some(recorded(failure));
            }
            AttemptResult::Failed(_) => return,
        }
        // A map of JSON values and texts always serialises.
        self.pen.write(&serde_json::to_string(&line).unwrap_or_default());
    }
}

/// The message is the scrubbed one; the provider's body may hold what a record must not.
fn recorded(failure: &Failure) -> RecordedFailure {
    let message = match failure.status {
        Some(status) => {
            let prefix = format!("HTTP {status}");
            let rest = failure.message.strip_prefix(&prefix).unwrap_or(&failure.message);
            rest.trim_start_matches(": ").to_owned()
        }
        None => failure.message.clone(),
    };
    // A failure that its status does not explain (a body that is no answer) is kept by its class.
    let status = failure.status.filter(|status| !(200..=299).contains(status));
    RecordedFailure {
        class: status.is_none().then_some(failure.class),
        status,
        code: failure.provider_code.clone(),
        message: Some(message),
        retry_after_ms: failure.retry_after_ms,
    }
}

impl Model for Recorder {
    fn ask<'a>(&'a self, request: &'a AskRequest) -> BoxFuture<'a, AttemptResult> {
        Box::pin(async move {
            let result = self.model.ask(request).await;
            self.write(request, &result);
            result
        })
    }
}

/// A service that is recorded.
pub struct ServiceRecorder {
    service: Arc<dyn Service>,
    name: String,
    pen: Pen,
    clock: Arc<dyn Clock>,
}

impl ServiceRecorder {
    /// Appends what `service`, of that name in the gateway file, says to the file at `path`.
    ///
    /// # Errors
    /// [`RecordingError`], if the file cannot be opened.
    pub fn new(
        service: Arc<dyn Service>,
        name: impl Into<String>,
        path: &Path,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, RecordingError> {
        Ok(Self { service, name: name.into(), pen: Pen::open(path)?, clock })
    }
}

impl Service for ServiceRecorder {
    fn score<'a>(
        &'a self,
        texts: &'a [String],
        kind: &'a str,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Score, String>> {
        Box::pin(async move {
            let asked = self.clock.now();
            let said = self.service.score(texts, kind, timeout).await;
            let took = self.clock.now().since(asked);
            self.pen.write(&service_line(&self.name, texts, kind, &said, Some(took)));
            said
        })
    }

    fn take_changes(&self) -> Vec<ControlEvent> {
        self.service.take_changes()
    }
}
