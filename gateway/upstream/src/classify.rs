//! What a provider's HTTP answer means: the one place that turns statuses and bodies into classes.
//!
//! The status comes first, then the provider's error code, then the body. A body that is no answer
//! is never taken for one.

use backstop_domain::{FailureClass, Millis};
use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

use crate::answer::Answer;
use crate::outcome::{AttemptResult, Failure, Settle, Timing};
use crate::retry_after;
use crate::stream::{self, StreamFault};

/// Characters of a provider's message that are kept.
const MESSAGE_MAX: usize = 500;
/// Bytes of a body that is no answer that are kept for people to look at.
const RAW_MAX: usize = 64 * 1024;

/// Characters from which a key is looked for: a shorter one would blank out ordinary words.
const KEY_MIN: usize = 8;

/// An HTTP answer as it came.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, or as much of it as came.
    pub body: Bytes,
    /// Why the body stopped early, if it did.
    pub cut: Option<String>,
    /// How long it took.
    pub timing: Timing,
}

/// Classifies `delivered`. `key` is our credential: it is taken out of every message.
pub fn classify(delivered: &Delivered, now: Millis, key: Option<&str>) -> AttemptResult {
    let mut failure = match read(delivered) {
        Ok(answer) => return AttemptResult::Answered(Box::new(answer)),
        Err(failure) => *failure,
    };
    failure.status = Some(delivered.status);
    failure.retry_after_ms = retry_after::wait_ms(&delivered.headers, now);
    failure.should_retry = retry_after::should_retry(&delivered.headers);
    failure.raw = without_key(head(&delivered.body), key);
    failure.timing = delivered.timing;
    failure.message = scrub(&failure.message, key);
    AttemptResult::Failed(failure)
}

/// The class of an HTTP status, with the provider's own code where the status is not enough.
pub fn class_of(status: u16, code: Option<&str>) -> FailureClass {
    match (status, code.unwrap_or_default()) {
        (402, _) => FailureClass::Quota,
        (429, code) if is_quota(code) => FailureClass::Quota,
        (429, _) => FailureClass::Throttled,
        (300..=399 | 401 | 403 | 404 | 405, _) => FailureClass::Misconfigured,
        (408, _) => FailureClass::Timeout,
        // A conflict or a lock on their side passes by itself.
        (409 | 423 | 425, _) | (500.., _) => FailureClass::Overloaded,
        (_, "content_filter" | "content_policy_violation") => FailureClass::Declined,
        (400, "invalid_api_key" | "API_KEY_INVALID" | "model_not_found") => {
            FailureClass::Misconfigured
        }
        (400..=499, _) => FailureClass::InvalidRequest,
        _ => FailureClass::Transport,
    }
}

fn is_quota(code: &str) -> bool {
    matches!(
        code,
        "insufficient_quota"
            | "billing_hard_limit_reached"
            | "billing_not_active"
            | "insufficient_balance"
            | "insufficient_credits"
            | "credit_balance_too_low"
    )
}

/// The class of an error that comes without a status of its own: in a stream, or under a 200.
fn class_of_error(error: &ProviderError, otherwise: FailureClass) -> FailureClass {
    let code = error.code.as_deref().unwrap_or_default();
    if let Some(status) = code.parse().ok().filter(|status| (400..=599).contains(status)) {
        return class_of(status, None);
    }
    match code {
        code if is_quota(code) => FailureClass::Quota,
        "rate_limit_exceeded" | "rate_limit_error" => FailureClass::Throttled,
        "server_error" | "overloaded_error" | "api_error" => FailureClass::Overloaded,
        "context_length_exceeded" | "invalid_request_error" => FailureClass::InvalidRequest,
        "content_filter" => FailureClass::Declined,
        "invalid_api_key" | "authentication_error" | "model_not_found" => {
            FailureClass::Misconfigured
        }
        _ => otherwise,
    }
}

fn read(delivered: &Delivered) -> Result<Answer, Box<Failure>> {
    if !(200..=299).contains(&delivered.status) {
        return Err(Box::new(refused(delivered)));
    }
    let mime = delivered.headers.get("content-type").and_then(|value| value.to_str().ok());
    let mime = mime.unwrap_or_default().to_ascii_lowercase();
    let no_answer = |why: String| Box::new(Failure::new(FailureClass::Transport, why));
    let text = std::str::from_utf8(&delivered.body)
        .map_err(|fault| no_answer(format!("the body is not UTF-8: {fault}")))?;
    if mime.starts_with("text/event-stream") || text.starts_with("data:") {
        return read_stream(text, delivered);
    }
    if let Some(why) = &delivered.cut {
        return Err(no_answer(format!("the body stopped early: {why}")));
    }
    if text.trim().is_empty() {
        return Err(no_answer("the body is empty".to_owned()));
    }
    let body: Value = serde_json::from_str(text).map_err(|fault| {
        let kind = if mime.is_empty() { "no content type" } else { mime.as_str() };
        no_answer(format!("the body ({kind}) is no JSON: {fault}"))
    })?;
    if let Some(error) = body.get("error").filter(|error| !error.is_null()) {
        return Err(Box::new(from_error(error, FailureClass::Transport)));
    }
    finish(delivered.body.clone(), body, delivered.timing)
}

