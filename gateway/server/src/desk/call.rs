//! The call page: the whole way of one call, as a timeline of states with their durations and as
//! every event that it rests on.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use backstop_domain::{CallId, CallState, ForkKind, Millis};
use backstop_engine::{Complaint, Fork, Snapshot, explain};
use backstop_ledger::{Keeping, Recorded, ReviewFilter, keeping};
use serde::Deserialize;

use super::{
    flips::flips,
    frame::{Frame, shown, viewed},
    review::Plain,
    trouble::Trouble,
    visitor::{Posted, Visitor},
    words,
};
use crate::{
    access,
    app::App,
    problem::{self, Problem},
    query::Asked,
    tongue::tell,
    veil::{self, Veil},
    view,
};

/// How to show it.
#[derive(Debug, Default, Deserialize)]
pub struct How {
    said: Option<String>,
}

/// A state that the call was in for a while.
struct Stay {
    state: &'static str,
    name: String,
    took: String,
    /// Place and width in the bar, in thousandths of the whole time.
    from: u64,
    width: u64,
}

struct Event {
    seq: u64,
    kind: String,
    after: String,
    by: String,
    body: String,
}

struct Asked1 {
    id: String,
    queue: String,
    phase: &'static str,
}

#[derive(Template)]
#[template(path = "call.html")]
struct Page {
    frame: Frame,
    id: String,
    policy: String,
    revision: String,
    caller: String,
    received: String,
    received_iso: String,
    state: String,
    outcome: Option<String>,
    answered_by: &'static str,
    cause: String,
    run: u32,
    cost: String,
    currency: String,
    took: String,
    stays: Vec<Stay>,
    output: Option<Plain>,
    lines: Vec<explain::Line>,
    way: String,
    flips: Vec<String>,
    events: Vec<Event>,
    reviews: Vec<Asked1>,
    masked: bool,
    can_cancel: bool,
    operates: bool,
    /// Where a new run may start, newest first: the seq, and the words.
    starts: Vec<(u64, String)>,
    /// Queues that may decide whether the answer was wrong, first the policy's own; none without an
    /// answer.
    judges: Vec<String>,
}

/// `GET /calls/{id}`.
pub async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Asked(how): Asked<How>,
) -> Result<Response, Trouble> {
    let id = CallId(id);
    let call = app.engine.call(&id).await?.ok_or_else(|| Problem::not_found("call"))?;
    let veil = veil::look(&app, &visitor.identity, &call).await?;
    let events = app.engine.events(&id, 0).await?;
    let filter = ReviewFilter { call: Some(id.clone()), ..ReviewFilter::default() };
    let reviews = app.engine.ledger().reviews(filter).await?.rows;
    let reviews = reviews.iter().filter(|row| {
        let hidden = row.is_drawn() && row.phase.is_open();
        access::looks_into(&visitor.identity, *row) && !hidden
    });
    let reviews = reviews.map(|row| Asked1 {
        id: row.id.0.clone(),
        queue: row.queue.clone(),
        phase: row.phase.name(),
    });
    let reviews = reviews.collect();
    let would = flips(&app, &id, &veil).await?;
    let judges = judges(&app, &call).await?;
    let page =
        Page { flips: would, judges, ..page(&app, &visitor, &call, &veil, &events, reviews, &how) };
    let masked = !veil.is_lifted();
    Ok(shown(&app, &visitor, &page, viewed("call", Some(id.as_str()), masked)))
}

