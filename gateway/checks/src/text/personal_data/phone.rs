//! Telephone numbers, told by form, by length and by the words before them.
//!
//! A bare run of digits is a telephone number only after a word that says so: order numbers and
//! times look alike. Numbering plans are not checked.

use core::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::super::checksum::digits;
use super::{Constant, before, is_apart, matches};

/// With `+` or `00` and a country; with an area in brackets; or in groups.
pub(super) static PHONE: Constant = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?:\+|\b00)[1-9](?:[ ./-]?\(?\d\)?){6,16}(?: ?(?:x|ext\.?) ?\d{1,6})?",
        r"|\(\d{2,5}\)[ ./-]?\d{2,5}(?:[ ./-]?\d{2,5}){1,3}(?: ?(?:x|ext\.?) ?\d{1,6})?",
        r"|\b\d{2,5}(?:[ ./-]\d{2,5}){1,5}(?: ?(?:x|ext\.?) ?\d{1,6})?",
        r"|\b\d{7,12}(?:x\d{1,6})?\b"
    ))
    .ok()
});
pub(super) static DATE: Constant = LazyLock::new(|| {
    Regex::new(r"^(?:\d{4}[-/. ]\d{1,2}[-/. ]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2}))$")
        .ok()
});
pub(super) static SAYS_SO: Constant = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?:phone|tel|telephone|telefon|cell|mobile|mobil|handy|fax|call|calling|dial|ring|text|",
        r"sms|whatsapp|reach|reached|hotline|number is|contact|extension|línea|teléfono)\b[^\d]*$"
    ))
    .ok()
});

pub(super) fn phones(text: &str) -> Vec<Range<usize>> {
    matches(&PHONE, text).into_iter().filter(|span| is_phone(text, span)).collect()
}

fn is_phone(text: &str, span: &Range<usize>) -> bool {
    let Some(number) = text.get(span.clone()) else { return false };
    let main = number.split(['x', 'e']).next().unwrap_or(number);
    let count = digits(main).len();
    let is_date = DATE.as_ref().is_none_or(|regex| regex.is_match(number));
    let sign_before =
        text.get(..span.start).is_some_and(|s| s.ends_with(['-', '.', '$', '€', '#', '/']));
    if !is_apart(text, span) || is_date || sign_before || !(7..=15).contains(&count) {
        return false;
    }
    if number.starts_with('+') {
        return count >= 8;
    }
    if number.starts_with("00") {
        return count >= 11;
    }
    let words = before(text, span, 40);
    let said = SAYS_SO.as_ref().is_some_and(|regex| regex.is_match(&words));
    let groups = main.split([' ', '.', '-', '/', '(', ')']).filter(|g| !g.is_empty());
    let groups: Vec<usize> = groups.map(str::len).collect();
    said || usual_groups(&groups, main, number)
}

/// Groupings that little else has: North America, and France with its leading zero.
fn usual_groups(groups: &[usize], main: &str, number: &str) -> bool {
    match groups {
        [3, 3, 4] => !main.contains(' ') || number.starts_with('(') || number.contains('x'),
        [1, 3, 3, 4] => main.starts_with('1'),
        [2, 2, 2, 2, 2] | [4, 2, 2, 2] | [3, 3, 2, 2] | [4, 3, 3] | [5, 6] | [5, 3, 3] => {
            main.starts_with('0') || main.starts_with("(0")
        }
        _ => false,
    }
}
