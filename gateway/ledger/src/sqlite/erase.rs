//! Which bodies only some calls use, and how they go. It reads the whole log, because a body is
//! kept once however many name it; erasing is rare.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use backstop_domain::{CallId, Digest, Millis, ReviewId, Stream};
use rusqlite::{Connection, OptionalExtension as _, Row};

use crate::{
    CallBodies, KeepingChange, OwnBody, Scope,
    erasure::{digests, erased_key, is_erased_key},
};

use super::rows::{clamped, has_body};

/// The bodies of those calls.
pub(super) fn bodies_of(connection: &Connection, calls: &[CallId]) -> rusqlite::Result<CallBodies> {
    let ours = streams(connection, calls)?;
    let named = named(connection, &ours, 0)?;
    let mut others = HashSet::new();
    let sql = "SELECT e.stream, e.body, e.body_digest, b.bytes FROM events e \
               LEFT JOIN bodies b ON b.digest = e.body_digest";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if !ours.contains(row.get_ref(0)?.as_str()?) {
            each(row, |digest| {
                if named.contains(&digest) {
                    others.insert(digest);
                }
            })?;
        }
    }
    let mut found = CallBodies::default();
    for digest in named {
        match kept(connection, digest)? {
            None => {}
            Some((false, ..)) => found.gone += 1,
            Some((true, size, used, private)) => {
                found.all.push(digest);
                if others.contains(&digest) || !private {
                    found.shared += 1;
                } else {
                    found.own.push(OwnBody { digest, size, used });
                }
            }
        }
    }
    Ok(found)
}

/// Every digest that these streams name after that position.
fn named(
    connection: &Connection,
    streams: &BTreeSet<String>,
    after: u64,
) -> rusqlite::Result<BTreeSet<Digest>> {
    let mut named = BTreeSet::new();
    let sql = "SELECT e.stream, e.body, e.body_digest, b.bytes FROM events e \
               LEFT JOIN bodies b ON b.digest = e.body_digest \
               WHERE e.stream = ?1 AND e.position > ?2";
    let mut statement = connection.prepare_cached(sql)?;
    for stream in streams {
        let mut rows = statement.query((stream, clamped(after)))?;
        while let Some(row) = rows.next()? {
            each(row, |digest| {
                named.insert(digest);
            })?;
        }
    }
    Ok(named)
}

/// What calls that are held name after that position and is not held yet: a call goes on after
/// somebody held it.
pub(super) fn held_since(
    connection: &Connection,
    after: u64,
) -> rusqlite::Result<Vec<(Digest, CallId)>> {
    let mut calls = connection.prepare_cached("SELECT DISTINCT call FROM held")?;
    let mut is_held =
        connection.prepare_cached("SELECT 1 FROM held WHERE digest = ?1 AND call = ?2")?;
    let mut since = Vec::new();
    for call in calls.query_map([], |row| row.get(0).map(CallId))? {
        let call = call?;
        let ours = streams(connection, std::slice::from_ref(&call))?;
        for digest in named(connection, &ours, after)? {
            if !is_held.exists((digest.as_bytes(), call.as_str()))? && has_body(connection, digest)?
            {
                since.push((digest, call.clone()));
            }
        }
    }
    Ok(since)
}

/// Holds what calls that are held name after that position.
pub(super) fn hold_on(connection: &Connection, after: u64) -> rusqlite::Result<()> {
    for (digest, call) in held_since(connection, after)? {
        change(connection, &KeepingChange::Hold { call, bodies: vec![digest] })?;
    }
    Ok(())
}

/// The streams of those calls and of their reviews.
fn streams(connection: &Connection, calls: &[CallId]) -> rusqlite::Result<BTreeSet<String>> {
    let mut streams = BTreeSet::new();
    let mut reviews = connection.prepare("SELECT id FROM reviews WHERE call = ?1")?;
    for call in calls {
        streams.insert(Stream::call(call).0);
        for id in reviews.query_map([call.as_str()], |row| row.get::<_, String>(0))? {
            streams.insert(Stream::review(&ReviewId(id?)).0);
        }
    }
    Ok(streams)
}

/// Every digest that an event names, that of its own body included.
fn each(row: &Row<'_>, mut found: impl FnMut(Digest)) -> rusqlite::Result<()> {
    if let Some(inline) = row.get_ref(1)?.as_str_or_null().map_err(rusqlite::Error::from)? {
        digests(inline.as_bytes(), &mut found);
    }
    if let Some(digest) = row.get::<_, Option<[u8; 32]>>(2)? {
        found(Digest::from_bytes(digest));
    }
    if let Some(bytes) = row.get_ref(3)?.as_blob_or_null().map_err(rusqlite::Error::from)? {
        digests(bytes, &mut found);
    }
    Ok(())
}

