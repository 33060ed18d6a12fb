//! The queue page: what waits, first what is to be decided first, and why it waits. It changes
//! nothing; it follows what others do.

use std::{collections::BTreeMap, convert::Infallible, sync::Arc, time::Duration};

use askama::Template;
use axum::{
    extract::State,
    response::{Response, Sse, sse},
};
use backstop_domain::{Millis, Priority};
use backstop_engine::Held;
use backstop_ledger::ReviewSummary;
use futures_util::{Stream, stream};
use serde::Deserialize;

use super::{
    board::View,
    frame::{Frame, shown, viewed},
    trouble::Trouble,
    visitor::Visitor,
    words,
};
use crate::{
    access,
    app::App,
    query::Asked,
    tongue::{say, tell},
};

/// Rows of one page.
pub const PAGE: usize = 50;
/// Shortest time between two words to a page that follows, and longest.
const QUIET: Duration = Duration::from_millis(700);
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Which reviews to show.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Which {
    queue: Option<String>,
    /// `free`: nobody holds it; `mine`: held by or given to the visitor; else all.
    show: Option<String>,
    q: Option<String>,
    from: Option<usize>,
    said: Option<String>,
    bad: Option<String>,
}

/// One review in the list.
pub struct Row {
    id: String,
    call: String,
    policy: String,
    queue: String,
    why: Vec<String>,
    left: String,
    urgency: &'static str,
    due: String,
    due_iso: String,
    priority: &'static str,
    kind: &'static str,
    holder: Option<String>,
    mine: bool,
    assigned: Option<String>,
    approvals: Option<String>,
    /// What a bulk decision sends back, if this one can be decided so.
    pick: Option<String>,
    /// Whether the visitor can take it now.
    free: bool,
}

/// One queue, and how it stands.
pub struct Standing {
    name: String,
    title: String,
    open: usize,
    late: usize,
    oldest: String,
    wait: String,
    chosen: bool,
    reasons: Vec<String>,
}

#[derive(Template)]
#[template(path = "queue.html")]
struct Page {
    frame: Frame,
    queues: Vec<Standing>,
    rows: Vec<Row>,
    show: String,
    q: String,
    total: usize,
    first: usize,
    last: usize,
    before: Option<String>,
    after: Option<String>,
    version: u64,
    bulk: bool,
    reasons: Vec<String>,
}

/// `GET /` and `GET /reviews`.
pub async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Asked(which): Asked<Which>,
) -> Result<Response, Trouble> {
    let view = app.desk.board(&app.engine).await?;
    let now = app.engine.clock().now();
    let chosen = chosen(&app, &visitor, &view, &which, now);
    let from = which.from.unwrap_or(0).min(chosen.len());
    let total = chosen.len();
    let rows: Vec<Row> =
        chosen.iter().skip(from).take(PAGE).map(|row| line(&app, &visitor, row, now)).collect();
    let place = |from: usize| format!("/reviews?{}", address(&which, from));
    let queues = queues(&app, &visitor, &view, which.queue.as_deref(), now);
    let reasons: Vec<String> = rows
        .iter()
        .filter(|row| row.pick.is_some())
        .flat_map(|row| queues.iter().filter(|queue| queue.name == row.queue))
        .flat_map(|queue| queue.reasons.clone())
        .collect();
    let mut frame =
        Frame::new(&app, &visitor, say("Reviews"), "reviews").said(which.said.as_deref());
    if let Some(bad) = which.bad.as_deref().and_then(super::bulk::trouble) {
        frame.notice = Some(super::frame::Notice { text: bad, bad: true });
    }
    let page = Page {
        frame,
        bulk: rows.iter().any(|row| row.pick.is_some()),
        reasons: unique(reasons),
        total,
        first: if total == 0 { 0 } else { from + 1 },
        last: from + rows.len(),
        before: (from > 0).then(|| place(from.saturating_sub(PAGE))),
        after: (from + rows.len() < total).then(|| place(from + PAGE)),
        version: view.version,
        queues,
        rows,
        show: which.show.unwrap_or_else(|| "all".to_owned()),
        q: which.q.unwrap_or_default(),
    };
    Ok(shown(&app, &visitor, &page, viewed("queue", which.queue.as_deref(), false)))
}

