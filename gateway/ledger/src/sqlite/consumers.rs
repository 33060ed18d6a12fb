//! Rows about consumers: where each stands, and what it could not be given yet.

use backstop_domain::Millis;
use rusqlite::{Connection, Row, params};

use crate::{Delivery, DeliveryFilter, Progress, Standing};

use super::rows::{clamped, summary};

/// Takes a step of one consumer, inside the transaction that is open.
pub(super) fn step(connection: &Connection, progress: &Progress) -> rusqlite::Result<()> {
    let standing = &progress.standing;
    let text = serde_json::to_string(standing)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let sql = "INSERT INTO subscriptions (name, standing) VALUES (?1, ?2) \
               ON CONFLICT (name) DO UPDATE SET standing = excluded.standing";
    connection.prepare_cached(sql)?.execute((&standing.name, text))?;
    for position in &progress.done {
        let sql = "DELETE FROM deliveries WHERE subscription = ?1 AND position = ?2";
        connection.prepare_cached(sql)?.execute((&standing.name, clamped(*position)))?;
    }
    progress.put.iter().try_for_each(|delivery| put(connection, &standing.name, delivery))
}

fn put(connection: &Connection, name: &str, delivery: &Delivery) -> rusqlite::Result<()> {
    let sql = "INSERT INTO deliveries (subscription, position, lane, tries, due, parked, last) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (subscription, position) \
               DO UPDATE SET lane = excluded.lane, tries = excluded.tries, due = excluded.due, \
               parked = excluded.parked, last = excluded.last";
    let row = params![
        name,
        clamped(delivery.position),
        delivery.lane,
        delivery.tries,
        clamped(delivery.due.0),
        delivery.parked,
        delivery.last,
    ];
    connection.prepare_cached(sql)?.execute(row).map(drop)
}

/// Where every consumer stands, by name.
pub(super) fn all(connection: &Connection) -> rusqlite::Result<Vec<Standing>> {
    let mut statement =
        connection.prepare_cached("SELECT standing FROM subscriptions ORDER BY name")?;
    let rows = statement.query_map([], |row| summary(row, 0))?;
    rows.collect()
}

/// Deliveries of one consumer, in the order of positions.
pub(super) fn deliveries(
    connection: &Connection,
    name: &str,
    filter: DeliveryFilter,
) -> rusqlite::Result<Vec<Delivery>> {
    let sql = "SELECT position, lane, tries, due, parked, last FROM deliveries \
               WHERE subscription = ?1 AND (parked IS NOT NULL) = ?2 AND position > ?3 \
               ORDER BY position LIMIT ?4";
    let mut statement = connection.prepare_cached(sql)?;
    let after = clamped(filter.after);
    let rows = statement.query_map(params![name, filter.parked, after, filter.most()], delivery)?;
    rows.collect()
}

/// How many deliveries of a consumer are parked.
pub(super) fn parked(connection: &Connection, name: &str) -> rusqlite::Result<u64> {
    let sql = "SELECT count(*) FROM deliveries WHERE subscription = ?1 AND parked IS NOT NULL";
    connection.prepare_cached(sql)?.query_row([name], |row| row.get(0))
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    Ok(Delivery {
        position: row.get(0)?,
        lane: row.get(1)?,
        tries: row.get(2)?,
        due: Millis(row.get(3)?),
        parked: row.get(4)?,
        last: row.get(5)?,
    })
}
