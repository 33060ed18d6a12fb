//! Why somebody does something: it is said each time, and stays in the record for ever. One bound
//! for all who say so, whatever they do.

use crate::problem::Problem;

/// Longest reason, in bytes.
const REASON_MAX: usize = 2_000;

/// The `reason` of a body, without the blanks around it.
///
/// # Errors
/// [`Problem`] if nothing is said, or too much.
pub fn said(reason: &str) -> Result<String, Problem> {
    let said = reason.trim();
    if (1..=REASON_MAX).contains(&said.len()) {
        return Ok(said.to_owned());
    }
    let detail = format!("`reason` says why, in 1 to {REASON_MAX} bytes: it stays for ever");
    Err(Problem::bad_request("invalid_field", detail).at("reason"))
}

/// The `reason` of a body where nobody must say one; `default` if nothing is said.
///
/// # Errors
/// [`Problem`] if too much is said.
pub fn said_or(reason: Option<&str>, default: &str) -> Result<String, Problem> {
    match reason.map(str::trim) {
        None | Some("") => Ok(default.to_owned()),
        Some(reason) => said(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_say_nothing_and_a_reason_has_an_end() {
        assert_eq!(said(" wrong vendor\n").ok().as_deref(), Some("wrong vendor"));
        assert!(said(" \n").is_err());
        assert!(said(&"w".repeat(2_000)).is_ok());
        assert!(said(&"w".repeat(2_001)).is_err());
    }

    #[test]
    fn whoever_need_not_say_why_may_still_not_say_too_much() {
        assert_eq!(said_or(None, "none").ok().as_deref(), Some("none"));
        assert_eq!(said_or(Some("  "), "none").ok().as_deref(), Some("none"));
        assert_eq!(said_or(Some("late"), "none").ok().as_deref(), Some("late"));
        assert!(said_or(Some(&"w".repeat(2_001)), "none").is_err());
    }
}
