//! A provider of OpenID Connect inside the test's own process: it signs in whoever it is told, holds
//! our side to the protocol (a code counts once, with its verifier, for its client), and can be made
//! to answer wrongly in one way at a time.

mod signer;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub use signer::Signs;
use signer::{Signer, coded};

/// The name by which it knows the gateway.
pub const CLIENT: &str = "backstop";
/// The secret that belongs to that name; both forms must be coded before they are joined.
pub const SECRET: &str = "a secret: +100% & more";

/// How it behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaves {
    /// As it should.
    Well,
    /// It answers 503, wherever it is asked.
    Down,
    /// It never answers where codes become tokens.
    Slowly,
    /// It answers without end there.
    Hugely,
    /// It signs nobody in.
    Declines,
    /// It answers with another address there.
    Redirects,
}

type Change = dyn Fn(&mut Value) + Send + Sync;

/// A provider that answers at [`Self::issuer`] until it is dropped.
pub struct Provider {
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

struct Shared {
    issuer: String,
    state: Mutex<Inside>,
}

struct Inside {
    person: Value,
    signs: Signs,
    signer: Signer,
    behaves: Behaves,
    about: Box<Change>,
    claims: Box<Change>,
    names_itself_as: Option<String>,
    codes: HashMap<String, Code>,
    given: u32,
    asked: BTreeMap<&'static str, u32>,
    tokens: Vec<String>,
}

struct Code {
    nonce: String,
    challenge: String,
    back: String,
}

impl Provider {
    /// One at which `ada@acme.example` is, of the group `desk-team`.
    ///
    /// # Panics
    /// If it cannot listen.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let issuer = format!("http://{}/staff", listener.local_addr().expect("a bound address"));
        let inside = Inside {
            person: person("ada@acme.example", &["everybody", "desk-team"]),
            signs: Signs::Es256,
            signer: Signer::new(1),
            behaves: Behaves::Well,
            about: Box::new(|_| ()),
            claims: Box::new(|_| ()),
            names_itself_as: None,
            codes: HashMap::new(),
            given: 0,
            asked: BTreeMap::new(),
            tokens: Vec::new(),
        };
        let shared = Arc::new(Shared { issuer, state: Mutex::new(inside) });
        let app = Router::new()
            .route("/staff/.well-known/openid-configuration", get(about))
            .route("/staff/door", get(door))
            .route("/staff/token", post(token))
            .route("/staff/keys", get(keys))
            .with_state(Arc::clone(&shared));
        let task = tokio::spawn(async move {
            axum::serve(listener, app).await.expect("the provider serves");
        });
        Self { shared, task }
    }

    /// Such as `http://127.0.0.1:40124/staff`.
    pub fn issuer(&self) -> &str {
        &self.shared.issuer
    }

    /// Who is there from now on.
    pub fn is_with(&self, claims: Value) {
        self.inside(|inside| inside.person = claims);
    }

    /// How it signs from now on.
    pub fn signs(&self, how: Signs) {
        self.inside(|inside| inside.signs = how);
    }

    /// New keys, with new names; the old ones are gone.
    pub fn rotates(&self) {
        self.inside(|inside| inside.signer = inside.signer.next());
    }

    /// How it behaves from now on.
    pub fn behaves(&self, how: Behaves) {
        self.inside(|inside| inside.behaves = how);
    }

    /// What it says of itself from now on.
    pub fn says(&self, change: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.inside(|inside| inside.about = Box::new(change));
    }

    /// What its tokens claim from now on, beside what is right.
    pub fn claims(&self, change: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.inside(|inside| inside.claims = Box::new(change));
    }

    /// As which issuer it sends people back from now on (RFC 9207).
    pub fn names_itself(&self, issuer: Option<&str>) {
        self.inside(|inside| inside.names_itself_as = issuer.map(str::to_owned));
    }

    /// How often it was asked there: `about door token keys`, and `token by body`: with the secret
    /// in the form.
    pub fn asked(&self, what: &str) -> u32 {
        self.inside(|inside| inside.asked.get(what).copied().unwrap_or_default())
    }

    /// Every token and code that it gave.
    pub fn gave(&self) -> Vec<String> {
        self.inside(|inside| inside.tokens.clone())
    }

