//! A model behind an OpenAI-compatible server: one request through `async-openai`, one result.
//!
//! It never retries, follows no redirect, uses no proxy and reads no environment. Unknown fields
//! of the request go on as they stand.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use async_openai::Client;
use async_openai::config::Config;
use backstop_domain::FailureClass;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::classify::classify;
use crate::clock::Clock;
use crate::model::{AskRequest, BoxFuture, Model};
use crate::outcome::{AttemptResult, Failure, Settle, Timer};
use crate::secrets::{SecretError, SecretRef, SecretSource};
use crate::transport::{Bounds, Transport};

/// A provider as the gateway file has it.
#[derive(Debug, Clone)]
pub struct EndpointConfig {
    /// Its name in the gateway file.
    pub name: String,
    /// Its base address, such as `https://api.openai.com/v1`.
    pub url: String,
    /// Its key, sent as `Authorization: Bearer`.
    pub key: Option<SecretRef>,
    /// Further headers.
    pub headers: Vec<(String, HeaderText)>,
    /// How long connecting may take.
    pub connect: Duration,
    /// The largest body that is taken, in bytes.
    pub body_max: usize,
}

impl EndpointConfig {
    /// A provider with the defaults of the gateway file: no key, 2 s to connect, 8 MiB bodies.
    pub fn new(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            key: None,
            headers: Vec::new(),
            connect: Duration::from_secs(2),
            body_max: 8 * 1024 * 1024,
        }
    }
}

/// The value of a header: written in the file, or kept elsewhere.
#[derive(Debug, Clone)]
pub enum HeaderText {
    /// As written.
    Plain(String),
    /// A secret.
    Secret(SecretRef),
}

/// Why a provider cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The address is none, or not one to send requests to.
    #[error("provider `{name}`: url `{url}` {why}; write it like `https://host/v1`")]
    Url {
        /// The provider.
        name: String,
        /// The address as written.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A header that HTTP does not allow.
    #[error("provider `{name}`: `{header}` is no header, or its value holds control characters")]
    Header {
        /// The provider.
        name: String,
        /// The header.
        header: String,
    },
    /// A secret could not be had.
    #[error("provider `{name}`: {source}")]
    Secret {
        /// The provider.
        name: String,
        /// Why.
        source: SecretError,
    },
    /// TLS or the connection pool could not be set up.
    #[error("provider `{name}`: no HTTP client: {source}")]
    Http {
        /// The provider.
        name: String,
        /// Why.
        source: reqwest::Error,
    },
}

/// A provider that is ready to be asked; its connections are shared by its models.
#[derive(Clone)]
pub struct Endpoint {
    http: reqwest::Client,
    base: String,
    headers: HeaderMap,
    key: SecretString,
    body_max: usize,
}

impl Endpoint {
    /// Checks the configuration and fetches its secrets.
    ///
    /// # Errors
    /// [`EndpointError`] names the provider and what is wrong.
    pub fn open(
        config: &EndpointConfig,
        secrets: &dyn SecretSource,
    ) -> Result<Self, EndpointError> {
        let name = || config.name.clone();
        let base = base_of(config)?;
        let read = |place: &SecretRef| {
            secrets.read(place).map_err(|source| EndpointError::Secret { name: name(), source })
        };
        let key = config.key.as_ref().map(read).transpose()?.unwrap_or_default();
        let mut headers = HeaderMap::new();
        if let Some(place) = &config.key {
            let bearer = secret_value(&format!("Bearer {}", key.expose_secret()));
            let unusable = || SecretError::Unusable(place.clone());
            let bearer = bearer.filter(|_| !key.expose_secret().is_empty()).ok_or_else(unusable);
            let bearer = bearer.map_err(|source| EndpointError::Secret { name: name(), source })?;
            headers.insert(AUTHORIZATION, bearer);
        }
        for (header, text) in &config.headers {
            let value = match text {
                HeaderText::Plain(text) => HeaderValue::from_str(text).ok(),
                HeaderText::Secret(place) => secret_value(read(place)?.expose_secret()),
            };
            let parsed = HeaderName::try_from(header.as_str()).ok().zip(value);
            let fault = || EndpointError::Header { name: name(), header: header.clone() };
            let (header, value) = parsed.ok_or_else(fault)?;
            headers.insert(header, value);
        }
        let http = http_client(config.connect)
            .map_err(|source| EndpointError::Http { name: name(), source })?;
        Ok(Self { http, base, headers, key, body_max: config.body_max })
    }
}

/// A model's entry in the gateway file, as far as asking it goes.
#[derive(Debug, Clone)]
pub struct ModelConfig {
    /// Its name in the gateway file.
    pub name: String,
    /// Its own name at the provider.
    pub model: String,
}

/// A model behind HTTP.
pub struct HttpModel {
    endpoint: Endpoint,
    model: String,
    clock: Arc<dyn Clock>,
}

