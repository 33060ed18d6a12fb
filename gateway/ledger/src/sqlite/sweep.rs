//! Retention: forgets keys and bodies whose time is over, and leaves every envelope alone.

use backstop_domain::Millis;
use rusqlite::{Connection, params};

use crate::{Retention, Swept};

/// Forgets, inside the transaction that is open.
pub(super) fn sweep(connection: &Connection, retention: Retention) -> rusqlite::Result<Swept> {
    let mut swept = Swept::default();
    if let Some(Millis(before)) = retention.keys_of_calls_ended_before {
        let sql = "DELETE FROM keys WHERE call IN (SELECT id FROM calls WHERE ended < ?1)";
        swept.keys = connection.execute(sql, [before])? as u64;
    }
    if let Some(before) = retention.bodies_unused_since {
        let before = in_use(connection)?.map_or(before, |oldest| oldest.min(before));
        let sql = "UPDATE bodies SET bytes = NULL \
                   WHERE used < ?1 AND private AND bytes IS NOT NULL";
        swept.bodies = connection.execute(sql, params![before.0])? as u64;
    }
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
