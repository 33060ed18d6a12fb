//! `POST /v1/chat/completions`.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use backstop_domain::{CallId, Phase};
use backstop_engine::{Admitted, Snapshot, Stop};
use backstop_policy::compiled::PendingThen;

use super::{
    completion::{self, Completion, Reply},
    logprobs,
    read::{How, chat_request},
    stream,
};
use crate::{
    access::allowed_to_call,
    app::App,
    auth::Identity,
    body::JsonBody,
    hangup::Hangup,
    headers,
    problem::{self, Problem},
};

/// Longest time that a stream is held back for a proper status, before its first byte.
const BEFORE_FIRST_BYTE: Duration = Duration::from_secs(2);

/// What a call came to, and the call as it stood then.
type Told = (Reply, Option<Arc<Snapshot>>);

/// Answers a chat completion request.
///
/// # Errors
/// [`Problem`] if it becomes no call.
pub async fn chat(
    State(app): State<App>,
    identity: Identity,
    sent: HeaderMap,
    body: Result<JsonBody, Problem>,
) -> Result<Response, Problem> {
    let (asked, admitted) = admit(&app, &identity, &sent, body).await?;
    let mut response = answer(app, &asked, &admitted).await;
    headers::of_admitted(response.headers_mut(), &admitted);
    Ok(response)
}

async fn admit(
    app: &App,
    identity: &Identity,
    sent: &HeaderMap,
    body: Result<JsonBody, Problem>,
) -> Result<(How, Admitted), Problem> {
    let caller = allowed_to_call(identity)?;
    let said = headers::read(sent, app)?;
    let (submit, how) = chat_request(body?.0, caller, said, &app.engine.workspace())?;
    let now = app.engine.clock().now();
    let submitted = app.engine.submit(submit).await;
    let admitted = submitted.map_err(|refused| problem::of_refused(&refused, now))?;
    Ok((how, admitted))
}

async fn answer(app: App, how: &How, admitted: &Admitted) -> Response {
    let wait = patience(&app, how);
    let guard = Hangup::of(&app, &how.policy, admitted);
    let (id, logprobs, include_usage) = (admitted.id.clone(), how.logprobs, how.include_usage);
    let mut told = Box::pin(async move {
        let mut told = reply(&app, id, wait).await;
        if let (Some(top), Reply::Completion(completion)) = (logprobs, &mut told.0) {
            logprobs::add(&app, completion, top).await;
        }
        guard.answered();
        told
    });
    if !how.stream {
        return whole(told.await);
    }
    // What is quick gets a status and headers of its own; what is not is told inside the stream.
    match tokio::time::timeout(BEFORE_FIRST_BYTE, &mut told).await {
        Ok((reply @ Reply::Completion(_), call)) => {
            let chunks = stream::all(&reply, include_usage);
            let stream = stream::respond(futures_util::stream::once(async move { chunks }));
            with_call(stream, call.as_deref())
        }
        Ok(problem) => whole(problem),
        Err(_) => {
            let chunks = async move { stream::all(&told.await.0, include_usage) };
            stream::respond(stream::when_ready(chunks))
        }
    }
}

fn whole((reply, call): Told) -> Response {
    let response = match reply {
        Reply::Completion(completion) => Json(completion).into_response(),
        Reply::Problem(problem) => problem.into_response(),
    };
    with_call(response, call.as_deref())
}

fn with_call(mut response: Response, call: Option<&Snapshot>) -> Response {
    if let Some(call) = call {
        headers::of_call(response.headers_mut(), call);
    }
    response
}

/// How long a call is waited for: its own time, and the policy's or caller's wait for people.
#[derive(Debug, Clone, Copy)]
struct Patience {
    automatic: Duration,
    people: Duration,
}

fn patience(app: &App, how: &How) -> Patience {
    let workspace = app.engine.workspace();
    let policy = workspace.policies.get(&how.policy);
    let deadline = policy.map_or(30_000, |policy| policy.plan.deadline_ms);
    let wait = policy.map_or(0, |policy| policy.pending.wait_ms);
    Patience {
        // The automatic part ends by its deadline; what follows is bookkeeping.
        automatic: Duration::from_millis(deadline.saturating_add(5_000)),
        people: Duration::from_millis(how.wait_ms.map_or(wait, |asked| asked.min(wait))),
    }
}

/// The reply to a call, once it ended or its time is up.
async fn reply(app: &App, id: CallId, wait: Patience) -> Told {
    let mut found = app.engine.wait(&id, wait.automatic).await;
    let asked = matches!(&found, Ok(Some(snapshot)) if snapshot.state.ended().is_none());
    if asked && !wait.people.is_zero() {
        found = app.engine.wait_end(&id, wait.people).await;
    }
    match found {
        Ok(Some(call)) => {
            let call = Arc::new(call);
            let reply = match call.state.ended() {
                Some(_) => completion::ended(&call),
                // In a box: a call that ends, as most do, carries no room for it about.
                None => Box::pin(pending(app, &call)).await,
            };
            (reply, Some(call))
        }
        Ok(None) => {
            // Admitted a moment ago, and it never came to disk: there is no such call.
            let stop = Stop::Broken("the call could not be written down".to_owned());
            (Reply::Problem(problem::of_stop(&stop)), None)
        }
        Err(stop) => (Reply::Problem(problem::of_stop(&stop)), None),
    }
}

/// What the policy says while a person decides.
async fn pending(app: &App, call: &Arc<Snapshot>) -> Reply {
    if matches!(call.state.phase, Phase::Paused { .. }) {
        return Reply::Problem(completion::waiting(call));
    }
    let workspace = app.engine.workspace();
    let policy = workspace.policies.get(&call.state.received.policy);
    match policy.map(|policy| &policy.pending.then) {
        Some(PendingThen::Fallback) => match app.engine.interim(&call.id).await {
            Ok(Some((call, answer))) => {
                Reply::Completion(Completion::interim(&Arc::new(call), answer))
            }
            Ok(None) => Reply::Problem(completion::waiting(call)),
            Err(stop) => Reply::Problem(problem::of_stop(&stop)),
        },
        Some(PendingThen::Refuse(_)) => {
            let text = app.engine.pending_text(&call.id).await.ok().flatten();
            let text = text.unwrap_or_else(|| "A person decides.".to_owned());
            let text = format!("{text} (call {})", call.id);
            Reply::Completion(Completion::refusal(call, text))
        }
        Some(PendingThen::Error) | None => Reply::Problem(completion::waiting(call)),
    }
}
