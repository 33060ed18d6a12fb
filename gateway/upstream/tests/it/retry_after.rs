//! How long to wait: what providers write, and what they should not have written.

use backstop_domain::Millis;
use backstop_upstream::retry_after::{should_retry, wait_ms};
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;

/// Sun, 06 Nov 1994 08:49:37 GMT.
const DATE: Millis = Millis(784_111_777_000);

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let value = |value: &str| HeaderValue::from_str(value).unwrap();
    pairs.iter().map(|(name, text)| (name.parse().unwrap(), value(text))).collect()
}

fn wait(text: &str, now: Millis) -> Option<u64> {
    wait_ms(&headers(&[("retry-after", text)]), now)
}

#[test]
fn seconds_fractions_and_dates_are_read() {
    assert_eq!(wait("2", DATE), Some(2_000));
    assert_eq!(wait(" 0.5 ", DATE), Some(500));
    assert_eq!(wait("0", DATE), Some(0));
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    assert_eq!(wait(date, Millis(DATE.0 - 3_000)), Some(3_000));
    assert_eq!(wait(date, DATE.plus(1)), Some(0), "a past date is no wait");
}

#[test]
fn no_wait_is_longer_than_two_minutes() {
    assert_eq!(wait("86400", DATE), Some(120_000));
    assert_eq!(wait("999999999999999999999999", DATE), Some(120_000));
    assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT", Millis(0)), Some(120_000));
}

#[test]
fn garbage_is_ignored() {
    for text in ["", "soon", "-5", "NaN", "inf", "+1", "1e9", "1.2.3", ".", "0x10", "2s"] {
        assert_eq!(wait(text, DATE), None, "{text}");
    }
}

#[test]
fn milliseconds_win_over_seconds_unless_they_are_garbage() {
    let both = |millis: &str| headers(&[("retry-after-ms", millis), ("retry-after", "9")]);
    assert_eq!(wait_ms(&both("250"), DATE), Some(250));
    assert_eq!(wait_ms(&both("never"), DATE), Some(9_000));
}

#[test]
fn only_true_and_false_say_whether_to_retry() {
    let said = |text: &str| should_retry(&headers(&[("x-should-retry", text)]));
    assert_eq!((said("true"), said("false"), said("maybe")), (Some(true), Some(false), None));
    assert_eq!(should_retry(&HeaderMap::new()), None);
}

proptest! {
    #[test]
    fn whatever_a_header_holds_the_wait_is_bounded(text in "[ -~]{0,40}", now in any::<u64>()) {
        prop_assert!(wait(&text, Millis(now)).is_none_or(|wait| wait <= 120_000));
    }
}
