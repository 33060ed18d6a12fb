//! A confidence that the model reports itself, as a number in the answer.
//!
//! It is taken as it stands: models tend to report too much, so a threshold belongs to it that
//! was set from labels.

use backstop_domain::Signal;
use serde_json::Value;

use super::{Missing, Reading};
use crate::path::pointer_part;

/// The number in the field `field` beside the value at `pointer`: for `/route` and `sure` it is
/// `/sure`, for `/lines/0/amount` it is `/lines/0/sure`.
///
/// # Errors
/// [`Missing`] when it is absent, no number, or not in 0 to 1. Per cent are not guessed at.
pub fn reported(answer: &Value, pointer: &str, field: &str) -> Reading {
    let parent = pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
    let place = format!("{parent}{}", pointer_part(field));
    let value = answer
        .pointer(&place)
        .ok_or_else(|| Missing::because(format!("the answer has nothing at `{place}`")))?;
    let number = value.as_f64().filter(|number| (0.0..=1.0).contains(number));
    number
        .and_then(Signal::from_f64)
        .ok_or_else(|| Missing::because(format!("`{place}` is no number from 0 to 1")))
}
