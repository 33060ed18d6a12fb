//! Reviews by API: list, show, claim, renew, release, decide, undo, comment. GET changes nothing.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use backstop_domain::{CallId, Digest, ReviewId, ReviewKind, ReviewState, review::Standing};
use backstop_engine::{Edit, ReviewError, Verb, What};
use backstop_ledger::{ReviewFilter, ReviewSummary};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    access::{self, found},
    app::App,
    auth::Identity,
    body::{JsonBody, typed},
    problem::{self, Problem},
    query::Asked,
    veil::Veil,
};

/// Which reviews to list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    queue: Option<String>,
    policy: Option<String>,
    call: Option<String>,
    all: Option<bool>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// `GET /v1/reviews`: those that wait, due first; with `all=true` the others too.
pub async fn list(
    State(app): State<App>,
    identity: Identity,
    Asked(which): Asked<Which>,
) -> Result<Response, Problem> {
    may_look(&identity)?;
    if which.queue.as_ref().is_some_and(|queue| !identity.looks_into(queue)) {
        let detail = "you do not look into that queue; `queues` of your entry names yours";
        return Err(Problem::new(StatusCode::FORBIDDEN, "not_your_queue", detail));
    }
    let queues = match (&identity, which.queue) {
        (_, Some(queue)) => vec![queue],
        (Identity::Person(person), None) => person.queues.clone(),
        _ => Vec::new(),
    };
    let filter = ReviewFilter {
        queues,
        open: !which.all.unwrap_or(false),
        policy: which.policy,
        call: which.call.map(CallId),
        after: which.cursor.as_deref().map(crate::cursor::read).transpose()?,
        limit: which.limit.unwrap_or(0),
        ..ReviewFilter::default()
    };
    let page = app.engine.ledger().reviews(filter).await;
    let page = page.map_err(|error| problem::of_stop(&error.into()))?;
    let next = page.next.as_ref().map(crate::cursor::write);
    let rows: Vec<ReviewSummary> = page
        .rows
        .into_iter()
        .map(|mut row| {
            if !access::knows_of_draws(&identity, row.phase.is_open()) && row.is_measured() {
                (row.kind, row.sampled) = (ReviewKind::Decision, None);
            }
            row
        })
        .collect();
    Ok(Json(json!({ "reviews": rows, "next": next })).into_response())
}

/// `GET /v1/reviews/{id}`: everything that a decision rests on.
pub async fn show(
    State(app): State<App>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    may_look(&identity)?;
    let id = ReviewId(id);
    let review = found(&app, &id).await?;
    if !access::looks_into(&identity, &review) {
        return Err(Problem::not_found("review"));
    }
    let mut view = shown(&identity, &id, &review);
    let call = access::call_of(&app, &review).await?;
    let Some((call, _)) = call else { return Ok(Json(view).into_response()) };
    let received = &call.state.received;
    let veil = Veil::over(&app, &identity, &received.policy, received.revision);
    let request = stored(&app, received.request).await?;
    let mut input = request.get("input").cloned().unwrap_or_default();
    let messages = request.pointer("/body/messages").or_else(|| request.get("messages"));
    let mut messages = messages.cloned().unwrap_or_default();
    let mut subject = match review.opened.subject {
        Some(digest) => stored(&app, digest).await?,
        None => Value::Null,
    };
    let mut hidden = veil.input(&mut input);
    hidden.extend(veil.stored_answer(&mut subject));
    // The reasons are the policy's own words: without them nobody could decide.
    veil.quotes(&mut messages, &hidden);
    for said in ["/opened/reasons", "/comments"] {
        if let Some(words) = view.pointer_mut(said).and_then(Value::as_array_mut) {
            let texts = words.iter_mut().filter_map(|one| one.get_mut("text"));
            texts.for_each(|text| veil.quotes(text, &hidden));
        }
    }
    if let Some(map) = view.as_object_mut() {
        map.insert("input".to_owned(), input);
        map.insert("messages".to_owned(), messages);
        map.insert("answer".to_owned(), subject);
        if review.opened.kind != ReviewKind::Audit || review.opened.is_drawn() {
            let mut seen = json!(crate::view::veiled(&call, &veil));
            // A drawn one looks as if the call waited for it.
            let asked = seen.pointer_mut("/review/id").filter(|_| review.opened.is_drawn());
            if let Some(asked) = asked {
                *asked = id.as_str().into();
            }
            map.insert("call_view".to_owned(), seen);
        }
    }
    Ok(Json(view).into_response())
}

