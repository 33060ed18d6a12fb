//! Signing in with a key or a password, or beside them by a provider, and out again.

use std::{collections::HashMap, net::IpAddr};

use argon2::{
    Argon2,
    password_hash::{PasswordVerifier as _, phc::PasswordHash},
};
use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use backstop_domain::{ControlEvent, Left, Millis};
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::sync::Semaphore;

use crate::{
    app::App,
    auth::{Credential, Identity, Person},
    desk::{
        oidc::{Came, Provider, Refused},
        session::{self, Session},
        trouble::{Trouble, html},
        visitor::{Guest, Posted, PostedByGuest},
    },
    query::Asked,
    tongue::{say, tell},
};

/// Passwords that are checked at one time: each takes a core and 19 MB for a moment.
const CHECKS_AT_ONCE: usize = 2;
/// Wrong tries that are free; from then on each doubles the pause, in milliseconds.
const FREE_TRIES: u32 = 5;
const PAUSE_MS: u64 = 1_000;
/// Longest pause, in milliseconds.
const PAUSE_MAX_MS: u64 = 15 * 60_000;
/// Most names and addresses whose tries are counted.
const COUNTED_MAX: usize = 10_000;
/// Where whoever signed out is led to.
const OUT: &str = "out";
/// The same for whoever had come by the provider, where they may want to sign out, too.
const OUT_OF_PROVIDER: &str = "out-oidc";
/// Checked when a name has no password, so that both take the same time.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdA$\
                       2EYxfAqbfBJD3EOFtKQfYt9Hj1xH0Wx7KkGbwSt3uFc";

/// Wrong tries, by name and by address.
pub struct Tries {
    wrong: Mutex<HashMap<String, (u32, Millis)>>,
    checks: Semaphore,
}

impl Default for Tries {
    fn default() -> Self {
        Self { wrong: Mutex::default(), checks: Semaphore::new(CHECKS_AT_ONCE) }
    }
}

impl Tries {
    /// Until when nobody may try under these.
    fn pause(&self, of: &[String], now: Millis) -> Option<Millis> {
        let wrong = self.wrong.lock();
        let until = of.iter().filter_map(|one| {
            let (tries, last) = wrong.get(one)?;
            let over = tries.checked_sub(FREE_TRIES)?;
            let pause = PAUSE_MS.saturating_mul(1_u64 << over.min(20)).min(PAUSE_MAX_MS);
            Some(last.plus(pause))
        });
        until.max().filter(|until| *until > now)
    }

    fn wrong(&self, of: &[String], now: Millis) {
        let mut wrong = self.wrong.lock();
        if wrong.len() >= COUNTED_MAX {
            wrong.retain(|_, (_, last)| now.since(*last) < PAUSE_MAX_MS);
        }
        for one in of {
            // Full of live ones: an attack from everywhere. The pauses that are there go on.
            if wrong.len() < COUNTED_MAX || wrong.contains_key(one) {
                let entry = wrong.entry(one.clone()).or_insert((0, now));
                *entry = (entry.0.saturating_add(1), now);
            }
        }
    }

    fn right(&self, of: &[String]) {
        let mut wrong = self.wrong.lock();
        wrong.retain(|one, _| !of.contains(one));
    }
}

