//! Events of one call, as a page or a stream; and how an event is shown.

use std::{collections::VecDeque, convert::Infallible, time::Duration};

use axum::{
    Json,
    extract::{Path, State},
    http::HeaderMap,
    response::{IntoResponse, Response, Sse, sse},
};
use backstop_domain::CallId;
use backstop_engine::Engine;
use backstop_ledger::{Keeping, Recorded, keeping};
use futures_util::stream::{self, Stream};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    app::App,
    auth::Identity,
    headers,
    problem::{self, Problem},
    query::Asked,
    veil::{self, Veil},
};

/// Time between two comments on a quiet stream.
pub const HEARTBEAT: Duration = Duration::from_secs(15);

/// After which place.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct After {
    after: Option<u64>,
}

/// `GET /v1/calls/{id}/events`: JSON, or a stream for those who accept one.
pub async fn of_call(
    State(app): State<App>,
    identity: Identity,
    Path(id): Path<String>,
    Asked(query): Asked<After>,
    sent: HeaderMap,
) -> Result<Response, Problem> {
    let id = CallId(id);
    let found = app.engine.call(&id).await.map_err(|stop| problem::of_stop(&stop))?;
    let found = found.ok_or_else(|| Problem::not_found("call"))?;
    let veil = veil::look(&app, &identity, &found).await?;
    let last = headers::number(&sent, "last-event-id")?;
    let after = last.or(query.after).unwrap_or(0);
    if wants_stream(&sent) {
        let events = follow(app.engine, id, after, veil);
        let alive = sse::KeepAlive::new().interval(HEARTBEAT);
        return Ok(Sse::new(events).keep_alive(alive).into_response());
    }
    let events = app.engine.events(&id, after).await.map_err(|stop| problem::of_stop(&stop))?;
    let listed: Vec<Value> = events.iter().map(|one| shown(one, &veil)).collect();
    Ok(Json(json!({ "events": listed })).into_response())
}

/// Whether a stream is asked for.
pub fn wants_stream(sent: &HeaderMap) -> bool {
    let accept = sent.get("accept").and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/event-stream"))
}

/// The call's events as they come, to its end. The watch is taken before each reading, so that
/// nothing slips between.
fn follow(
    engine: Engine,
    id: CallId,
    after: u64,
    veil: Veil,
) -> impl Stream<Item = Result<sse::Event, Infallible>> {
    struct Place {
        engine: Engine,
        id: CallId,
        after: u64,
        veil: Veil,
        ready: VecDeque<Recorded>,
        over: bool,
    }
    let ready = VecDeque::new();
    let place = Place { engine, id, after, veil, ready, over: false };
    stream::unfold(place, |mut place| async move {
        loop {
            if let Some(recorded) = place.ready.pop_front() {
                place.after = recorded.envelope.seq;
                // A new run goes on where the last one had ended.
                match recorded.envelope.kind.as_str() {
                    "call_ended" => place.over = true,
                    "run_forked" => place.over = false,
                    _ => {}
                }
                let event = sse::Event::default()
                    .id(recorded.envelope.seq.to_string())
                    .event(recorded.envelope.kind.clone())
                    .data(shown(&recorded, &place.veil).to_string());
                return Some((Ok(event), place));
            }
            if place.over {
                return None;
            }
            let mut watch = place.engine.ledger().watch();
            watch.mark_unchanged();
            let events = place.engine.events(&place.id, place.after).await.ok()?;
            if events.is_empty() {
                watch.changed().await.ok()?;
            }
            place.ready.extend(events);
        }
    })
}

/// An event with its envelope; the body where it can be read, and may be: one that stands beside
/// its event can quote somebody's words.
pub fn shown(recorded: &Recorded, veil: &Veil) -> Value {
    let mut view = serde_json::to_value(&recorded.envelope).unwrap_or_default();
    if let Some(map) = view.as_object_mut() {
        match &recorded.event {
            Ok(_) if !veil.is_lifted() && keeping(&recorded.envelope.kind) == Keeping::Beside => {
                map.insert("private".to_owned(), true.into());
            }
            Ok(event) => {
                map.insert("body".to_owned(), event.body());
            }
            Err(why) => {
                map.insert("unreadable".to_owned(), why.to_string().into());
            }
        }
    }
    view
}