fn page(
    app: &App,
    visitor: &Visitor,
    call: &Snapshot,
    veil: &Veil,
    events: &[Recorded],
    reviews: Vec<Asked1>,
    how: &How,
) -> Page {
    let state = &call.state;
    let title = format!("{} {}", state.received.policy, call.id);
    let ended = state.ended();
    let output = view::veiled(call, veil).output;
    let start = state.received_at;
    let now = if ended.is_some() { state.at } else { app.engine.clock().now() };
    Page {
        frame: Frame::new(app, visitor, title, "").said(how.said.as_deref()),
        id: call.id.0.clone(),
        policy: state.received.policy.clone(),
        revision: state.received.revision.short(),
        caller: state.received.caller.clone(),
        received: words::moment(start),
        received_iso: words::iso(start),
        state: state.state_name().replace('_', " "),
        outcome: ended.map(|ended| ended.outcome.name().to_owned()),
        answered_by: ended.map_or("", |ended| ended.answered_by.name()),
        cause: ended.map(|ended| cause(ended, veil)).unwrap_or_default(),
        run: state.run,
        cost: words::money(state.cost().0),
        currency: app.engine.workspace().gateway.currency.clone(),
        took: words::span(now.since(start)),
        stays: stays(events, now),
        output: output.map(|output| Plain::of(&output, "", &[])),
        lines: if veil.is_lifted() { explain::explain(events) } else { Vec::new() },
        way: explain::way(events),
        flips: Vec::new(),
        events: events.iter().map(|one| event(one, start, veil)).collect(),
        reviews,
        masked: !veil.is_lifted(),
        can_cancel: ended.is_none() && visitor.identity.operates(),
        operates: visitor.identity.operates(),
        starts: starts(state),
        judges: Vec::new(),
    }
}

async fn judges(app: &App, call: &Snapshot) -> Result<Vec<String>, Trouble> {
    let received = &call.state.received;
    if call.state.ended().is_none_or(|ended| ended.answer.is_none()) {
        return Ok(Vec::new());
    }
    let policy = app.engine.policy(&received.policy, received.revision).await?;
    let own = policy.and_then(|policy| policy.queue.clone());
    let workspace = app.engine.workspace();
    let mut queues: Vec<String> = workspace.gateway.queues.keys().cloned().collect();
    queues.sort_by_key(|queue| Some(queue) != own.as_ref());
    Ok(queues)
}

fn starts(state: &CallState) -> Vec<(u64, String)> {
    let starts = state.checkpoints().into_iter().rev().map(|start| {
        let event = start.event.replace('_', " ");
        (start.seq, format!("{} {event}, {}", start.seq, start.state.replace('_', " ")))
    });
    starts.collect()
}

fn cause(ended: &backstop_domain::Ended, veil: &Veil) -> String {
    let by = ended.cause.by.as_deref().map(words::because);
    let class = ended.cause.class.map(|class| class.to_string());
    let text = veil.words(&ended.cause.text);
    let text = (!text.is_empty()).then(|| text.to_owned());
    let mut parts: Vec<String> = [by.or(class), text].into_iter().flatten().collect();
    parts.dedup();
    parts.join(": ")
}

