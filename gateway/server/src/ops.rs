//! For operators: is it alive, does it take calls, what do the numbers say.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use serde_json::json;

use crate::app::App;

/// `GET /healthz`: the process answers.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: it takes calls; else why not.
pub async fn readyz(State(app): State<App>) -> Response {
    let reload = app.reload.lock().clone();
    let (status, state, why) = match app.engine.health() {
        Ok(()) => (StatusCode::OK, "ready", None),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, "not ready", Some(why)),
    };
    let workspace = app.engine.workspace();
    let policies: serde_json::Map<String, serde_json::Value> = workspace
        .policies
        .iter()
        .map(|(name, policy)| (name.clone(), json!(policy.plan.revision.short())))
        .collect();
    let body = json!({
        "state": state, "why": why, "policies": policies,
        "reload": reload.map_or_else(|| "in force".to_owned(), |why| format!("refused: {why}")),
    });
    (status, Json(body)).into_response()
}

/// `GET /metrics`: Prometheus text.
pub async fn metrics(State(app): State<App>) -> Response {
    let Some(handle) = &app.metrics else { return StatusCode::NOT_FOUND.into_response() };
    gauges(&app);
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, handle.render()).into_response()
}

/// Numbers that are read, not counted.
fn gauges(app: &App) {
    metrics::gauge!("backstop_calls_in_memory").set(app.engine.in_flight() as f64);
    metrics::gauge!("backstop_ledger_position").set(app.engine.ledger().position() as f64);
    let healthy = f64::from(u8::from(app.engine.health().is_ok()));
    metrics::gauge!("backstop_ready").set(healthy);
    let refused = f64::from(u8::from(app.reload.lock().is_some()));
    metrics::gauge!("backstop_reload_refused").set(refused);
    app.deliveries.gauges(app.engine.clock().now());
    for gate in app.engine.models() {
        for state in ["closed", "open", "half_open", "isolated"] {
            let is = f64::from(u8::from(gate.breaker.name() == state));
            let labels = [("model", gate.model.clone()), ("state", state.to_owned())];
            metrics::gauge!("backstop_breaker", &labels).set(is);
        }
    }
}

/// `GET /openapi.json`.
pub async fn openapi() -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, include_str!("openapi.json")).into_response()
}

/// `GET /`: what is served here.
pub async fn index(State(app): State<App>) -> Html<String> {
    let workspace = app.engine.workspace();
    let policies: String = workspace
        .policies
        .values()
        .map(|policy| {
            let (name, text) = (escaped(&policy.name), escaped(&policy.description));
            format!("<li><b>{name}</b> {text}</li>")
        })
        .collect();
    let name = escaped(&workspace.gateway.name);
    Html(format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>{name} · Backstop</title>\
         <style>body{{font:16px/1.5 system-ui;max-width:42rem;margin:3rem auto;padding:0 1rem;\
         color-scheme:light dark}}</style><h1>{name}</h1><p>Policies in force:</p>\
         <ul>{policies}</ul><p><a href=/v1/reviews>Reviews</a> · <a href=/v1/calls>Calls</a> · \
         <a href=/readyz>Readiness</a> · <a href=/metrics>Metrics</a> · \
         <a href=/openapi.json>API</a></p></html>"
    ))
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
