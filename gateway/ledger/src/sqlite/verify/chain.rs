//! The chain, by position: gapless, each event bound to the one before, each hash its own.

use rusqlite::Connection;

use crate::{
    seal::{self, Tip},
    sqlite::rows::{EVENT_COLUMNS, Raw},
};

use super::{Break, Report};

/// Walks every event in the order of positions.
pub(super) fn walk(connection: &Connection, report: &mut Report) -> Result<(), Break> {
    let sql = format!("SELECT {EVENT_COLUMNS} FROM events e ORDER BY e.position");
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut tip = Tip::START;
    while let Some(row) = rows.next()? {
        let expected = tip.position + 1;
        let Raw { envelope, inline } = Raw::read(row).map_err(|error| Break {
            position: Some(expected),
            stream: None,
            what: format!("the event cannot be read: {error}"),
        })?;
        let stream = &envelope.stream;
        if envelope.position != expected {
            let what = format!("missing, the next event stands at {}", envelope.position);
            return Err(Break { position: Some(expected), stream: None, what });
        }
        if envelope.previous_hash != tip.hash {
            let what = "it does not name the hash of the event before it";
            return Err(Break::at(expected, stream, what));
        }
        if seal::hash(&envelope, inline.as_deref()) != envelope.hash {
            return Err(Break::at(expected, stream, "its hash is not that of its content"));
        }
        tip = Tip { position: expected, hash: envelope.hash };
        report.events += 1;
    }
    Ok(())
}
