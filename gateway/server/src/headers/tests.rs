//! Stories about headers.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use super::*;

#[test]
fn a_reset_reads_as_openai_writes_it() {
    let told = [
        (0, "0ms"),
        (12, "12ms"),
        (1_000, "1s"),
        (1_500, "1.5s"),
        (360_000, "6m0s"),
        (3_605_020, "1h0m5.02s"),
    ];
    for (ms, text) in told {
        assert_eq!(duration(ms), text);
    }
}

#[test]
fn a_limit_that_is_not_there_has_no_headers() {
    let standing = Standing { limit: 2, remaining: 1, reset_ms: 1_800_000 };
    let mut headers = HeaderMap::new();
    of_rates(&mut headers, &Rates { requests: Some(standing), tokens: None });
    let get = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
    assert_eq!(get("x-ratelimit-limit-requests"), Some("2"));
    assert_eq!(get("x-ratelimit-remaining-requests"), Some("1"));
    assert_eq!(get("x-ratelimit-reset-requests"), Some("30m0s"));
    assert_eq!(headers.len(), 3, "nothing is said of tokens");
}

#[test]
fn a_version_is_known_in_any_of_the_lawful_forms() {
    let known = |sent: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert("if-none-match", HeaderValue::from_static(sent));
        knows(&headers, "\"7\"")
    };
    assert!(known("\"7\"") && known("W/\"7\"") && known("\"3\", \"7\"") && known("*"));
    assert!(!known("\"8\"") && !known("7"));
}

#[test]
fn a_wait_is_found_among_other_wishes() {
    let wait = |sent: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert("prefer", HeaderValue::from_static(sent));
        prefer_wait(&headers)
    };
    assert_eq!(wait("respond-async, wait=20").unwrap(), Some(20_000));
    assert_eq!(wait("respond-async").unwrap(), None);
    assert!(wait("wait=soon").is_err());
}

#[test]
fn a_request_id_that_could_forge_a_log_line_is_not_taken() {
    let id = |sent: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert("x-request-id", HeaderValue::from_static(sent));
        request_id(&headers)
    };
    assert_eq!(id("job-7.step_2"), Some("job-7.step_2".to_owned()));
    assert_eq!(id("two words"), None);
    assert_eq!(id(""), None);
}
