//! `/v1/breakers`: how every model stands, and operators who hold a breaker by hand for a time.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use backstop_domain::{
    Millis,
    guard::{BreakerState, Hold},
};
use backstop_engine::{BreakerOrder, BreakerRefused};
use backstop_policy::units::Time;
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

/// Longest time that a breaker is held for, in milliseconds: nobody remembers more than a month.
const FOR_MAX_MS: u64 = 30 * 86_400_000;

/// `GET /v1/breakers`.
pub async fn list(State(app): State<App>, identity: Identity) -> Result<Json<Value>, Problem> {
    if !identity.oversees() {
        auth::allowed(&identity, "operate")?;
    }
    Ok(Json(json!({ "breakers": shown(&app, None) })))
}

/// How the breaker of a model is to stand.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    state: Wanted,
    /// For how long; needed unless it is let go of.
    r#for: Option<String>,
    reason: String,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Wanted {
    Isolated,
    HeldClosed,
    Released,
}

/// `POST /v1/breakers/{model}`.
pub async fn order(
    State(app): State<App>,
    identity: Identity,
    Path(model): Path<String>,
    body: Result<JsonBody, Problem>,
) -> Result<Json<Value>, Problem> {
    auth::allowed(&identity, "operate")?;
    let sent: Sent = typed(body?.0)?;
    let reason = reason::said(&sent.reason)?;
    let order = wanted(&sent, app.engine.clock().now())?;
    let done = app.engine.order_breaker(&model, order, &identity.actor("api"), reason).await;
    done.map_err(|refused| match refused {
        BreakerRefused::Unknown(_) => {
            Problem::new(StatusCode::NOT_FOUND, "not_found", refused.to_string())
        }
        BreakerRefused::Stop(stop) => problem::of_stop(&stop),
    })?;
    Ok(Json(shown(&app, Some(&model)).into_iter().next().unwrap_or_default()))
}

fn wanted(sent: &Sent, now: Millis) -> Result<BreakerOrder, Problem> {
    let wrong = |detail: String| Problem::bad_request("invalid_field", detail).at("for");
    let how = match (sent.state, &sent.r#for) {
        (Wanted::Isolated, _) => Hold::Isolated,
        (Wanted::HeldClosed, _) => Hold::Closed,
        (Wanted::Released, None) => return Ok(BreakerOrder::Release),
        (Wanted::Released, Some(_)) => {
            return Err(wrong("a breaker that is let go of needs no `for`".to_owned()));
        }
    };
    let text = sent.r#for.as_deref().unwrap_or_default();
    let span = Time::parse(text)
        .map_err(|error| wrong(format!("say for how long: {}; {}", error.message, error.help)))?;
    if span.ms() == 0 || span.ms() > FOR_MAX_MS {
        return Err(wrong(format!("`for` must be above 0 and at most 30d, is `{text}`")));
    }
    Ok(BreakerOrder::Hold(how, now.plus(span.ms())))
}

fn shown(app: &App, only: Option<&str>) -> Vec<Value> {
    let all = app.engine.models().into_iter();
    all.filter(|gate| only.is_none_or(|name| name == gate.model))
        .map(|gate| {
            let quality: Vec<Value> = (gate.quality.iter())
                .map(|one| {
                    json!({
                        "policy": one.policy, "state": one.state.name(),
                        "until": until(one.state), "answers": one.answers, "bad": one.bad,
                    })
                })
                .collect();
            let at_once = gate.at_once.map(|at_once| {
                json!({ "held": at_once.held, "allowed": at_once.allowed, "most": at_once.most })
            });
            json!({
                "at_once": at_once,
                "model": gate.model, "state": gate.breaker.name(), "until": until(gate.breaker),
                "held_until": gate.held_until.map(time),
                "good": gate.good, "bad": gate.bad, "slow": gate.slow, "quality": quality,
            })
        })
        .collect()
}

fn until(state: BreakerState) -> Option<String> {
    if let BreakerState::Open { until } = state { Some(time(until)) } else { None }
}
