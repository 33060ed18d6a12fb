//! Reads: a pool of connections that cannot write, each used by one read at a time.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use backstop_domain::{Digest, Millis, Stream};
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, params_from_iter};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::Semaphore;

use crate::{
    CallFilter, CallSummary, CallsPage, Cursor, OpenError, Over, ReadFailed, Reading, Recorded,
    Retention, ReviewFilter, ReviewSummary, ReviewsPage, Size, StoredBody,
    query::{FEED_MAX, bounded},
};

use super::{
    erase, open,
    rows::{self, clamped, summary},
    schema, sweep,
};

/// What a read gives.
type Read<T> = Result<T, ReadFailed>;

impl From<rusqlite::Error> for ReadFailed {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error as E;
        match error {
            E::FromSqlConversionFailure(..)
            | E::InvalidColumnType(..)
            | E::IntegralValueOutOfRange(..) => {
                Self::Damaged { place: "a row".into(), message: error.to_string() }
            }
            other => Self::Store(other.to_string()),
        }
    }
}

/// The pool.
#[derive(Debug, Clone)]
pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    free: Arc<Semaphore>,
}

impl Readers {
    /// Opens that many connections.
    pub fn open(path: &Path, count: usize) -> Result<Self, OpenError> {
        let idle = (0..count).map(|_| open::reader(path)).collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(Self { idle: Arc::new(Mutex::new(idle)), free: Arc::new(Semaphore::new(count)) })
    }

    /// Runs `look` on a connection, on a thread that may block.
    pub fn run<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Connection) -> Read<T> + Send + 'static,
    ) -> Reading<T> {
        let Self { idle, free } = self.clone();
        Box::pin(async move {
            let gone = |what: &str| ReadFailed::Store(what.into());
            let permit = free.acquire_owned().await.map_err(|_| gone("the pool is closed"))?;
            let reading = tokio::task::spawn_blocking(move || {
                let connection = idle.lock().pop().ok_or_else(|| gone("no connection is left"))?;
                let result = look(&connection);
                idle.lock().push(connection);
                drop(permit);
                result
            });
            reading.await.map_err(|error| ReadFailed::Store(error.to_string()))?
        })
    }
}

/// Events of a stream after that seq.
pub(super) fn stream(connection: &Connection, stream: &Stream, after: u64) -> Read<Vec<Recorded>> {
    Ok(rows::stream(connection, stream, after)?)
}

/// Events of one stream, read from a data folder that a gateway may be using at the same time.
///
/// # Errors
/// [`OpenError`] if there is no ledger there, or it cannot be read.
pub fn read_stream(folder: &Path, of: &Stream) -> Result<Vec<Recorded>, OpenError> {
    let path = folder.join(open::DATABASE);
    std::fs::metadata(&path).map_err(|error| OpenError::Folder(folder.to_owned(), error))?;
    let connection = open::reader(&path)?;
    Ok(rows::stream(&connection, of, 0)?)
}

/// How much every policy keeps, read from a data folder that a gateway may be using.
///
/// # Errors
/// [`OpenError`] if there is no ledger there, or it cannot be read.
pub fn sizes(folder: &Path) -> Result<BTreeMap<String, Size>, OpenError> {
    let path = folder.join(open::DATABASE);
    std::fs::metadata(&path).map_err(|error| OpenError::Folder(folder.to_owned(), error))?;
    Ok(erase::sizes(&open::reader(&path)?)?)
}

/// What a sweep would forget now. It changes nothing, and may be asked beside a running gateway.
///
/// # Errors
/// [`OpenError`] if there is no ledger there, another Backstop wrote it, or it cannot be read.
pub fn over(folder: &Path, retention: Retention) -> Result<Over, OpenError> {
    let path = folder.join(open::DATABASE);
    std::fs::metadata(&path).map_err(|error| OpenError::Folder(folder.to_owned(), error))?;
    let connection = open::reader(&path)?;
    schema::ready_to_read(&connection, folder)?;
    Ok(sweep::over(&connection, retention)?)
}

/// The bytes of that digest, read as [`read_stream`] reads; `None` if they are not kept (any more).
///
/// # Errors
/// [`ReadFailed`] if there is no ledger there, it cannot be read, or the bytes are not those.
pub fn read_body(folder: &Path, digest: Digest) -> Result<Option<Vec<u8>>, ReadFailed> {
    let connection = open::reader(&folder.join(open::DATABASE))
        .map_err(|error| ReadFailed::Store(error.to_string()))?;
    Ok(body(&connection, digest)?.and_then(|body| body.bytes))
}

/// Events of every stream after that position.
pub(super) fn feed(connection: &Connection, after: u64, limit: usize) -> Read<Vec<Recorded>> {
    let ending = "WHERE e.position > ?1 ORDER BY e.position LIMIT ?2";
    Ok(rows::recorded(connection, ending, &[&clamped(after), &limit.min(FEED_MAX)])?)
}