impl HttpModel {
    /// The model of that configuration at that provider.
    pub fn new(endpoint: Endpoint, config: &ModelConfig, clock: Arc<dyn Clock>) -> Self {
        Self { endpoint, model: config.model.clone(), clock }
    }

    async fn attempt(&self, request: &AskRequest) -> AttemptResult {
        let left = Duration::from_millis(request.deadline.since(self.clock.now()));
        if left.is_zero() {
            let failure = Failure::new(FailureClass::Timeout, "the deadline was over before");
            let timer = Some(Timer::Total);
            let settle = Settle::Nothing;
            return AttemptResult::Failed(Failure { sent: false, timer, settle, ..failure });
        }
        let Some(body) = self.body(&request.body) else {
            return unsent(FailureClass::InvalidRequest, "the request body is no JSON object");
        };
        let Some(headers) = self.headers(request) else {
            return unsent(FailureClass::InvalidRequest, "`traceparent` cannot stand in a header");
        };
        let bounds = Bounds {
            first_byte: request.timeouts.first_byte,
            idle: request.timeouts.idle,
            total: request.timeouts.total.map_or(left, |total| total.min(left)),
            body_max: self.endpoint.body_max,
        };
        let transport = Transport::new(self.endpoint.http.clone(), bounds);
        let target = Target { endpoint: self.endpoint.clone(), headers };
        let client =
            Client::build(self.endpoint.http.clone(), target).with_http_service(transport.clone());
        let sent = client.chat().create_byot::<_, IgnoredAny>(body).await;
        let now = self.clock.now();
        match (transport.take(), sent) {
            (Some(Ok(delivered)), _) => {
                let key = self.endpoint.key.expose_secret();
                classify(&delivered, now, Some(key).filter(|key| !key.is_empty()))
            }
            (Some(Err(failure)), _) => AttemptResult::Failed(failure),
            (None, Err(error)) => unsent(
                FailureClass::Misconfigured,
                &format!("the request could not be built: {error}"),
            ),
            (None, Ok(_)) => unsent(FailureClass::Transport, "the request was never sent"),
        }
    }

    /// The body as it is sent; in nearly every case that is what was given.
    fn body<'a>(&self, given: &'a Value) -> Option<Cow<'a, Value>> {
        let streams = given.get("stream") == Some(&Value::Bool(true));
        if given.as_object()?.get("model") == Some(&json!(self.model)) && !streams {
            return Some(Cow::Borrowed(given));
        }
        let mut body = given.as_object()?.clone();
        body.insert("model".to_owned(), json!(self.model));
        if streams {
            // Without it a stream says nothing about what it cost.
            let options = body.entry("stream_options").or_insert_with(|| json!({}));
            if let Some(options) = options.as_object_mut() {
                options.entry("include_usage").or_insert(Value::Bool(true));
            }
        }
        Some(Cow::Owned(Value::Object(body)))
    }

    fn headers(&self, request: &AskRequest) -> Option<HeaderMap> {
        let mut headers = self.endpoint.headers.clone();
        if let Some(trace) = &request.traceparent {
            headers.insert("traceparent", HeaderValue::from_str(trace).ok()?);
        }
        Some(headers)
    }
}

impl Model for HttpModel {
    fn ask<'a>(&'a self, request: &'a AskRequest) -> BoxFuture<'a, AttemptResult> {
        Box::pin(self.attempt(request))
    }
}

/// Address and headers of one attempt, in the form that `async-openai` asks for. Its ready-made
/// configurations read the environment.
struct Target {
    endpoint: Endpoint,
    headers: HeaderMap,
}

impl Config for Target {
    fn headers(&self) -> HeaderMap {
        self.headers.clone()
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.endpoint.base)
    }

    fn query(&self) -> Vec<(&str, &str)> {
        Vec::new()
    }

    fn api_base(&self) -> &str {
        &self.endpoint.base
    }

    fn api_key(&self) -> &SecretString {
        &self.endpoint.key
    }
}

fn unsent(class: FailureClass, message: &str) -> AttemptResult {
    let failure = Failure::new(class, message);
    AttemptResult::Failed(Failure { sent: false, settle: Settle::Nothing, ..failure })
}

fn base_of(config: &EndpointConfig) -> Result<String, EndpointError> {
    // A password in the address must not reach the log by way of the error.
    let shown = if config.url.contains('@') { "…".to_owned() } else { config.url.clone() };
    let fault = |why| EndpointError::Url { name: config.name.clone(), url: shown.clone(), why };
    let url = url::Url::parse(&config.url).map_err(|_| fault("is no address"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(fault("is neither http nor https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(fault("holds a password, which belongs under `key`"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(fault("has a `?` or `#`, which a base address cannot have"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn secret_value(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn http_client(connect: Duration) -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .user_agent(concat!("backstop/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(connect)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .tcp_nodelay(true)
        .build()
}
