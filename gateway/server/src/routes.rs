//! The one route table.

use axum::{
    Router,
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{app::App, calls, events, openai, ops, problem::Problem, reviews};

/// Every route, over that app.
pub fn routes(app: App) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(openai::chat))
        .route("/v1/models", get(openai::list))
        .route("/v1/models/{name}", get(openai::one))
        .route("/v1/calls", get(calls::list))
        // One path for two things: a policy's name to post to, a call's id to look at.
        .route("/v1/calls/{name}", post(calls::submit).get(calls::show))
        .route("/v1/calls/{name}/events", get(events::of_call))
        .route("/v1/calls/{name}/cancel", post(calls::cancel))
        .route("/v1/reviews", get(reviews::list))
        .route("/v1/reviews/{id}", get(reviews::show))
        .route("/v1/reviews/{id}/claim", post(reviews::claim))
        .route("/v1/reviews/{id}/renew", post(reviews::renew))
        .route("/v1/reviews/{id}/release", post(reviews::release))
        .route("/v1/reviews/{id}/decide", post(reviews::decide))
        .route("/v1/reviews/{id}/undo", post(reviews::undo))
        .route("/v1/reviews/{id}/comments", post(reviews::comment))
        .route("/v1/events", get(events::feed))
        .route("/healthz", get(ops::healthz))
        .route("/readyz", get(ops::readyz))
        .route("/metrics", get(ops::metrics))
        .route("/openapi.json", get(ops::openapi))
        .route("/", get(ops::index))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(CatchPanicLayer::custom(panicked))
        .with_state(app)
}

async fn unknown(uri: Uri) -> Response {
    let detail =
        format!("there is nothing at `{}`; `/openapi.json` lists what there is", uri.path());
    let problem = Problem::new(StatusCode::NOT_FOUND, "unknown_path", detail);
    in_shape(&uri, problem)
}

async fn wrong_method(uri: Uri) -> Response {
    let detail = format!("`{}` does not take this method; see `/openapi.json`", uri.path());
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", detail);
    in_shape(&uri, problem)
}

/// An OpenAI client that strays still reads its own error shape.
fn in_shape(uri: &Uri, problem: Problem) -> Response {
    let openai = ["/v1/chat", "/v1/models", "/v1/completions", "/v1/responses", "/v1/embeddings"];
    if openai.iter().any(|path| uri.path().starts_with(path)) {
        problem.into_openai_response()
    } else {
        problem.into_response()
    }
}

/// The last net: a fault of ours fails one request, closed, and nothing leaks.
fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    tracing::error!("a handler panicked");
    let detail = "a fault of ours; the call, if there is one, goes on and can be asked for";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).into_openai_response()
}
