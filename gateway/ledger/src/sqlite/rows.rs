//! Rows and what they mean: the one place that knows the columns when reading.

use backstop_domain::{
    Actor, ActorKind, CallId, Digest, Envelope, Event, EventId, Millis, ReviewId, Stream,
};
use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, types::Type};
use serde::de::DeserializeOwned;

use crate::{
    CallSummary, KeyBinding, Recorded, ReviewSummary, Scope, Unreadable, erasure::erased_key,
    kinds, seal::Tip,
};

/// The columns that [`Raw::read`] takes, in its order: `e` is `events`, `b` is `bodies`.
pub(super) const EVENT_COLUMNS: &str = "e.position, e.stream, e.seq, e.id, e.type, e.version, \
     e.at, e.actor_kind, e.actor_id, e.actor_via, e.run, e.causation, e.correlation, e.revision, \
     e.engine, e.body, e.body_digest, e.previous_hash, e.hash";

/// An event's row: the envelope without its body, and the text that stands in the row.
#[derive(Debug)]
pub(super) struct Raw {
    /// The envelope; its `body` is left out.
    pub envelope: Envelope,
    /// The text of the body, if it stands in the row.
    pub inline: Option<String>,
}

impl Raw {
    /// Reads a row of [`EVENT_COLUMNS`].
    ///
    /// # Errors
    /// If a column holds what we never write.
    pub fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let envelope = Envelope {
            position: row.get(0)?,
            stream: Stream(row.get(1)?),
            seq: row.get(2)?,
            id: EventId(row.get(3)?),
            kind: row.get(4)?,
            version: row.get(5)?,
            at: Millis(row.get(6)?),
            actor: Actor { kind: actor_kind(row, 7)?, id: row.get(8)?, via: row.get(9)? },
            run: row.get(10)?,
            causation: row.get::<_, Option<String>>(11)?.map(EventId),
            correlation: row.get(12)?,
            revision: row.get::<_, Option<[u8; 32]>>(13)?.map(Digest::from_bytes),
            engine: row.get(14)?,
            body: None,
            body_digest: row.get::<_, Option<[u8; 32]>>(16)?.map(Digest::from_bytes),
            previous_hash: Digest::from_bytes(row.get(17)?),
            hash: Digest::from_bytes(row.get(18)?),
        };
        Ok(Self { envelope, inline: row.get(15)? })
    }

    /// The event as readers get it. `beside`: the row of its body, if the envelope names one; the
    /// inner `None` is an erased one.
    pub fn recorded(self, beside: Option<Option<Vec<u8>>>) -> Recorded {
        let Self { mut envelope, inline } = self;
        let event = event(&envelope, inline.as_deref(), beside);
        envelope.body = inline.and_then(|text| serde_json::from_str(&text).ok());
        Recorded { envelope, event }
    }
}

/// What happened, from the text in the row or the bytes beside it.
pub(super) fn event(
    around: &Envelope,
    inline: Option<&str>,
    beside: Option<Option<Vec<u8>>>,
) -> Result<Event, Unreadable> {
    let parsed = match (around.body_digest, inline, beside) {
        (None, None, _) => Ok(serde_json::Value::Null),
        (None, Some(text), _) => serde_json::from_str(text),
        (Some(_), _, Some(Some(bytes))) => serde_json::from_slice(&bytes),
        (Some(_), _, Some(None)) => return Err(Unreadable::Erased),
        (Some(_), _, None) => return Err(Unreadable::Missing),
    };
    let body = parsed.map_err(|error| backstop_domain::ReadError::Malformed {
        name: around.kind.clone(),
        message: error.to_string(),
    })?;
    Ok(Event::read(&around.stream, &around.kind, around.version, body)?)
}

fn actor_kind(row: &Row<'_>, column: usize) -> rusqlite::Result<ActorKind> {
    let word: String = row.get(column)?;
    serde_json::from_value(word.into()).map_err(|error| broken(column, error))
}

/// The word that stands for an actor's kind.
pub(super) const fn actor_word(kind: ActorKind) -> &'static str {
    match kind {
        ActorKind::System => "system",
        ActorKind::Caller => "caller",
        ActorKind::Reviewer => "reviewer",
        ActorKind::Operator => "operator",
    }
}

fn broken(column: usize, error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
}

/// A summary from the JSON in that column.
pub(super) fn summary<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|error| broken(column, error))
}

/// The end of the chain.
pub(super) fn tip(connection: &Connection) -> rusqlite::Result<Tip> {
    let sql = "SELECT position, hash FROM events ORDER BY position DESC LIMIT 1";
    let tip = connection.query_row(sql, [], |row| {
        Ok(Tip { position: row.get(0)?, hash: Digest::from_bytes(row.get(1)?) })
    });
    Ok(tip.optional()?.unwrap_or(Tip::START))
}

