//! Writes a record while a real model answers, in the format of `recorded`.
//!
//! It writes what decides an answer and what came back: never a header, so never a key. Requests
//! that were never sent leave no line.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::model::{AskRequest, BoxFuture, Model};
use crate::outcome::{AttemptResult, Failure};
use crate::recorded::{Line, RecordedFailure, RecordingError, key_of};

/// A model that is recorded.
pub struct Recorder {
    model: Arc<dyn Model>,
    name: String,
    path: PathBuf,
    file: Mutex<File>,
    fault: Mutex<Option<std::io::Error>>,
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
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(|fault| RecordingError::Io(path.to_owned(), fault))?;
        Ok(Self {
            model,
            name: name.into(),
            path: path.to_owned(),
            file: Mutex::new(file),
            fault: Mutex::new(None),
        })
    }

    /// Ends the recording.
    ///
    /// # Errors
    /// The first fault of writing: then lines are missing.
    pub fn finish(&self) -> Result<(), RecordingError> {
        match self.fault.lock().take() {
            Some(fault) => Err(RecordingError::Io(self.path.clone(), fault)),
            None => Ok(()),
        }
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
        let text = serde_json::to_string(&line).unwrap_or_default();
        if let Err(fault) = writeln!(self.file.lock(), "{text}") {
            self.fault.lock().get_or_insert(fault);
        }
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
