//! `POST /v1/chat/completions`.

use std::time::Duration;

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
    completion::{self, Reply},
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
type Told = (Reply, Option<Snapshot>);

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
    let (id, logprobs) = (admitted.id.clone(), how.logprobs);
    let mut told = Box::pin(async move {
        let mut told = reply(&app, id, wait).await;
        if let (Some(top), (Reply::Completion(completion), Some(ended))) = (logprobs, &mut told) {
            logprobs::add(&app, ended, top, completion).await;
        }
        guard.answered();
        told
    });
    if !how.stream {
        return whole(told.await);
    }
    // What is quick gets a status and headers of its own; what is not is told inside the stream.
    match tokio::time::timeout(BEFORE_FIRST_BYTE, &mut told).await {
        Ok((Reply::Completion(completion), snapshot)) => {
            let chunks = stream::all(&Reply::Completion(completion), how.include_usage);
            let stream = stream::respond(futures_util::stream::once(async move { chunks }));
            with_call(stream, snapshot.as_ref())
        }
        Ok(problem) => whole(problem),
        Err(_) => {
            let reply = async move { told.await.0 };
            stream::respond(stream::when_ready(reply, how.include_usage))
        }
    }
}

fn whole((reply, snapshot): Told) -> Response {
    let response = match reply {
        Reply::Completion(completion) => Json(completion).into_response(),
        Reply::Problem(problem) => problem.into_response(),
    };
    with_call(response, snapshot.as_ref())
}

fn with_call(mut response: Response, snapshot: Option<&Snapshot>) -> Response {
    if let Some(snapshot) = snapshot {
        headers::of_call(response.headers_mut(), snapshot);
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
        Ok(Some(snapshot)) if snapshot.state.ended().is_some() => {
            (completion::ended(&snapshot), Some(snapshot))
        }
        Ok(Some(snapshot)) => (pending(app, &snapshot).await, Some(snapshot)),
        Ok(None) => {
            // Admitted a moment ago, and it never came to disk: there is no such call.
            let stop = Stop::Broken("the call could not be written down".to_owned());
            (Reply::Problem(problem::of_stop(&stop)), None)
        }
        Err(stop) => (Reply::Problem(problem::of_stop(&stop)), None),
    }
}

/// What the policy says while a person decides.
async fn pending(app: &App, snapshot: &Snapshot) -> Reply {
    if matches!(snapshot.state.phase, Phase::Paused { .. }) {
        return Reply::Problem(completion::waiting(snapshot));
    }
    let workspace = app.engine.workspace();
    let policy = workspace.policies.get(&snapshot.state.received.policy);
    match policy.map(|policy| &policy.pending.then) {
        Some(PendingThen::Fallback) => match app.engine.interim(&snapshot.id).await {
            Ok(Some((snapshot, answer))) => {
                Reply::Completion(completion::interim(&snapshot, &answer))
            }
            Ok(None) => Reply::Problem(completion::waiting(snapshot)),
            Err(stop) => Reply::Problem(problem::of_stop(&stop)),
        },
        Some(PendingThen::Refuse(_)) => {
            let text = app.engine.pending_text(&snapshot.id).await.ok().flatten();
            let text = text.unwrap_or_else(|| "A person decides.".to_owned());
            let text = format!("{text} (call {})", snapshot.id);
            Reply::Completion(completion::refusal(snapshot, &text))
        }
        Some(PendingThen::Error) | None => Reply::Problem(completion::waiting(snapshot)),
    }
}
