//! Headers in and out. What we add has one prefix: `backstop-`.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use backstop_domain::guard::Standing;
use backstop_engine::{Admitted, Rates, Snapshot};

use crate::{app::App, openai::FromHeaders, problem::Problem};

/// Longest idempotency key, in bytes.
const KEY_MAX: usize = 255;

/// Reads the headers that a call takes.
///
/// # Errors
/// [`Problem`] names the header that is wrong.
pub fn read(headers: &HeaderMap, app: &App) -> Result<FromHeaders, Problem> {
    let now = app.engine.clock().now();
    Ok(FromHeaders {
        key: key(headers)?,
        request_id: request_id(headers).unwrap_or_else(|| app.engine.ids().request(now)),
        traceparent: text(headers, "traceparent")?.filter(|text| is_traceparent(text)),
        deadline_ms: number(headers, "x-request-timeout-ms")?,
    })
}

/// The caller's own request id, if it is fit to be written into logs.
pub fn request_id(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("x-request-id")?.to_str().ok()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (!text.is_empty() && text.len() <= 128 && text.chars().all(plain)).then(|| text.to_owned())
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = text(headers, "idempotency-key")? else { return Ok(None) };
    // The draft standard sends a quoted string; SDKs send it bare.
    let key = key.strip_prefix('"').and_then(|k| k.strip_suffix('"')).unwrap_or(&key).to_owned();
    if key.is_empty() || key.len() > KEY_MAX {
        let detail = format!("`Idempotency-Key` must have 1 to {KEY_MAX} bytes");
        return Err(Problem::bad_request("invalid_header", detail).at("Idempotency-Key"));
    }
    Ok(Some(key))
}

/// A header as a text.
fn text(headers: &HeaderMap, name: &str) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let text = value.to_str().map_err(|_| {
        let detail = format!("header `{name}` has characters that no header may have");
        Problem::bad_request("invalid_header", detail).at(name)
    })?;
    Ok(Some(text.to_owned()))
}

/// A header as a whole number.
pub fn number(headers: &HeaderMap, name: &str) -> Result<Option<u64>, Problem> {
    let Some(text) = text(headers, name)? else { return Ok(None) };
    text.trim().parse().map(Some).map_err(|_| {
        let detail = format!("header `{name}` must be a whole number, is `{text}`");
        Problem::bad_request("invalid_header", detail).at(name)
    })
}

/// `Prefer: wait=N`, in milliseconds.
///
/// # Errors
/// [`Problem`] if N is no whole number.
pub fn prefer_wait(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    for value in headers.get_all("prefer") {
        let Ok(text) = value.to_str() else { continue };
        for part in text.split([',', ';']) {
            let Some(seconds) = part.trim().strip_prefix("wait=") else { continue };
            let seconds: u64 = seconds.trim().parse().map_err(|_| {
                let detail = format!("`Prefer: wait=` takes whole seconds, is `{seconds}`");
                Problem::bad_request("invalid_header", detail).at("Prefer")
            })?;
            return Ok(Some(seconds.saturating_mul(1000)));
        }
    }
    Ok(None)
}

/// Whether the caller has that version already (`If-None-Match`).
pub fn knows(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get_all(axum::http::header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}

fn is_traceparent(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let hex =
        |part: &str, length| part.len() == length && part.chars().all(|c| c.is_ascii_hexdigit());
    matches!(parts.as_slice(), [a, b, c, d] if hex(a, 2) && hex(b, 32) && hex(c, 16) && hex(d, 2))
}

/// What is known once a call is admitted, however it ends.
pub fn of_admitted(headers: &mut HeaderMap, admitted: &Admitted) {
    if let Ok(id) = HeaderValue::from_str(admitted.id.as_str()) {
        headers.insert("backstop-call", id);
    }
    if admitted.joined {
        headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    of_rates(headers, &admitted.rates);
}

/// What is told of a limit, and the names under which it is told.
struct Limit {
    limit: HeaderName,
    remaining: HeaderName,
    reset: HeaderName,
}

const REQUESTS: Limit = Limit {
    limit: HeaderName::from_static("x-ratelimit-limit-requests"),
    remaining: HeaderName::from_static("x-ratelimit-remaining-requests"),
    reset: HeaderName::from_static("x-ratelimit-reset-requests"),
};
const TOKENS: Limit = Limit {
    limit: HeaderName::from_static("x-ratelimit-limit-tokens"),
    remaining: HeaderName::from_static("x-ratelimit-remaining-tokens"),
    reset: HeaderName::from_static("x-ratelimit-reset-tokens"),
};

/// How the caller stands under its limits, in OpenAI's words.
pub fn of_rates(headers: &mut HeaderMap, rates: &Rates) {
    for (names, standing) in [(REQUESTS, rates.requests), (TOKENS, rates.tokens)] {
        let Some(Standing { limit, remaining, reset_ms }) = standing else { continue };
        headers.insert(names.limit, limit.into());
        headers.insert(names.remaining, remaining.into());
        if let Ok(reset) = HeaderValue::try_from(duration(reset_ms)) {
            headers.insert(names.reset, reset);
        }
    }
}

/// A time as OpenAI writes it: `12ms`, `1s`, `1.5s`, `6m0s`, `1h0m5s`.
fn duration(ms: u64) -> String {
    let (seconds, rest) = (ms / 1000, ms % 1000);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let exact = match rest {
        0 => format!("{}s", seconds % 60),
        rest => {
            format!("{}.{}s", seconds % 60, format!("{rest:03}").trim_end_matches('0'))
        }
    };
    match (hours, minutes, seconds) {
        (0, 0, 0) => format!("{ms}ms"),
        (0, 0, _) => exact,
        (0, _, _) => format!("{minutes}m{exact}"),
        _ => format!("{hours}h{minutes}m{exact}"),
    }
}

/// What a response says of its call.
pub fn of_call(headers: &mut HeaderMap, snapshot: &Snapshot) {
    let state = &snapshot.state;
    let mut set = |name: &'static str, value| {
        headers.insert(HeaderName::from_static(name), value);
    };
    let word = HeaderValue::from_static;
    let text = |text: &str| HeaderValue::from_str(text).ok();
    if let Some(id) = text(snapshot.id.as_str()) {
        set("backstop-call", id);
    }
    set("backstop-state", word(state.state_name()));
    if let Some(revision) = text(state.received.revision.hex(&mut [0; 64])) {
        set("backstop-revision", revision);
    }
    set("backstop-attempts", state.attempts.len().into());
    if let Some(ended) = state.ended() {
        set("backstop-outcome", word(ended.outcome.name()));
        set("backstop-answered-by", word(ended.answered_by.name()));
    }
    if !snapshot.on_disk {
        // The policy's word: this answer left before the disk had it.
        set("backstop-durability", word("relaxed"));
    }
    let stages = &snapshot.stages;
    if !stages.total.is_zero() {
        let overhead = format!("{:.3}", stages.overhead().as_secs_f64() * 1e3);
        if let Some(overhead) = text(&overhead) {
            set("backstop-overhead-ms", overhead);
        }
        let total = u64::try_from(stages.total.as_millis()).unwrap_or(u64::MAX);
        set("openai-processing-ms", total.into());
    }
}

#[cfg(test)]
mod tests;
