//! Retention: forgets keys and bodies whose time is over, and leaves every envelope alone.

use backstop_domain::Millis;
use rusqlite::{Connection, params};

use crate::{Retention, Swept};

/// Keys, and bodies, that one sweep forgets at most.
const MOST: u64 = 500;

/// Forgets, inside the transaction that is open.
pub(super) fn sweep(connection: &Connection, retention: Retention) -> rusqlite::Result<Swept> {
    let mut swept = Swept::default();
    if let Some(Millis(before)) = retention.keys_of_calls_ended_before {
        let sql = "DELETE FROM keys WHERE (caller, policy, key) IN (\
                       SELECT k.caller, k.policy, k.key FROM calls c JOIN keys k ON k.call = c.id \
                       WHERE c.ended < ?1 LIMIT ?2)";
        swept.keys = connection.execute(sql, params![before, MOST])? as u64;
    }
    if let Some(before) = retention.bodies_unused_since {
        let before = in_use(connection)?.map_or(before, |oldest| oldest.min(before));
        let sql = "UPDATE bodies SET bytes = NULL WHERE id IN (\
                       SELECT id FROM bodies \
                       WHERE used < ?1 AND private AND bytes IS NOT NULL \
                       AND digest NOT IN (SELECT digest FROM held) LIMIT ?2)";
        swept.bodies = connection.execute(sql, params![before.0, MOST])? as u64;
    }
    swept.more = swept.keys == MOST || swept.bodies == MOST;
    Ok(swept)
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
