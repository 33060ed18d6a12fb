//! Consumers against the log: none stands beyond its end, and what waits is there.

use rusqlite::{Connection, OptionalExtension as _};

use super::{Break, Report};
use crate::sqlite::{consumers, rows, schema};

/// Looks at every consumer.
pub(super) fn walk(connection: &Connection, _: &mut Report) -> Result<(), Break> {
    if schema::format(connection)? < schema::CONSUMERS_SINCE {
        return Ok(());
    }
    let end = rows::tip(connection)?.position;
    for standing in consumers::all(connection)? {
        if standing.cursor > end {
            let (name, cursor) = (standing.name, standing.cursor);
            let what = format!("consumer `{name}` stands at {cursor}, the log ends at {end}");
            return Err(Break::in_store(what));
        }
    }
    let sql = "SELECT d.subscription, d.position FROM deliveries d \
               LEFT JOIN events e ON e.position = d.position WHERE e.position IS NULL LIMIT 1";
    let lost: Option<(String, u64)> =
        connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    match lost {
        None => Ok(()),
        Some((name, position)) => {
            let what = format!("consumer `{name}` waits for {position}, where no event stands");
            Err(Break::in_store(what))
        }
    }
}
