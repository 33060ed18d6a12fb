//! Bodies against their digests, and keys against the calls that have them.

use backstop_domain::Digest;
use rusqlite::Connection;

use super::{Break, Report};

/// Walks every body that was not erased, then every key.
pub(super) fn walk(connection: &Connection, report: &mut Report) -> Result<(), Break> {
    let sql = "SELECT digest, bytes FROM bodies WHERE bytes IS NOT NULL ORDER BY id";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let digest = Digest::from_bytes(row.get(0)?);
        let bytes = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        if Digest::of(bytes) != digest {
            return Err(Break::in_store(format!("body {digest} does not have its digest")));
        }
        report.bodies += 1;
    }
    gone(connection)?;
    keys(connection)
}

/// Only what may hold somebody's words is ever erased.
fn gone(connection: &Connection) -> Result<(), Break> {
    let sql = "SELECT digest FROM bodies WHERE bytes IS NULL AND NOT private LIMIT 1";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    let Some(row) = rows.next()? else { return Ok(()) };
    let digest = Digest::from_bytes(row.get(0)?);
    Err(Break::in_store(format!("body {digest} is gone, and none of those that may be erased")))
}

fn keys(connection: &Connection) -> Result<(), Break> {
    let sql = "SELECT k.caller, k.policy, k.call FROM keys k LEFT JOIN calls c ON c.id = k.call \
               WHERE c.id IS NULL OR c.caller <> k.caller OR c.policy <> k.policy LIMIT 1";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    match rows.next()? {
        None => Ok(()),
        Some(row) => {
            let (caller, policy): (String, String) = (row.get(0)?, row.get(1)?);
            let call: String = row.get(2)?;
            Err(Break::in_store(format!(
                "an idempotency key of `{caller}` for `{policy}` names `{call}`, which is no such \
                 call"
            )))
        }
    }
}