async fn stored(app: &App, digest: Digest) -> Result<Value, Problem> {
    let body = app.engine.ledger().body(digest).await;
    let body = body.map_err(|error| problem::of_stop(&error.into()))?;
    let bytes = body.and_then(|body| body.bytes);
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
}

fn may_look(identity: &Identity) -> Result<(), Problem> {
    if identity.sees_reviews() {
        return Ok(());
    }
    let detail = "this key may not see reviews; `may: [review]` in gateway.yaml allows it";
    Err(Problem::new(StatusCode::FORBIDDEN, "not_allowed", detail))
}

/// The review, if this person may decide in its queue.
async fn workable(app: &App, identity: &Identity, id: &ReviewId) -> Result<ReviewState, Problem> {
    may_look(identity)?;
    let review = found(app, id).await?;
    if access::works_on(app, identity, &review) {
        return Ok(review);
    }
    let queue = access::Place::from(&review).queues().next().unwrap_or_default();
    let detail = format!("you do not decide in queue `{queue}`");
    Err(Problem::new(StatusCode::FORBIDDEN, "not_your_queue", detail))
}

fn shown(identity: &Identity, id: &ReviewId, review: &ReviewState) -> Value {
    let mut opened = review.opened.clone();
    let open = review.standing.is_open();
    if !access::knows_of_draws(identity, open) && access::is_measured(&opened) {
        (opened.kind, opened.sampled) = (ReviewKind::Decision, None);
    }
    let seen = review.comments.iter().filter(|_| access::sees_others(identity, review));
    let comments: Vec<Value> = seen.map(|(by, text)| json!({ "by": by, "text": text })).collect();
    let mut view = json!({
        "id": id, "state": review.standing.name(), "opened": opened,
        "opened_at": review.opened_at, "seq": review.seq,
        "generation": opened.generation, "subject_digest": opened.subject,
        "votes": review.votes.len(), "comments": comments,
    });
    let Some(map) = view.as_object_mut() else { return view };
    match &review.standing {
        Standing::Claimed { by, lease, until } => {
            map.insert("claimed".into(), json!({ "by": by, "lease": lease, "until": until }));
        }
        Standing::Decided { by, resolution, undo_until, at } => {
            let decided = json!({
                "by": by, "resolution": resolution, "undo_until": undo_until, "at": at,
            });
            map.insert("decided".into(), decided);
        }
        Standing::Expired(action) => {
            map.insert("expired".into(), json!({ "action": action }));
        }
        Standing::Withdrawn { reason } => {
            map.insert("withdrawn".into(), json!({ "reason": reason }));
        }
        Standing::Open => {}
    }
    view
}

/// The review as it stands after what was done, or why that was not done.
fn answered(
    identity: &Identity,
    id: &ReviewId,
    done: Result<ReviewState, ReviewError>,
) -> Result<Response, Problem> {
    let review = done.map_err(|error| problem::of_review(&error))?;
    Ok(Json(shown(identity, id, &review)).into_response())
}

/// `POST /v1/reviews/{id}/claim`.
pub async fn claim(
    State(app): State<App>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = ReviewId(id);
    workable(&app, &identity, &id).await?;
    let claimed = app.engine.claim(&id, identity.actor("api")).await;
    answered(&identity, &id, claimed)
}

/// A claim's fencing token.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lease {
    lease: u64,
}

/// `POST /v1/reviews/{id}/renew`.
pub async fn renew(
    State(app): State<App>,
    identity: Identity,
    Path(id): Path<String>,
    body: Result<JsonBody, Problem>,
) -> Result<Response, Problem> {
    let id = ReviewId(id);
    let Lease { lease } = typed(body?.0)?;
    workable(&app, &identity, &id).await?;
    let renewed = app.engine.renew(&id, identity.actor("api"), lease).await;
    answered(&identity, &id, renewed)
}

/// `POST /v1/reviews/{id}/release`.
pub async fn release(
    State(app): State<App>,
    identity: Identity,
    Path(id): Path<String>,
    body: Result<JsonBody, Problem>,
) -> Result<Response, Problem> {
    let id = ReviewId(id);
    let Lease { lease } = typed(body?.0)?;
    workable(&app, &identity, &id).await?;
    let released = app.engine.release(&id, identity.actor("api"), lease).await;
    answered(&identity, &id, released)
}

