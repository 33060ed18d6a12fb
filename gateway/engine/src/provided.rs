//! What a provider sent beside an answer that left unchanged, such as its log-probabilities.

use std::time::Duration;

use backstop_domain::{AttemptResult, Digest};

use crate::{
    engine::{Engine, Inner},
    live::{Snapshot, Stop},
};

/// How long the disk is waited for where an answer left before it was written.
const SOON: Duration = Duration::from_secs(1);

impl Engine {
    /// The provider's bytes that hold the answer of an ended call, if that is a model's, as it
    /// was: not mended, masked or edited. `None` too once they are erased.
    ///
    /// # Errors
    /// [`Stop::Read`] if the ledger cannot be read.
    pub async fn provided(&self, ended: &Snapshot) -> Result<Option<Vec<u8>>, Stop> {
        let Some(raw) = raw_of(ended) else { return Ok(None) };
        let wait = if ended.on_disk { Duration::ZERO } else { SOON };
        match tokio::time::timeout(wait, self.0.once_stored(raw)).await {
            Ok(found) => found,
            Err(_) => self.0.found(raw).await,
        }
    }
}

impl Inner {
    async fn once_stored(&self, digest: Digest) -> Result<Option<Vec<u8>>, Stop> {
        let mut position = self.ledger.watch();
        loop {
            position.mark_unchanged();
            if let Some(bytes) = self.found(digest).await? {
                return Ok(Some(bytes));
            }
            if position.changed().await.is_err() {
                return Ok(None);
            }
        }
    }

    async fn found(&self, digest: Digest) -> Result<Option<Vec<u8>>, Stop> {
        Ok(self.ledger.body(digest).await?.and_then(|body| body.bytes))
    }
}

fn raw_of(ended: &Snapshot) -> Option<Digest> {
    let released = ended.state.ended()?.answer?;
    ended.state.attempts.iter().rev().find_map(|attempt| match attempt.ended.as_ref()?.result {
        AttemptResult::Answered { raw, answer, .. } if answer == released => Some(raw),
        _ => None,
    })
}
