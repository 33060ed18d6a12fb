//! `GET /v1/events`: every event by position, for consumers without an address: page by page, or as
//! a stream that goes on where `Last-Event-ID` says.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response, Sse, sse},
};
use backstop_domain::envelope::{CALL_TYPES, CONTROL_TYPES, REVIEW_TYPES};
use backstop_ledger::{ReadFailed, Recorded};
use futures_util::stream::{self, Stream};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    app::App,
    auth::Identity,
    deliver::{Feed, Wanted},
    events::{HEARTBEAT, shown, wants_stream},
    headers,
    problem::{self, Problem},
    query::Asked,
    veil::Veil,
};

/// Events of one page, at most.
const PAGE_MAX: usize = 1000;
/// Events that one request looks through, at most: a rare type must not read the whole log.
const LOOKED_THROUGH_MAX: u64 = 20_000;

/// Which events.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    after: Option<u64>,
    types: Option<String>,
    policy: Option<String>,
    limit: Option<usize>,
    wait: Option<u64>,
}

/// `GET /v1/events`: JSON, or a stream for those who accept one.
pub async fn feed(
    State(app): State<App>,
    identity: Identity,
    Asked(query): Asked<Which>,
    sent: HeaderMap,
) -> Result<Response, Problem> {
    if !identity.operates() {
        let detail = "this key may not read all events; `may: [operate]` in gateway.yaml allows it";
        return Err(Problem::new(StatusCode::FORBIDDEN, "not_allowed", detail));
    }
    let wanted = wanted(&query)?;
    let last = headers::number(&sent, "last-event-id")?;
    let after = last.or(query.after).unwrap_or(0);
    let veil = if identity.sees_private() { Veil::Lifted } else { Veil::Whole };
    if wants_stream(&sent) {
        let alive = sse::KeepAlive::new().interval(HEARTBEAT);
        return Ok(Sse::new(follow(app, wanted, after, veil)).keep_alive(alive).into_response());
    }
    let limit = query.limit.unwrap_or(100).clamp(1, PAGE_MAX);
    let wait = query.wait.unwrap_or(0).saturating_mul(1000).min(app.caps.wait_ms);
    let page = page(&app, &wanted, after, limit, Duration::from_millis(wait)).await;
    let (events, next) = page.map_err(|error| problem::of_stop(&error.into()))?;
    let listed: Vec<Value> = events.iter().map(|one| shown(one, &veil)).collect();
    Ok(Json(json!({ "events": listed, "next": next })).into_response())
}

fn wanted(query: &Which) -> Result<Wanted, Problem> {
    let split = |text: &String| text.split(',').map(|one| one.trim().to_owned()).collect();
    let types: Option<Vec<String>> = query.types.as_ref().map(split);
    let known = |kind: &str| {
        CALL_TYPES.contains(&kind) || REVIEW_TYPES.contains(&kind) || CONTROL_TYPES.contains(&kind)
    };
    if let Some(unknown) = types.iter().flatten().find(|kind| !known(kind)) {
        let all = [&CALL_TYPES[..], &REVIEW_TYPES[..], &CONTROL_TYPES[..]].concat().join(", ");
        let detail = format!("there is no event type `{unknown}`; there are {all}");
        return Err(Problem::bad_request("invalid_query", detail).at("types"));
    }
    Ok(Wanted { types, policies: query.policy.as_ref().map(split) })
}

/// Wanted events after that position, and where the next page starts. Waits for newer ones, if
/// there are none.
async fn page(
    app: &App,
    wanted: &Wanted,
    after: u64,
    limit: usize,
    wait: Duration,
) -> Result<(Vec<Recorded>, u64), ReadFailed> {
    let mut place = after;
    let waiting = async {
        let mut watch = app.engine.ledger().watch();
        loop {
            watch.mark_unchanged();
            let (events, next) = look(app, wanted, place, limit).await?;
            let moved = next != std::mem::replace(&mut place, next);
            if !events.is_empty() || wait.is_zero() || (!moved && watch.changed().await.is_err()) {
                return Ok((events, next));
            }
        }
    };
    if wait.is_zero() {
        return waiting.await;
    }
    match tokio::time::timeout(wait, waiting).await {
        Ok(found) => found,
        // Nothing new in time is an answer too: an empty page.
        Err(_) => Ok((Vec::new(), place)),
    }
}

/// Wanted events after that position as they are now, and how far was looked.
async fn look(
    app: &App,
    wanted: &Wanted,
    after: u64,
    limit: usize,
) -> Result<(Vec<Recorded>, u64), ReadFailed> {
    let feed: &Arc<Feed> = app.deliveries.feed();
    let (mut found, mut next) = (Vec::new(), after);
    while found.len() < limit && next < after.saturating_add(LOOKED_THROUGH_MAX) {
        let page = app.engine.ledger().feed(next, PAGE_MAX).await?;
        if page.is_empty() {
            break;
        }
        for recorded in page {
            next = recorded.envelope.position;
            let policy = match wanted.policies {
                Some(_) => feed.about(&recorded).await?.policy,
                None => None,
            };
            if wanted.takes(&recorded.envelope.kind, policy.as_deref()) {
                found.push(recorded);
            }
            if found.len() == limit {
                break;
            }
        }
    }
    Ok((found, next))
}

/// Wanted events as they come, until the client goes.
fn follow(
    app: App,
    wanted: Wanted,
    after: u64,
    veil: Veil,
) -> impl Stream<Item = Result<sse::Event, Infallible>> {
    let place = (app, wanted, after, veil, VecDeque::<Recorded>::new());
    stream::unfold(place, |(app, wanted, mut after, veil, mut ready)| async move {
        loop {
            if let Some(recorded) = ready.pop_front() {
                let event = sse::Event::default()
                    .id(recorded.envelope.position.to_string())
                    .event(recorded.envelope.kind.clone())
                    .data(shown(&recorded, &veil).to_string());
                return Some((Ok(event), (app, wanted, after, veil, ready)));
            }
            // Taken before the reading, so that nothing slips between.
            let mut watch = app.engine.ledger().watch();
            watch.mark_unchanged();
            let (events, next) = look(&app, &wanted, after, PAGE_MAX).await.ok()?;
            let moved = next != std::mem::replace(&mut after, next);
            if events.is_empty() && !moved {
                watch.changed().await.ok()?;
            }
            ready.extend(events);
        }
    })
}
