//! A decimal as digits and scale: the exact way from text to an integer.

/// `text` (digits, perhaps a point and more digits) times `factor`, if that is a whole number
/// that fits. Signs, exponents and separators are not read.
pub(crate) fn times(text: &str, factor: u128) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() || (part.is_empty() && text.contains('.')) {
        return None;
    }
    let part = part.trim_end_matches('0');
    if whole.len() > 20 || part.len() > 15 {
        return None;
    }
    let digits = |s: &str| s.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) {
        return None;
    }
    let mantissa: u128 = format!("{whole}{part}").parse().ok()?;
    let scale = 10u128.checked_pow(u32::try_from(part.len()).ok()?)?;
    let product = mantissa.checked_mul(factor)?;
    (product % scale == 0).then(|| u64::try_from(product / scale).ok()).flatten()
}

/// Splits `text` where its number ends: `("1.5", "M")`.
pub(crate) fn split(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text.split_at(end)
}
