//! What operators hold: a policy, a model, a queue or a call; for a reason and for a time.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use backstop_domain::{CallId, PauseEnd};
use backstop_engine::{PAUSE_MS_MAX, PauseError, Target};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    app::App,
    auth::{Identity, allowed},
    body::JsonBody,
    problem::{self, Problem},
    reason,
};

/// `POST /v1/pauses`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pause {
    target: String,
    for_ms: u64,
    reason: String,
    #[serde(default)]
    then: Option<PauseEnd>,
}

/// `POST /v1/pauses/end`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    target: String,
    reason: String,
}

/// `GET /v1/pauses`: what is held now. A paused call says so itself.
///
/// # Errors
/// [`Problem`] for who does not run the gateway.
pub async fn list(State(app): State<App>, identity: Identity) -> Result<Response, Problem> {
    allowed(&identity, "operate")?;
    let held = app.engine.pauses();
    let shown: Vec<Value> = held
        .iter()
        .map(|(target, held)| {
            json!({
                "target": target, "until": held.until.0, "reason": held.reason, "by": held.by,
            })
        })
        .collect();
    Ok(Json(json!({ "pauses": shown })).into_response())
}

/// `POST /v1/pauses`: holds something.
///
/// # Errors
/// [`Problem`] if it may not or cannot be.
pub async fn start(
    State(app): State<App>,
    identity: Identity,
    body: Result<JsonBody, Problem>,
) -> Result<Response, Problem> {
    allowed(&identity, "operate")?;
    let Pause { target, for_ms, reason, then } = read(body?.0, "{target, for_ms, reason, then}")?;
    if for_ms == 0 || for_ms > PAUSE_MS_MAX {
        let detail = format!("`for_ms` is 1 to {PAUSE_MS_MAX}, a week: every pause ends");
        return Err(Problem::bad_request("invalid_field", detail).at("for_ms"));
    }
    let (actor, reason) = (identity.actor("api"), reason::said(&reason)?);
    let done = match (call(&target), then) {
        (Some(id), then) => {
            let held = (for_ms, then.unwrap_or_default());
            app.engine.pause_call(&id, held, reason, actor).await
        }
        (None, None) => app.engine.pause(thing(&target)?, for_ms, reason, actor).await,
        (None, Some(_)) => {
            let detail = "`then` is for calls: everything else goes on when its pause is over";
            return Err(Problem::bad_request("invalid_field", detail).at("then"));
        }
    };
    let until = done.map_err(|error| of_pause(&error))?;
    Ok(Json(json!({ "target": target, "until": until.0 })).into_response())
}

/// `POST /v1/pauses/end`: lets something go on.
///
/// # Errors
/// [`Problem`] if it may not or cannot be.
pub async fn end(
    State(app): State<App>,
    identity: Identity,
    body: Result<JsonBody, Problem>,
) -> Result<Response, Problem> {
    allowed(&identity, "operate")?;
    let End { target, reason } = read(body?.0, "{target, reason}")?;
    let (actor, reason) = (identity.actor("api"), reason::said(&reason)?);
    let done = match call(&target) {
        Some(id) => app.engine.unpause_call(&id, reason, actor).await,
        None => app.engine.unpause(thing(&target)?, reason, actor).await,
    };
    done.map_err(|error| of_pause(&error))?;
    Ok(Json(json!({ "target": target })).into_response())
}

fn call(target: &str) -> Option<CallId> {
    target.strip_prefix("call/").map(CallId::from)
}

fn thing(target: &str) -> Result<Target, Problem> {
    Target::read(target).ok_or_else(|| {
        let detail = format!(
            "`{target}` names nothing to pause; it is `policy/NAME`, `model/NAME`, `queue/NAME` or \
             `call/ID`"
        );
        Problem::bad_request("invalid_field", detail).at("target")
    })
}

fn read<T: serde::de::DeserializeOwned>(body: Value, shape: &str) -> Result<T, Problem> {
    serde_json::from_value(body).map_err(|error| {
        Problem::bad_request("invalid_body", format!("the body is not `{shape}`: {error}"))
    })
}

fn of_pause(error: &PauseError) -> Problem {
    let detail = error.to_string();
    let conflict = |code| Problem::new(StatusCode::CONFLICT, code, detail.clone());
    match error {
        PauseError::Unknown(_) | PauseError::NoCall => {
            Problem::new(StatusCode::NOT_FOUND, "not_found", detail)
        }
        PauseError::NotNow { .. } => conflict("not_pausable"),
        PauseError::NotPaused => conflict("not_paused"),
        PauseError::Busy => conflict("call_busy").retry(Some(100)),
        PauseError::Stop(stop) => problem::of_stop(stop),
    }
}
