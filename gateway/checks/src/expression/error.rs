//! Why an expression has no value. It is never a pass: the caller takes the `on_error` ladder.

/// Why an evaluation ended without a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// Something was missing or of the wrong kind; the sentence says what.
    #[error("{0}")]
    Failed(String),
    /// The evaluation took more steps than one expression may.
    #[error("the condition needs more than {limit} steps for this call")]
    OutOfFuel {
        /// Steps that were allowed.
        limit: u64,
    },
}

impl EvalError {
    pub(super) fn new(sentence: impl Into<String>) -> Self {
        Self::Failed(sentence.into())
    }

    /// Whether `&&`, `||`, `exists` and `all` may still decide in spite of this error, as CEL says.
    pub(super) fn absorbable(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}
