//! The quality page: how people decide, from what is in the record. Opinions apart, known answers,
//! what was overturned later, how long a review was held. Figures, no verdicts.

mod figures;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use askama::Template;
use axum::{extract::State, response::Response};
use backstop_domain::{CallId, ReviewId, ReviewKind, Sampled};
use backstop_ledger::{CallFilter, Cursor, ReviewFilter, ReviewPhase, ReviewSummary};

use super::{
    frame::{Frame, shown, viewed},
    trouble::Trouble,
    visitor::Visitor,
    words,
};
use crate::{
    app::App,
    tongue::{say, tell},
};
use figures::{Decided, ENOUGH, Figures, OfPerson, OfQueue, QUICK_MS, Share};

/// Decided reviews that are looked at: those that were due latest.
const LOOKED_AT: usize = 2_000;
/// Rows read at once.
const PAGE: usize = 500;
/// So many times the same in a row are worth a look.
const ROW: usize = 20;

/// A share, in words: of how many, and the range in which it lies.
struct Told {
    part: usize,
    whole: usize,
    range: String,
}

struct Person {
    name: String,
    decided: usize,
    held: String,
    quick: Told,
    row: String,
    agreed: Told,
    right: Told,
    overturned: Told,
}

struct Queue {
    title: String,
    name: String,
    agreed: Told,
    beyond: String,
    right: Told,
    audits: Told,
    complaints: Told,
}

#[derive(Template)]
#[template(path = "quality.html")]
struct Page {
    frame: Frame,
    people: Vec<Person>,
    queues: Vec<Queue>,
    looked_at: usize,
    cut: bool,
    enough: usize,
    quick: String,
}

/// `GET /quality`, for those who lead, operate or audit.
pub async fn show(State(app): State<App>, visitor: Visitor) -> Result<Response, Trouble> {
    visitor.must_oversee()?;
    let rows = decided(&app).await?;
    let figures = counted(&app, &rows).await?;
    let workspace = app.engine.workspace();
    let title = |name: &str| {
        let queue = workspace.gateway.queues.get(name);
        queue.and_then(|queue| queue.title.clone()).unwrap_or_else(|| name.to_owned())
    };
    let queues = figures.queues.iter().map(|(name, of)| queue(name, title(name), of));
    let page = Page {
        frame: Frame::new(&app, &visitor, say("Quality"), "quality"),
        people: figures.people.iter().map(|(name, of)| person(name, of)).collect(),
        queues: queues.collect(),
        looked_at: rows.len(),
        cut: rows.len() >= LOOKED_AT,
        enough: ENOUGH,
        quick: format!("{} s", QUICK_MS / 1_000),
    };
    Ok(shown(&app, &visitor, &page, viewed("quality", None, false)))
}

fn told(share: Share) -> Told {
    let range = share.range().map(|(low, high)| {
        let (low, high) = (low.to_string(), high.to_string());
        tell("{low} to {high} %", &[("low", &low), ("high", &high)])
    });
    Told { part: share.part, whole: share.whole, range: range.unwrap_or_default() }
}

fn person(name: &str, of: &OfPerson) -> Person {
    let (times, word) = &of.row;
    let row = (*times >= ROW).then(|| {
        let (times, word) = (times.to_string(), words::decision(word));
        tell("{times} times {decision}", &[("times", &times), ("decision", &word)])
    });
    Person {
        name: name.to_owned(),
        decided: of.decided,
        held: of.median_held().map(words::span).unwrap_or_default(),
        quick: told(of.quick),
        row: row.unwrap_or_default(),
        agreed: told(of.agreed),
        right: told(of.right),
        overturned: told(of.overturned),
    }
}

fn queue(name: &str, title: String, of: &OfQueue) -> Queue {
    let agreed = of.agreed();
    let beyond = match of.beyond_chance() {
        Some(beyond) => format!("{beyond:.2}"),
        None if agreed.whole == 0 => String::new(),
        None if agreed.whole < ENOUGH => say("too few").into_owned(),
        None => say("all alike").into_owned(),
    };
    Queue {
        title,
        name: name.to_owned(),
        agreed: told(agreed),
        beyond,
        right: told(of.right),
        audits: told(of.audits),
        complaints: told(of.complaints),
    }
}

