//! `POST /v1/calls/{id}/replay`: a recorded call is gone through again; nobody is asked, and
//! nothing changes. The mode that does change something, `resume_from`, is handed on to `runs`.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use backstop_domain::{CallId, Digest};
use backstop_engine::NoReplay;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    app::App,
    auth::{Identity, allowed},
    body::JsonBody,
    problem::{self, Problem},
    runs,
    veil::{self, MASK, Veil},
};

/// Fields of a replay that can quote a request, an answer or a person.
const WORDS: [&str; 8] =
    ["text", "tell", "message", "recorded", "replayed", "reasons", "excluded", "what"];

/// How to replay.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct How {
    mode: Mode,
    /// For `what_if`: a revision of the call's policy that was in force once; the one in force now
    /// if there is none.
    revision: Option<Digest>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    Verify,
    WhatIf,
}

/// `POST /v1/calls/{id}/replay`.
///
/// # Errors
/// [`Problem`] if the call may not be seen or replayed, or the body is wrong.
pub async fn replay(
    State(app): State<App>,
    identity: Identity,
    Path(id): Path<String>,
    body: Result<JsonBody, Problem>,
) -> Result<Response, Problem> {
    let id = CallId(id);
    let found = app.engine.call(&id).await.map_err(|stop| problem::of_stop(&stop))?;
    let snapshot = found.ok_or_else(|| Problem::not_found("call"))?;
    let veil = veil::look(&app, &identity, &snapshot).await?;
    allowed(&identity, "replay")?;
    let body = body?.0;
    match body.get("mode").and_then(Value::as_str) {
        Some("resume_from") => {
            return runs::resume_from(&app, &identity, &id, &veil, body).await;
        }
        Some("verify" | "what_if") => {}
        other => return Err(no_mode(other)),
    }
    let how: How = serde_json::from_value(body).map_err(|error| {
        let detail = format!("the body is not `{{mode, revision}}`: {error}");
        Problem::bad_request("invalid_body", detail)
    })?;
    let replayed = match (how.mode, how.revision) {
        (Mode::Verify, Some(_)) => {
            let detail = "`verify` goes by the revision that the call is pinned to";
            return Err(Problem::bad_request("invalid_field", detail).at("revision"));
        }
        (Mode::Verify, None) => {
            let verified = app.engine.verify(&id).await.map_err(|error| refused(&error))?;
            let mut shown = json!({ "mode": "verify", "verdict": verified.verdict() });
            add(&mut shown, &verified);
            shown
        }
        (Mode::WhatIf, revision) => {
            let what_if = app.engine.decided_under(&id, revision).await;
            let mut shown = json!({ "mode": "what_if" });
            add(&mut shown, &what_if.map_err(|error| refused(&error))?);
            shown
        }
    };
    Ok(Json(veiled(replayed, &veil)).into_response())
}

/// Why that mode is none of a call's, and where the one that is not about a call is asked for.
fn no_mode(mode: Option<&str>) -> Problem {
    let detail = match mode {
        Some("redeliver") => {
            "events are given to a consumer again by `POST /v1/subscriptions/{name}/redeliver`, or \
             `backstop subscriptions redeliver`; a call is replayed by `verify`, `what_if` or \
             `resume_from`"
                .to_owned()
        }
        Some(other) => format!(
            "`{other}` is no mode of replay: it is `verify`, `what_if` or `resume_from`; to have \
             events given again, `POST /v1/subscriptions/{{name}}/redeliver`"
        ),
        None => "`mode` is missing: it is `verify`, `what_if` or `resume_from`".to_owned(),
    };
    Problem::bad_request("invalid_field", detail).at("mode")
}

fn add(shown: &mut Value, more: &impl serde::Serialize) {
    let more = serde_json::to_value(more).unwrap_or_default();
    if let (Some(shown), Value::Object(more)) = (shown.as_object_mut(), more) {
        shown.extend(more);
    }
}

fn refused(error: &NoReplay) -> Problem {
    match error {
        NoReplay::NoCall => Problem::not_found("call"),
        NoReplay::NoRevision { .. } => {
            Problem::new(StatusCode::NOT_FOUND, "unknown_revision", error.to_string())
        }
        NoReplay::Stop(stop) => problem::of_stop(stop),
    }
}

/// Without the words that may quote what is private.
fn veiled(mut replayed: Value, veil: &Veil) -> Value {
    if !veil.is_lifted() {
        hide(&mut replayed);
    }
    replayed
}

fn hide(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                if WORDS.contains(&name.as_str()) && !field.is_null() {
                    *field = MASK.into();
                } else {
                    hide(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide),
        _ => {}
    }
}
