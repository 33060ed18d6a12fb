//! How long a provider asks us to wait, read from its headers.
//!
//! Garbage is ignored rather than guessed at; no wait is longer than two minutes.

use std::time::UNIX_EPOCH;

use backstop_domain::Millis;
use http::HeaderMap;

/// The longest wait that is believed, in milliseconds.
pub const WAIT_MAX_MS: u64 = 120_000;

/// The wait in milliseconds: `retry-after-ms`, else `retry-after` in seconds (fractions allowed)
/// or as an HTTP date. A date that is past is no wait.
pub fn wait_ms(headers: &HeaderMap, now: Millis) -> Option<u64> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    if let Some(millis) = text("retry-after-ms").and_then(|value| number(value, 1.0)) {
        return Some(millis);
    }
    let value = text("retry-after")?;
    number(value, 1_000.0).or_else(|| date(value, now))
}

/// The provider's own word on whether to try again, which wins over any other sign.
pub fn should_retry(headers: &HeaderMap) -> Option<bool> {
    match headers.get("x-should-retry")?.to_str().ok()?.trim() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

fn number(value: &str, millis_per_unit: f64) -> Option<u64> {
    let plain = value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let value: f64 = value.parse().ok().filter(|_| plain)?;
    // `as` keeps to the bounds of the type, and the cap lies far inside.
    Some(((value * millis_per_unit).ceil() as u64).min(WAIT_MAX_MS))
}

fn date(value: &str, now: Millis) -> Option<u64> {
    let at = httpdate::parse_http_date(value).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Millis(crate::clock::millis(at)).since(now).min(WAIT_MAX_MS))
}
