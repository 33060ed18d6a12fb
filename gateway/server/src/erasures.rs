//! `/v1/erasures` and `/v1/holds`: the words of a call, or of whoever was named in calls, are
//! erased at somebody's asking, or held against that.

use axum::{Json, extract::State, http::StatusCode};
use backstop_domain::CallId;
use backstop_engine::erasure::{EraseRefused, Erased, Erasures, Whose};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    app::App,
    auth::{self, Identity},
    body::{JsonBody, typed},
    deliver::time,
    problem::{self, Problem},
    reason,
};

/// Whose words, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    call: Option<CallId>,
    /// `KEY=VALUE`: a tag, or a path of the input.
    subject: Option<String>,
    reason: String,
    #[serde(default)]
    dry_run: bool,
}

impl Sent {
    fn read(body: Result<JsonBody, Problem>) -> Result<(Whose, Self), Problem> {
        let mut sent: Self = typed(body?.0)?;
        sent.reason = reason::said(&sent.reason)?;
        let whose = match (&sent.call, &sent.subject) {
            (Some(call), None) => Some(Whose::Call(call.clone())),
            (None, Some(subject)) => Whose::subject(subject),
            _ => None,
        };
        let whose = whose.ok_or_else(|| {
            let detail = "send `call`, or `subject` as `KEY=VALUE` (a tag, or `input.PATH`)";
            Problem::bad_request("invalid_field", detail)
        })?;
        Ok((whose, sent))
    }
}

fn erasures(app: &App) -> Erasures<'_> {
    let engine = &app.engine;
    Erasures { ledger: engine.ledger(), ids: engine.ids(), now: engine.clock().now() }
}

/// `POST /v1/erasures`.
pub async fn erase(
    State(app): State<App>,
    identity: Identity,
    body: Result<JsonBody, Problem>,
) -> Result<Json<Value>, Problem> {
    auth::allowed(&identity, "operate")?;
    let (whose, sent) = Sent::read(body)?;
    let actor = identity.actor("api");
    let done = erasures(&app).erase(&whose, &actor, &sent.reason, sent.dry_run).await;
    let Erased { calls, bodies, bytes, shared, gone } = done.map_err(refused)?;
    Ok(Json(json!({
        "dry_run": sent.dry_run, "calls": calls, "bodies": bodies, "bytes": bytes,
        "shared": shared, "gone": gone,
    })))
}

/// `GET /v1/holds`.
pub async fn holds(State(app): State<App>, identity: Identity) -> Result<Json<Value>, Problem> {
    if !identity.oversees() {
        auth::allowed(&identity, "operate")?;
    }
    let held = erasures(&app).holds().await;
    let held = held.map_err(|error| problem::of_stop(&error.into()))?;
    let listed: Vec<Value> = held
        .into_values()
        .map(|one| {
            let since = time(one.since);
            json!({ "call": one.call, "since": since, "by": one.by, "reason": one.reason })
        })
        .collect();
    Ok(Json(json!({ "holds": listed })))
}

/// `POST /v1/holds`.
pub async fn hold(
    State(app): State<App>,
    identity: Identity,
    body: Result<JsonBody, Problem>,
) -> Result<Json<Value>, Problem> {
    auth::allowed(&identity, "operate")?;
    let (whose, sent) = Sent::read(body)?;
    let held = erasures(&app).hold(&whose, &identity.actor("api"), &sent.reason).await;
    Ok(Json(json!({ "calls": held.map_err(refused)? })))
}

/// `POST /v1/holds/release`.
pub async fn release(
    State(app): State<App>,
    identity: Identity,
    body: Result<JsonBody, Problem>,
) -> Result<Json<Value>, Problem> {
    auth::allowed(&identity, "operate")?;
    let (whose, sent) = Sent::read(body)?;
    let released = erasures(&app).release(&whose, &identity.actor("api"), &sent.reason).await;
    Ok(Json(json!({ "calls": released.map_err(refused)? })))
}

fn refused(why: EraseRefused) -> Problem {
    let told = why.to_string();
    match why {
        EraseRefused::Nobody => Problem::new(StatusCode::NOT_FOUND, "not_found", told),
        EraseRefused::TooMany(_) => Problem::bad_request("too_many", told),
        EraseRefused::Open(_) | EraseRefused::Held { .. } => {
            Problem::new(StatusCode::CONFLICT, "does_not_fit", told)
        }
        EraseRefused::Read(error) => problem::of_stop(&error.into()),
        EraseRefused::Append(_) => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "storage", told).retry(None)
        }
    }
}