/// The bytes of that digest.
pub(super) fn body(connection: &Connection, digest: Digest) -> Read<Option<StoredBody>> {
    let sql = "SELECT bytes, private FROM bodies WHERE digest = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let body: Option<StoredBody> = statement
        .query_row([digest.as_bytes()], |row| {
            Ok(StoredBody { bytes: row.get(0)?, private: row.get(1)? })
        })
        .optional()?;
    let bytes = body.as_ref().and_then(|body| body.bytes.as_deref());
    if bytes.is_some_and(|bytes| Digest::of(bytes) != digest) {
        let message = "the bytes do not have their digest".into();
        return Err(ReadFailed::Damaged { place: format!("body {digest}"), message });
    }
    Ok(body)
}

/// Every call that has not ended, oldest first.
pub(super) fn open_calls(connection: &Connection) -> Read<Vec<CallSummary>> {
    let sql = "SELECT summary FROM calls WHERE ended IS NULL ORDER BY received, id";
    summaries(connection, sql, &[])
}

/// Every review that waits for a decision, due first.
pub(super) fn open_reviews(connection: &Connection) -> Read<Vec<ReviewSummary>> {
    let sql = "SELECT summary FROM reviews WHERE phase IN ('open', 'claimed') ORDER BY due, id";
    summaries(connection, sql, &[])
}

/// How many reviews wait for a decision in that queue. Looks at open ones only, however many were
/// decided there before.
pub(super) fn open_in_queue(connection: &Connection, queue: &str) -> Read<u64> {
    let sql = "SELECT count(*) FROM reviews INDEXED BY reviews_open \
               WHERE phase IN ('open', 'claimed') AND queue = ?1";
    Ok(connection.prepare_cached(sql)?.query_row([queue], |row| row.get(0))?)
}

fn summaries<T: DeserializeOwned>(
    connection: &Connection,
    sql: &str,
    params: &[Box<dyn ToSql>],
) -> Read<Vec<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let read = |row: &Row<'_>| summary(row, 0);
    let rows = statement.query_map(params_from_iter(params), read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Conditions and their values, as a filter asks for them.
#[derive(Default)]
struct Where {
    sql: Vec<&'static str>,
    params: Vec<Box<dyn ToSql>>,
}

impl Where {
    fn and<T: ToSql + 'static>(&mut self, condition: &'static str, value: Option<T>) -> &mut Self {
        if let Some(value) = value {
            self.sql.push(condition);
            self.params.push(Box::new(value));
        }
        self
    }

    /// A condition without a value: spelled as in the index that it makes usable.
    fn also(&mut self, condition: Option<&'static str>) -> &mut Self {
        self.sql.extend(condition);
        self
    }

    fn after(&mut self, condition: &'static str, place: Option<&Cursor>) -> &mut Self {
        if let Some(Cursor { at: Millis(at), id }) = place {
            self.sql.push(condition);
            self.params.extend([Box::new(clamped(*at)) as Box<dyn ToSql>, Box::new(id.clone())]);
        }
        self
    }

    fn sql(&self, table: &str, order: &str) -> String {
        let conditions = self.sql.join(" AND ");
        let conditions = if conditions.is_empty() { "TRUE" } else { &conditions };
        format!("SELECT summary FROM {table} WHERE {conditions} ORDER BY {order} LIMIT ?")
    }

    fn page<T: DeserializeOwned>(
        mut self,
        connection: &Connection,
        table: &str,
        order: &str,
        limit: usize,
    ) -> Read<Vec<T>> {
        let sql = self.sql(table, order);
        self.params.push(Box::new(limit + 1));
        summaries(connection, &sql, &self.params)
    }
}

/// Those as a list that SQL can read; `None` if there are none.
fn listed<T: Serialize>(of: &[T]) -> Option<String> {
    (!of.is_empty()).then(|| serde_json::json!(of).to_string())
}

/// The order of lists of calls.
const NEWEST: &str = "received DESC, id DESC";

fn which_calls(filter: &CallFilter) -> Where {
    let open = filter.phase.is_some_and(|phase| phase != crate::CallPhase::Ended);
    let mut only = Where::default();
    only.and("id IN (SELECT value FROM json_each(?))", listed(&filter.ids))
        .also(open.then_some("ended IS NULL"))
        .and("policy = ?", filter.policy.clone())
        .and("caller = ?", filter.caller.clone())
        .and("phase = ?", filter.phase.map(crate::CallPhase::name))
        .and("outcome = ?", filter.outcome.map(backstop_domain::Outcome::name))
        .and("received >= ?", filter.since.map(|time| clamped(time.0)))
        .and("received < ?", filter.until.map(|time| clamped(time.0)))
        .after("(received, id) < (?, ?)", filter.after.as_ref());
    only
}

