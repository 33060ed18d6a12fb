//! For operators: is it alive, does it take calls, what do the numbers say.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use backstop_domain::guard::Level;
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
    let held = app.engine.pauses();
    for kind in ["policy", "model", "queue"] {
        let of = |(target, _): &&(String, _)| target.split('/').next() == Some(kind);
        metrics::gauge!("backstop_paused", "what" => kind)
            .set(held.iter().filter(of).count() as f64);
    }
    for (policy, answers) in app.engine.canaries() {
        let answers = f64::from(u8::from(answers));
        metrics::gauge!("backstop_canary", "policy" => policy).set(answers);
    }
    load(app);
    for gate in app.engine.models() {
        for state in ["closed", "open", "half_open", "isolated", "held_closed"] {
            let is = f64::from(u8::from(gate.breaker.name() == state));
            let labels = [("model", gate.model.clone()), ("state", state.to_owned())];
            metrics::gauge!("backstop_breaker", &labels).set(is);
        }
        if let Some(at_once) = gate.at_once {
            let model = || gate.model.clone();
            metrics::gauge!("backstop_model_at_once", "model" => model(), "is" => "held")
                .set(at_once.held as f64);
            metrics::gauge!("backstop_model_at_once", "model" => model(), "is" => "allowed")
                .set(at_once.allowed as f64);
            metrics::gauge!("backstop_model_at_once", "model" => model(), "is" => "most")
                .set(at_once.most as f64);
        }
        for one in &gate.quality {
            for state in ["closed", "open", "half_open"] {
                let is = f64::from(u8::from(one.state.name() == state));
                let labels = [
                    ("model", gate.model.clone()),
                    ("policy", one.policy.clone()),
                    ("state", state.to_owned()),
                ];
                metrics::gauge!("backstop_quality_breaker", &labels).set(is);
            }
        }
    }
}

/// The level of degradation, what it follows from, and the places for calls in flight.
fn load(app: &App) {
    let load = app.engine.load();
    for level in Level::ALL {
        let is = f64::from(u8::from(level == load.level));
        metrics::gauge!("backstop_level", "level" => level.name()).set(is);
    }
    for reading in load.readings {
        let share = f64::from(reading.millionths) / 1e6;
        metrics::gauge!("backstop_load", "of" => reading.of).set(share);
    }
    for class in load.classes {
        let numbers = [("held", class.held), ("most", class.most), ("waiting", class.waiting)];
        for (what, number) in numbers {
            let labels = [("class", class.class.name()), ("what", what)];
            metrics::gauge!("backstop_places", &labels).set(number as f64);
        }
    }
}

/// `GET /openapi.json`.
pub async fn openapi() -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, include_str!("openapi.json")).into_response()
}
