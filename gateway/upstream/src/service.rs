//! Services that checks ask for a score: `POST {texts, kind}` gives `{score, found}`.
//!
//! A service that is away, slow or says something else is an error, never a pass.

use std::time::Duration;

use backstop_domain::ControlEvent;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model::BoxFuture;

/// Largest answer of a service, in bytes.
const ANSWER_MAX: usize = 1024 * 1024;

/// What a service says.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Score {
    /// In 0 to 1; high is bad.
    pub score: Option<f64>,
    /// What it found, as `{kind, text, path}`.
    #[serde(default)]
    pub found: Vec<Value>,
}

/// Something that scores texts.
pub trait Service: Send + Sync {
    /// Asks once for the score of these texts, for the check named `kind`.
    fn score<'a>(
        &'a self,
        texts: &'a [String],
        kind: &'a str,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Score, String>>;

    /// What its guards did since the last time somebody asked, oldest first; to be recorded.
    fn take_changes(&self) -> Vec<ControlEvent> {
        Vec::new()
    }
}

/// A service behind an HTTP address.
pub struct HttpService {
    name: String,
    url: url::Url,
    key: Option<SecretString>,
    client: reqwest::Client,
}

impl HttpService {
    /// The service at that address. `key` is sent as a bearer token.
    ///
    /// # Errors
    /// The reason, in words, if no client can be made.
    pub fn new(name: &str, url: url::Url, key: Option<SecretString>) -> Result<Self, String> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| format!("no client for service `{name}`: {error}"))?;
        Ok(Self { name: name.to_owned(), url, key, client })
    }

    async fn ask(&self, texts: &[String], kind: &str) -> Result<Score, String> {
        let mut request = self.client.post(self.url.clone());
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose_secret());
        }
        let body = json!({ "texts": texts, "kind": kind });
        let failed = |error: reqwest::Error| {
            format!("service `{}` did not answer: {}", self.name, error.without_url())
        };
        let answer = request.json(&body).send().await.map_err(failed)?;
        let status = answer.status();
        if !status.is_success() {
            return Err(format!("service `{}` answered {}", self.name, status.as_u16()));
        }
        let bytes = self.read(answer).await?;
        serde_json::from_slice(&bytes)
            .map_err(|error| format!("service `{}` gave no score: {error}", self.name))
    }

    async fn read(&self, mut answer: reqwest::Response) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) if bytes.len() + chunk.len() <= ANSWER_MAX => {
                    bytes.extend_from_slice(&chunk);
                }
                Ok(Some(_)) => {
                    return Err(format!("service `{}` answered more than 1 MiB", self.name));
                }
                Ok(None) => return Ok(bytes),
                Err(error) => {
                    let error = error.without_url();
                    return Err(format!("service `{}` broke off: {error}", self.name));
                }
            }
        }
    }
}

/// A service that was too slow, in words.
pub(crate) fn late(name: &str, timeout: Duration) -> String {
    format!("service `{name}` did not answer within {} ms", timeout.as_millis())
}

impl Service for HttpService {
    fn score<'a>(
        &'a self,
        texts: &'a [String],
        kind: &'a str,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Score, String>> {
        Box::pin(async move {
            match tokio::time::timeout(timeout, self.ask(texts, kind)).await {
                Ok(said) => said,
                Err(_) => Err(late(&self.name, timeout)),
            }
        })
    }
}
