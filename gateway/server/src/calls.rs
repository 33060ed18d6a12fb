//! The typed calls API: submit, look, wait, follow the events, cancel.

use std::time::Duration;

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use backstop_domain::{CallId, Digest, Face, Outcome};
use backstop_engine::{Caller, Snapshot, Stop, Submit};
use backstop_ledger::{CallFilter, CallPhase};
use backstop_policy::compiled::InputOf;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    access::allowed_to_call,
    app::App,
    auth::{Identity, allowed},
    body::JsonBody,
    hangup::Hangup,
    headers,
    openai::{FromHeaders, KNOWN, read_extras},
    problem::{self, Problem},
    query::Asked,
    reason,
    veil::{self, Veil},
    view,
};

/// `POST /v1/calls/{policy}`.
///
/// # Errors
/// [`Problem`] if it becomes no call.
pub async fn submit(
    State(app): State<App>,
    identity: Identity,
    Path(policy): Path<String>,
    sent: HeaderMap,
    body: Result<JsonBody, Problem>,
) -> Result<Response, Problem> {
    let caller = allowed_to_call(&identity)?;
    let said = headers::read(&sent, &app)?;
    let preferred = headers::prefer_wait(&sent)?;
    let (request, wait) = read(&app, policy, caller, said, body?.0)?;
    let policy = request.policy.clone();
    let now = app.engine.clock().now();
    let admitted = app.engine.submit(request).await;
    let admitted = admitted.map_err(|refused| problem::of_refused(&refused, now))?;
    let guard = Hangup::of(&app, &policy, &admitted);
    let snapshot = wait_for(&app, &admitted.id, preferred.or(wait)).await?;
    guard.answered();
    let mut response = shown(&snapshot, &Veil::Lifted, true);
    headers::of_admitted(response.headers_mut(), &admitted);
    if preferred.is_some() {
        let applied = HeaderValue::from_static("wait");
        response.headers_mut().insert("preference-applied", applied);
    }
    Ok(response)
}

/// What is submitted, and how long the body asks to wait, in milliseconds.
fn read(
    app: &App,
    policy: String,
    caller: Caller,
    said: FromHeaders,
    body: Value,
) -> Result<(Submit, Option<u64>), Problem> {
    let fingerprint = Digest::of_json(&body);
    let Value::Object(fields) = body else {
        let detail = "the body must be a JSON object with `input`";
        return Err(Problem::bad_request("invalid_body", detail));
    };
    let known = |key: &&String| key.as_str() != "messages" && !KNOWN.contains(&key.as_str());
    if let Some(unknown) = fields.keys().find(known) {
        let detail = format!("`{unknown}` is not known; known are messages, {}", KNOWN.join(", "));
        return Err(Problem::bad_request("invalid_field", detail).at(unknown.as_str()));
    }
    let extras = read_extras(&fields)?;
    let Some(input) = extras.input else {
        let detail = "`input` is missing: what the policy decides on";
        return Err(Problem::bad_request("missing_field", detail).at("input"));
    };
    let messages = match fields.get("messages") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(messages)) => messages.clone(),
        Some(_) => {
            let detail = "`messages` must be a list";
            return Err(Problem::bad_request("invalid_field", detail).at("messages"));
        }
    };
    let policies = app.engine.workspace();
    let of = policies.policies.get(&policy);
    let facts = of.is_some_and(|of| of.passes_through() && !matches!(of.input, InputOf::Body));
    let submit = Submit {
        policy,
        caller,
        face: Face::Calls,
        input,
        body: facts.then(|| json!({ "messages": messages })),
        messages,
        key: said.key,
        fingerprint,
        tags: extras.tags,
        deadline_ms: extras.deadline_ms.or(said.deadline_ms),
        criticality: extras.criticality,
        request_id: said.request_id,
        traceparent: said.traceparent,
    };
    Ok((submit, extras.wait_ms))
}

/// Without a wish the automatic part is waited for; with one, people too.
async fn wait_for(app: &App, id: &CallId, wait_ms: Option<u64>) -> Result<Snapshot, Problem> {
    let longest = app.caps.wait_ms;
    let found = match wait_ms {
        Some(wait) => app.engine.wait_end(id, Duration::from_millis(wait.min(longest))).await,
        None => app.engine.wait(id, Duration::from_millis(longest)).await,
    };
    match found.map_err(|stop| problem::of_stop(&stop))? {
        Some(snapshot) => Ok(snapshot),
        // Admitted a moment ago, and it never came to disk: there is no such call.
        None => Err(problem::of_stop(&never_written())),
    }
}

fn never_written() -> Stop {
    Stop::Broken("the call could not be written down".to_owned())
}

/// The call; 200 once it ended, else 202 with where to look next.
pub fn shown(snapshot: &Snapshot, veil: &Veil, fresh: bool) -> Response {
    let ended = snapshot.state.ended().is_some();
    let status = if ended || !fresh { StatusCode::OK } else { StatusCode::ACCEPTED };
    let mut response = (status, Json(view::veiled(snapshot, veil))).into_response();
    let sent = response.headers_mut();
    headers::of_call(sent, snapshot);
    if let Ok(tag) = HeaderValue::from_str(&tag(snapshot)) {
        sent.insert(header::ETAG, tag);
    }
    if !ended {
        look_again(sent, &snapshot.id);
    }
    response
}

