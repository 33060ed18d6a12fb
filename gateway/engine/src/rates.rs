//! How a caller stands under the limits at the door, so that a face can tell it how much is left.
//!
//! It reads and takes nothing, and decides nothing.

use std::sync::Arc;

use backstop_domain::guard::{Quantity, Standing};
use backstop_upstream::LimitSet;

/// How a caller stands under the tightest limit on requests, and under that on tokens. `None`:
/// there is no such limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates {
    /// Requests.
    pub requests: Option<Standing>,
    /// Tokens, input and output together.
    pub tokens: Option<Standing>,
}

impl Rates {
    /// The standing under these sets, each with whose count its limits are.
    pub(crate) fn of<'a>(
        sets: impl IntoIterator<Item = (&'a Arc<LimitSet>, &'a [Option<&'a str>])>,
    ) -> Self {
        let mut rates = Self::default();
        for (set, keys) in sets {
            for (at, (rule, key)) in set.rules().iter().zip(keys).enumerate() {
                let tightest = match rule.quantity {
                    Quantity::Requests => &mut rates.requests,
                    Quantity::Tokens => &mut rates.tokens,
                    Quantity::Cost | Quantity::Concurrency => continue,
                };
                let Some(standing) = key.and_then(|key| set.standing(at, key)) else { continue };
                if tightest.is_none_or(|held| standing.remaining < held.remaining) {
                    *tightest = Some(standing);
                }
            }
        }
        rates
    }
}
