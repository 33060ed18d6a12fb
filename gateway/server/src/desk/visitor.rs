//! Who is at the desk: by session, by a proxy that signs people in, or as the one local person.
//!
//! A GET needs no more than that. A POST comes through [`Posted`], which also wants the form's
//! token: no other site, link or mail scanner can change anything here.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::Response,
};

use crate::{
    app::App,
    auth::Identity,
    body,
    desk::{fields::Fields, session::Sessions, trouble::Trouble},
    problem::Problem,
};

/// Name of the session's cookie.
const COOKIE: &str = "backstop_desk";
/// Name of the cookie that switches single keys off.
pub const KEYS_COOKIE: &str = "backstop_keys";

/// Where a request came from: put there by the accept loop.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// A proxy that signs people in, and says who they are in a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// The header, such as `x-forwarded-user`.
    pub header: String,
    /// Addresses that may say so. From anywhere else the header counts for nothing.
    pub from: Vec<IpAddr>,
}

/// Somebody who looks, known or not.
#[derive(Debug, Clone)]
pub struct Guest {
    /// Their session's id; a fresh one if they had none.
    pub sid: String,
    /// What their forms carry.
    pub token: String,
    /// Whether single keys act.
    pub keys_on: bool,
    fresh: bool,
    secure: bool,
}

/// Somebody we know.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// Who.
    pub identity: Identity,
    /// Their session.
    pub guest: Guest,
    /// Whether they came by the desk's own sign-in, so that they can sign out again.
    pub signed_in: bool,
}

impl Visitor {
    /// Nothing, if they see the pages about all calls.
    ///
    /// # Errors
    /// [`Trouble`] for everybody else.
    pub fn must_oversee(&self) -> Result<(), Trouble> {
        if self.identity.oversees() {
            return Ok(());
        }
        let detail = "this page is for those who lead, operate or audit";
        Err(Problem::new(StatusCode::FORBIDDEN, "not_allowed", detail).into())
    }
}

/// A form that somebody we know sent from one of our pages.
pub struct Posted {
    /// Who.
    pub visitor: Visitor,
    /// What.
    pub fields: Fields,
}

impl Guest {
    fn of(parts: &Parts, app: &App) -> Self {
        let sessions = &app.desk.sessions;
        let known = cookie(&parts.headers, COOKIE).and_then(|cookie| sessions.read(cookie));
        let fresh = known.is_none();
        let sid = known.unwrap_or_else(|| app.engine.ids().secret());
        let token = sessions.token(&sid);
        let keys_on = cookie(&parts.headers, KEYS_COOKIE) != Some("off");
        Self { sid, token, keys_on, fresh, secure: is_secure(&parts.headers) }
    }

    /// Gives the response the session's cookie, if it is a new one.
    pub fn dress(&self, app: &App, response: &mut Response) {
        if self.fresh {
            self.set_cookie(&app.desk.sessions.cookie(&self.sid), response);
        }
    }

    /// Another session from here on: what was known before signing in opens nothing after it.
    pub fn renewed(&self, app: &App, name: Option<&str>, response: &mut Response) -> String {
        let random = app.engine.ids().secret();
        let sid = name.map_or_else(|| random.clone(), |name| Sessions::id(&random, name));
        self.set_cookie(&app.desk.sessions.cookie(&sid), response);
        sid
    }

    fn set_cookie(&self, value: &str, response: &mut Response) {
        let secure = if self.secure { "; Secure" } else { "" };
        let cookie = format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax{secure}");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
}

impl FromRequestParts<App> for Guest {
    type Rejection = Trouble;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Trouble> {
        Ok(Self::of(parts, app))
    }
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Trouble;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Trouble> {
        let guest = Guest::of(parts, app);
        if !app.keys.in_use() {
            is_here(&parts.headers)?;
            return Ok(Self { identity: Identity::Local, guest, signed_in: false });
        }
        if let Some(person) = by_proxy(parts, app) {
            return Ok(Self { identity: Identity::Person(person), guest, signed_in: false });
        }
        let now = app.engine.clock().now();
        let session = app.desk.sessions.find_or_take_up(app, &guest.sid, now).await;
        let person = session.and_then(|session| session.person(&app.keys));
        let Some(person) = person else {
            let to = parts.uri.path_and_query().map(|to| to.as_str().to_owned());
            let to = to.filter(|_| parts.method == axum::http::Method::GET);
            return Err(Trouble::SignIn { to });
        };
        Ok(Self { identity: Identity::Person(person), guest, signed_in: true })
    }
}

impl FromRequest<App> for Posted {
    type Rejection = Trouble;

    async fn from_request(request: Request, app: &App) -> Result<Self, Trouble> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, app).await?;
        let fields = form(&parts, body, &visitor.guest, app).await?;
        Ok(Self { visitor, fields })
    }
}

/// A form of somebody who need not be known yet: the sign-in itself.
pub struct PostedByGuest {
    /// Who.
    pub guest: Guest,
    /// What.
    pub fields: Fields,
    /// From where.
    pub peer: Option<IpAddr>,
}

impl FromRequest<App> for PostedByGuest {
    type Rejection = Trouble;

    async fn from_request(request: Request, app: &App) -> Result<Self, Trouble> {
        let (parts, body) = request.into_parts();
        let guest = Guest::of(&parts, app);
        let peer = parts.extensions.get::<Peer>().map(|peer| peer.0.ip());
        let fields = form(&parts, body, &guest, app).await?;
        Ok(Self { guest, fields, peer })
    }
}

async fn form(
    parts: &Parts,
    body: axum::body::Body,
    guest: &Guest,
    app: &App,
) -> Result<Fields, Trouble> {
    let foreign = parts
        .headers
        .get("sec-fetch-site")
        .is_some_and(|site| !matches!(site.as_bytes(), b"same-origin" | b"none"));
    let bytes = body::read(Request::new(body), app).await?;
    let fields = Fields::read(&bytes);
    let token = fields.one("token").unwrap_or_default();
    if foreign || guest.fresh || !app.desk.sessions.fits(&guest.sid, token) {
        let detail =
            "this form is not from your session: go back, load the page again, send it again";
        return Err(Problem::new(StatusCode::FORBIDDEN, "foreign_form", detail).into());
    }
    Ok(fields)
}

fn by_proxy(parts: &Parts, app: &App) -> Option<crate::auth::Person> {
    let proxy = app.desk.proxy.as_ref()?;
    let peer = parts.extensions.get::<Peer>()?.0.ip().to_canonical();
    if !proxy.from.contains(&peer) {
        return None;
    }
    let mut values = parts.headers.get_all(proxy.header.as_str()).iter();
    let login = values.next()?.to_str().ok()?;
    // Two of them: one may be the visitor's own invention.
    if values.next().is_some() {
        return None;
    }
    app.keys.person_by_login(login)
}

/// Without keys everybody who reaches us is trusted, so a page of another site must not reach us
/// under a name of its own (DNS rebinding).
fn is_here(headers: &HeaderMap) -> Result<(), Trouble> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let loopback = name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if loopback || name.eq_ignore_ascii_case("localhost") {
        return Ok(());
    }
    let detail = "without keys the desk answers to `localhost` alone; `backstop key` makes a key";
    Err(Problem::new(StatusCode::FORBIDDEN, "not_this_machine", detail).into())
}

/// Whether the visitor's own connection is encrypted, as far as a proxy says.
fn is_secure(headers: &HeaderMap) -> bool {
    headers.get("x-forwarded-proto").is_some_and(|proto| proto.as_bytes() == b"https")
}

/// A cookie of a request.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|one| one.split_once('='));
    pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
}
