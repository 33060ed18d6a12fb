//! `/v1/subscriptions`: how consumers of events stand, and what operators can do about it.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use backstop_ledger::DeliveryFilter;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    app::App,
    auth::Identity,
    body::{JsonBody, typed},
    deliver::{Consumer, Denied, Shown, What, is_late, time},
    problem::{self, Problem},
    query::Asked,
    reason,
};

/// Positions in one order.
const POSITIONS_MAX: usize = 1000;

/// Those who run the gateway, and those who audit it, may look.
fn may_look(identity: &Identity) -> Result<(), Problem> {
    if identity.operates() || matches!(identity, Identity::Person(_)) && identity.oversees() {
        return Ok(());
    }
    Err(not_allowed())
}

fn may_act(identity: &Identity) -> Result<(), Problem> {
    if identity.operates() { Ok(()) } else { Err(not_allowed()) }
}

fn not_allowed() -> Problem {
    let detail = "subscriptions are for those who run the gateway; `may: [operate]` in \
                  gateway.yaml allows it";
    Problem::new(StatusCode::FORBIDDEN, "not_allowed", detail)
}

/// `GET /v1/subscriptions`.
pub async fn list(State(app): State<App>, identity: Identity) -> Result<Json<Value>, Problem> {
    may_look(&identity)?;
    let mut listed = Vec::new();
    for (consumer, shown) in app.deliveries.all() {
        listed.push(view(&app, &consumer, &shown).await?);
    }
    Ok(Json(json!({ "subscriptions": listed })))
}

/// `GET /v1/subscriptions/{name}`.
pub async fn show(
    State(app): State<App>,
    identity: Identity,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    may_look(&identity)?;
    seen(&app, &name).await.map(Json)
}

async fn seen(app: &App, name: &str) -> Result<Value, Problem> {
    let found = app.deliveries.all().into_iter().find(|(consumer, _)| consumer.name == name);
    let (consumer, shown) = found.ok_or_else(|| Problem::not_found("subscription"))?;
    view(app, &consumer, &shown).await
}

async fn view(app: &App, consumer: &Consumer, shown: &Shown) -> Result<Value, Problem> {
    let ledger = app.engine.ledger();
    let parked = ledger.parked(&consumer.name).await;
    let parked = parked.map_err(|error| problem::of_stop(&error.into()))?;
    let standing = &shown.standing;
    let state = if !consumer.enabled || standing.disabled.is_some() {
        "disabled"
    } else if standing.failing_since.is_some() {
        "failing"
    } else {
        "delivering"
    };
    let disabled = match consumer.enabled {
        false => Some("`enabled: false` in gateway.yaml"),
        true => standing.disabled.as_deref(),
    };
    let kept_ms = app.engine.workspace().gateway.store.retain.bodies_ms;
    Ok(json!({
        "name": consumer.name,
        // The rest of an address can hold what opens it.
        "host": consumer.host(),
        "events": consumer.wanted.types,
        "policies": consumer.wanted.policies,
        "payload": if consumer.full { "full" } else { "thin" },
        "format": consumer.format(),
        "state": state,
        "disabled": disabled,
        "breaker": shown.breaker,
        "failing_since": standing.failing_since.map(time),
        "failed": shown.failed.as_ref().map(|(why, _)| why),
        "next_try": shown.failed.as_ref().map(|(_, at)| time(*at)),
        "cursor": shown.cursor,
        "lag": ledger.position().saturating_sub(shown.cursor),
        "late": is_late(shown, app.engine.clock().now(), kept_ms),
        "waiting": shown.waiting,
        "parked": parked,
        "delivered": standing.delivered,
        "gap": standing.gap,
        "redelivering": standing.again,
    }))
}

/// Why somebody gives an order.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Why {
    #[serde(default)]
    reason: String,
}

