//! Codes with a form or a check digit of their own: e-mail, IBAN, card, IP address.
//!
//! A number of the right form with a wrong check digit is not reported.

use core::net::{Ipv4Addr, Ipv6Addr};
use core::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::super::checksum::{digits, iban_ok, luhn_ok};
use super::{Constant, before, is_apart, matches};

pub(super) static EMAIL: Constant = LazyLock::new(|| {
    Regex::new(concat!(
        r"[\p{L}\p{N}._%+'/=?^{|}~-]*[\p{L}\p{N}_%+~-]@",
        r"(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.)+\p{L}{2,24}"
    ))
    .ok()
});
pub(super) static IBAN: Constant =
    LazyLock::new(|| Regex::new(r"(?i)[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}").ok());
pub(super) static CARD: Constant = LazyLock::new(|| Regex::new(r"\d(?:[ -]?\d){11,18}").ok());
pub(super) static IPV4: Constant = LazyLock::new(|| Regex::new(r"\d{1,3}(?:\.\d{1,3}){3}").ok());
pub(super) static IPV6: Constant =
    LazyLock::new(|| Regex::new(r"(?i)[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}").ok());

pub(super) fn emails(text: &str) -> Vec<Range<usize>> {
    if !text.contains('@') {
        return Vec::new();
    }
    matches(&EMAIL, text)
}

/// The longest stretch from each start that is an IBAN: words may follow without a break.
pub(super) fn ibans(text: &str) -> Vec<Range<usize>> {
    let found = matches(&IBAN, text).into_iter().filter_map(|span| {
        let whole = text.get(span.clone())?;
        let ends = whole.char_indices().map(|(at, c)| at + c.len_utf8()).rev();
        let lengths = ends.filter(|end| *end >= 15);
        let spans = lengths.map(|end| span.start..span.start + end);
        let mut real = spans.filter(|span| is_apart(text, span));
        real.find(|span| {
            text.get(span.clone()).is_some_and(|iban| !iban.ends_with(' ') && iban_ok(iban))
        })
    });
    found.collect()
}

pub(super) fn cards(text: &str) -> Vec<Range<usize>> {
    let is_card = |span: &Range<usize>| {
        let Some(number) = text.get(span.clone()) else { return false };
        // Major issuers by their first digits, and the older cards of JCB.
        let known = matches!(
            *digits(number).as_slice(),
            [4 | 6, ..]
                | [5, _, ..]
                | [3, 0 | 4..=9, ..]
                | [2, 2..=7, ..]
                | [2, 1, 3, 1, ..]
                | [1, 8, 0, 0, ..]
        );
        known && is_apart(text, span) && !is_decimal(text, span) && luhn_ok(number)
    };
    matches(&CARD, text).into_iter().filter(is_card).collect()
}

pub(super) fn ips(text: &str) -> Vec<Range<usize>> {
    let v4 = matches(&IPV4, text).into_iter().filter(|span| {
        let address = text.get(span.clone()).unwrap_or_default();
        let is_version = before(text, span, 10).trim_end().ends_with("version");
        let apart = is_apart(text, span) && !is_decimal(text, span) && !is_version;
        apart && address.parse::<Ipv4Addr>().is_ok()
    });
    let v6 = matches(&IPV6, text).into_iter().filter(|span| {
        let address = text.get(span.clone()).unwrap_or_default();
        let groups = address.split(':').filter(|group| !group.is_empty()).count();
        groups >= 2 && is_apart(text, span) && address.parse::<Ipv6Addr>().is_ok()
    });
    let mut found: Vec<_> = v4.chain(v6).collect();
    found.sort_by_key(|span| span.start);
    found
}

/// Whether the digits are part of a longer number with points in it.
fn is_decimal(text: &str, span: &Range<usize>) -> bool {
    let before = text.get(..span.start).unwrap_or_default();
    let after = text.get(span.end..).unwrap_or_default();
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    (before.ends_with('.') && digit(before.chars().rev().nth(1)))
        || (after.starts_with('.') && digit(after.chars().nth(1)))
}