/// Whether a body is there, its size, when it was used last, and whether it may go at all.
fn kept(
    connection: &Connection,
    digest: Digest,
) -> rusqlite::Result<Option<(bool, u64, Millis, bool)>> {
    let sql = "SELECT bytes IS NOT NULL, coalesce(length(bytes), 0), used, private \
               FROM bodies WHERE digest = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, Millis(row.get(2)?), row.get(3)?));
    statement.query_row([digest.as_bytes()], read).optional()
}

/// Changes what is kept, inside the transaction that is open.
pub(super) fn change(connection: &Connection, change: &KeepingChange) -> rusqlite::Result<()> {
    match change {
        KeepingChange::Erase { bodies, calls } => {
            let sql = "UPDATE bodies SET bytes = NULL WHERE digest = ?1 AND used = ?2 AND private \
                       AND digest NOT IN (SELECT digest FROM held)";
            for body in bodies {
                connection.prepare_cached(sql)?.execute((body.digest.as_bytes(), body.used.0))?;
            }
            calls.iter().try_for_each(|call| hide_key(connection, call))
        }
        KeepingChange::Hold { call, bodies } => {
            let sql = "INSERT OR IGNORE INTO held (digest, call) VALUES (?1, ?2)";
            for digest in bodies {
                connection.prepare_cached(sql)?.execute((digest.as_bytes(), call.as_str()))?;
            }
            Ok(())
        }
        KeepingChange::Release { call } => {
            let sql = "DELETE FROM held WHERE call = ?1";
            connection.prepare_cached(sql)?.execute([call.as_str()]).map(drop)
        }
    }
}

/// The key of that call can be read no more, and means it still.
fn hide_key(connection: &Connection, call: &CallId) -> rusqlite::Result<()> {
    let sql = "SELECT caller, policy, key FROM keys WHERE call = ?1";
    let read = |row: &Row<'_>| {
        Ok((Scope { caller: row.get(0)?, policy: row.get(1)? }, row.get::<_, String>(2)?))
    };
    let bound = connection.prepare_cached(sql)?.query_row([call.as_str()], read).optional()?;
    let Some((scope, key)) = bound.filter(|(_, key)| !is_erased_key(key)) else { return Ok(()) };
    let sql = "UPDATE keys SET key = ?2 WHERE call = ?1";
    let erased = erased_key(&scope, &key);
    connection.prepare_cached(sql)?.execute((call.as_str(), erased)).map(drop)
}

/// How much every policy keeps: calls, events and bytes of bodies that its calls name. A body that
/// several policies use counts for each.
pub(super) fn sizes(connection: &Connection) -> rusqlite::Result<BTreeMap<String, crate::Size>> {
    let mut policies = BTreeMap::new();
    let mut calls = connection.prepare("SELECT id, policy FROM calls")?;
    let calls = calls.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
    let calls: BTreeMap<String, String> = calls.collect::<rusqlite::Result<_>>()?;
    let mut reviews = connection.prepare("SELECT id, call FROM reviews")?;
    let reviews = reviews.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
    let reviews: BTreeMap<String, String> = reviews.collect::<rusqlite::Result<_>>()?;
    let policy_of = |stream: &str| {
        let call = match stream.split_once('/')? {
            ("call", id) => id,
            ("review", id) => reviews.get(id)?,
            _ => return None,
        };
        calls.get(call).cloned()
    };
    for policy in calls.values() {
        policies.entry(policy.clone()).or_insert_with(crate::Size::default).calls += 1;
    }
    let mut counted: HashSet<(String, Digest)> = HashSet::new();
    let mut named: Vec<(String, Digest)> = Vec::new();
    let sql = "SELECT e.stream, e.body, e.body_digest, b.bytes FROM events e \
               LEFT JOIN bodies b ON b.digest = e.body_digest";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let Some(policy) = policy_of(row.get_ref(0)?.as_str()?) else { continue };
        policies.entry(policy.clone()).or_default().events += 1;
        each(row, |digest| {
            if counted.insert((policy.clone(), digest)) {
                named.push((policy.clone(), digest));
            }
        })?;
    }
    for (policy, digest) in named {
        if let Some((true, size, ..)) = kept(connection, digest)? {
            policies.entry(policy).or_default().bytes += size;
        }
    }
    Ok(policies)
}
