//! New runs of a call: where one may start, resuming from there, and rolling back to there.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use backstop_domain::{CallId, CallState, ForkKind};
use backstop_engine::{Fork, Snapshot};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    app::App,
    auth::{Identity, allowed},
    body::JsonBody,
    calls,
    problem::{self, Problem},
    reason,
    veil::{self, Veil},
};

/// `POST /v1/calls/{id}/rollback`: back to which event, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rollback {
    to_seq: u64,
    reason: String,
    run: Option<u32>,
}

/// `POST /v1/calls/{id}/replay` with `mode: resume_from`: from which event on, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Resume {
    #[expect(dead_code, reason = "whoever calls has read it; here it is only known")]
    mode: String,
    from_seq: u64,
    reason: String,
    run: Option<u32>,
}

/// `GET /v1/calls/{id}/checkpoints`: its runs, and where a new one may start.
///
/// # Errors
/// [`Problem`] if the call may not be seen.
pub async fn checkpoints(
    State(app): State<App>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let (snapshot, veil) = seen(&app, &identity, &CallId(id)).await?;
    let state = &snapshot.state;
    let starts: Vec<Value> = state
        .checkpoints()
        .iter()
        .map(|start| {
            json!({
                "seq": start.seq, "run": start.run, "at": start.at.0, "event": start.event,
                "state": start.state,
            })
        })
        .collect();
    let whole = json!({
        "id": snapshot.id, "state": state.state_name(), "run": state.run, "seq": state.seq,
        "runs": runs(state, &veil), "checkpoints": starts,
    });
    Ok(Json(whole).into_response())
}

/// `POST /v1/calls/{id}/rollback`.
///
/// # Errors
/// [`Problem`] if it may not or cannot be.
pub async fn rollback(
    State(app): State<App>,
    identity: Identity,
    Path(id): Path<String>,
    body: Result<JsonBody, Problem>,
) -> Result<Response, Problem> {
    let id = CallId(id);
    let (_, veil) = seen(&app, &identity, &id).await?;
    allowed(&identity, "rollback")?;
    let asked: Rollback = read(body?.0, "{to_seq, reason, run}")?;
    let Rollback { to_seq, reason, run } = asked;
    fork(&app, &identity, &id, &veil, (ForkKind::Rollback, to_seq, reason, run)).await
}

/// Replay by a new run; whether it may be was asked already.
///
/// # Errors
/// [`Problem`] if it cannot be.
pub async fn resume_from(
    app: &App,
    identity: &Identity,
    id: &CallId,
    veil: &Veil,
    body: Value,
) -> Result<Response, Problem> {
    let Resume { from_seq, reason, run, .. } = read(body, "{mode, from_seq, reason, run}")?;
    fork(app, identity, id, veil, (ForkKind::Resume, from_seq, reason, run)).await
}

async fn seen(app: &App, identity: &Identity, id: &CallId) -> Result<(Snapshot, Veil), Problem> {
    let found = app.engine.call(id).await.map_err(|stop| problem::of_stop(&stop))?;
    let snapshot = found.ok_or_else(|| Problem::not_found("call"))?;
    let veil = veil::look(app, identity, &snapshot).await?;
    Ok((snapshot, veil))
}

fn read<T: DeserializeOwned>(body: Value, shape: &str) -> Result<T, Problem> {
    serde_json::from_value(body).map_err(|error| {
        Problem::bad_request("invalid_body", format!("the body is not `{shape}`: {error}"))
    })
}

async fn fork(
    app: &App,
    identity: &Identity,
    id: &CallId,
    veil: &Veil,
    (how, from_seq, reason, run): (ForkKind, u64, String, Option<u32>),
) -> Result<Response, Problem> {
    let reason = reason::said(&reason)?;
    let fork = Fork { how, from_seq, run, reason, actor: identity.actor("api") };
    let forked = app.engine.fork(id, fork).await;
    let snapshot = forked.map_err(|error| problem::of_fork(&error))?;
    Ok(calls::shown(&snapshot, veil, true))
}

/// Every run of a call, and how it ended.
pub fn runs(state: &CallState, veil: &Veil) -> Vec<Value> {
    let shown = |run: &backstop_domain::call::Run| {
        let mut shown = json!({ "run": run.run });
        let Some(map) = shown.as_object_mut() else { return shown };
        if let Some(forked) = &run.forked {
            map.insert("how".to_owned(), forked.how.name().into());
            map.insert("from_run".to_owned(), forked.from_run.into());
            map.insert("from_seq".to_owned(), forked.from_seq.into());
            map.insert("by".to_owned(), forked.by.as_str().into());
            map.insert("reason".to_owned(), veil.words(&forked.reason).into());
        }
        if let Some(ended) = &run.ended {
            map.insert("outcome".to_owned(), ended.outcome.name().into());
            map.insert("answered_by".to_owned(), ended.answered_by.name().into());
            map.insert("answer".to_owned(), json!(ended.answer));
        }
        shown
    };
    state.runs().iter().map(shown).collect()
}
