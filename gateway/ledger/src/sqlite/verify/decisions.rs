//! What people decided stands twice: in the review's stream and in that of the call that waited for
//! it, written in one transaction. The two must tell the same, and the call must have ended so.

use std::{collections::BTreeMap, fmt};

use backstop_domain::{
    CallEvent, CallId, Ended, Envelope, Event, OnExpiry, Outcome, Resolution, ReviewEvent,
    ReviewId, ReviewKind, Stream,
};
use rusqlite::Connection;

use crate::{Recorded, Unreadable, sqlite::rows};

use super::Break;

/// One thing that was said of a review.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    /// It is decided: what, by whom, why, and until when that can be taken back.
    Decided(Resolution, Vec<String>, Option<String>, Option<u64>),
    /// Nobody decided in time.
    Expired(OnExpiry),
    /// The decision is taken back.
    Undone,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, by) = match self {
            Self::Undone => return f.write_str("taken back"),
            Self::Expired(_) => return f.write_str("expired"),
            Self::Decided(resolution, by, ..) => (resolution.name(), by),
        };
        write!(f, "{what} by {}", by.join(", "))
    }
}

/// What a call tells of its reviews, in order: where it tells it, and what.
#[derive(Debug, Default)]
pub(super) struct Told {
    reviews: BTreeMap<ReviewId, Vec<(u64, Said)>>,
    /// Something of it was erased, so the rest cannot be counted.
    erased: bool,
}

impl Told {
    /// Takes in the next event of the call.
    pub fn take(&mut self, around: &Envelope, event: &Result<Event, Unreadable>) {
        let (review, said) = match event {
            Ok(Event::Call(CallEvent::ReviewResolved(resolved))) => {
                let said = match &resolved.resolution {
                    Resolution::Expired { action } => Said::Expired(*action),
                    resolution => Said::Decided(
                        resolution.clone(),
                        resolved.by.clone(),
                        resolved.reason.clone(),
                        resolved.undo_until.map(|until| until.0),
                    ),
                };
                (&resolved.review, said)
            }
            Ok(Event::Call(CallEvent::DecisionUndone { review })) => (review, Said::Undone),
            Err(_) => {
                self.erased |= around.kind == "review_resolved";
                return;
            }
            Ok(_) => return,
        };
        self.reviews.entry(review.clone()).or_default().push((around.position, said));
    }

    /// Holds every review of the call to what the call tells of it.
    pub fn agrees(mut self, connection: &Connection, call: &CallId) -> Result<(), Break> {
        if self.erased {
            return Ok(());
        }
        let mut statement = connection.prepare_cached("SELECT id FROM reviews WHERE call = ?1")?;
        for id in statement.query_map([call.as_str()], |row| row.get(0).map(ReviewId))? {
            self.reviews.entry(id?).or_default();
        }
        let stream = Stream::call(call);
        let mut firsts: Vec<Break> = Vec::new();
        for (review, told) in &self.reviews {
            firsts.extend(differs(connection, &stream, review, told)?);
        }
        firsts.sort_by_key(|found| found.position.unwrap_or(u64::MAX));
        firsts.into_iter().next().map_or(Ok(()), Err)
    }
}

/// Where a review and its call first tell two things, if they do.
fn differs(
    connection: &Connection,
    call: &Stream,
    review: &ReviewId,
    told: &[(u64, Said)],
) -> rusqlite::Result<Option<Break>> {
    let events = rows::stream(connection, &Stream::review(review), 0)?;
    // The queue was gone when the call came there: nobody was asked, which is as if nobody had
    // decided in time.
    if events.is_empty() && matches!(told, [(_, Said::Expired(OnExpiry::Reject))]) {
        return Ok(None);
    }
    // An audit changes no call, so the call says nothing of it.
    let own = match kind(connection, review, &events)? {
        ReviewKind::Audit => Some(Vec::new()),
        ReviewKind::Decision => said(events),
    };
    let Some(own) = own else { return Ok(None) };
    let most = own.len().max(told.len());
    let first = (0..most)
        .find(|at| own.get(*at).map(|(_, said)| said) != told.get(*at).map(|(_, said)| said));
    let Some(at) = first else { return Ok(None) };
    let words = |side: Option<&(u64, Said)>| {
        side.map_or_else(|| "nothing more".to_owned(), |(_, said)| said.to_string())
    };
    let (theirs, ours) = (told.get(at), own.get(at));
    let what = match (words(theirs), words(ours)) {
        (theirs, ours) if theirs == ours => format!(
            "of {review} the call and the review both tell: {ours}; but of another answer, for \
             another reason, or to be undone until another time"
        ),
        (theirs, ours) => format!("of {review} the call tells: {theirs}; the review: {ours}"),
    };
    let stream = if theirs.is_some() { call.clone() } else { Stream::review(review) };
    let place = theirs.or(ours).map(|(position, _)| *position);
    Ok(Some(Break { position: place, stream: Some(stream), what }))
}

/// Whether a call waits for it; the words of how it was opened may be erased.
fn kind(
    connection: &Connection,
    review: &ReviewId,
    events: &[Recorded],
) -> rusqlite::Result<ReviewKind> {
    if let Some(ReviewEvent::ReviewOpened(opened)) = events.first().and_then(Recorded::as_review) {
        return Ok(opened.kind);
    }
    Ok(rows::review(connection, review)?.map_or(ReviewKind::Decision, |row| row.kind))
}

/// What a review itself tells, in order; `None` if something of it was erased.
fn said(events: Vec<Recorded>) -> Option<Vec<(u64, Said)>> {
    let mut told = Vec::new();
    for Recorded { envelope, event } in events {
        let said = match event {
            Ok(Event::Review(ReviewEvent::ReviewDecided {
                by,
                resolution,
                reason,
                undo_until,
            })) => Said::Decided(resolution, by, reason, undo_until.map(|until| until.0)),
            Ok(Event::Review(ReviewEvent::ReviewExpired { action })) => Said::Expired(action),
            Ok(Event::Review(ReviewEvent::ReviewUndone { .. })) => Said::Undone,
            Err(_) if envelope.kind == "review_decided" => return None,
            _ => continue,
        };
        told.push((envelope.position, said));
    }
    Some(told)
}

/// Why a call cannot have ended like that after the last word that people said in its run.
pub(super) fn unfounded(ended: &Ended, last: Option<&Resolution>) -> Option<String> {
    let passed = match last {
        Some(Resolution::Approved { subject } | Resolution::Edited { subject }) => {
            Some(subject.digest)
        }
        _ => None,
    };
    let edited = matches!(last, Some(Resolution::Edited { .. }));
    let founded = match ended.outcome {
        Outcome::Cancelled => true,
        Outcome::Rejected => matches!(last, Some(Resolution::Rejected)),
        // An edit may be confirmed by another queue, and is an edit still.
        Outcome::Edited => passed.is_some() && passed == ended.answer,
        Outcome::Approved => passed.is_some() && passed == ended.answer && !edited,
        _ => !matches!(last, Some(Resolution::Rejected)),
    };
    let word = last.map_or("nothing", Resolution::name);
    (!founded).then(|| {
        format!("it ended as {}, but what people said last is: {word}", ended.outcome.name())
    })
}