/// The decided reviews that were due latest, in the order of their decisions.
async fn decided(app: &App) -> Result<Vec<ReviewSummary>, Trouble> {
    let (mut rows, mut after): (Vec<ReviewSummary>, Option<Cursor>) = (Vec::new(), None);
    while rows.len() < LOOKED_AT {
        let phase = Some(ReviewPhase::Decided);
        let filter =
            ReviewFilter { phase, latest: true, limit: PAGE, after, ..ReviewFilter::default() };
        let page = app.engine.ledger().reviews(filter).await?;
        rows.extend(page.rows);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    rows.truncate(LOOKED_AT);
    rows.sort_by_key(|row| (row.updated, row.seq));
    Ok(rows)
}

/// The newest run of each call that those reviews decided, as people may have been overruled in a
/// later one.
async fn newest_runs(app: &App, rows: &[ReviewSummary]) -> Result<HashMap<CallId, u32>, Trouble> {
    let decisions = rows.iter().filter(|row| row.kind == ReviewKind::Decision);
    let calls: BTreeSet<&CallId> = decisions.map(|row| &row.call).collect();
    let calls: Vec<CallId> = calls.into_iter().cloned().collect();
    let mut runs = HashMap::with_capacity(calls.len());
    for ids in calls.chunks(PAGE) {
        let filter = CallFilter { ids: ids.to_vec(), limit: PAGE, ..CallFilter::default() };
        let page = app.engine.ledger().calls(filter).await?;
        runs.extend(page.rows.into_iter().map(|call| (call.id, call.run)));
    }
    Ok(runs)
}

async fn counted(app: &App, rows: &[ReviewSummary]) -> Result<Figures, Trouble> {
    let runs = newest_runs(app, rows).await?;
    let by_id: BTreeMap<&ReviewId, &ReviewSummary> =
        rows.iter().map(|row| (&row.id, row)).collect();
    // What was let out and found wrong later, by an audit or after a complaint.
    let wrong: HashSet<(&CallId, u32)> = rows
        .iter()
        .filter(|row| row.kind == ReviewKind::Audit && !row.is_drawn())
        .filter(|row| row.decision.as_deref() == Some("rejected"))
        .map(|row| (&row.call, row.generation))
        .collect();
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(decision) = row.decision.as_deref() else { continue };
        let audit = row.kind == ReviewKind::Audit && !row.is_drawn();
        let found_right = Some(decision == "approved").filter(|_| audit);
        let complaint = row.sampled == Some(Sampled::Complaint);
        let overturned = match row.kind {
            ReviewKind::Audit => None,
            ReviewKind::Decision if wrong.contains(&(&row.call, row.generation)) => Some(true),
            ReviewKind::Decision => runs.get(&row.call).map(|run| *run > row.generation),
        };
        all.push(Decided {
            queue: &row.queue,
            by: &row.decided_by,
            decision,
            held_ms: row.held_ms,
            group: match &row.sampled {
                Some(Sampled::Overlap { of }) => Some(of.as_str()),
                _ => None,
            },
            audit: found_right.filter(|_| !complaint),
            complaint: found_right.filter(|_| complaint),
            right: was_known(app, &by_id, row).await?.map(|known| known == decision),
            overturned,
        });
    }
    Ok(Figures::of(all))
}

/// What is known to be decided on it.
async fn was_known(
    app: &App,
    by_id: &BTreeMap<&ReviewId, &ReviewSummary>,
    row: &ReviewSummary,
) -> Result<Option<String>, Trouble> {
    let Some(Sampled::Known { of }) = &row.sampled else { return Ok(None) };
    let known = match by_id.get(of) {
        Some(known) => known.decision.clone(),
        None => app.engine.ledger().review(of).await?.and_then(|known| known.decision),
    };
    Ok(known)
}
