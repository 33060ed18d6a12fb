//! A scripted OpenAI-style server that misbehaves on request: for tests, benchmarks and
//! `backstop chaos`.
//!
//! What it does is chosen, first by a script, then by the model's name (`chaos:status=503;answer`
//! takes its steps in turn and begins anew), else it answers. It is no part of serving a call.

mod behaviour;
mod bodies;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub use behaviour::{Behaviour, BehaviourError, WORDS};

/// What the server will do.
#[derive(Clone, Default)]
pub struct Chaos {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    content: Mutex<Option<String>>,
    latency: Mutex<Duration>,
    script: Mutex<VecDeque<Behaviour>>,
    /// What it does over and over, and which comes next.
    cycle: Mutex<(Vec<Behaviour>, usize)>,
    turns: Mutex<HashMap<String, usize>>,
    calls: AtomicUsize,
    last_seen: Mutex<Option<Seen>>,
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, if it was JSON.
    pub body: Option<Value>,
}

impl Chaos {
    /// A server that answers every request with a small JSON object.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers with this text from now on.
    #[must_use]
    pub fn answering(self, content: impl Into<String>) -> Self {
        *self.shared.content.lock() = Some(content.into());
        self
    }

    /// Takes that long before each answer.
    #[must_use]
    pub fn latency(self, latency: Duration) -> Self {
        *self.shared.latency.lock() = latency;
        self
    }

    /// Does these things first, in turn.
    pub fn script(&self, behaviours: impl IntoIterator<Item = Behaviour>) {
        self.shared.script.lock().extend(behaviours);
    }

    /// Does these things over and over.
    #[must_use]
    pub fn for_ever(self, behaviours: Vec<Behaviour>) -> Self {
        *self.shared.cycle.lock() = (behaviours, 0);
        self
    }

    /// How many requests came.
    pub fn calls(&self) -> usize {
        self.shared.calls.load(Ordering::SeqCst)
    }

    /// The newest request.
    pub fn last_seen(&self) -> Option<Seen> {
        self.shared.last_seen.lock().clone()
    }

    /// Opens the port; `0` takes any free one.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub async fn bind(&self, address: SocketAddr) -> std::io::Result<ChaosServer> {
        let listener = TcpListener::bind(address).await?;
        Ok(ChaosServer { listener, chaos: self.clone() })
    }

    fn next(&self, model: &str) -> Behaviour {
        if let Some(behaviour) = self.shared.script.lock().pop_front() {
            return behaviour;
        }
        let mut cycle = self.shared.cycle.lock();
        let turn = cycle.1;
        if let Some(behaviour) = cycle.0.get(turn % cycle.0.len().max(1)).cloned() {
            cycle.1 = turn.wrapping_add(1);
            return behaviour;
        }
        drop(cycle);
        let Some(steps) = model.strip_prefix("chaos:") else { return Behaviour::Answer };
        let steps: Vec<&str> = steps.split(';').collect();
        let mut turns = self.shared.turns.lock();
        let turn = turns.entry(model.to_owned()).or_default();
        let step = steps.get(*turn % steps.len().max(1)).copied().unwrap_or_default();
        *turn = turn.wrapping_add(1);
        match Behaviour::parse(step) {
            Ok(behaviour) => behaviour,
            Err(fault) => Behaviour::Raw {
                status: 400,
                content_type: "application/json".to_owned(),
                body: json!({"error": {"message": fault.to_string(), "code": "chaos"}}).to_string(),
            },
        }
    }
}

/// A server that has its port.
pub struct ChaosServer {
    listener: TcpListener,
    chaos: Chaos,
}

impl ChaosServer {
    /// The base address that a provider's entry would have.
    ///
    /// # Errors
    /// The socket does not know its address.
    pub fn base_url(&self) -> std::io::Result<String> {
        Ok(format!("http://{}/v1", self.listener.local_addr()?))
    }

    /// Serves until dropped.
    ///
    /// # Errors
    /// The socket broke.
    pub async fn serve(self) -> std::io::Result<()> {
        let routes = Router::new()
            .route("/v1/chat/completions", post(complete))
            .route("/v1/models", get(models))
            .with_state(self.chaos);
        axum::serve(self.listener, routes).await
    }
}

async fn models() -> axum::Json<Value> {
    axum::Json(json!({"object": "list", "data": [{"id": "chaos", "object": "model"}]}))
}

async fn complete(State(chaos): State<Chaos>, headers: HeaderMap, body: Bytes) -> Response {
    let request: Option<Value> = serde_json::from_slice(&body).ok();
    let request_body = request.clone().unwrap_or(Value::Null);
    let named = request_body.get("model").and_then(Value::as_str).unwrap_or_default();
    let behaviour = chaos.next(named);
    chaos.shared.calls.fetch_add(1, Ordering::SeqCst);
    *chaos.shared.last_seen.lock() = Some(Seen { headers, body: request });
    let (content, latency) = {
        let content = chaos.shared.content.lock().clone();
        (content.unwrap_or_else(|| bodies::echo(&request_body)), *chaos.shared.latency.lock())
    };
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    behaviour.respond(&request_body, &content).await
}

pub(crate) fn response(status: u16, content_type: &str, body: impl Into<Body>) -> Response {
    let built = Response::builder().status(status).header("content-type", content_type);
    // Only a status or type that a test made up can fail here; it shows as an empty 500.
    built.body(body.into()).unwrap_or_else(|_| {
        let mut fault = Response::new(Body::empty());
        *fault.status_mut() = axum::http::StatusCode::INTERNAL_SERVER_ERROR;
        fault
    })
}