/// The reviews that the visitor asked for, in order.
fn chosen(
    app: &App,
    visitor: &Visitor,
    view: &View,
    which: &Which,
    now: Millis,
) -> Vec<Arc<ReviewSummary>> {
    let sought = which.q.as_deref().unwrap_or_default().trim().to_lowercase();
    let queue = which.queue.as_deref().filter(|queue| !queue.is_empty());
    let name = visitor.identity.name();
    let wanted = |row: &&Arc<ReviewSummary>| {
        let place = access::Place::from(row.as_ref());
        access::looks_into(&visitor.identity, place)
            && !view.sees_another(row, name, now)
            && queue.is_none_or(|queue| place.queues().any(|one| one == queue))
            && match which.show.as_deref() {
                Some("free") => is_free(app, visitor, row, now),
                Some("mine") => {
                    row.held_by(now) == Some(name) || row.assigned.as_deref() == Some(name)
                }
                _ => true,
            }
            && (sought.is_empty() || says(row, &sought))
    };
    view.rows.iter().filter(wanted).cloned().collect()
}

/// The reviews that a person goes through one after the other: theirs to decide, in order.
pub fn to_decide(app: &App, visitor: &Visitor, view: &View, now: Millis) -> Vec<String> {
    let name = visitor.identity.name();
    let rows = view
        .rows
        .iter()
        .filter(|row| is_free(app, visitor, row, now) && !view.sees_another(row, name, now));
    rows.map(|row| row.id.0.clone()).collect()
}

fn is_free(app: &App, visitor: &Visitor, row: &ReviewSummary, now: Millis) -> bool {
    let name = visitor.identity.name();
    let aside = row
        .aside
        .iter()
        .any(|(person, until)| person == name && until.is_none_or(|until| now < until));
    !aside
        && row.held_by(now).is_none_or(|holder| holder == name)
        && !row.voters.iter().any(|voter| voter == name)
        && !visitor.identity.who().is_among(&row.excluded)
        && access::works_on(app, &visitor.identity, row)
}

fn says(row: &ReviewSummary, sought: &str) -> bool {
    let texts = [row.id.as_str(), row.call.as_str(), &row.policy, &row.queue];
    let texts = texts.into_iter().chain(row.because.iter().map(String::as_str));
    let texts = texts.chain(row.holder.as_deref()).chain(row.assigned.as_deref());
    texts
        .map(str::to_lowercase)
        .any(|text| text.contains(sought) || text.replace(['-', '_'], " ").contains(sought))
}

fn line(app: &App, visitor: &Visitor, row: &ReviewSummary, now: Millis) -> Row {
    let name = visitor.identity.name();
    let free = is_free(app, visitor, row, now);
    let holder = row.held_by(now).map(str::to_owned);
    Row {
        id: row.id.0.clone(),
        call: row.call.0.clone(),
        policy: row.policy.clone(),
        queue: row.queue.clone(),
        why: unique(row.because.iter().map(|by| words::because(by)).collect()),
        left: words::left(row.due, now),
        urgency: words::urgency(row.due, row.opened, now),
        due: words::moment(row.due),
        due_iso: words::iso(row.due),
        priority: words::priority(row.priority),
        kind: words::kind(row.kind, row.is_measured()),
        mine: holder.as_deref() == Some(name),
        holder,
        assigned: row.assigned.clone(),
        approvals: (row.approvals > 1).then(|| {
            let (given, all) = (row.voters.len().to_string(), row.approvals.to_string());
            tell("{given} of {all} approvals", &[("given", &given), ("all", &all)])
        }),
        pick: (free && super::bulk::allows(app, row)).then(|| super::bulk::pick(row)),
        free,
    }
}

