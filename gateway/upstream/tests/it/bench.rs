//! The workbench: a chaos server, a model that asks it, and a clock that is turned by hand.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backstop_domain::Millis;
use backstop_upstream::chaos::{Behaviour, Chaos};
use backstop_upstream::{
    AskRequest, AttemptResult, Clock, Endpoint, EndpointConfig, HttpModel, Model, ModelConfig,
    MonotonicClock, SecretError, SecretRef, SecretSource, Timeouts,
};
use secrecy::SecretString;
use serde_json::{Value, json};

pub const KEY: &str = "sk-test-abcdefghijklmnop";
pub const NOW: Millis = Millis(1_790_000_000_000);

pub struct Keys;

impl SecretSource for Keys {
    fn read(&self, place: &SecretRef) -> Result<SecretString, SecretError> {
        match place {
            SecretRef::Env(name) if name == "KEY" => Ok(KEY.into()),
            SecretRef::Env(name) if name == "EMPTY" => Ok(String::new().into()),
            other => Err(SecretError::Missing(other.clone())),
        }
    }
}

/// A clock that stands still until it is turned.
#[derive(Clone)]
pub struct Hand(pub Arc<AtomicU64>);

impl Hand {
    pub fn new() -> Self {
        Self(Arc::new(AtomicU64::new(NOW.0)))
    }

    pub fn turn(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::SeqCst))
    }
}

pub struct Bench {
    pub chaos: Chaos,
    pub url: String,
    pub clock: Arc<dyn Clock>,
}

impl Bench {
    pub async fn new() -> Self {
        Self::over(Chaos::new().answering(r#"{"label": "spam"}"#)).await
    }

    pub async fn over(chaos: Chaos) -> Self {
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = chaos.bind(any_port).await.unwrap();
        let url = server.base_url().unwrap();
        tokio::spawn(server.serve());
        Self { chaos, url, clock: Arc::new(MonotonicClock::starting_at(NOW)) }
    }

    pub fn config(&self) -> EndpointConfig {
        let mut config = EndpointConfig::new("chaos", &self.url);
        config.key = Some(SecretRef::Env("KEY".to_owned()));
        config
    }

    pub fn model(&self, config: &EndpointConfig) -> HttpModel {
        let endpoint = Endpoint::open(config, &Keys).unwrap();
        let model = ModelConfig { name: "small".to_owned(), model: "gpt-small".to_owned() };
        HttpModel::new(endpoint, &model, Arc::clone(&self.clock))
    }

    /// Asks once while the server does that.
    pub async fn ask_while(&self, behaviour: Behaviour) -> AttemptResult {
        self.ask_with(behaviour, self.request()).await
    }

    pub async fn ask_with(&self, behaviour: Behaviour, request: AskRequest) -> AttemptResult {
        self.chaos.script([behaviour]);
        self.model(&self.config()).ask(&request).await
    }

    pub fn request(&self) -> AskRequest {
        request(json!({"messages": [{"role": "user", "content": "Is it spam?"}]}))
    }
}

pub fn request(body: Value) -> AskRequest {
    AskRequest {
        body,
        timeouts: Timeouts::default(),
        deadline: NOW.plus(30_000),
        traceparent: None,
        sample: 0,
        turn: 0,
    }
}

/// Timers so short that a server which does nothing sets them off at once.
pub fn impatient(mut request: AskRequest) -> AskRequest {
    request.timeouts = Timeouts {
        first_byte: Duration::from_millis(120),
        idle: Duration::from_millis(60),
        total: None,
    };
    request
}
