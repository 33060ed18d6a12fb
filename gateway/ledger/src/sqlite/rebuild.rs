//! Makes every summary anew from the events, offline.

use std::path::Path;

use backstop_domain::Event;

use crate::{CallSummary, OpenError, ReviewSummary};

use super::{insert, open, rows, schema};

/// Folds every call and review of that folder again and puts the summaries in place, in one
/// transaction; returns how many. Those with erased bodies keep the summary that they have.
///
/// # Errors
/// [`OpenError`] if the folder is in use or cannot be read or written; nothing has changed then.
pub fn rebuild_summaries(folder: &Path) -> Result<u64, OpenError> {
    open::check_version()?;
    let held = open::hold(folder, false)?;
    let mut connection = open::writer(&held, None, open::Synchronous::FULL)?;
    schema::ready(&mut connection, folder)?;
    let reader = open::reader(&held.database())?;
    let transaction = connection.transaction()?;
    let mut streams = reader.prepare("SELECT DISTINCT stream FROM events")?;
    let streams = streams.query_map([], |row| Ok(backstop_domain::Stream(row.get(0)?)))?;
    let mut rebuilt = 0;
    for stream in streams {
        rebuilt += u64::from(rebuild(&transaction, &reader, &stream?)?);
    }
    transaction.commit()?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(rebuilt)
}

fn rebuild(
    writer: &rusqlite::Connection,
    reader: &rusqlite::Connection,
    stream: &backstop_domain::Stream,
) -> rusqlite::Result<bool> {
    let events = rows::stream(reader, stream, 0)?;
    if events.iter().any(|one| one.event.is_err()) {
        return Ok(false);
    }
    let (mut call, mut review) = (None, None);
    for one in &events {
        match &one.event {
            Ok(Event::Call(event)) => call = CallSummary::fold(call, &one.envelope, event),
            Ok(Event::Review(event)) => review = ReviewSummary::fold(review, &one.envelope, event),
            _ => {}
        }
    }
    let changed = call.is_some() || review.is_some();
    call.map_or(Ok(()), |call| insert::put_call(writer, &call))?;
    review.map_or(Ok(()), |review| insert::put_review(writer, &review))?;
    Ok(changed)
}
