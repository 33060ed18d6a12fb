//! The desk: pages on which people decide. Rendered here, escaped by the compiler-checked templates
//! in `pages/`; every act is a plain form that works without JavaScript.
//!
//! A GET never changes anything: mail scanners and previews follow links. (The one exception is the
//! way back from a provider that signs people in, which counts once and in one browser.) Whoever
//! decides does so by the engine's commands, the same as the API's.

mod board;
mod bulk;
mod call;
mod calls;
mod charts;
mod day;
mod drafts;
mod fields;
mod flips;
mod follow;
mod frame;
mod oidc;
mod overview;
mod policies;
mod quality;
mod queue;
mod review;
mod session;
mod sign_in;
mod told;
mod trouble;
mod typed;
mod visitor;

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use backstop_engine::Engine;
use backstop_ledger::ReadFailed;
use url::Position;

use crate::{app::App, tongue::Tongues, words};
use follow::Followed;
use visitor::{KEYS_COOKIE, Posted};

pub use oidc::Provider;
pub use visitor::{Peer, Proxy};

/// What the desk keeps in memory.
pub struct Desk {
    /// Who is in.
    pub(crate) sessions: session::Sessions,
    /// Wrong tries to get in.
    pub(crate) tries: sign_in::Tries,
    /// A provider that signs people in, if there is one.
    pub oidc: oidc::Door,
    /// A proxy that signs people in, if one is trusted.
    pub(crate) proxy: Option<Proxy>,
    /// The open reviews, in the order in which people see them.
    board: Followed<board::Board>,
    /// The calls of the last day.
    day: Followed<day::Day>,
    /// What people typed and have not sent.
    pub(crate) drafts: drafts::Drafts,
    /// The languages that it speaks.
    pub tongues: Tongues,
}

impl Desk {
    /// An empty one.
    pub fn new(engine: &Engine, proxy: Option<Proxy>) -> Self {
        Self {
            sessions: session::Sessions::new(
                engine.lasting_secret("sessions of the desk"),
                engine.clock().now(),
            ),
            tries: sign_in::Tries::default(),
            oidc: oidc::Door::default(),
            proxy,
            board: Followed::default(),
            day: Followed::default(),
            drafts: drafts::Drafts::default(),
            tongues: Tongues::default(),
        }
    }

    /// The open reviews as they stand now.
    async fn board(&self, engine: &Engine) -> Result<Arc<board::View>, ReadFailed> {
        self.board.current(&**engine.ledger(), engine.clock().now()).await
    }

    /// The calls of the last day as they stand now, newest first.
    async fn day(&self, engine: &Engine) -> Result<Arc<Vec<day::Counted>>, ReadFailed> {
        self.day.current(&**engine.ledger(), engine.clock().now()).await
    }
}

/// Every page of the desk. They are for people, so `/openapi.json` does not list them.
pub fn routes(app: &App) -> Router<App> {
    Router::new()
        .route("/", get(queue::show))
        .route("/reviews", get(queue::show).post(bulk::decide))
        .route("/reviews/live", get(queue::live))
        .route("/reviews/{id}", get(review::show).post(review::act))
        .route("/calls", get(calls::show))
        .route("/calls/{id}", get(call::show).post(call::act))
        .route("/overview", get(overview::show))
        .route("/policies", get(policies::show))
        .route("/quality", get(quality::show))
        .route("/sign-in", get(sign_in::show).post(sign_in::enter))
        .route("/sign-in/oidc", get(oidc::start))
        .route("/sign-in/oidc/return", get(oidc::back))
        .route("/sign-out", post(sign_in::leave))
        .route("/preferences", post(preferences))
        .route("/desk/desk.css", get(|sent: HeaderMap| asset(sent, "text/css", CSS)))
        .route("/desk/desk.js", get(|sent: HeaderMap| asset(sent, "text/javascript", JS)))
        .route("/desk/icon.svg", get(|sent: HeaderMap| asset(sent, "image/svg+xml", ICON)))
        .layer(middleware::from_fn_with_state(app.clone(), crate::tongue::speak))
        .layer(middleware::map_response(safe))
}

const CSS: &str = include_str!("assets/desk.css");
const JS: &str = include_str!("assets/desk.js");
const ICON: &str = include_str!("assets/icon.svg");

/// Nothing from elsewhere, nothing inline, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// What browsers are told about every page.
async fn safe(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let told = [
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ];
    for (name, value) in told {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

async fn asset(sent: HeaderMap, kind: &'static str, text: &'static str) -> Response {
    let tag = format!("\"{}\"", backstop_domain::Digest::of(text.as_bytes()).short());
    if crate::headers::knows(&sent, &tag) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let kind = format!("{kind}; charset=utf-8");
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (header::ETAG, tag),
    ];
    (headers, text).into_response()
}

/// `POST /preferences`: single keys on or off, in a cookie of the browser's own. It leads back to
/// the page that it was sent from.
async fn preferences(State(_): State<App>, sent: HeaderMap, posted: Posted) -> Response {
    let keys = if posted.fields.one("keys") == Some("off") { "off" } else { "on" };
    let page = sent.get(header::REFERER).and_then(|page| page.to_str().ok());
    let page = page.and_then(|page| page.parse::<url::Url>().ok());
    let place = |page: &url::Url| page[Position::BeforePath..Position::AfterQuery].to_owned();
    let back = sign_in::inside(page.as_ref().map(place).as_deref());
    let place = if back.is_empty() { "/" } else { &back };
    let mut response = Redirect::to(place).into_response();
    let cookie = format!("{KEYS_COOKIE}={keys}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}
