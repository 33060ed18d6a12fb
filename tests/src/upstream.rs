//! A scripted model behind an OpenAI-compatible face, inside the test's own process: it outlives
//! the gateways that a test kills, and remembers what it was asked.
//!
//! By default the script stands in the caller's message: `script: [STEP, ...]`, one step per
//! request with that message, the last one for ever. A step is an object with any of `content`,
//! `refusal`, `tool` ({name, arguments}), `finish`, `status` and `error`, `headers`, `delay_ms`,
//! `raw` (the body as it stands). A message without a script is said back.

mod completion;
mod script;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub use completion::{chunks, completion};
pub use script::Script;

/// What the model sends back.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers beside the content type.
    pub headers: Vec<(String, String)>,
    /// Such as `application/json`.
    pub content_type: String,
    /// Body as it stands.
    pub body: String,
    /// How long it thinks first.
    pub delay: Duration,
}

/// One request that the model got.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Value,
}

type Answer = dyn Fn(&Value) -> Reply + Send + Sync;

/// A model that answers at [`Self::url`] until it is dropped.
#[derive(Debug)]
pub struct Upstream {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: tokio::task::JoinHandle<()>,
}

struct Shared {
    answer: Box<Answer>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Upstream {
    /// A model that does what each message's script says.
    pub async fn scripted() -> Self {
        let script = Script::default();
        Self::start(move |request| script.reply(request)).await
    }

    /// A model that answers as `answer` says.
    pub async fn start(answer: impl Fn(&Value) -> Reply + Send + Sync + 'static) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::new(Shared { answer: Box::new(answer), asked: asked.clone() });
        let app = Router::new()
            .route("/v1/chat/completions", post(respond))
            .route(
                "/v1/models",
                get(|| async { axum::Json(json!({"object": "list", "data": []})) }),
            )
            .with_state(shared);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/v1", listener.local_addr().expect("a bound address"));
        let task = tokio::spawn(async move {
            axum::serve(listener, app).await.expect("the scripted model serves");
        });
        Self { url, asked, task }
    }

    /// Base URL, such as `http://127.0.0.1:40124/v1`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Every request so far whose body mentions `text`.
    pub fn asked_about(&self, text: &str) -> Vec<Asked> {
        let asked = self.asked.lock().expect("no test has panicked in here");
        asked.iter().filter(|asked| asked.body.to_string().contains(text)).cloned().collect()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn respond(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let reply = (shared.answer)(&body);
    shared.asked.lock().expect("no test has panicked in here").push(Asked { headers, body });
    tokio::time::sleep(reply.delay).await;
    let mut response =
        Response::builder().status(reply.status).header("content-type", reply.content_type);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(reply.body)).expect("a script's headers are headers")
}
