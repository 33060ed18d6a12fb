//! Why an operator does something: it is said each time, and stays in the record.

use crate::problem::Problem;

/// Longest reason, in bytes.
const REASON_MAX: usize = 1000;

/// Holds the `reason` of a body to its bounds.
///
/// # Errors
/// [`Problem`] if nothing is said, or too much.
pub fn check(reason: &str) -> Result<(), Problem> {
    if (1..=REASON_MAX).contains(&reason.len()) {
        return Ok(());
    }
    let detail = format!("`reason` must have 1 to {REASON_MAX} bytes: it stays for ever");
    Err(Problem::bad_request("invalid_field", detail).at("reason"))
}
