//! A data folder, read without the server or beside it. It writes nothing and holds no lock: what
//! it reads is what is committed.

use std::{collections::HashMap, path::Path, sync::Arc};

use backstop_domain::{CallId, Digest, Millis, Stream};
use rusqlite::Connection;

use crate::{OpenError, ReadFailed, Recorded};

use super::{open, rows, schema};

/// A data folder that is only read. Each thread opens its own.
#[derive(Debug)]
pub struct Offline(Connection);

/// Bytes by digest; `None` where they were erased.
pub type BodiesByDigest = HashMap<Digest, Option<Arc<[u8]>>>;

impl Offline {
    /// Opens a data folder.
    ///
    /// # Errors
    /// [`OpenError`] if there is no ledger there, a newer Backstop wrote it, or it cannot be read.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        let path = folder.join(open::DATABASE);
        std::fs::metadata(&path).map_err(|error| OpenError::Folder(folder.to_owned(), error))?;
        let connection = open::reader(&path)?;
        schema::check(&connection, folder)?;
        Ok(Self(connection))
    }

    /// Events of a stream, in order.
    ///
    /// # Errors
    /// [`ReadFailed`] if a row cannot be read.
    pub fn stream(&self, stream: &Stream) -> Result<Vec<Recorded>, ReadFailed> {
        Ok(rows::stream(&self.0, stream, 0)?)
    }

    /// Events of every stream after that position, in order, at most `limit`.
    ///
    /// # Errors
    /// [`ReadFailed`] if a row cannot be read.
    pub fn feed(&self, after: u64, limit: usize) -> Result<Vec<Recorded>, ReadFailed> {
        let ending = "WHERE e.position > ?1 ORDER BY e.position LIMIT ?2";
        Ok(rows::recorded(&self.0, ending, &[&rows::clamped(after), &limit])?)
    }

    /// The bodies of these digests. One that the ledger never had is left out.
    ///
    /// # Errors
    /// [`ReadFailed`] if a row cannot be read.
    pub fn bodies(&self, digests: &[Digest]) -> Result<BodiesByDigest, ReadFailed> {
        let mut statement = self.0.prepare_cached("SELECT bytes FROM bodies WHERE digest = ?1")?;
        let mut found = HashMap::with_capacity(digests.len());
        for digest in digests {
            let mut rows = statement.query([digest.as_bytes().as_slice()])?;
            if let Some(row) = rows.next()? {
                let bytes: Option<Vec<u8>> = row.get(0)?;
                found.insert(*digest, bytes.map(Arc::from));
            }
        }
        Ok(found)
    }

    /// Calls that were received at that time or later, oldest first.
    ///
    /// # Errors
    /// [`ReadFailed`] if a row cannot be read.
    pub fn calls(&self, since: Option<Millis>) -> Result<Vec<CallId>, ReadFailed> {
        let sql = "SELECT id FROM calls WHERE received >= ?1 ORDER BY received, id";
        let mut statement = self.0.prepare(sql)?;
        let since = rows::clamped(since.unwrap_or_default().0);
        let ids = statement.query_map([since], |row| row.get(0).map(CallId))?;
        Ok(ids.collect::<rusqlite::Result<_>>()?)
    }
}
