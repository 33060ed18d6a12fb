//! Every stream, by seq: gapless, lawful by the machines of `domain`, summed up rightly, with every
//! body that it names, and at one with what people decided.

use std::collections::HashSet;

use backstop_domain::{CallEvent, CallState, Digest, Envelope, Event, ReviewState, Stream};
use rusqlite::Connection;

use crate::{
    CallSummary, ReviewSummary, Unreadable, named,
    sqlite::rows::{self, EVENT_COLUMNS, Raw},
};

use super::{
    Break, Report,
    decisions::{Told, unfounded},
};

/// Walks every stream in the order of seqs.
pub(super) fn walk(connection: &Connection, report: &mut Report) -> Result<(), Break> {
    let sql = format!(
        "SELECT {EVENT_COLUMNS}, b.digest IS NOT NULL, b.bytes FROM events e \
         LEFT JOIN bodies b ON b.digest = e.body_digest ORDER BY e.stream, e.seq"
    );
    let mut statement = connection.prepare(&sql)?;
    let mut found = statement.query([])?;
    let mut streams = Streams { connection, report, current: None, events: 0 };
    while let Some(row) = found.next()? {
        let Raw { envelope, inline } = Raw::read(row)?;
        let beside = if row.get(19)? { Some(row.get(20)?) } else { None };
        let event = rows::event(&envelope, inline.as_deref(), beside);
        streams.take(envelope, event)?;
    }
    streams.close()?;
    let events = streams.events;
    let total: u64 = connection.query_row("SELECT count(*) FROM events", [], |row| row.get(0))?;
    if total != events {
        let what = format!("{total} events, but only {events} in the index of streams");
        return Err(Break::in_store(what));
    }
    lost_rows(connection)?;
    columns(connection)
}

struct Streams<'a> {
    connection: &'a Connection,
    report: &'a mut Report,
    current: Option<Folding>,
    events: u64,
}

/// A stream on its way through the machines.
struct Folding {
    stream: Stream,
    seq: u64,
    /// Why it cannot be folded, if it cannot.
    skipped: Option<Skipped>,
    call: Option<(CallState, CallSummary)>,
    review: Option<(ReviewState, ReviewSummary)>,
    /// Bodies that it names and that are there, or were.
    named: HashSet<Digest>,
    /// What it tells of reviews, if it is a call's.
    told: Told,
}

#[derive(Clone, Copy)]
enum Skipped {
    Erased,
    Unknown,
}

impl Streams<'_> {
    fn take(&mut self, around: Envelope, event: Result<Event, Unreadable>) -> Result<(), Break> {
        self.events += 1;
        if self.current.as_ref().is_none_or(|folding| folding.stream != around.stream) {
            self.close()?;
            self.current = Some(Folding::new(around.stream.clone()));
        }
        let Some(folding) = &mut self.current else { return Ok(()) };
        if let Ok(event) = &event
            && let Some(lost) = folding.lost(self.connection, event)?
        {
            let what = format!("body {lost} is lost: it is neither kept nor erased");
            return Err(Break::at(around.position, &around.stream, what));
        }
        folding.take(&around, event)
    }

    /// Ends the stream that was walked: counts it, and holds its summary to the fold.
    fn close(&mut self) -> Result<(), Break> {
        let Some(mut folding) = self.current.take() else { return Ok(()) };
        if let Some(call) = folding.stream.call_id()
            && !matches!(folding.skipped, Some(Skipped::Unknown))
        {
            std::mem::take(&mut folding.told).agrees(self.connection, &call)?;
        }
        match folding.skipped {
            Some(Skipped::Erased) => self.report.erased += 1,
            Some(Skipped::Unknown) => self.report.unknown += 1,
            None => {
                self.report.calls += u64::from(folding.call.is_some());
                self.report.reviews += u64::from(folding.review.is_some());
                folding.compare(self.connection)?;
            }
        }
        Ok(())
    }
}

impl Folding {
    fn new(stream: Stream) -> Self {
        Self {
            stream,
            seq: 0,
            skipped: None,
            call: None,
            review: None,
            named: HashSet::new(),
            told: Told::default(),
        }
    }

    /// The first body that the event names and of which there is no trace.
    fn lost(&mut self, connection: &Connection, event: &Event) -> rusqlite::Result<Option<Digest>> {
        let mut new = Vec::new();
        named::bodies(event, |digest| new.push(digest));
        for digest in new {
            if self.named.insert(digest) && !rows::has_body(connection, digest)? {
                return Ok(Some(digest));
            }
        }
        Ok(None)
    }

