//! A caller of the gateway: requests over HTTP, answers with everything that came back.
//!
//! It retries nothing and hides nothing. Shapes of the calls and reviews API stand here once.

use reqwest::{Client, Method, RequestBuilder, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use std::time::Duration;

/// Longest wait for one answer; above every wait that the gateway grants.
const ANSWER_MAX: Duration = Duration::from_secs(90);

/// Sends requests under one key. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Caller {
    client: Client,
    url: String,
    key: Option<String>,
}

/// One answer.
#[derive(Debug)]
pub struct Answered {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body as it came.
    pub text: String,
    /// Body as JSON, `null` if it is none.
    pub body: Value,
}

impl Caller {
    /// A caller of the gateway at `url`.
    pub fn new(url: &str, key: Option<&str>) -> Self {
        let client = Client::builder().no_proxy().timeout(ANSWER_MAX).build().expect("a client");
        Self { client, url: url.to_owned(), key: key.map(str::to_owned) }
    }

    /// A request to `path`, with the key on it.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.url));
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// Sends JSON to `path`.
    ///
    /// # Errors
    /// No answer came: the gateway was not there, or went away.
    pub async fn post(&self, path: &str, body: &Value) -> reqwest::Result<Answered> {
        send(self.request(Method::POST, path).json(body)).await
    }

    /// Reads `path`.
    ///
    /// # Errors
    /// No answer came.
    pub async fn get(&self, path: &str) -> reqwest::Result<Answered> {
        send(self.request(Method::GET, path)).await
    }

    /// Asks `policy` for a decision on `input`, under an idempotency key.
    ///
    /// # Errors
    /// No answer came.
    pub async fn call(
        &self,
        policy: &str,
        key: &str,
        input: &str,
        wait: u32,
    ) -> reqwest::Result<Answered> {
        let request = self
            .request(Method::POST, &format!("/v1/calls/{policy}"))
            .header("idempotency-key", key)
            .header("prefer", format!("wait={wait}"));
        send(request.json(&json!({ "input": input }))).await
    }

    /// Asks `policy` as an OpenAI client would.
    ///
    /// # Errors
    /// No answer came.
    pub async fn chat(&self, policy: &str, text: &str) -> reqwest::Result<Answered> {
        let messages = json!([{ "role": "user", "content": text }]);
        self.post("/v1/chat/completions", &json!({ "model": policy, "messages": messages })).await
    }

    /// Takes a review and approves what it shows; the answer to the last request.
    ///
    /// # Errors
    /// No answer came.
    pub async fn approve(&self, review: &str) -> reqwest::Result<Answered> {
        let path = format!("/v1/reviews/{review}");
        let claimed = self.post(&format!("{path}/claim"), &json!({})).await?;
        if !claimed.status.is_success() {
            return Ok(claimed);
        }
        let seen = self.get(&path).await?;
        let decide = json!({
            "verb": "approve",
            "lease": claimed.body["claimed"]["lease"],
            "generation": seen.body["generation"],
            "subject_digest": seen.body["subject_digest"],
        });
        self.post(&format!("{path}/decide"), &decide).await
    }
}

/// Sends `request` and reads the whole answer.
///
/// # Errors
/// No answer came.
pub async fn send(request: RequestBuilder) -> reqwest::Result<Answered> {
    let response = request.send().await?;
    let (status, headers) = (response.status(), response.headers().clone());
    let text = response.text().await?;
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Ok(Answered { status, headers, text, body })
}

impl Answered {
    /// A header's text; empty if it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}
