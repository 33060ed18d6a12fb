//! The end of the chain, taken outside: whoever keeps it can tell later that nothing before it was
//! cut off or put in place of it. A chain alone cannot: a shorter one is as whole as a longer one.

use std::path::Path;

use backstop_domain::Digest;
use rusqlite::OptionalExtension as _;

use crate::OpenError;

use super::{Break, open, schema};
use crate::sqlite::rows;

/// The end of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Position of its last event; 0 for none.
    pub position: u64,
    /// Hash of that event.
    pub hash: Digest,
}

/// The end of the chain in that folder, which a gateway may be using.
///
/// # Errors
/// [`OpenError`] if there is no ledger there, or it cannot be read.
pub fn head(folder: &Path) -> Result<Head, OpenError> {
    let path = folder.join(open::DATABASE);
    std::fs::metadata(&path).map_err(|error| OpenError::Folder(folder.into(), error))?;
    let reader = open::reader(&path)?;
    schema::check(&reader, folder)?;
    let tip = rows::tip(&reader)?;
    Ok(Head { position: tip.position, hash: tip.hash })
}

/// What that folder lacks of a chain that ended so once; `None`: nothing.
///
/// # Errors
/// [`OpenError`] if there is no ledger there, or it cannot be read.
pub fn lacks(folder: &Path, kept: Head) -> Result<Option<Break>, OpenError> {
    let now = head(folder)?;
    let at = |position, what: String| Break { position: Some(position), stream: None, what };
    if now.position < kept.position {
        let cut = kept.position - now.position;
        let what = format!("the ledger ends here; {cut} event(s) that were there are gone");
        return Ok(Some(at(now.position, what)));
    }
    let reader = open::reader(&folder.join(open::DATABASE))?;
    let sql = "SELECT hash FROM events WHERE position = ?1";
    let found: Option<[u8; 32]> = match kept.position {
        0 => Some([0; 32]),
        position => {
            reader.query_row(sql, [rows::clamped(position)], |row| row.get(0)).optional()?
        }
    };
    if found.map(Digest::from_bytes) == Some(kept.hash) {
        return Ok(None);
    }
    let what = "another event stands here than when the head was taken".to_owned();
    Ok(Some(at(kept.position, what)))
}