/// `POST /v1/subscriptions/{name}/enable`.
pub async fn enable(
    State(app): State<App>,
    identity: Identity,
    Path(name): Path<String>,
    body: Result<JsonBody, Problem>,
) -> Result<Json<Value>, Problem> {
    let why: Why = typed(body?.0)?;
    order(&app, &identity, &name, why.reason, What::Enable).await?;
    seen(&app, &name).await.map(Json)
}

/// `POST /v1/subscriptions/{name}/disable`.
pub async fn disable(
    State(app): State<App>,
    identity: Identity,
    Path(name): Path<String>,
    body: Result<JsonBody, Problem>,
) -> Result<Json<Value>, Problem> {
    let why: Why = typed(body?.0)?;
    order(&app, &identity, &name, why.reason, What::Disable).await?;
    seen(&app, &name).await.map(Json)
}

/// What to give again: parked events, or a stretch of the log.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Again {
    #[serde(default)]
    reason: String,
    parked: Option<bool>,
    positions: Option<Vec<u64>>,
    from: Option<u64>,
    until: Option<u64>,
}

impl Again {
    fn what(&self) -> Result<What, Problem> {
        match (self.parked, &self.positions, self.from) {
            (Some(true), None, None) => Ok(What::Parked(Vec::new())),
            (None, Some(positions), None) if (1..=POSITIONS_MAX).contains(&positions.len()) => {
                Ok(What::Parked(positions.clone()))
            }
            (None, None, Some(from)) => {
                Ok(What::Range { from, until: self.until.unwrap_or(u64::MAX) })
            }
            _ => {
                let detail = "send one of `parked: true`, `positions` (of 1 to 1000 parked events) \
                              and `from` with `until`";
                Err(Problem::bad_request("invalid_body", detail))
            }
        }
    }
}

/// `POST /v1/subscriptions/{name}/redeliver`.
pub async fn redeliver(
    State(app): State<App>,
    identity: Identity,
    Path(name): Path<String>,
    body: Result<JsonBody, Problem>,
) -> Result<Json<Value>, Problem> {
    let again: Again = typed(body?.0)?;
    let what = again.what()?;
    let events = order(&app, &identity, &name, again.reason, what).await?;
    let subscription = seen(&app, &name).await?;
    Ok(Json(json!({ "events": events, "subscription": subscription })))
}

async fn order(
    app: &App,
    identity: &Identity,
    name: &str,
    reason: String,
    what: What,
) -> Result<u64, Problem> {
    may_act(identity)?;
    let reason = reason::said_or(Some(&reason), "no reason given")?;
    let done = app.deliveries.order(name, identity.actor("api"), reason, what).await;
    done.map_err(|denied| match denied {
        Denied::Unknown => Problem::not_found("subscription"),
        Denied::Unfit(why) => Problem::new(StatusCode::CONFLICT, "does_not_fit", why),
        Denied::Failed(_) => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "storage", denied.to_string()).retry(None)
        }
    })
}

/// A page of parked events.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    after: Option<u64>,
    limit: Option<usize>,
}

/// `GET /v1/subscriptions/{name}/parked`: with why, oldest first.
pub async fn parked(
    State(app): State<App>,
    identity: Identity,
    Path(name): Path<String>,
    Asked(page): Asked<Page>,
) -> Result<Json<Value>, Problem> {
    may_look(&identity)?;
    let after = page.after.unwrap_or(0);
    let limit = page.limit.unwrap_or(100).clamp(1, POSITIONS_MAX);
    let filter = DeliveryFilter { parked: true, after, limit };
    let rows = app.engine.ledger().deliveries(&name, filter).await;
    let rows = rows.map_err(|error| problem::of_stop(&error.into()))?;
    let next = rows.last().filter(|_| rows.len() == limit).map(|last| last.position);
    let listed: Vec<Value> = rows
        .iter()
        .map(|one| {
            json!({
                "position": one.position, "stream": one.lane, "tries": one.tries,
                "reason": one.parked,
            })
        })
        .collect();
    Ok(Json(json!({ "parked": listed, "next": next })))
}
