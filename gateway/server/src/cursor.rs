//! Places in lists, as callers hand them back: `TIME.ID`.

use backstop_domain::Millis;
use backstop_ledger::Cursor;

use crate::problem::Problem;

/// As it is sent.
pub fn write(cursor: &Cursor) -> String {
    format!("{}.{}", cursor.at.0, cursor.id)
}

/// As it comes back.
///
/// # Errors
/// [`Problem`] if it is none of ours.
pub fn read(text: &str) -> Result<Cursor, Problem> {
    let place = text
        .split_once('.')
        .and_then(|(at, id)| Some(Cursor { at: Millis(at.parse().ok()?), id: id.to_owned() }));
    place.ok_or_else(|| {
        let detail = "send back the `next` of the page before as it was";
        Problem::bad_request("invalid_cursor", detail).at("cursor")
    })
}
