//! Texts: by Unicode scalar values, without knowledge of languages.

/// Outer white space gone, inner runs of it as one space.
pub(super) fn squash(text: &str) -> String {
    let mut squashed = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !squashed.is_empty() {
            squashed.push(' ');
        }
        squashed.push_str(word);
    }
    squashed
}

/// The digits 0 to 9 of `text`, in order.
pub(super) fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// Whether `part` occurs in `text`, white space aside. Nothing quotes nothing: an empty part is no
/// quotation.
pub(super) fn quotes(text: &str, part: &str) -> bool {
    let part = squash(part);
    !part.is_empty() && squash(text).contains(&part)
}

/// Whether `text` is an IBAN: country, check digits, length, and remainder 1 by 97 (ISO 13616).
pub(super) fn iban_ok(text: &str) -> bool {
    let iban: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let form = match iban.as_slice() {
        [a, b, c, d, rest @ ..] => {
            a.is_ascii_alphabetic()
                && b.is_ascii_alphabetic()
                && c.is_ascii_digit()
                && d.is_ascii_digit()
                && (11..=30).contains(&rest.len())
                && rest.iter().all(u8::is_ascii_alphanumeric)
        }
        _ => false,
    };
    let (head, tail) = iban.split_at(4.min(iban.len()));
    let remainder = tail.iter().chain(head).fold(0_u32, |remainder, byte| {
        let digit = char::from(*byte).to_digit(36).unwrap_or(0);
        (remainder * if digit < 10 { 10 } else { 100 } + digit) % 97
    });
    form && remainder == 1
}

/// Whether `text` is a number with a right Luhn digit; spaces and dashes may stand between.
pub(super) fn luhn_ok(text: &str) -> bool {
    let written = text.chars().filter(|c| !matches!(c, ' ' | '-'));
    let Some(digits) = written.map(|c| c.to_digit(10)).collect::<Option<Vec<_>>>() else {
        return false;
    };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| match (at % 2, digit * 2) {
            (0, _) => *digit,
            (_, twice) if twice > 9 => twice - 9,
            (_, twice) => twice,
        })
        .sum();
    digits.len() > 1 && sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != 0)
}
