//! Writes: the one place that knows the columns when writing. Each runs inside a transaction.

use backstop_domain::{Digest, Event, Millis, ReviewId};
use rusqlite::{CachedStatement, Connection, params};

use crate::{CallSummary, KeyClaim, ReviewSummary, kinds, retention::BodyClass, seal::Sealed};

use super::rows::{actor_word, review};

/// What puts events and bodies in their places. Taken once a transaction, not for each row of it:
/// to find a statement again costs a tenth of an insert.
pub(super) struct Inserts<'c> {
    events: CachedStatement<'c>,
    bodies: CachedStatement<'c>,
}

impl<'c> Inserts<'c> {
    /// Those of that connection.
    pub fn of(connection: &'c Connection) -> rusqlite::Result<Self> {
        let events = "INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, \
                      ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)";
        let bodies = "INSERT INTO bodies (digest, bytes, private, used, class) \
               VALUES (?1, ?2, ?3, ?4, ?5) \
               ON CONFLICT (digest) DO UPDATE SET bytes = coalesce(bytes, excluded.bytes), \
               private = max(private, excluded.private), used = max(used, excluded.used), \
               class = max(class, excluded.class)";
        Ok(Self {
            events: connection.prepare_cached(events)?,
            bodies: connection.prepare_cached(bodies)?,
        })
    }

    /// Puts an event in its place, with its body.
    pub fn event(&mut self, sealed: &Sealed<'_>) -> rusqlite::Result<()> {
        let envelope = &sealed.envelope;
        self.events.execute(params![
            envelope.position,
            envelope.stream.as_str(),
            envelope.seq,
            envelope.id.as_str(),
            envelope.kind,
            envelope.version,
            envelope.at.0,
            actor_word(envelope.actor.kind),
            envelope.actor.id,
            envelope.actor.via,
            envelope.run,
            envelope.causation.as_ref().map(|id| id.as_str()),
            envelope.correlation,
            envelope.revision.as_ref().map(Digest::as_bytes),
            envelope.engine,
            sealed.inline(),
            envelope.body_digest.as_ref().map(Digest::as_bytes),
            envelope.previous_hash.as_bytes(),
            envelope.hash.as_bytes(),
        ])?;
        match (envelope.body_digest, &sealed.text) {
            (Some(digest), Some(text)) => {
                let class = kinds::class(&envelope.kind);
                self.body(digest, text.as_bytes(), true, envelope.at, class)
            }
            _ => Ok(()),
        }
    }

    /// Keeps bytes under their digest, once. What was erased and is needed again comes back.
    pub fn body(
        &mut self,
        digest: Digest,
        bytes: &[u8],
        private: bool,
        at: Millis,
        class: BodyClass,
    ) -> rusqlite::Result<()> {
        let row = params![digest.as_bytes(), bytes, private, at.0, class as u8];
        self.bodies.execute(row).map(drop)
    }
}

/// Binds a key to its call.
pub(super) fn key(connection: &Connection, claim: &KeyClaim) -> rusqlite::Result<()> {
    let sql =
        "INSERT INTO keys (caller, policy, key, fingerprint, call) VALUES (?1, ?2, ?3, ?4, ?5)";
    let KeyClaim { scope, key, fingerprint, call } = claim;
    let fingerprint = fingerprint.as_bytes();
    connection
        .prepare_cached(sql)?
        .execute(params![scope.caller, scope.policy, key, fingerprint, call.as_str()])
        .map(drop)
}

/// Notes that events of that type stand in streams of that family.
pub(super) fn kind(connection: &Connection, sealed: &Sealed<'_>) -> rusqlite::Result<()> {
    let sql = "INSERT OR IGNORE INTO kinds (family, type, version) VALUES (?1, ?2, ?3)";
    let family = sealed.envelope.stream.as_str().split('/').next();
    connection
        .prepare_cached(sql)?
        .execute(params![family, sealed.envelope.kind, sealed.envelope.version])
        .map(drop)
}

/// Moves the summary of a review on by these events of it.
pub(super) fn review_summary(
    connection: &Connection,
    id: &ReviewId,
    events: &[Sealed<'_>],
) -> rusqlite::Result<()> {
    let mut row = if starts(events) { None } else { review(connection, id)? };
    for Sealed { envelope, event, .. } in events {
        if let Event::Review(event) = event {
            row = ReviewSummary::fold(row, envelope, event);
        }
    }
    row.map_or(Ok(()), |row| put_review(connection, &row))
}

/// Whether a stream begins with these.
pub(super) fn starts(events: &[Sealed<'_>]) -> bool {
    events.first().is_some_and(|first| first.envelope.seq == 1)
}

/// Puts a call's summary in place of the one before.
pub(super) fn put_call(connection: &Connection, call: &CallSummary) -> rusqlite::Result<()> {
    let sql = "INSERT INTO calls (id, policy, caller, phase, outcome, received, ended, summary) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id) DO UPDATE SET \
               phase = excluded.phase, outcome = excluded.outcome, ended = excluded.ended, \
               summary = excluded.summary";
    connection
        .prepare_cached(sql)?
        .execute(params![
            call.id.as_str(),
            call.policy,
            call.caller,
            call.phase.name(),
            call.outcome.map(backstop_domain::Outcome::name),
            call.received.0,
            call.ended.map(|time| time.0),
            text(call)?,
        ])
        .map(drop)
}

/// Puts a review's summary in place of the one before.
pub(super) fn put_review(connection: &Connection, review: &ReviewSummary) -> rusqlite::Result<()> {
    let sql = "INSERT INTO reviews (id, call, policy, queue, phase, holder, due, summary) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id) DO UPDATE SET \
               queue = excluded.queue, phase = excluded.phase, holder = excluded.holder, \
               summary = excluded.summary";
    connection
        .prepare_cached(sql)?
        .execute(params![
            review.id.as_str(),
            review.call.as_str(),
            review.policy,
            review.queue,
            review.phase.name(),
            review.holder,
            review.due.0,
            text(review)?,
        ])
        .map(drop)
}

fn text(summary: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(summary)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}
