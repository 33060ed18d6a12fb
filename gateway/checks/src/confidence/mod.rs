//! Sources of confidence: token probabilities, agreement of answers, a number that was reported.
//!
//! Each gives a signal, or says why it is missing. Missing is no low number and never a pass.
//! Nothing here compares a signal with a threshold: the policy does.

pub mod logprobs;
pub mod reported;
mod spelling;
mod tokens;
pub mod votes;
mod weighed;

#[cfg(test)]
mod tests;

use backstop_domain::Signal;
pub use logprobs::{of_text, of_value};
pub use reported::reported;
pub use tokens::{Alternative, Token};
pub use votes::{Compare, Vote, votes};
pub use weighed::weighed;

/// A signal, or why there is none.
pub type Reading = Result<Signal, Missing>;

/// Why a signal is missing; for the record and for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Missing(pub String);

impl Missing {
    pub(crate) fn because(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}
