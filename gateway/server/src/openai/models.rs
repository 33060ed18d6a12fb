//! `GET /v1/models`: the policies that a caller may use, as models.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use backstop_policy::Policy;
use serde_json::{Value, json};

use crate::{access::allowed_to_call, app::App, auth::Identity, problem::Problem};

/// Every policy that the caller may use.
///
/// # Errors
/// [`Problem`] for those who make no calls.
pub async fn list(State(app): State<App>, identity: Identity) -> Result<Response, Problem> {
    let caller = allowed_to_call(&identity)?;
    let workspace = app.engine.workspace();
    let may = |name: &String| caller.policies.as_ref().is_none_or(|names| names.contains(name));
    let listed: Vec<Value> = workspace
        .policies
        .iter()
        .filter(|(name, _)| may(name))
        .map(|(_, one)| model(one))
        .collect();
    Ok(Json(json!({ "object": "list", "data": listed })).into_response())
}

/// One policy.
///
/// # Errors
/// [`Problem`] if there is none of that name for this caller.
pub async fn one(
    State(app): State<App>,
    identity: Identity,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let caller = allowed_to_call(&identity)?;
    let workspace = app.engine.workspace();
    let may = caller.policies.as_ref().is_none_or(|names| names.contains(&name));
    let policy = workspace.policies.get(&name).filter(|_| may).ok_or_else(|| {
        let detail = format!("there is no policy `{name}`; `GET /v1/models` lists them");
        Problem::new(StatusCode::NOT_FOUND, "model_not_found", detail).at("model")
    })?;
    Ok(Json(model(policy)).into_response())
}

fn model(policy: &Policy) -> Value {
    json!({
        "id": policy.name, "object": "model", "created": 0, "owned_by": policy.owner,
        "backstop": { "revision": policy.plan.revision, "description": policy.description },
    })
}
