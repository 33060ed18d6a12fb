//! The ledger as JSON Lines, for other tools and other machines, and its reader.
//!
//! One object per line, in the order of the ledger. An event's line is its envelope with the body
//! in it, also where that stands beside the events in the ledger; whoever checks the chain leaves
//! such a body out again: its digest stands beside it. What an event names by digest (requests,
//! answers, files of a revision) follows in lines of its own:
//! `{"body": digest, "bytes": text}`, `{"body": digest, "base64": ...}` for what is no text, and
//! `{"body": digest, "erased": true}`. A body may come more than once.

mod read;

use std::{
    collections::{HashSet, VecDeque},
    io::{self, Write},
};

use backstop_domain::{Digest, Event};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{Offline, ReadFailed, Recorded, erasure::digests, sqlite::BodiesByDigest};

pub use read::ExportFile;

/// Events that are read in one go.
const PAGE: usize = 1_000;
/// Bodies that are remembered as written, so that those of one call come once.
const REMEMBERED: usize = 4_096;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exported {
    /// Events.
    pub events: u64,
    /// Bodies beside them.
    pub bodies: u64,
    /// Position of the last event; the next export starts after it.
    pub position: u64,
}

/// Why an export was not written or cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] ReadFailed),
    /// The file cannot be written or read.
    #[error("the export: {0}")]
    File(#[from] io::Error),
    /// A line is not what an export holds.
    #[error("line {line} of the export is no event and no body: {message}")]
    Line {
        /// Its number, from 1.
        line: u64,
        /// What is wrong.
        message: String,
    },
}

/// Writes every event after that position, with what it names. `told` is called after each page.
///
/// # Errors
/// [`ExportError`]; what was written until then stays.
pub fn export(
    ledger: &Offline,
    after: u64,
    out: &mut impl Write,
    mut told: impl FnMut(&Exported),
) -> Result<Exported, ExportError> {
    let mut exported = Exported { position: after, ..Exported::default() };
    let mut written = Written::default();
    loop {
        let page = ledger.feed(exported.position, PAGE)?;
        let Some(last) = page.last() else { break };
        exported.position = last.envelope.position;
        for recorded in page {
            let event = line_of(&recorded);
            let body = event.get("body").map(Value::to_string).unwrap_or_default();
            let mut named = Vec::new();
            digests(body.as_bytes(), |digest| named.extend(written.take(digest)));
            writeln!(out, "{event}")?;
            exported.events += 1;
            let bodies = ledger.bodies(&named)?;
            exported.bodies += write_bodies(out, &named, &bodies)?;
        }
        told(&exported);
    }
    out.flush()?;
    Ok(exported)
}

/// The envelope, with the body in it wherever that stands.
fn line_of(recorded: &Recorded) -> Value {
    let mut line = serde_json::to_value(&recorded.envelope).unwrap_or_default();
    if recorded.envelope.body.is_none()
        && let Ok(event) = &recorded.event
        && let Some(fields) = line.as_object_mut()
    {
        fields.insert("body".to_owned(), Event::body(event));
    }
    line
}

fn write_bodies(
    out: &mut impl Write,
    named: &[Digest],
    bodies: &BodiesByDigest,
) -> io::Result<u64> {
    let mut count = 0;
    for digest in named {
        // A digest that names no body is a fingerprint or the like.
        let Some(bytes) = bodies.get(digest) else { continue };
        let line = match bytes.as_deref().map(|bytes| (core::str::from_utf8(bytes), bytes)) {
            None => json!({ "body": digest, "erased": true }),
            Some((Ok(text), _)) => json!({ "body": digest, "bytes": text }),
            Some((Err(_), bytes)) => json!({ "body": digest, "base64": STANDARD.encode(bytes) }),
        };
        writeln!(out, "{line}")?;
        count += 1;
    }
    Ok(count)
}

/// What was written lately.
#[derive(Default)]
struct Written {
    known: HashSet<Digest>,
    order: VecDeque<Digest>,
}

impl Written {
    /// The digest, if its body was not written lately.
    fn take(&mut self, digest: Digest) -> Option<Digest> {
        if !self.known.insert(digest) {
            return None;
        }
        self.order.push_back(digest);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        Some(digest)
    }
}