    fn inside<T>(&self, what: impl FnOnce(&mut Inside) -> T) -> T {
        what(&mut self.shared.state.lock().expect("no test has panicked in here"))
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What it says of somebody.
pub fn person(email: &str, groups: &[&str]) -> Value {
    json!({ "sub": format!("id of {email}"), "email": email, "email_verified": true,
            "groups": groups, "name": "Whoever I like to be" })
}

impl Shared {
    fn asks(&self, what: &'static str) -> std::sync::MutexGuard<'_, Inside> {
        let mut inside = self.state.lock().expect("no test has panicked in here");
        *inside.asked.entry(what).or_default() += 1;
        inside
    }
}

async fn about(State(shared): State<Arc<Shared>>) -> Response {
    let inside = shared.asks("about");
    if inside.behaves == Behaves::Down {
        return (StatusCode::SERVICE_UNAVAILABLE, "{}").into_response();
    }
    let issuer = &shared.issuer;
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/door?realm=staff"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "end_session_endpoint": format!("{issuer}/out"),
        "response_types_supported": ["code"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256", "EdDSA", "HS256", "none"],
    });
    (inside.about)(&mut document);
    axum::Json(document).into_response()
}

async fn keys(State(shared): State<Arc<Shared>>) -> Response {
    let inside = shared.asks("keys");
    axum::Json(inside.signer.set()).into_response()
}

async fn door(
    State(shared): State<Arc<Shared>>,
    Query(asked): Query<HashMap<String, String>>,
) -> Response {
    let mut inside = shared.asks("door");
    let of = |name: &str| asked.get(name).cloned().unwrap_or_default();
    assert_eq!(of("response_type"), "code");
    assert_eq!(of("client_id"), CLIENT);
    assert_eq!(of("code_challenge_method"), "S256");
    assert!(of("scope").split(' ').any(|scope| scope == "openid"));
    let mut back = url(&of("redirect_uri"));
    back.query_pairs_mut().append_pair("state", &of("state")).append_pair("session_state", "x");
    if inside.behaves == Behaves::Declines {
        let told = "<script>no</script>";
        back.query_pairs_mut()
            .append_pair("error", "access_denied")
            .append_pair("error_description", told);
        return Redirect::to(back.as_str()).into_response();
    }
    inside.given += 1;
    let name = format!("code-{}-{}", inside.given, coded(Sha256::digest(of("state"))));
    back.query_pairs_mut().append_pair("code", &name);
    if let Some(issuer) = &inside.names_itself_as {
        back.query_pairs_mut().append_pair("iss", issuer);
    }
    let code =
        Code { nonce: of("nonce"), challenge: of("code_challenge"), back: of("redirect_uri") };
    inside.tokens.push(name.clone());
    inside.codes.insert(name, code);
    Redirect::to(back.as_str()).into_response()
}

async fn token(State(shared): State<Arc<Shared>>, sent: HeaderMap, body: Bytes) -> Response {
    let behaves = shared.asks("token").behaves;
    match behaves {
        Behaves::Slowly => tokio::time::sleep(Duration::from_secs(60)).await,
        Behaves::Hugely => {
            let huge = format!("{{\"id_token\": \"{}\"}}", "x".repeat(4 * 1024 * 1024));
            return ([(header::CONTENT_TYPE, "application/json")], huge).into_response();
        }
        Behaves::Redirects => {
            return Redirect::temporary(&format!("{}/elsewhere", shared.issuer)).into_response();
        }
        _ => {}
    }
    let form: HashMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
    let of = |name: &str| form.get(name).cloned().unwrap_or_default();
    let mut inside = shared.state.lock().expect("no test has panicked in here");
    let wrong = |error: &str| {
        (StatusCode::BAD_REQUEST, axum::Json(json!({ "error": error }))).into_response()
    };
    if !knows(&sent, &form) {
        return wrong("invalid_client");
    }
    if form.contains_key("client_secret") {
        *inside.asked.entry("token by body").or_default() += 1;
    }
    let verified = coded(Sha256::digest(of("code_verifier")));
    // Once, whatever becomes of it.
    let code = inside.codes.remove(&of("code"));
    let code = code.filter(|code| code.challenge == verified && code.back == of("redirect_uri"));
    let Some(code) = code.filter(|_| of("grant_type") == "authorization_code") else {
        return wrong("invalid_grant");
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.expect("after 1970").as_secs();
    let mut claims = json!({ "iss": shared.issuer, "aud": CLIENT, "nonce": code.nonce,
                             "iat": now, "exp": now + 300 });
    let all = claims.as_object_mut().expect("an object");
    all.extend(inside.person.as_object().expect("an object").clone());
    (inside.claims)(&mut claims);
    let token = inside.signer.token(inside.signs, &claims);
    inside.tokens.push(token.clone());
    let access = "an access token that nobody needs";
    let answer = json!({ "id_token": token, "access_token": access, "token_type": "Bearer" });
    axum::Json(answer).into_response()
}

/// Whether the client says its secret: in the header, each part coded first, or in the form.
fn knows(sent: &HeaderMap, form: &HashMap<String, String>) -> bool {
    let basic = sent.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(basic) = basic.and_then(|value| value.strip_prefix("Basic ")) else {
        let of = |name: &str| form.get(name).map(String::as_str);
        return (of("client_id"), of("client_secret")) == (Some(CLIENT), Some(SECRET));
    };
    let basic = STANDARD.decode(basic).expect("base64");
    let basic = String::from_utf8(basic).expect("text");
    let coded: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    basic == format!("{CLIENT}:{coded}")
}

fn url(text: &str) -> reqwest::Url {
    text.parse().expect("an address")
}