/// The states that the call was in, one after the other.
fn stays(events: &[Recorded], now: Millis) -> Vec<Stay> {
    let mut times: Vec<(&'static str, Millis)> = Vec::new();
    let mut state: Option<CallState> = None;
    for recorded in events {
        let Some(event) = recorded.as_call() else { continue };
        let at = recorded.envelope.at;
        let Ok(next) = CallState::fold(state.take(), event, at) else { break };
        let name = next.state_name();
        if times.last().is_none_or(|(last, _)| *last != name) {
            times.push((name, at));
        }
        state = Some(next);
    }
    let Some(start) = times.first().map(|(_, at)| *at) else { return Vec::new() };
    let whole = now.since(start).max(1);
    let ends = times.iter().skip(1).map(|(_, at)| *at).chain([now]);
    times
        .iter()
        .zip(ends)
        .filter(|((name, _), _)| *name != "ended" && !is_outcome(name))
        .map(|((name, at), end)| Stay {
            state: name,
            name: name.replace('_', " "),
            took: words::span(end.since(*at)),
            from: at.since(start).saturating_mul(1000) / whole,
            width: (end.since(*at).saturating_mul(1000) / whole).max(3),
        })
        .collect()
}

fn is_outcome(name: &str) -> bool {
    backstop_domain::Outcome::ALL.iter().any(|outcome| outcome.name() == name)
}

fn event(recorded: &Recorded, start: Millis, veil: &Veil) -> Event {
    let around = &recorded.envelope;
    let body = match &recorded.event {
        // A body that stands beside its event can quote somebody's words.
        Ok(_) if !veil.is_lifted() && keeping(&around.kind) == Keeping::Beside => {
            veil::MASK.to_owned()
        }
        Ok(event) => match event.body() {
            serde_json::Value::Null => String::new(),
            body => serde_json::to_string_pretty(&body).unwrap_or_default(),
        },
        Err(why) => why.to_string(),
    };
    let who = &around.actor.id;
    let by = around
        .actor
        .via
        .as_deref()
        .map(|via| tell("{who} by {via}", &[("who", who), ("via", via)]));
    Event {
        seq: around.seq,
        kind: around.kind.replace('_', " "),
        after: words::span(around.at.since(start)),
        by: by.unwrap_or_else(|| who.clone()),
        body,
    }
}

/// `POST /calls/{id}`.
pub async fn act(
    State(app): State<App>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, Trouble> {
    let id = CallId(id);
    let identity = &posted.visitor.identity;
    let call = app.engine.call(&id).await?.ok_or_else(|| Problem::not_found("call"))?;
    veil::look(&app, identity, &call).await?;
    match posted.fields.one("do") {
        // Whoever may see the call.
        Some("complain") => return complain(&app, &id, &posted).await,
        _ if identity.operates() => {}
        _ => {
            let detail = "only operators do that: `roles: [operator]` of your entry allows it";
            return Err(Problem::new(StatusCode::FORBIDDEN, "not_allowed", detail).into());
        }
    }
    let reason = posted.fields.text("reason").map(str::to_owned);
    let word = match posted.fields.one("do") {
        Some("cancel") => {
            let reason = reason.unwrap_or_else(|| "an operator stopped it".to_owned());
            let cancelled = app.engine.cancel(&id, identity.actor("desk"), reason).await;
            cancelled.map_err(|stop| problem::of_stop(&stop))?;
            "cancelled"
        }
        Some(how @ ("rollback" | "resume")) => {
            let reason = reason.ok_or_else(|| {
                Problem::bad_request("invalid_field", "say why: it stands in the record for ever")
            })?;
            let from = posted.fields.one("from").and_then(|from| from.parse().ok());
            let from_seq = from.ok_or_else(|| {
                Problem::bad_request("invalid_field", "choose the event to go back to")
            })?;
            let run = posted.fields.one("run").and_then(|run| run.parse().ok());
            let (how, word) = match how {
                "rollback" => (ForkKind::Rollback, "rolled_back"),
                _ => (ForkKind::Resume, "resumed"),
            };
            let fork = Fork { how, from_seq, run, reason, actor: identity.actor("desk") };
            let forked = app.engine.fork(&id, fork).await;
            forked.map_err(|error| problem::of_fork(&error))?;
            word
        }
        _ => return Err(Problem::bad_request("invalid_field", "there is no such act").into()),
    };
    Ok(Redirect::to(&format!("/calls/{id}?said={word}")).into_response())
}

/// Whoever may see the call may report its answer as wrong.
async fn complain(app: &App, id: &CallId, posted: &Posted) -> Result<Response, Trouble> {
    let reason = crate::reason::said(posted.fields.text("reason").unwrap_or_default())?;
    let queue = posted.fields.text("queue").map(str::to_owned);
    let actor = posted.visitor.identity.actor("desk");
    let taken = app.engine.complain(id, Complaint { actor, reason, queue }).await;
    taken.map_err(|error| problem::of_complaint(&error))?;
    Ok(Redirect::to(&format!("/calls/{id}?said=complained")).into_response())
}
