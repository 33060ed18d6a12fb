//! Answers that this process has in hand, so that judging need not read them back from the ledger.

use std::{collections::BTreeMap, sync::Arc};

use backstop_domain::Digest;
use backstop_upstream::{Answer as Provided, Rating};

/// Answers of one call.
#[derive(Default)]
pub(crate) struct Answers {
    bytes: BTreeMap<Digest, Arc<[u8]>>,
    provided: BTreeMap<u32, Arc<Provided>>,
    ratings: BTreeMap<u32, Rating>,
}

impl Answers {
    /// Keeps an answer in our form.
    pub fn keep(&mut self, digest: Digest, bytes: impl Into<Arc<[u8]>>) {
        self.bytes.insert(digest, bytes.into());
    }

    /// An answer in our form.
    pub fn bytes(&self, digest: Digest) -> Option<Arc<[u8]>> {
        self.bytes.get(&digest).cloned()
    }

    /// Keeps what the provider sent for an attempt, with its log-probabilities.
    pub fn keep_provided(&mut self, attempt: u32, answer: Arc<Provided>) {
        self.provided.insert(attempt, answer);
    }

    /// What the provider sent for an attempt.
    pub fn provided(&self, attempt: u32) -> Option<Arc<Provided>> {
        self.provided.get(&attempt).cloned()
    }

    /// Keeps what a quality breaker waits to hear of an attempt's answer.
    pub fn keep_rating(&mut self, attempt: u32, rating: Option<Rating>) {
        if let Some(rating) = rating {
            self.ratings.insert(attempt, rating);
        }
    }

    /// What is to be told of an attempt's answer; once, however often it is judged.
    pub fn take_rating(&mut self, attempt: u32) -> Option<Rating> {
        self.ratings.remove(&attempt)
    }
}
