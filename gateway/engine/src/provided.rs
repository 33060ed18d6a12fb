//! What a provider sent beside an answer that left unchanged, such as its log-probabilities.

use std::{borrow::Cow, sync::Arc};

use backstop_domain::{AttemptResult, CallState, Digest, call::Attempt};
use backstop_upstream::Answer as Provided;
use serde_json::Value;

use crate::{
    engine::Engine,
    live::{Live, Snapshot, Stop},
};

impl Engine {
    /// The provider's completion that holds the answer of an ended call, if that is a model's, as
    /// it was: not mended, masked or edited. `None` too once it is erased.
    ///
    /// # Errors
    /// [`Stop::Read`] if the ledger cannot be read.
    pub async fn provided<'a>(&self, ended: &'a Snapshot) -> Result<Option<Cow<'a, Value>>, Stop> {
        if let Some(provided) = &ended.provided {
            return Ok(Some(Cow::Borrowed(&provided.body)));
        }
        let Some((_, raw)) = source(&ended.state) else { return Ok(None) };
        let bytes = self.0.ledger.body(raw).await?.and_then(|body| body.bytes);
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).map(Cow::Owned))
    }
}

/// The same of a call that ends in this process.
pub(crate) fn at_hand(live: &Live) -> Option<Arc<Provided>> {
    live.answers.provided(source(&live.state)?.0)
}

/// The attempt whose answer left, and the digest of what came for it.
fn source(state: &CallState) -> Option<(u32, Digest)> {
    let released = state.ended()?.answer?;
    let answered = |(number, attempt): (u32, &Attempt)| match attempt.ended.as_ref()?.result {
        AttemptResult::Answered { raw, answer, .. } if answer == released => Some((number, raw)),
        _ => None,
    };
    (1..).zip(&state.attempts).filter_map(answered).last()
}
