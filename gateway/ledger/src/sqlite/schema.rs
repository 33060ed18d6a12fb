//! The tables, and how an older folder becomes a newer one. Rows of `events` are never rewritten.

use std::path::Path;

use rusqlite::Connection;

use crate::OpenError;

/// Each step takes a folder from the format of its index to the next.
const STEPS: [&str; 4] = [FIRST, CONSUMERS, CLASSES, LISTS];

/// The format that this binary writes; stands in `user_version`.
pub(super) const FORMAT: i64 = STEPS.len() as i64;

/// The first format that knows consumers of events.
pub(super) const CONSUMERS_SINCE: i64 = 2;

/// "BKST": tells `file` and people whose database it is.
const APPLICATION: i64 = 0x424b_5354;

const FIRST: &str = "
CREATE TABLE events (
    position      INTEGER PRIMARY KEY,
    stream        TEXT    NOT NULL,
    seq           INTEGER NOT NULL,
    id            TEXT    NOT NULL UNIQUE,
    type          TEXT    NOT NULL,
    version       INTEGER NOT NULL,
    at            INTEGER NOT NULL,
    actor_kind    TEXT    NOT NULL,
    actor_id      TEXT    NOT NULL,
    actor_via     TEXT,
    run           INTEGER NOT NULL,
    causation     TEXT,
    correlation   TEXT,
    revision      BLOB,
    engine        INTEGER NOT NULL,
    body          TEXT,
    body_digest   BLOB,
    previous_hash BLOB    NOT NULL,
    hash          BLOB    NOT NULL,
    UNIQUE (stream, seq)
) STRICT;
-- Which types stand in `events`, so that a binary sees at once whether it knows them all.
CREATE TABLE kinds (
    family  TEXT    NOT NULL,
    type    TEXT    NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (family, type, version)
) STRICT, WITHOUT ROWID;
-- `bytes` is null once erased; the row stays, so that erased and lost are two things.
CREATE TABLE bodies (
    id      INTEGER PRIMARY KEY,
    digest  BLOB    NOT NULL UNIQUE,
    bytes   BLOB,
    private INTEGER NOT NULL,
    used    INTEGER NOT NULL
) STRICT;
CREATE INDEX bodies_used ON bodies (used) WHERE bytes IS NOT NULL;
CREATE TABLE keys (
    caller      TEXT NOT NULL,
    policy      TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    call        TEXT NOT NULL,
    PRIMARY KEY (caller, policy, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX keys_call ON keys (call);
-- Folded from events; the columns beside `summary` are for finding it.
CREATE TABLE calls (
    id       TEXT    PRIMARY KEY,
    policy   TEXT    NOT NULL,
    caller   TEXT    NOT NULL,
    phase    TEXT    NOT NULL,
    outcome  TEXT,
    received INTEGER NOT NULL,
    ended    INTEGER,
    summary  TEXT    NOT NULL
) STRICT;
CREATE INDEX calls_received ON calls (received, id);
CREATE INDEX calls_policy ON calls (policy, received, id);
CREATE INDEX calls_open ON calls (received, id) WHERE ended IS NULL;
CREATE INDEX calls_ended ON calls (ended) WHERE ended IS NOT NULL;
CREATE TABLE reviews (
    id      TEXT    PRIMARY KEY,
    call    TEXT    NOT NULL,
    policy  TEXT    NOT NULL,
    queue   TEXT    NOT NULL,
    phase   TEXT    NOT NULL,
    holder  TEXT,
    due     INTEGER NOT NULL,
    summary TEXT    NOT NULL
) STRICT;
CREATE INDEX reviews_due ON reviews (due, id);
CREATE INDEX reviews_queue ON reviews (queue, due, id);
CREATE INDEX reviews_open ON reviews (due, id) WHERE phase IN ('open', 'claimed');
CREATE INDEX reviews_call ON reviews (call);
";

/// Where consumers of events stand, what they could not be given yet, and what is held against
/// erasure.
const CONSUMERS: &str = "
CREATE TABLE subscriptions (
    name     TEXT PRIMARY KEY,
    standing TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE deliveries (
    subscription TEXT    NOT NULL,
    position     INTEGER NOT NULL,
    lane         TEXT    NOT NULL,
    tries        INTEGER NOT NULL,
    due          INTEGER NOT NULL,
    parked       TEXT,
    last         TEXT,
    PRIMARY KEY (subscription, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE held (
    digest BLOB NOT NULL,
    call   TEXT NOT NULL,
    PRIMARY KEY (digest, call)
) STRICT, WITHOUT ROWID;
CREATE INDEX held_call ON held (call);
";

/// How long each body is kept: 0 a request, an answer, a file; 1 words of an event; 2 words of an
/// outcome or a decision (`kinds::class`).
const CLASSES: &str = "
ALTER TABLE bodies ADD COLUMN class INTEGER NOT NULL DEFAULT 0;
UPDATE bodies SET class = told.class FROM (
    SELECT body_digest AS digest, max(CASE WHEN type IN ('call_ended', 'verdict_reached',
        'review_resolved', 'vote_cast', 'review_decided') THEN 2 ELSE 1 END) AS class
    FROM events WHERE body_digest IS NOT NULL GROUP BY body_digest
) AS told WHERE told.digest = bodies.digest;
";

/// Lists of what is rare among very much: one outcome, one caller, the reviews that were decided.
const LISTS: &str = "
CREATE INDEX calls_outcome ON calls (outcome, received, id) WHERE outcome IS NOT NULL;
CREATE INDEX calls_caller ON calls (caller, received, id);
CREATE INDEX reviews_closed ON reviews (phase, due, id) WHERE phase NOT IN ('open', 'claimed');
";

/// Makes the tables of a new database, and holds any other to [`FORMAT`].
///
/// # Errors
/// [`OpenError::Newer`] or [`OpenError::Older`] if another Backstop wrote it; nothing has changed
/// then.
pub(super) fn ready(connection: &mut Connection, folder: &Path) -> Result<(), OpenError> {
    check(connection, folder)?;
    match format(connection)? {
        FORMAT => Ok(()),
        0 => Ok(step_up(connection)?),
        found => Err(OpenError::Older { path: folder.into(), found, known: FORMAT }),
    }
}

/// Holds a database that is only read to [`FORMAT`].
///
/// # Errors
/// As [`ready`].
pub(super) fn ready_to_read(connection: &Connection, folder: &Path) -> Result<(), OpenError> {
    check(connection, folder)?;
    match format(connection)? {
        FORMAT => Ok(()),
        found => Err(OpenError::Older { path: folder.into(), found, known: FORMAT }),
    }
}

/// Takes the database to [`FORMAT`], each step in a transaction of its own.
pub(super) fn step_up(connection: &mut Connection) -> rusqlite::Result<()> {
    let found = usize::try_from(format(connection)?).unwrap_or_default();
    for (sql, to) in STEPS.iter().zip(1_i64..).skip(found) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "user_version", to)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Refuses what a newer Backstop wrote.
///
/// # Errors
/// [`OpenError::Newer`], or SQLite's.
pub(super) fn check(connection: &Connection, folder: &Path) -> Result<(), OpenError> {
    match format(connection)? {
        found if found > FORMAT => {
            Err(OpenError::Newer { path: folder.into(), found, known: FORMAT })
        }
        _ => Ok(()),
    }
}

/// The format of that database; 0 for one without tables.
pub(super) fn format(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}