fn look_again(headers: &mut HeaderMap, id: &CallId) {
    if let Ok(place) = HeaderValue::from_str(&format!("/v1/calls/{id}")) {
        headers.insert(header::LOCATION, place);
    }
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
}

/// The call's version: the number of its newest event.
fn tag(snapshot: &Snapshot) -> String {
    format!("\"{}\"", snapshot.state.seq)
}

/// How long to wait.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// Whole seconds.
    wait: Option<u64>,
}

/// `GET /v1/calls/{id}?wait=N`; 304 for who has this state already.
pub async fn show(
    State(app): State<App>,
    identity: Identity,
    Path(id): Path<String>,
    Asked(query): Asked<Wait>,
    sent: HeaderMap,
) -> Result<Response, Problem> {
    let id = CallId(id);
    let found = app.engine.call(&id).await.map_err(|stop| problem::of_stop(&stop))?;
    let mut snapshot = found.ok_or_else(|| Problem::not_found("call"))?;
    let veil = veil::look(&app, &identity, &snapshot).await?;
    if let Some(seconds) = query.wait
        && snapshot.state.ended().is_none()
    {
        let wait = seconds.saturating_mul(1000).min(app.caps.wait_ms);
        let found = app.engine.wait_end(&id, Duration::from_millis(wait)).await;
        let found = found.map_err(|stop| problem::of_stop(&stop))?;
        snapshot = found.ok_or_else(|| Problem::not_found("call"))?;
    }
    let response = shown(&snapshot, &veil, false);
    if headers::knows(&sent, &tag(&snapshot)) {
        return Ok((StatusCode::NOT_MODIFIED, response.headers().clone()).into_response());
    }
    Ok(response)
}

/// Which calls to list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    policy: Option<String>,
    state: Option<String>,
    outcome: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// `GET /v1/calls`: newest first. Callers see their own; people who only review see none here.
pub async fn list(
    State(app): State<App>,
    identity: Identity,
    Asked(which): Asked<Which>,
) -> Result<Response, Problem> {
    if identity.only_own().is_none() && !identity.oversees() {
        let detail = "this key may not list calls; `GET /v1/reviews` lists what you are asked";
        return Err(Problem::new(StatusCode::FORBIDDEN, "not_allowed", detail));
    }
    let outcome = match which.outcome.as_deref() {
        None => None,
        Some(name) => Some(
            Outcome::ALL.into_iter().find(|outcome| outcome.name() == name).ok_or_else(|| {
                Problem::bad_request("invalid_query", format!("`{name}` is no outcome"))
                    .at("outcome")
            })?,
        ),
    };
    let phase = match which.state.as_deref() {
        None => None,
        Some(name) => {
            let known = serde_json::from_value::<CallPhase>(Value::from(name));
            Some(known.map_err(|_| {
                Problem::bad_request("invalid_query", format!("`{name}` is no state")).at("state")
            })?)
        }
    };
    let filter = CallFilter {
        policy: which.policy,
        caller: identity.only_own(),
        phase,
        outcome,
        after: which.cursor.as_deref().map(crate::cursor::read).transpose()?,
        limit: which.limit.unwrap_or(0),
        ..CallFilter::default()
    };
    let page = app.engine.ledger().calls(filter).await;
    let page = page.map_err(|error| problem::of_stop(&error.into()))?;
    let next = page.next.as_ref().map(crate::cursor::write);
    Ok(Json(json!({ "calls": page.rows, "next": next })).into_response())
}

/// Why a call is cancelled.
#[derive(Debug, Default, Deserialize)]
pub struct Cancel {
    reason: Option<String>,
}

/// `POST /v1/calls/{id}/cancel`.
pub async fn cancel(
    State(app): State<App>,
    identity: Identity,
    Path(id): Path<String>,
    body: axum::body::Bytes,
) -> Result<Response, Problem> {
    let id = CallId(id);
    let found = app.engine.call(&id).await.map_err(|stop| problem::of_stop(&stop))?;
    let live = app.engine.is_live(&id);
    if found.is_none() && !live {
        return Err(Problem::not_found("call"));
    }
    let veil = match &found {
        Some(snapshot) => veil::look(&app, &identity, snapshot).await?,
        None => Veil::Whole,
    };
    allowed(&identity, "cancel")?;
    let cancel: Cancel = if body.is_empty() {
        Cancel::default()
    } else {
        serde_json::from_slice(&body).map_err(|error| {
            Problem::bad_request("invalid_json", format!("the body is not `{{reason}}`: {error}"))
        })?
    };
    let reason = reason::said_or(cancel.reason.as_deref(), "the caller asked for it")?;
    let cancelled = app.engine.cancel(&id, identity.actor("api"), reason).await;
    cancelled.map_err(|stop| problem::of_stop(&stop))?;
    let found = app.engine.call(&id).await.map_err(|stop| problem::of_stop(&stop))?;
    let snapshot = found.ok_or_else(|| Problem::not_found("call"))?;
    Ok(shown(&snapshot, &veil, false))
}