/// Where to go afterwards.
#[derive(Debug, Deserialize)]
pub struct To {
    pub(super) to: Option<String>,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct Page {
    gateway: String,
    token: String,
    to: String,
    name: String,
    wrong: Option<String>,
    out: bool,
    /// The provider by which one can come in, too, and the link that leads there.
    other: Option<(String, String)>,
    /// Where one signs out of one, with its name.
    way_out: Option<(String, String)>,
}

impl Page {
    fn new(app: &App, guest: &Guest, to: String) -> Self {
        let other = app.desk.oidc.provider().map(|provider| {
            let there: String = url::form_urlencoded::byte_serialize(to.as_bytes()).collect();
            let there = if to.is_empty() { there } else { format!("?to={there}") };
            (provider.oidc.title.clone(), format!("/sign-in/oidc{there}"))
        });
        Self {
            gateway: app.engine.workspace().gateway.name.clone(),
            token: guest.token.clone(),
            to,
            name: String::new(),
            wrong: None,
            out: false,
            other,
            way_out: None,
        }
    }
}

/// `GET /sign-in`.
pub async fn show(State(app): State<App>, guest: Guest, Asked(To { to }): Asked<To>) -> Response {
    if !app.keys.in_use() {
        return Redirect::to("/").into_response();
    }
    let mut page = Page::new(&app, &guest, inside(to.as_deref()));
    page.out = matches!(to.as_deref(), Some(OUT | OUT_OF_PROVIDER));
    if to.as_deref() == Some(OUT_OF_PROVIDER)
        && let Some(provider) = app.desk.oidc.provider()
    {
        let out = provider.way_out().await;
        page.way_out = out.map(|out| (provider.oidc.title.clone(), String::from(out)));
    }
    let mut response = html(&page);
    guest.dress(&app, &mut response);
    response
}

/// `POST /sign-in`.
pub async fn enter(
    State(app): State<App>,
    PostedByGuest { guest, fields, peer }: PostedByGuest,
) -> Result<Response, Trouble> {
    let to = inside(fields.one("to"));
    let name = fields.text("name").unwrap_or_default().to_owned();
    let secret = fields.one("secret").unwrap_or_default();
    match known(&app, &name, secret, peer).await {
        Ok((person, by)) => {
            let came = Came { person, by, granted: None };
            admitted(&app, &guest, came, &to).await
        }
        Err(wrong) => {
            let page = Page { name, wrong: Some(wrong), ..Page::new(&app, &guest, to) };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, html(&page)).into_response())
        }
    }
}

/// Lets somebody in: a session of their own, and a line in the record.
pub(super) async fn admitted(
    app: &App,
    guest: &Guest,
    came: Came,
    to: &str,
) -> Result<Response, Trouble> {
    let Came { person, by, granted } = came;
    let mut response = Redirect::to(if to.is_empty() { "/" } else { to }).into_response();
    let actor = Identity::Person(person.clone()).actor("desk");
    let sid = guest.renewed(app, Some(&person.name), &mut response);
    let session = Some(session::digest(&sid, &by));
    let event =
        ControlEvent::SignedIn { by: by.word().to_owned(), session, granted: granted.clone() };
    app.engine.note(actor, event).await?;
    let now = app.engine.clock().now();
    app.desk.sessions.close(&guest.sid);
    let session = Session { name: person.name, by, granted, began: now, used: now };
    app.desk.sessions.open(sid, session);
    Ok(response)
}

/// The page for somebody whom the provider did not bring in: why, and every other way.
pub(super) fn refused(
    app: &App,
    guest: &Guest,
    provider: &Provider,
    refused: &Refused,
    to: &str,
) -> Response {
    metrics::counter!("backstop_sign_ins_refused_total").increment(1);
    tracing::warn!(why = %refused.why(), "a sign-in by the provider was refused");
    let mut page = Page::new(app, guest, to.to_owned());
    page.wrong = Some(refused.words(&provider.oidc.title, &page.gateway));
    let mut response = (refused.status(), html(&page)).into_response();
    guest.dress(app, &mut response);
    response
}

/// `POST /sign-out`.
pub async fn leave(State(app): State<App>, posted: Posted) -> Result<Response, Trouble> {
    let Posted { visitor, .. } = posted;
    let sid = &visitor.guest.sid;
    let mut out = OUT;
    if let Some(closed) = app.desk.sessions.close(sid) {
        if matches!(closed.by, Credential::Provider(_)) {
            out = OUT_OF_PROVIDER;
        }
        let left = Left { session: session::digest(sid, &closed.by) };
        let event = ControlEvent::SignedOut(Some(left));
        app.engine.note(visitor.identity.actor("desk"), event).await?;
    }
    let mut response = Redirect::to(&format!("/sign-in?to={out}")).into_response();
    visitor.guest.renewed(&app, None, &mut response);
    Ok(response)
}