/// Every queue that the visitor looks into, with its backlog.
fn queues(
    app: &App,
    visitor: &Visitor,
    view: &View,
    chosen: Option<&str>,
    now: Millis,
) -> Vec<Standing> {
    let workspace = app.engine.workspace();
    let mut open: BTreeMap<&str, Vec<&ReviewSummary>> = BTreeMap::new();
    for row in &view.rows {
        for queue in access::Place::from(row.as_ref()).queues() {
            open.entry(queue).or_default().push(row);
        }
    }
    let held = held_queues(app);
    let seen = workspace.gateway.queues.iter();
    let seen = seen.filter(|(name, _)| visitor.identity.looks_into(name));
    seen.map(|(name, queue)| {
        let rows = open.get(name.as_str()).map(Vec::as_slice).unwrap_or_default();
        let oldest = rows.iter().map(|row| row.opened).min();
        Standing {
            name: name.clone(),
            title: queue.title.clone().unwrap_or_else(|| name.clone()),
            open: rows.len(),
            late: rows.iter().filter(|row| row.due.since(now) == 0).count(),
            oldest: oldest.map(|at| words::span(now.since(at))).unwrap_or_default(),
            wait: match held.get(name) {
                Some(held) => words::held(held),
                None => wait(app, name, rows.len(), view.decided_lately(name, now)),
            },
            chosen: chosen == Some(name),
            reasons: queue.reasons.clone(),
        }
    })
    .collect()
}

/// Queues that an operator holds.
fn held_queues(app: &App) -> BTreeMap<String, Held> {
    let held = app.engine.pauses().into_iter();
    held.filter_map(|(target, held)| Some((target.strip_prefix("queue/")?.to_owned(), held)))
        .collect()
}

/// How long a review that came into that queue now would wait: as the door reckons, or while that
/// knows too little at the pace of the last hour.
pub fn wait(app: &App, name: &str, open: usize, decided: usize) -> String {
    let hours = app.engine.workspace().gateway.queues.get(name).is_some_and(|q| q.hours.is_some());
    let predicted = app.engine.predicted_wait_ms(name, open as u64);
    match (open, decided, predicted) {
        (0, _, _) => say("nothing waits").into_owned(),
        (_, _, Some(ms)) if hours => {
            tell("about {time} of opening hours for a new one", &[("time", &words::span(ms))])
        }
        (_, _, Some(ms)) => tell("about {time} for a new one", &[("time", &words::span(ms))]),
        (_, 0, None) => say("no decision in the last hour").into_owned(),
        (open, decided, None) => {
            let ms = 3_600_000_u64.saturating_mul(open as u64) / decided as u64;
            tell("about {time} for a new one", &[("time", &words::span(ms))])
        }
    }
}

fn address(which: &Which, from: usize) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in [("queue", &which.queue), ("show", &which.show), ("q", &which.q)] {
        if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
            query.append_pair(name, value);
        }
    }
    query.append_pair("from", &from.to_string()).finish()
}

fn unique(texts: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for text in texts {
        if !kept.contains(&text) {
            kept.push(text);
        }
    }
    kept
}

/// `GET /reviews/live`: says whenever a review came, moved or went, so that an open page looks
/// again. It says nothing about which.
pub async fn live(
    State(app): State<App>,
    visitor: Visitor,
) -> Sse<impl Stream<Item = Result<sse::Event, Infallible>>> {
    drop(visitor);
    let told = stream::unfold((app, 0_u64), |(app, told)| async move {
        let mut watch = app.engine.ledger().watch();
        loop {
            watch.mark_unchanged();
            let view = app.desk.board(&app.engine).await.ok()?;
            if view.version != told {
                let version = view.version;
                let event = sse::Event::default().event("board").data(version.to_string());
                return Some((Ok(event), (app, version)));
            }
            watch.changed().await.ok()?;
            // Many changes in a moment are one piece of news.
            tokio::time::sleep(QUIET).await;
        }
    });
    Sse::new(told).keep_alive(sse::KeepAlive::new().interval(HEARTBEAT))
}

/// Whether a priority is urgent enough that each review of it is looked at by itself.
pub const fn alone(priority: Priority) -> bool {
    matches!(priority, Priority::High)
}
