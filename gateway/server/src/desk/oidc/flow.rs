//! To the provider, and back. Both are links, because that is how a browser travels: the first
//! changes nothing, the second counts once, and only in the browser that holds the try's cookie.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use super::{Came, Provider, Refused, attempt, attempt::Attempt, provider::word, who};
use crate::{
    app::App,
    desk::{
        sign_in::{self, To},
        visitor::Guest,
    },
    query::Asked,
};

/// Longest code that a provider may give, in bytes.
const CODE_MAX: usize = 4_096;

/// What a provider sends a browser back with; other things are passed over.
#[derive(Deserialize)]
pub struct Answer {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

/// `GET /sign-in/oidc`: on to the provider.
pub async fn start(State(app): State<App>, guest: Guest, Asked(to): Asked<To>) -> Response {
    let Some(provider) = app.desk.oidc.provider() else {
        return Redirect::to("/sign-in").into_response();
    };
    let to = sign_in::inside(to.to.as_deref());
    let now = app.engine.clock().now();
    let about = match provider.about(now).await {
        Ok(about) => about,
        Err(refused) => return sign_in::refused(&app, &guest, &provider, &refused, &to),
    };
    let sessions = &app.desk.sessions;
    let attempt = Attempt::begin(app.engine.ids().secret(), now, to);
    let door = provider.door(&about, &attempt, sessions);
    let mut response = Redirect::to(door.as_str()).into_response();
    put(&mut response, &attempt.cookie(sessions, provider.is_encrypted()));
    response
}

/// `GET /sign-in/oidc/return`: back from the provider.
pub async fn back(
    State(app): State<App>,
    guest: Guest,
    sent: HeaderMap,
    Asked(answer): Asked<Answer>,
) -> Response {
    let Some(provider) = app.desk.oidc.provider() else {
        return Redirect::to("/sign-in").into_response();
    };
    let state = answer.state.as_deref().unwrap_or_default();
    let now = app.engine.clock().now();
    let (encrypted, sessions) = (provider.is_encrypted(), &app.desk.sessions);
    let taken_up = Attempt::taken_up(&sent, state, sessions, encrypted, now);
    let attempt = taken_up.and_then(|attempt| {
        app.desk.oidc.used.use_up(&attempt, now)?;
        Ok(attempt)
    });
    let mut response = match attempt {
        Err(refused) => {
            let known = sessions.find(&guest.sid, now).and_then(|one| one.person(&app.keys));
            match known {
                // The same link twice: they are in.
                Some(_) => Redirect::to("/").into_response(),
                None => sign_in::refused(&app, &guest, &provider, &refused, ""),
            }
        }
        Ok(attempt) => match believed(&app, &provider, &attempt, &answer).await {
            Ok(came) => {
                let admitted = sign_in::admitted(&app, &guest, came, &attempt.to).await;
                admitted.unwrap_or_else(IntoResponse::into_response)
            }
            Err(refused) => sign_in::refused(&app, &guest, &provider, &refused, &attempt.to),
        },
    };
    put(&mut response, &attempt::forgotten(state, encrypted));
    response
}

/// Whoever the provider says has come.
async fn believed(
    app: &App,
    provider: &Provider,
    attempt: &Attempt,
    answer: &Answer,
) -> Result<Came, Refused> {
    let _one_of_few = app.desk.oidc.asks.try_acquire().map_err(|_| Refused::Busy)?;
    let now = app.engine.clock().now();
    let about = provider.about(now).await?;
    if !provider.is_from(&about, answer.iss.as_deref()) {
        return Err(Refused::Untrusted("the answer is from another issuer (`iss`)"));
    }
    if let Some(error) = &answer.error {
        return Err(Refused::Declined(word(Some(error))));
    }
    let code = answer.code.as_deref().filter(|code| !code.is_empty() && code.len() <= CODE_MAX);
    let code = code.ok_or(Refused::Untrusted("the answer has no code"))?;
    let claims = provider.claims(&about, code, attempt, &app.desk.sessions, now).await?;
    who::known(&provider.oidc, &app.keys, &claims)
}

fn put(response: &mut Response, cookie: &str) {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}