/// A decision, as it is sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    /// `approve edit reject request_changes use_fallback`.
    verb: String,
    lease: Option<u64>,
    generation: u32,
    subject_digest: Option<Digest>,
    /// For `edit`: the new output.
    #[serde(default, deserialize_with = "present")]
    output: Option<Value>,
    /// For `edit` of a tool call: its place, from 0, and its arguments.
    tool_call: Option<usize>,
    #[serde(default, deserialize_with = "present")]
    arguments: Option<Value>,
    /// For `request_changes`: what to tell the model.
    tell: Option<String>,
    reason: Option<String>,
}

/// Tells `null` that was sent from nothing that was sent.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// `POST /v1/reviews/{id}/decide`.
pub async fn decide(
    State(app): State<App>,
    identity: Identity,
    Path(id): Path<String>,
    body: Result<JsonBody, Problem>,
) -> Result<Response, Problem> {
    let id = ReviewId(id);
    let sent: Sent = typed(body?.0)?;
    let review = workable(&app, &identity, &id).await?;
    has_reason(&app, &review, sent.verb == "reject", sent.reason.as_deref())?;
    let verb = Verb {
        actor: identity.actor("api"),
        lease: sent.lease,
        generation: sent.generation,
        subject: sent.subject_digest,
        reason: sent.reason.clone(),
        what: what(sent)?,
    };
    let decided = app.engine.decide(&id, verb).await;
    answered(&identity, &id, decided)
}

/// A queue that lists reasons wants one of them with every rejection.
///
/// # Errors
/// [`Problem`] that names them.
pub fn has_reason(
    app: &App,
    review: &ReviewState,
    rejects: bool,
    reason: Option<&str>,
) -> Result<(), Problem> {
    let workspace = app.engine.workspace();
    let Some(queue) = workspace.gateway.queues.get(&review.opened.queue) else { return Ok(()) };
    if !rejects || queue.reasons.is_empty() {
        return Ok(());
    }
    let code = reason.unwrap_or_default();
    let code = code.split(':').next().unwrap_or_default().trim();
    if queue.reasons.iter().any(|known| known == code) {
        return Ok(());
    }
    let detail = format!("`reason` must start with one of: {}", queue.reasons.join(", "));
    Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "reason_missing", detail).at("reason"))
}

fn what(sent: Sent) -> Result<What, Problem> {
    let wrong = |detail: &str| Problem::bad_request("invalid_field", detail);
    Ok(match sent.verb.as_str() {
        "approve" => What::Approve,
        "reject" => What::Reject,
        "use_fallback" => What::UseFallback,
        "request_changes" => match sent.tell {
            Some(tell) if !tell.trim().is_empty() => What::RequestChanges(tell),
            _ => {
                return Err(
                    wrong("`request_changes` needs `tell`: what the model is told").at("tell")
                );
            }
        },
        "edit" => match (sent.output, sent.tool_call, sent.arguments) {
            (Some(output), None, None) => What::Edit(Edit::Output(output)),
            (None, index, Some(args)) => {
                What::Edit(Edit::ToolArgs { index: index.unwrap_or(0), args })
            }
            _ => {
                let detail = "`edit` needs either `output`, or `arguments` of a `tool_call`";
                return Err(wrong(detail).at("output"));
            }
        },
        _ => {
            let detail = "`verb` must be approve, edit, reject, request_changes or use_fallback";
            return Err(wrong(detail).at("verb"));
        }
    })
}

/// `POST /v1/reviews/{id}/undo`.
pub async fn undo(
    State(app): State<App>,
    identity: Identity,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = ReviewId(id);
    workable(&app, &identity, &id).await?;
    let undone = app.engine.undo(&id, identity.actor("api")).await;
    answered(&identity, &id, undone)
}

/// What a person says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Comment {
    text: String,
}

/// `POST /v1/reviews/{id}/comments`.
pub async fn comment(
    State(app): State<App>,
    identity: Identity,
    Path(id): Path<String>,
    body: Result<JsonBody, Problem>,
) -> Result<Response, Problem> {
    let id = ReviewId(id);
    let Comment { text } = typed(body?.0)?;
    if text.trim().is_empty() || text.len() > 8_000 {
        let detail = "`text` must have 1 to 8000 bytes";
        return Err(Problem::bad_request("invalid_field", detail).at("text"));
    }
    workable(&app, &identity, &id).await?;
    let said = app.engine.comment(&id, identity.actor("api"), text).await;
    answered(&identity, &id, said)
}