/// The person of that key, or of that name and password. One sentence for all that can be wrong.
async fn known(
    app: &App,
    name: &str,
    secret: &str,
    peer: Option<IpAddr>,
) -> Result<(Person, Credential), String> {
    let now = app.engine.clock().now();
    let tries = &app.desk.tries;
    let counted: Vec<String> = [(!name.is_empty()).then(|| format!("name {name}"))]
        .into_iter()
        .chain([peer.map(|peer| format!("from {peer}"))])
        .flatten()
        .collect();
    if let Some(until) = tries.pause(&counted, now) {
        let seconds = until.since(now).div_ceil(1_000);
        return Err(tell(
            "Too many tries. Wait {seconds} s, then try again.",
            &[("seconds", &seconds.to_string())],
        ));
    }
    let found = match app.keys.person_by_key(secret.trim()) {
        Some((person, by)) if name.is_empty() || person.name == name => Some((person, by)),
        _ if name.is_empty() => None,
        _ => by_password(app, name, secret).await,
    };
    match found {
        Some(found) => {
            tries.right(&counted);
            Ok(found)
        }
        None => {
            tries.wrong(&counted, now);
            metrics::counter!("backstop_sign_ins_refused_total").increment(1);
            tracing::warn!(name, peer = ?peer, "a sign-in was refused");
            Err(say("That is no key of a reviewer, or name and password do not fit.").into_owned())
        }
    }
}

async fn by_password(app: &App, name: &str, password: &str) -> Option<(Person, Credential)> {
    let hash = app.keys.password_of(name);
    let against = hash.clone().unwrap_or_else(|| NOBODYS.to_owned());
    let password = password.to_owned();
    let _one_of_few = app.desk.tries.checks.acquire().await.ok()?;
    let fits = tokio::task::spawn_blocking(move || {
        let hash = PasswordHash::new(&against).ok()?;
        Argon2::default().verify_password(password.as_bytes(), &hash).ok()
    });
    fits.await.ok()??;
    let by = Credential::Password(hash?);
    let person = app.keys.still(name, &by)?;
    Some((person, by))
}

/// A place inside the desk; anything else is nowhere, so that no link leads away after a sign-in.
pub(super) fn inside(to: Option<&str>) -> String {
    let to = to.unwrap_or_default();
    // Browsers leave a tab or a line's end out: with one between, two slashes are not seen here.
    let odd = |letter: char| letter == '\\' || letter.is_control();
    let plain = to.starts_with('/') && !to.starts_with("//") && !to.contains(odd);
    if plain { to.to_owned() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_five_wrong_tries_each_doubles_the_pause_up_to_a_quarter_of_an_hour() {
        let tries = Tries::default();
        let of = ["name ada".to_owned()];
        let now = Millis(1_000_000_000);
        for _ in 0..5 {
            assert_eq!(tries.pause(&of, now), None);
            tries.wrong(&of, now);
        }
        assert_eq!(tries.pause(&of, now), Some(now.plus(1_000)));
        tries.wrong(&of, now);
        assert_eq!(tries.pause(&of, now), Some(now.plus(2_000)));
        (0..40).for_each(|_| tries.wrong(&of, now));
        assert_eq!(tries.pause(&of, now), Some(now.plus(PAUSE_MAX_MS)));
        tries.right(&of);
        assert_eq!(tries.pause(&of, now), None);
    }

    #[test]
    fn a_sign_in_leads_nowhere_but_inside() {
        assert_eq!(inside(Some("/reviews/rev_1?as=json")), "/reviews/rev_1?as=json");
        let spelled = ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x"];
        let hidden =
            ["/\t/evil.example", "/\n/evil.example", "/\r/evil.example", "\t//evil.example"];
        for away in spelled.into_iter().chain(hidden) {
            assert_eq!(inside(Some(away)), "", "{away:?}");
        }
    }

    #[test]
    fn what_stands_in_for_a_missing_password_is_a_hash_that_takes_the_same_work() {
        let hash = PasswordHash::new(NOBODYS);
        let no = hash.map(|hash| Argon2::default().verify_password(b"x", &hash));
        assert_eq!(no.ok(), Some(Err(argon2::password_hash::Error::PasswordInvalid)));
    }
}
