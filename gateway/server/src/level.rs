//! `/v1/level`: what the gateway gives up under load, and why. Operators hold it at a level, with a
//! reason and for a time.

use axum::{Json, extract::State, http::StatusCode};
use backstop_domain::guard::Level;
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

/// Shortest and longest time for which a level is held, in milliseconds: a second and a week.
const HELD_MS: std::ops::RangeInclusive<u64> = 1_000..=604_800_000;

/// `GET /v1/level`.
///
/// # Errors
/// [`Problem`] for those who neither lead, operate nor audit.
pub async fn show(State(app): State<App>, identity: Identity) -> Result<Json<Value>, Problem> {
    if !identity.oversees() {
        auth::allowed(&identity, "operate")?;
    }
    Ok(Json(view(&app)))
}

/// At which level, for how long, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    level: Level,
    for_ms: u64,
    reason: String,
}

/// `POST /v1/level`.
///
/// # Errors
/// [`Problem`] for those who do not operate, and for a time or reason that will not do.
pub async fn hold(
    State(app): State<App>,
    identity: Identity,
    body: Result<JsonBody, Problem>,
) -> Result<Json<Value>, Problem> {
    auth::allowed(&identity, "operate")?;
    let Sent { level, for_ms, reason } = typed(body?.0)?;
    let reason = reason::said(&reason)?;
    if !HELD_MS.contains(&for_ms) {
        let (least, most) = (HELD_MS.start(), HELD_MS.end());
        let detail = format!("`for_ms` must be {least} to {most}: a hold ends by itself");
        return Err(Problem::bad_request("invalid_field", detail).at("for_ms"));
    }
    let until = app.engine.clock().now().plus(for_ms);
    let held = app.engine.hold_level(level, until, identity.actor("api"), reason).await;
    held.map_err(|stop| problem::of_stop(&stop))?;
    Ok(Json(view(&app)))
}

/// Why it is let go.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Why {
    reason: String,
}

/// `POST /v1/level/release`.
///
/// # Errors
/// [`Problem`] for those who do not operate, and if nobody holds it.
pub async fn release(
    State(app): State<App>,
    identity: Identity,
    body: Result<JsonBody, Problem>,
) -> Result<Json<Value>, Problem> {
    auth::allowed(&identity, "operate")?;
    let Why { reason } = typed(body?.0)?;
    let reason = reason::said(&reason)?;
    let released = app.engine.let_level_go(identity.actor("api"), reason).await;
    if released.map_err(|stop| problem::of_stop(&stop))? {
        return Ok(Json(view(&app)));
    }
    let detail = "nobody holds the gateway at a level";
    Err(Problem::new(StatusCode::CONFLICT, "does_not_fit", detail))
}

fn view(app: &App) -> Value {
    let load = app.engine.load();
    let held = load
        .pin
        .map(|(pin, by)| json!({ "until": time(pin.until), "by": by.who, "reason": by.reason }));
    let readings = load.readings.iter().map(|reading| {
        let share = f64::from(reading.millionths) / 1e6;
        json!({ "of": reading.of, "share": share, "at_most": reading.most.name() })
    });
    let classes = load.classes.iter().map(|class| {
        json!({
            "class": class.class.name(), "held": class.held, "most": class.most,
            "waiting": class.waiting,
        })
    });
    json!({
        "level": load.level.name(), "by_load": load.by_load.name(), "held": held,
        "load": readings.collect::<Vec<_>>(), "places": classes.collect::<Vec<_>>(),
    })
}
