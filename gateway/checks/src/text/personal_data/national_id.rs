//! National numbers of people, nine countries, by form and check digit.
//!
//! Numbers without a check digit (US, UK) need their usual separators or letters; a bare run of
//! digits (PL) needs a word that names it. Other countries' numbers are not found.

use core::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::super::checksum::{digits, verhoeff_ok, weighted};
use super::{Constant, before, is_apart, matches};

macro_rules! constants {
    ($($name:ident = $pattern:expr;)*) => {
        $(pub(super) static $name: Constant = LazyLock::new(|| Regex::new($pattern).ok());)*
        #[cfg(test)]
        pub(super) static ALL: &[&Constant] = &[$(&$name),*];
    };
}

constants! {
    US = r"\d{3}[- ]\d{2}[- ]\d{4}";
    UK = r"(?i)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]";
    ES = r"(?i)[XYZ]?\d{7,8}-?[A-Z]";
    IT = r"(?i)[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]";
    FR = r"[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?\d{2} ?\d{3} ?\d{3} ?\d{2}";
    BR = r"\d{3}\.\d{3}\.\d{3}-\d{2}";
    IN = r"[2-9]\d{3} \d{4} \d{4}";
    CH = r"756\.\d{4}\.\d{4}\.\d{2}";
    PL = r"\d{11}";
}

type Rule = (&'static Constant, fn(&str) -> bool);

pub(super) fn national_ids(text: &str) -> Vec<Range<usize>> {
    let rules: [Rule; 8] = [
        (&US, us_ok),
        (&UK, uk_ok),
        (&ES, es_ok),
        (&IT, it_ok),
        (&FR, fr_ok),
        (&BR, br_ok),
        (&IN, |number| verhoeff_ok(&digits(number))),
        (&CH, ch_ok),
    ];
    let mut found: Vec<Range<usize>> = Vec::new();
    for (pattern, ok) in rules {
        let spans = matches(pattern, text).into_iter();
        let right = |span: &Range<usize>| text.get(span.clone()).is_some_and(ok);
        found.extend(spans.filter(|span| is_apart(text, span) && right(span)));
    }
    let polish = matches(&PL, text).into_iter().filter(|span| {
        is_apart(text, span)
            && before(text, span, 20).contains("pesel")
            && text.get(span.clone()).is_some_and(pl_ok)
    });
    found.extend(polish);
    found
}

/// Areas 000, 666 and 900 up, group 00 and serial 0000 were never given out.
fn us_ok(number: &str) -> bool {
    let parts: Vec<u32> = number.split(['-', ' ']).filter_map(|part| part.parse().ok()).collect();
    let sample = matches!(parts.as_slice(), [123, 45, 6789] | [78, 5, 1120]);
    matches!(parts.as_slice(), [1..=665 | 667..=899, 1..=99, 1..=9999]) && !sample
}

fn uk_ok(number: &str) -> bool {
    let prefix = number.get(..2).unwrap_or_default().to_uppercase();
    !["BG", "GB", "KN", "NK", "NT", "TN", "ZZ"].contains(&prefix.as_str())
}

fn es_ok(number: &str) -> bool {
    let upper = number.to_uppercase().replace('-', "");
    let Some((body, letter)) = upper.split_at_checked(upper.len().saturating_sub(1)) else {
        return false;
    };
    let body = match body.chars().next() {
        Some('X') => body.replacen('X', "0", 1),
        Some('Y') => body.replacen('Y', "1", 1),
        Some('Z') => body.replacen('Z', "2", 1),
        _ => body.to_owned(),
    };
    let Ok(value) = body.parse::<usize>() else { return false };
    body.len() == 8 && "TRWAGMYFPDXBNJZSQVHLCKE".get(value % 23..=value % 23) == Some(letter)
}

fn it_ok(number: &str) -> bool {
    const ODD: [u32; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    let upper = number.to_uppercase();
    let value = |c: char| c.to_digit(36).map(|v| if v > 9 { v - 10 } else { v });
    let sum: Option<u32> = upper
        .chars()
        .take(15)
        .enumerate()
        .map(|(at, c)| if at % 2 == 1 { value(c) } else { ODD.get(value(c)? as usize).copied() })
        .sum();
    let last = upper.chars().last().and_then(value);
    last.is_some() && sum.map(|sum| sum % 26) == last
}

fn fr_ok(number: &str) -> bool {
    let plain: String = number.chars().filter(char::is_ascii_digit).collect();
    match (plain.get(..13).map(str::parse::<u64>), plain.get(13..).map(str::parse::<u64>)) {
        (Some(Ok(body)), Some(Ok(key))) => plain.len() == 15 && 97 - body % 97 == key,
        _ => false,
    }
}

fn br_ok(number: &str) -> bool {
    let digits = digits(number);
    let check = |count: usize| {
        let weights: Vec<u32> = (2..=count as u32 + 1).rev().collect();
        let rest = weighted(&digits, &weights) * 10 % 11 % 10;
        digits.get(count) == Some(&rest)
    };
    let varied = digits.iter().any(|digit| Some(digit) != digits.first());
    digits.len() == 11 && varied && check(9) && check(10)
}

fn ch_ok(number: &str) -> bool {
    let digits = digits(number);
    let sum = weighted(&digits, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3]);
    digits.last() == Some(&((10 - sum % 10) % 10))
}

fn pl_ok(number: &str) -> bool {
    let digits = digits(number);
    let sum = weighted(&digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]);
    digits.last() == Some(&((10 - sum % 10) % 10))
}