/// The last seq of a stream; 0 if there is none.
pub(super) fn head(
    connection: &Connection,
    stream: &Stream,
) -> rusqlite::Result<Option<(u64, EventId)>> {
    let sql = "SELECT seq, id FROM events WHERE stream = ?1 ORDER BY seq DESC LIMIT 1";
    let mut statement = connection.prepare_cached(sql)?;
    let read = |row: &Row<'_>| Ok((row.get(0)?, EventId(row.get(1)?)));
    statement.query_row([stream.as_str()], read).optional()
}

/// The call that has that key, or had it before its words were erased.
pub(super) fn key(
    connection: &Connection,
    scope: &Scope,
    key: &str,
) -> rusqlite::Result<Option<KeyBinding>> {
    let sql = "SELECT call, fingerprint, key = ?4 FROM keys \
               WHERE caller = ?1 AND policy = ?2 AND key IN (?3, ?4)";
    let mut statement = connection.prepare_cached(sql)?;
    let erased = erased_key(scope, key);
    let bound = statement.query_row((&scope.caller, &scope.policy, key, erased), |row| {
        Ok(KeyBinding {
            call: CallId(row.get(0)?),
            fingerprint: Digest::from_bytes(row.get(1)?),
            erased: row.get(2)?,
        })
    });
    bound.optional()
}

/// Where a call stands.
pub(super) fn call(connection: &Connection, id: &CallId) -> rusqlite::Result<Option<CallSummary>> {
    let mut statement = connection.prepare_cached("SELECT summary FROM calls WHERE id = ?1")?;
    statement.query_row([id.as_str()], |row| summary(row, 0)).optional()
}

/// Where a review stands.
pub(super) fn review(
    connection: &Connection,
    id: &ReviewId,
) -> rusqlite::Result<Option<ReviewSummary>> {
    let mut statement = connection.prepare_cached("SELECT summary FROM reviews WHERE id = ?1")?;
    statement.query_row([id.as_str()], |row| summary(row, 0)).optional()
}

/// Types in the ledger that this binary does not know: name and version.
pub(super) fn unknown_kinds(connection: &Connection) -> rusqlite::Result<Vec<(String, u16)>> {
    let mut statement = connection.prepare("SELECT family, type, version FROM kinds")?;
    let kinds = statement.query_map([], |row| {
        let (family, kind): (String, String) = (row.get(0)?, row.get(1)?);
        let version: u16 = row.get(2)?;
        let known = kinds::is_known(&family, &kind) && version <= kinds::version(&kind);
        Ok((known, (kind, version)))
    })?;
    kinds
        .filter_map(|kind| kind.map(|(known, kind)| (!known).then_some(kind)).transpose())
        .collect()
}

/// The first of these types that stands in that stream.
pub(super) fn unknown_in(
    connection: &Connection,
    stream: &Stream,
    unknown: &[(String, u16)],
) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT 1 FROM events WHERE stream = ?1 AND type = ?2 AND version = ?3";
    for (kind, version) in unknown {
        let mut statement = connection.prepare_cached(sql)?;
        if statement.exists((stream.as_str(), kind, version))? {
            return Ok(Some(kind.clone()));
        }
    }
    Ok(None)
}

/// Whether that id was used.
pub(super) fn has_event(connection: &Connection, id: &EventId) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM events WHERE id = ?1")?.exists([id.as_str()])
}

/// Whether a body of that digest is kept, or was.
pub(super) fn has_body(connection: &Connection, digest: Digest) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM bodies WHERE digest = ?1")?.exists([digest.as_bytes()])
}

/// Events with their bodies, for that ending of the query.
pub(super) fn recorded(
    connection: &Connection,
    ending: &str,
    params: &[&dyn ToSql],
) -> rusqlite::Result<Vec<Recorded>> {
    let sql = format!(
        "SELECT {EVENT_COLUMNS}, b.digest IS NOT NULL, b.bytes FROM events e \
         LEFT JOIN bodies b ON b.digest = e.body_digest {ending}"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params, |row| {
        let beside = if row.get(19)? { Some(row.get(20)?) } else { None };
        Ok(Raw::read(row)?.recorded(beside))
    })?;
    rows.collect()
}

/// Events of a stream after that seq.
pub(super) fn stream(
    connection: &Connection,
    stream: &Stream,
    after: u64,
) -> rusqlite::Result<Vec<Recorded>> {
    let ending = "WHERE e.stream = ?1 AND e.seq > ?2 ORDER BY e.seq";
    recorded(connection, ending, &[&stream.as_str(), &clamped(after)])
}

/// SQLite's integers end at 2^63; nothing lies beyond, so neither does a cursor.
pub(super) fn clamped(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
