//! What people typed and have not sent, or sent and may not: kept for them while the review is
//! open, also when their claim runs out. In memory only; nobody else sees it.

use std::collections::HashMap;

use backstop_domain::{Digest, Millis, ReviewId};
use parking_lot::Mutex;

use super::fields::Fields;

/// Most drafts at one time; the oldest makes room.
const DRAFTS_MAX: usize = 2_000;
/// How long a draft is kept, in milliseconds.
const KEPT_MS: u64 = 24 * 3_600_000;

/// What somebody typed on one review.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Every field, as sent.
    pub fields: Fields,
    /// What was wrong with it, at which place: the part of the form, a pointer, words.
    pub errors: Vec<(String, String, String)>,
    /// What was wrong with it as a whole.
    pub trouble: Option<String>,
    /// What they saw when they typed.
    pub subject: Option<Digest>,
    /// When.
    pub at: Millis,
}

/// Every draft.
#[derive(Default)]
pub struct Drafts(Mutex<HashMap<(ReviewId, String), Draft>>);

impl Drafts {
    /// Keeps it in place of the person's last one.
    pub fn keep(&self, review: &ReviewId, person: &str, draft: Draft) {
        let mut drafts = self.0.lock();
        let place = (review.clone(), person.to_owned());
        if drafts.len() >= DRAFTS_MAX && !drafts.contains_key(&place) {
            let now = draft.at;
            drafts.retain(|_, draft| now.since(draft.at) < KEPT_MS);
            let oldest = drafts.iter().min_by_key(|(_, draft)| draft.at);
            let oldest = oldest.map(|(place, _)| place.clone());
            if let Some(oldest) = oldest.filter(|_| drafts.len() >= DRAFTS_MAX) {
                drafts.remove(&oldest);
            }
        }
        drafts.insert(place, draft);
    }

    /// That person's draft.
    pub fn of(&self, review: &ReviewId, person: &str, now: Millis) -> Option<Draft> {
        let drafts = self.0.lock();
        let draft = drafts.get(&(review.clone(), person.to_owned()))?;
        (now.since(draft.at) < KEPT_MS).then(|| draft.clone())
    }

    /// It was sent, or is of no use any more.
    pub fn forget(&self, review: &ReviewId, person: &str) {
        self.0.lock().remove(&(review.clone(), person.to_owned()));
    }
}
