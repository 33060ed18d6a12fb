//! Retention: forgets keys and bodies whose time is over, and leaves every envelope alone.

use std::collections::BTreeSet;

use backstop_domain::{Digest, Millis};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::{Over, Retention, Swept, retention::BodyClass};

use super::erase::{held_since, hold_on};

/// Keys, and bodies of each class, that one sweep forgets at most.
const MOST: u64 = 500;

/// Keys whose time is over.
const KEYS_OVER: &str = "FROM calls c JOIN keys k ON k.call = c.id WHERE c.ended < ?1";
/// Bodies of a class whose time is over.
const BODIES_OVER: &str = "FROM bodies WHERE used < ?1 AND private AND bytes IS NOT NULL \
                           AND class = ?2 AND digest NOT IN (SELECT digest FROM held)";

/// Forgets, inside the transaction that is open. Events of held calls up to `held_to` hold what
/// they name already.
pub(super) fn sweep(
    connection: &Connection,
    retention: Retention,
    held_to: u64,
) -> rusqlite::Result<Swept> {
    hold_on(connection, held_to)?;
    let mut swept = Swept::default();
    if let Some(Millis(before)) = retention.keys_of_calls_ended_before {
        let sql = format!(
            "DELETE FROM keys WHERE (caller, policy, key) IN \
             (SELECT k.caller, k.policy, k.key {KEYS_OVER} LIMIT ?2)"
        );
        swept.keys = connection.execute(&sql, params![before, MOST])? as u64;
    }
    swept.more = swept.keys == MOST;
    for (class, before) in by_class(connection, retention)? {
        let sql = format!(
            "UPDATE bodies SET bytes = NULL WHERE id IN (SELECT id {BODIES_OVER} LIMIT ?3)"
        );
        let gone = connection.execute(&sql, params![before.0, class as u8, MOST])? as u64;
        swept.bodies += gone;
        swept.more |= gone == MOST;
    }
    Ok(swept)
}

/// What a sweep would forget.
pub(super) fn over(connection: &Connection, retention: Retention) -> rusqlite::Result<Over> {
    let mut over = Over::default();
    let stay = held_since(connection, 0)?.into_iter().map(|(digest, _)| digest);
    let stay: BTreeSet<Digest> = stay.collect();
    if let Some(Millis(before)) = retention.keys_of_calls_ended_before {
        let sql = format!("SELECT count(*) {KEYS_OVER}");
        over.keys = connection.query_row(&sql, [before], |row| row.get(0))?;
    }
    for (class, before) in by_class(connection, retention)? {
        let sql = format!("SELECT count(*), coalesce(sum(length(bytes)), 0) {BODIES_OVER}");
        let of = match class {
            BodyClass::Plain => &mut over.bodies,
            BodyClass::OfEvent => &mut over.events,
            BodyClass::OfDecision => &mut over.labels,
        };
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        *of = connection.query_row(&sql, params![before.0, class as u8], read)?;
        // A sweep holds these first.
        let sql = format!("SELECT length(bytes) {BODIES_OVER} AND digest = ?3");
        for digest in &stay {
            let one = params![before.0, class as u8, digest.as_bytes()];
            let size: Option<u64> = connection.query_row(&sql, one, |row| row.get(0)).optional()?;
            if let Some(size) = size {
                *of = (of.0.saturating_sub(1), of.1.saturating_sub(size));
            }
        }
    }
    Ok(over)
}

/// Until when bodies of each class go: whatever an open call rests on stays.
fn by_class(
    connection: &Connection,
    retention: Retention,
) -> rusqlite::Result<Vec<(BodyClass, Millis)>> {
    let in_use = in_use(connection)?;
    let until = |before: Millis| in_use.map_or(before, |oldest| oldest.min(before));
    let classes = retention.by_class().into_iter();
    Ok(classes.filter_map(|(class, before)| Some((class, until(before?)))).collect())
}

/// When the oldest call was received that is open, or has an open review: whatever it rests on was
/// used then or later.
fn in_use(connection: &Connection) -> rusqlite::Result<Option<Millis>> {
    let sql = "SELECT min(received) FROM (\
                   SELECT received FROM calls WHERE ended IS NULL \
                   UNION ALL \
                   SELECT c.received FROM reviews r JOIN calls c ON c.id = r.call \
                   WHERE r.phase IN ('open', 'claimed'))";
    Ok(connection.query_row(sql, [], |row| row.get::<_, Option<u64>>(0))?.map(Millis))
}
