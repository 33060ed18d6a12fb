//! An export as a source of recorded calls: the file is walked once for where everything stands,
//! and read where it is asked for. Nothing of it is kept in memory but places.

use std::{
    borrow::Cow,
    collections::HashMap,
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    os::unix::fs::FileExt as _,
    path::Path,
    sync::Arc,
};

use backstop_domain::{CallId, Digest, Envelope, Event, Millis, Stream};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use crate::{Recorded, Unreadable, sqlite::BodiesByDigest};

use super::ExportError;

/// Longest line that is read, in bytes: a body is bounded where it comes in.
const LINE_MAX: usize = 64 << 20;

/// An export, opened for reading. Threads may share it.
#[derive(Debug)]
pub struct ExportFile {
    file: File,
    streams: HashMap<String, Vec<Place>>,
    bodies: HashMap<Digest, Place>,
    /// Calls, and when they were received.
    calls: Vec<(Millis, CallId)>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    at: u64,
    length: usize,
}

/// What tells the lines apart.
#[derive(Deserialize)]
struct Head<'l> {
    #[serde(borrow)]
    stream: Option<Cow<'l, str>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'l, str>>,
    at: Option<u64>,
    #[serde(borrow)]
    body: Option<&'l RawValue>,
}

#[derive(Deserialize)]
struct BodyLine {
    bytes: Option<String>,
    base64: Option<String>,
}

impl ExportFile {
    /// Opens an export, and walks it once.
    ///
    /// # Errors
    /// [`ExportError`] if it cannot be read, or a line is neither an event nor a body.
    pub fn open(path: &Path) -> Result<Self, ExportError> {
        let file = File::open(path)?;
        let mut found = Self {
            file: file.try_clone()?,
            streams: HashMap::new(),
            bodies: HashMap::new(),
            calls: Vec::new(),
        };
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let (mut line, mut at, mut number) = (Vec::new(), 0_u64, 0_u64);
        loop {
            line.clear();
            let most = LINE_MAX as u64 + 1;
            let length = reader.by_ref().take(most).read_until(b'\n', &mut line)?;
            if length == 0 {
                break;
            }
            number += 1;
            let place = Place { at, length };
            at += length as u64;
            if line.trim_ascii().is_empty() {
                continue;
            }
            found
                .take(&line, place)
                .map_err(|message| ExportError::Line { line: number, message })?;
        }
        found.calls.sort();
        Ok(found)
    }

    fn take(&mut self, line: &[u8], place: Place) -> Result<(), String> {
        if line.len() > LINE_MAX {
            return Err(format!("it has {} bytes; at most {LINE_MAX} are read", line.len()));
        }
        let head: Head<'_> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let Some(stream) = head.stream else {
            let digest = head.body.and_then(|body| serde_json::from_str(body.get()).ok());
            let digest: Digest = digest.ok_or("it has neither `stream` nor `body`")?;
            self.bodies.insert(digest, place);
            return Ok(());
        };
        if head.kind.as_deref() == Some("call_received") {
            let call =
                Stream::from(stream.as_ref()).call_id().ok_or("a call in no call's stream")?;
            self.calls.push((Millis(head.at.unwrap_or_default()), call));
        }
        self.streams.entry(stream.into_owned()).or_default().push(place);
        Ok(())
    }

    fn line(&self, place: Place) -> Result<Vec<u8>, ExportError> {
        let mut line = vec![0; place.length];
        self.file.read_exact_at(&mut line, place.at)?;
        Ok(line)
    }

    /// Events of a stream, in order.
    ///
    /// # Errors
    /// [`ExportError`] if they cannot be read.
    pub fn stream(&self, stream: &Stream) -> Result<Vec<Recorded>, ExportError> {
        let places = self.streams.get(stream.as_str()).map_or(&[][..], Vec::as_slice);
        let mut events = Vec::with_capacity(places.len());
        for place in places {
            let line = self.line(*place)?;
            let envelope: Envelope = serde_json::from_slice(&line)
                .map_err(|error| ExportError::Line { line: 0, message: error.to_string() })?;
            events.push(recorded(envelope));
        }
        events.sort_by_key(|recorded| recorded.envelope.seq);
        Ok(events)
    }

    /// The bodies of these digests. One that the export does not have is left out.
    ///
    /// # Errors
    /// [`ExportError`] if they cannot be read.
    pub fn bodies(&self, digests: &[Digest]) -> Result<BodiesByDigest, ExportError> {
        let mut found = HashMap::with_capacity(digests.len());
        for digest in digests {
            let Some(place) = self.bodies.get(digest) else { continue };
            let line = self.line(*place)?;
            let wrong = |message: String| ExportError::Line { line: 0, message };
            let body: BodyLine =
                serde_json::from_slice(&line).map_err(|error| wrong(error.to_string()))?;
            let bytes = match (body.bytes, body.base64) {
                (Some(text), _) => Some(text.into_bytes()),
                (None, Some(text)) => {
                    Some(STANDARD.decode(text).map_err(|error| wrong(error.to_string()))?)
                }
                (None, None) => None,
            };
            found.insert(*digest, bytes.map(Arc::from));
        }
        Ok(found)
    }

    /// Calls that were received at that time or later, oldest first.
    pub fn calls(&self, since: Option<Millis>) -> Vec<CallId> {
        let since = since.unwrap_or_default();
        let late = self.calls.iter().filter(|(at, _)| *at >= since);
        late.map(|(_, id)| id.clone()).collect()
    }
}

/// An event as the ledger gives it: a body that stands beside the events is no part of the
/// envelope.
fn recorded(mut envelope: Envelope) -> Recorded {
    let body = envelope.body.clone();
    if envelope.body_digest.is_some() {
        envelope.body = None;
        if body.is_none() {
            return Recorded { envelope, event: Err(Unreadable::Erased) };
        }
    }
    let body = body.unwrap_or(Value::Null);
    let event = Event::read(&envelope.stream, &envelope.kind, envelope.version, body);
    Recorded { event: event.map_err(Unreadable::from), envelope }
}
