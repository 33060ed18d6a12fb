//! `GET /v1/models`: the policies that a caller may use, as models.

use axum::{
    Json,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use backstop_policy::Policy;
use serde_json::{Value, json};

use crate::{
    app::App,
    auth::{Identity, allowed_to_call},
    problem::Problem,
};

/// Every policy that the caller may use.
pub async fn list(State(app): State<App>, identity: Identity) -> Response {
    let caller = match allowed_to_call(&identity) {
        Ok(caller) => caller,
        Err(problem) => return problem.into_openai_response(),
    };
    let workspace = app.engine.workspace();
    let may = |name: &String| caller.policies.as_ref().is_none_or(|names| names.contains(name));
    let listed: Vec<Value> = workspace
        .policies
        .iter()
        .filter(|(name, _)| may(name))
        .map(|(_, one)| model(one))
        .collect();
    Json(json!({ "object": "list", "data": listed })).into_response()
}

/// One policy.
pub async fn one(State(app): State<App>, identity: Identity, Path(name): Path<String>) -> Response {
    let caller = match allowed_to_call(&identity) {
        Ok(caller) => caller,
        Err(problem) => return problem.into_openai_response(),
    };
    let workspace = app.engine.workspace();
    let may = caller.policies.as_ref().is_none_or(|names| names.contains(&name));
    match workspace.policies.get(&name).filter(|_| may) {
        Some(policy) => Json(model(policy)).into_response(),
        None => {
            let status = axum::http::StatusCode::NOT_FOUND;
            let detail = format!("there is no policy `{name}`; `GET /v1/models` lists them");
            Problem::new(status, "model_not_found", detail).at("model").into_openai_response()
        }
    }
}

fn model(policy: &Policy) -> Value {
    json!({
        "id": policy.name, "object": "model", "created": 0, "owned_by": policy.owner,
        "backstop": { "revision": policy.plan.revision, "description": policy.description },
    })
}
