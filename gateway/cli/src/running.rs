//! Asking a running gateway, and reading what it answers.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{args::Running, style};

/// Longest wait for an answer of the gateway: it may wait for a model itself.
const WAIT: Duration = Duration::from_secs(120);

/// What the gateway answers; what it refuses is said in its own words.
pub async fn asked(at: &Running, place: &str, body: Option<&Value>) -> Result<Value> {
    ask(&at.url, at.key.as_deref(), place, body).await
}

/// As [`asked`], at that address with that key.
pub async fn ask(url: &str, key: Option<&str>, place: &str, body: Option<&Value>) -> Result<Value> {
    let client = reqwest::Client::builder().no_proxy().timeout(WAIT).build()?;
    let url = format!("{}{place}", url.trim_end_matches('/'));
    let mut request = match body {
        Some(body) => client.post(&url).json(body),
        None => client.get(&url),
    };
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    let response = request.send().await.with_context(|| format!("cannot reach {url}"))?;
    let status = response.status();
    let answer: Value = response.json().await.context("no JSON came back")?;
    if !status.is_success() {
        bail!("{}: {}", style::error(status.as_str()), text(&answer, "/detail"));
    }
    Ok(answer)
}

/// The text at that JSON pointer, or none.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The whole number at that JSON pointer, or 0.
pub fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

/// The items of that list, if it is there.
pub fn items<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}