/// Calls, newest first.
pub(super) fn calls(connection: &Connection, filter: &CallFilter) -> Read<CallsPage> {
    let limit = bounded(filter.limit);
    let mut rows: Vec<CallSummary> =
        which_calls(filter).page(connection, "calls", NEWEST, limit)?;
    let next = crate::query::cut(&mut rows, limit, CallSummary::place);
    Ok(CallsPage { rows, next })
}

/// Which reviews, and their order.
fn which_reviews(filter: &ReviewFilter) -> (Where, &'static str) {
    let (beyond, order) = match filter.latest {
        true => ("(due, id) < (?, ?)", "due DESC, id DESC"),
        false => ("(due, id) > (?, ?)", "due, id"),
    };
    let open = filter.open || filter.phase.is_some_and(crate::ReviewPhase::is_open);
    let closed = filter.phase.is_some_and(|phase| !phase.is_open());
    let mut only = Where::default();
    only.and("queue IN (SELECT value FROM json_each(?))", listed(&filter.queues))
        .and("phase = ?", filter.phase.map(crate::ReviewPhase::name))
        .also(open.then_some("phase IN ('open', 'claimed')"))
        .also(closed.then_some("phase NOT IN ('open', 'claimed')"))
        .and("policy = ?", filter.policy.clone())
        .and("holder = ?", filter.holder.clone())
        .and("call = ?", filter.call.as_ref().map(|call| call.0.clone()))
        .after(beyond, filter.after.as_ref());
    (only, order)
}

/// Reviews, due first.
pub(super) fn reviews(connection: &Connection, filter: &ReviewFilter) -> Read<ReviewsPage> {
    let limit = bounded(filter.limit);
    let (only, order) = which_reviews(filter);
    let mut rows: Vec<ReviewSummary> = only.page(connection, "reviews", order, limit)?;
    let next = crate::query::cut(&mut rows, limit, ReviewSummary::place);
    Ok(ReviewsPage { rows, next })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at a surprise")]

    use backstop_domain::Outcome;

    use super::*;
    use crate::{CallPhase, ReviewPhase};

    /// How SQLite goes about a list.
    fn plan(only: &Where, table: &str, order: &str) -> String {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::step_up(&mut connection).unwrap();
        let sql = format!("EXPLAIN QUERY PLAN {}", only.sql(table, order));
        let mut statement = connection.prepare(&sql).unwrap();
        let limit: Box<dyn ToSql> = Box::new(1);
        let params = params_from_iter(only.params.iter().chain([&limit]));
        let steps = statement.query_map(params, |row| row.get::<_, String>(3)).unwrap();
        steps.collect::<rusqlite::Result<Vec<_>>>().unwrap().join("; ")
    }

    #[test]
    fn what_is_rare_among_very_many_calls_is_found_in_its_order() {
        let of = |filter: CallFilter| plan(&which_calls(&filter), "calls", NEWEST);
        let all = CallFilter::default;
        let place = Some(Cursor { at: Millis(5), id: "c".into() });
        for (filter, index) in [
            (CallFilter { outcome: Some(Outcome::Failed), ..all() }, "calls_outcome"),
            (CallFilter { caller: Some("rare".into()), ..all() }, "calls_caller"),
            (CallFilter { policy: Some("rare".into()), ..all() }, "calls_policy"),
            (CallFilter { phase: Some(CallPhase::InReview), ..all() }, "calls_open"),
            (CallFilter { since: Some(Millis(5)), ..all() }, "calls_received"),
            (all(), "calls_received"),
        ] {
            let next = CallFilter { after: place.clone(), ..filter.clone() };
            for told in [of(filter), of(next)] {
                assert!(told.contains(&format!("USING INDEX {index}")), "{told}");
                assert!(!told.contains("TEMP B-TREE"), "{told}");
            }
        }
        let named = CallFilter { ids: vec!["c".into()], ..all() };
        assert!(of(named).contains("sqlite_autoindex_calls_1 (id=?)"));
    }

    #[test]
    fn reviews_that_were_decided_are_not_looked_for_among_the_open_ones() {
        let of = |filter: ReviewFilter| {
            let (only, order) = which_reviews(&filter);
            plan(&only, "reviews", order)
        };
        let all = || ReviewFilter { latest: true, ..ReviewFilter::default() };
        for (filter, index) in [
            (ReviewFilter { phase: Some(ReviewPhase::Decided), ..all() }, "reviews_closed"),
            (ReviewFilter { phase: Some(ReviewPhase::Claimed), ..all() }, "reviews_open"),
            (ReviewFilter { open: true, ..all() }, "reviews_open"),
            (ReviewFilter { call: Some("c".into()), ..all() }, "reviews_call"),
        ] {
            let told = of(filter);
            assert!(told.contains(&format!("USING INDEX {index}")), "{told}");
        }
    }
}
