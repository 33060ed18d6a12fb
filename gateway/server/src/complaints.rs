//! Complaints by API: whoever got an answer reports it as wrong, after the outcome.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use backstop_domain::CallId;
use backstop_engine::Complaint;
use serde::Deserialize;
use serde_json::json;

use crate::{
    app::App,
    auth::Identity,
    body::{JsonBody, typed},
    problem::{self, Problem},
    reason, veil,
};

/// What is wrong with an answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    reason: String,
    queue: Option<String>,
}

/// `POST /v1/calls/{id}/complaints`: for the call's own caller, and for people who may see it.
///
/// # Errors
/// [`Problem`] if the call may not be seen, or nobody can decide on it.
pub async fn complain(
    State(app): State<App>,
    identity: Identity,
    Path(id): Path<String>,
    body: Result<JsonBody, Problem>,
) -> Result<Response, Problem> {
    let Sent { reason, queue } = typed(body?.0)?;
    let reason = reason::said(&reason)?;
    let id = CallId(id);
    let found = app.engine.call(&id).await.map_err(|stop| problem::of_stop(&stop))?;
    let snapshot = found.ok_or_else(|| Problem::not_found("call"))?;
    veil::look(&app, &identity, &snapshot).await?;
    let complaint = Complaint { actor: identity.actor("api"), reason, queue };
    let taken = app.engine.complain(&id, complaint).await;
    let (review, state) = taken.map_err(|error| problem::of_complaint(&error))?;
    let told = json!({
        "call": id, "review": review, "queue": state.opened.queue, "due": state.opened.due,
        "state": state.standing.name(),
    });
    Ok((StatusCode::ACCEPTED, Json(told)).into_response())
}
