//! Check digits of well-known numbers: cards, IBANs, and national numbers of people.
//!
//! A right check digit does not make a number real, only well formed.

/// Whether an IBAN (spaces allowed) has its country's length and a right ISO 7064 mod-97 check.
pub fn iban_ok(text: &str) -> bool {
    let plain: String = text.chars().filter(|c| *c != ' ').collect::<String>().to_uppercase();
    let Some((country, _)) = plain.split_at_checked(2) else { return false };
    let length = IBAN_LENGTHS.iter().find(|(code, _)| *code == country).map(|(_, length)| *length);
    if length != Some(plain.len()) || !plain.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return false;
    }
    let Some((head, tail)) = plain.split_at_checked(4) else { return false };
    let rest = tail.chars().chain(head.chars()).try_fold(0_u32, |rest, c| {
        let digit = c.to_digit(36)?;
        Some((rest * if digit > 9 { 100 } else { 10 } + digit) % 97)
    });
    head.bytes().skip(2).all(|b| b.is_ascii_digit()) && rest == Some(1)
}

/// Whether the digits of a card number (spaces and hyphens allowed) pass the Luhn check.
pub fn luhn_ok(text: &str) -> bool {
    let mut digits = Vec::new();
    for c in text.chars().filter(|c| !matches!(c, ' ' | '-')) {
        match c.to_digit(10) {
            Some(digit) => digits.push(digit),
            None => return false,
        }
    }
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| match (at % 2, digit * 2) {
            (0, _) => *digit,
            (_, double) => double / 10 + double % 10,
        })
        .sum();
    digits.len() >= 2 && digits.iter().any(|digit| *digit > 0) && sum.is_multiple_of(10)
}

/// The digits of `text`, other characters left out.
pub(super) fn digits(text: &str) -> Vec<u32> {
    text.chars().filter_map(|c| c.to_digit(10)).collect()
}

/// Sum of digits times weights.
pub(super) fn weighted(digits: &[u32], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| digit * weight).sum()
}

/// The Verhoeff check of the Indian Aadhaar number; the last digit is the check digit.
pub(super) fn verhoeff_ok(digits: &[u32]) -> bool {
    let mut check = 0_u32;
    for (at, digit) in digits.iter().rev().enumerate() {
        let permuted =
            (0..at % 8).fold(*digit, |d, _| PERMUTE.get(d as usize).copied().unwrap_or(0));
        check = dihedral(check, permuted);
    }
    check == 0
}

const PERMUTE: [u32; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];

/// Multiplication in the dihedral group of order ten.
fn dihedral(a: u32, b: u32) -> u32 {
    match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + b - 5) % 5 + 5,
        (false, true) => (a - 5 + 5 - b) % 5 + 5,
        (false, false) => (a + 5 - b) % 5,
    }
}

/// Length by country. Source: SWIFT IBAN registry, release 99 (2024).
#[rustfmt::skip]
const IBAN_LENGTHS: [(&str, usize); 83] = [
    ("AD", 24), ("AE", 23), ("AL", 28), ("AT", 20), ("AZ", 28), ("BA", 20), ("BE", 16), ("BG", 22),
    ("BH", 22), ("BI", 27), ("BR", 29), ("BY", 28), ("CH", 21), ("CR", 22), ("CY", 28), ("CZ", 24),
    ("DE", 22), ("DJ", 27), ("DK", 18), ("DO", 28), ("EE", 20), ("EG", 29), ("ES", 24), ("FI", 18),
    ("FK", 18), ("FO", 18), ("FR", 27), ("GB", 22), ("GE", 22), ("GI", 23), ("GL", 18), ("GR", 27),
    ("GT", 28), ("HR", 21), ("HU", 28), ("IE", 22), ("IL", 23), ("IQ", 23), ("IS", 26), ("IT", 27),
    ("JO", 30), ("KW", 30), ("KZ", 20), ("LB", 28), ("LC", 32), ("LI", 21), ("LT", 20), ("LU", 20),
    ("LV", 21), ("LY", 25), ("MC", 27), ("MD", 24), ("ME", 22), ("MK", 19), ("MN", 20), ("MR", 27),
    ("MT", 31), ("MU", 30), ("NI", 28), ("NL", 18), ("NO", 15), ("OM", 23), ("PK", 24), ("PL", 28),
    ("PS", 29), ("PT", 25), ("QA", 29), ("RO", 24), ("RS", 22), ("RU", 33), ("SA", 24), ("SC", 31),
    ("SD", 18), ("SE", 24), ("SI", 19), ("SK", 24), ("SM", 27), ("SO", 23), ("ST", 25), ("SV", 28),
    ("TL", 23), ("TN", 24), ("TR", 26),
];