    fn take(&mut self, around: &Envelope, event: Result<Event, Unreadable>) -> Result<(), Break> {
        let broken = |what: String| Break::at(around.position, &around.stream, what);
        self.seq += 1;
        if around.seq != self.seq {
            return Err(broken(format!("seq {} is missing", self.seq)));
        }
        self.told.take(around, &event);
        match event {
            Ok(_) if self.skipped.is_some() => Ok(()),
            Ok(Event::Call(event)) => {
                let (state, summary) = self.call.take().unzip();
                let state = CallState::fold(state, &event, around.at)
                    .map_err(|illegal| broken(illegal.to_string()))?;
                if state.run != around.run {
                    return Err(broken(format!("it is of run {}, not {}", state.run, around.run)));
                }
                if let CallEvent::CallEnded(ended) = &event {
                    let last = state.resolved.as_ref().map(|resolved| &resolved.resolution);
                    unfounded(ended, last).map_or(Ok(()), |what| Err(broken(what)))?;
                }
                let summary = CallSummary::fold(summary, around, &event);
                self.call = summary.map(|summary| (state, summary));
                Ok(())
            }
            Ok(Event::Review(event)) => {
                let (state, summary) = self.review.take().unzip();
                let state = ReviewState::fold(state, &event, around.at)
                    .map_err(|illegal| broken(illegal.to_string()))?;
                let summary = ReviewSummary::fold(summary, around, &event);
                self.review = summary.map(|summary| (state, summary));
                Ok(())
            }
            Ok(Event::Control(_)) => Ok(()),
            Err(Unreadable::Erased) => {
                self.skipped = Some(Skipped::Erased);
                Ok(())
            }
            Err(Unreadable::Unknown(backstop_domain::ReadError::Unknown { .. })) => {
                self.skipped = Some(Skipped::Unknown);
                Ok(())
            }
            Err(damage) => Err(broken(damage.to_string())),
        }
    }

    fn compare(&self, connection: &Connection) -> Result<(), Break> {
        let differs = || Err(Break::of(&self.stream, "its summary is not what its events make it"));
        if let (Some((state, folded)), Some(id)) = (&self.call, self.stream.call_id()) {
            let stored = rows::call(connection, &id)?;
            let agree = state.phase.name() == folded.phase.name()
                && (state.run, state.seq) == (folded.run, folded.seq)
                && state.ended().map(|ended| ended.outcome) == folded.outcome;
            if !agree || stored.as_ref() != Some(folded) {
                return differs();
            }
        }
        if let (Some((state, folded)), Some(id)) = (&self.review, self.stream.review_id()) {
            let stored = rows::review(connection, &id)?;
            let agree = state.standing.name() == folded.phase.name()
                && (state.seq, state.lease) == (folded.seq, folded.lease)
                && state.votes.len() == folded.voters.len();
            if !agree || stored.as_ref() != Some(folded) {
                return differs();
            }
        }
        Ok(())
    }
}

/// Summaries of calls and reviews that have no events.
fn lost_rows(connection: &Connection) -> Result<(), Break> {
    let sql = "SELECT stream FROM (SELECT 'call/' || id AS stream FROM calls \
                   UNION ALL SELECT 'review/' || id FROM reviews) \
               WHERE stream NOT IN (SELECT stream FROM events WHERE seq = 1) LIMIT 1";
    match one(connection, sql)? {
        Some(stream) => Err(Break::of(&Stream(stream), "it has a summary but no events")),
        None => Ok(()),
    }
}

/// The columns that summaries are found by must say what the summaries say.
fn columns(connection: &Connection) -> Result<(), Break> {
    let calls = "SELECT 'call/' || id FROM calls WHERE (id, policy, caller, phase, received) \
                 IS NOT (summary ->> 'id', summary ->> 'policy', summary ->> 'caller', \
                  summary ->> 'phase', summary ->> 'received') \
                 OR outcome IS NOT summary ->> 'outcome' OR ended IS NOT summary ->> 'ended' \
                 LIMIT 1";
    let reviews = "SELECT 'review/' || id FROM reviews WHERE (id, call, policy, queue, phase, due) \
                   IS NOT (summary ->> 'id', summary ->> 'call', summary ->> 'policy', \
                   summary ->> 'queue', summary ->> 'phase', summary ->> 'due') \
                   OR holder IS NOT summary ->> 'holder' LIMIT 1";
    for sql in [calls, reviews] {
        if let Some(stream) = one(connection, sql)? {
            return Err(Break::of(&Stream(stream), "it is listed under what its summary is not"));
        }
    }
    Ok(())
}

fn one(connection: &Connection, sql: &str) -> Result<Option<String>, Break> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
}