fn read_stream(text: &str, delivered: &Delivered) -> Result<Answer, Box<Failure>> {
    let failure = match stream::collect(text) {
        Ok(body) => return finish(delivered.body.clone(), body, delivered.timing),
        Err(StreamFault::Error(error)) => from_error(&error, FailureClass::Overloaded),
        Err(StreamFault::Cut(how)) => {
            let why = delivered.cut.as_deref().map(|why| format!(" ({why})")).unwrap_or_default();
            Failure::new(FailureClass::Overloaded, format!("the stream broke: {how}{why}"))
        }
        Err(StreamFault::Foreign) => {
            Failure::new(FailureClass::Transport, "the stream holds no pieces of a chat completion")
        }
    };
    Err(Box::new(failure))
}

fn finish(raw: Bytes, body: Value, timing: Timing) -> Result<Answer, Box<Failure>> {
    let answer = Answer::read(raw, body, timing).map_err(|fault| {
        let why = format!("the body is no chat completion: {fault}");
        Box::new(Failure::new(FailureClass::Transport, why))
    })?;
    if answer.is_empty() {
        return Err(Box::new(Failure::new(FailureClass::Transport, "the answer is empty")));
    }
    Ok(answer)
}

/// A status outside 2xx.
fn refused(delivered: &Delivered) -> Failure {
    let status = delivered.status;
    let body: Option<Value> = serde_json::from_slice(&delivered.body).ok();
    let error = body.as_ref().map(ProviderError::read).unwrap_or_default();
    let class = class_of(status, error.code.as_deref());
    let said = match error.message {
        Some(message) => format!(": {message}"),
        None if (300..=399).contains(&status) => ": redirects are not followed".to_owned(),
        None => String::new(),
    };
    let mut failure = Failure::new(class, format!("HTTP {status}{said}"));
    failure.provider_code = error.code;
    failure.settle = match status {
        // Working on it when it broke, as far as anyone can tell.
        500..=502 | 504..=528 => Settle::Half,
        _ => Settle::RequestOnly,
    };
    failure
}

fn from_error(error: &Value, otherwise: FailureClass) -> Failure {
    let error = ProviderError::read_inner(error);
    let message = error.message.clone().unwrap_or_else(|| "no reason given".to_owned());
    let class = class_of_error(&error, otherwise);
    let mut failure = Failure::new(class, format!("the provider sent an error: {message}"));
    failure.provider_code = error.code;
    failure
}

/// What providers put into their error bodies; they differ in form.
#[derive(Debug, Default)]
struct ProviderError {
    message: Option<String>,
    code: Option<String>,
}

impl ProviderError {
    fn read(body: &Value) -> Self {
        // Google wraps the object in a list.
        let body = body.get(0).unwrap_or(body);
        Self::read_inner(body.get("error").unwrap_or(body))
    }

    fn read_inner(error: &Value) -> Self {
        let text = |key: &str| match error.get(key)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let bare = error.as_str().map(str::to_owned);
        Self { message: bare.or_else(|| text("message")), code: text("code").or(text("type")) }
    }
}

/// As much of a body that is no answer as is kept.
pub(crate) fn head(body: &[u8]) -> Vec<u8> {
    body.get(..RAW_MAX).unwrap_or(body).to_vec()
}

/// A provider may echo the key; the record must not hold it.
fn without_key(raw: Vec<u8>, key: Option<&str>) -> Vec<u8> {
    let Some(key) = key.filter(|key| key.len() >= KEY_MIN) else { return raw };
    let text = String::from_utf8_lossy(&raw);
    if text.contains(key) { text.replace(key, "[key]").into_bytes() } else { raw }
}

/// Takes our key, and whatever looks like one, out of a provider's words, and cuts them short.
fn scrub(message: &str, key: Option<&str>) -> String {
    let message = match key.filter(|key| key.len() >= KEY_MIN) {
        Some(key) => message.replace(key, "[key]"),
        None => message.to_owned(),
    };
    let words = message.split_inclusive(char::is_whitespace).map(|word| {
        match word.find("sk-").filter(|at| word.len() - at > 12) {
            Some(at) => format!("{}[key] ", word.get(..at).unwrap_or_default()),
            None => word.to_owned(),
        }
    });
    words.collect::<String>().trim_end().chars().take(MESSAGE_MAX).collect()
}
