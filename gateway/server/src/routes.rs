//! The one route table.

use axum::{
    Router,
    http::{StatusCode, Uri},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    app::App, breakers, calls, complaints, desk, erasures, events, face, feed, level, openai, ops,
    pauses, problem::Problem, replay, reviews, runs, subscriptions,
};

/// Every route, over that app.
pub fn routes(app: App) -> Router {
    let served = Router::new()
        .route("/v1/chat/completions", post(openai::chat))
        .route("/v1/models", get(openai::list))
        .route("/v1/models/{name}", get(openai::one))
        .route("/v1/calls", get(calls::list))
        // One path for two things: a policy's name to post to, a call's id to look at.
        .route("/v1/calls/{name}", post(calls::submit).get(calls::show))
        .route("/v1/calls/{name}/events", get(events::of_call))
        .route("/v1/calls/{name}/cancel", post(calls::cancel))
        .route("/v1/calls/{name}/complaints", post(complaints::complain))
        .route("/v1/calls/{name}/checkpoints", get(runs::checkpoints))
        .route("/v1/calls/{name}/replay", post(replay::replay))
        .route("/v1/calls/{name}/rollback", post(runs::rollback))
        .route("/v1/reviews", get(reviews::list))
        .route("/v1/reviews/{id}", get(reviews::show))
        .route("/v1/reviews/{id}/claim", post(reviews::claim))
        .route("/v1/reviews/{id}/renew", post(reviews::renew))
        .route("/v1/reviews/{id}/release", post(reviews::release))
        .route("/v1/reviews/{id}/decide", post(reviews::decide))
        .route("/v1/reviews/{id}/undo", post(reviews::undo))
        .route("/v1/reviews/{id}/comments", post(reviews::comment))
        .route("/v1/pauses", get(pauses::list).post(pauses::start))
        .route("/v1/pauses/end", post(pauses::end))
        .route("/v1/events", get(feed::feed))
        .route("/v1/breakers", get(breakers::list))
        .route("/v1/breakers/{model}", post(breakers::order))
        .route("/v1/erasures", post(erasures::erase))
        .route("/v1/holds", get(erasures::holds).post(erasures::hold))
        .route("/v1/holds/release", post(erasures::release))
        .route("/v1/level", get(level::show).post(level::hold))
        .route("/v1/level/release", post(level::release))
        .route("/v1/subscriptions", get(subscriptions::list))
        .route("/v1/subscriptions/{name}", get(subscriptions::show))
        .route("/v1/subscriptions/{name}/enable", post(subscriptions::enable))
        .route("/v1/subscriptions/{name}/disable", post(subscriptions::disable))
        .route("/v1/subscriptions/{name}/redeliver", post(subscriptions::redeliver))
        .route("/v1/subscriptions/{name}/parked", get(subscriptions::parked))
        .route("/healthz", get(ops::healthz))
        .route("/readyz", get(ops::readyz))
        .route("/metrics", get(ops::metrics))
        .route("/openapi.json", get(ops::openapi))
        .merge(desk::routes(&app))
        .fallback(unknown)
        .layer(CatchPanicLayer::custom(panicked))
        .with_state(app.clone());
    // Around the table, not in it: only there the table's own errors (405) pass too.
    Router::new().fallback_service(served).layer(middleware::from_fn_with_state(app, face::face))
}

async fn unknown(uri: Uri) -> Problem {
    let detail =
        format!("there is nothing at path `{}`; `/openapi.json` lists what there is", uri.path());
    Problem::new(StatusCode::NOT_FOUND, "unknown_path", detail)
}

/// The last net: a fault of ours fails one request, closed, and nothing leaks.
fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    tracing::error!("a handler panicked");
    let detail = "a fault of ours; the call, if there is one, goes on and can be asked for";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).into_response()
}

#[cfg(test)]
mod tests;
