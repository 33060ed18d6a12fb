//! The answer cache: accepted answers, for policies that ask for it. A kept answer is judged like
//! any other; the cache skips the model, never a check.

use std::time::Duration;

use backstop_domain::{CallEvent, Digest, Source, Subject, canonical};
use backstop_policy::{Gateway, compiled::CachePer};
use moka::{Expiry, sync::Cache};

use crate::{
    engine::Inner,
    live::{Live, Stop},
};

/// Accepted answers by the digest of what they answer. Bounded by bytes; gone with the process.
pub(crate) struct AnswerCache(Cache<Digest, Kept>);

#[derive(Clone)]
struct Kept {
    bytes: Vec<u8>,
    model: Option<String>,
    lives: Duration,
}

/// Each answer lives as long as its policy says.
struct Lives;

impl Expiry<Digest, Kept> for Lives {
    fn expire_after_create(
        &self,
        _: &Digest,
        kept: &Kept,
        _: std::time::Instant,
    ) -> Option<Duration> {
        Some(kept.lives)
    }
}

impl AnswerCache {
    /// As large as the gateway file says.
    pub fn new(gateway: &Gateway) -> Self {
        let cache = Cache::builder()
            .max_capacity(gateway.cache.bytes_max)
            .weigher(|_: &Digest, kept: &Kept| {
                u32::try_from(kept.bytes.len()).unwrap_or(u32::MAX).saturating_add(128)
            })
            .expire_after(Lives)
            .build();
        Self(cache)
    }
}

impl Inner {
    /// Looks for a kept answer to the same question under the same revision.
    pub(crate) fn look_in_cache(&self, live: &mut Live) -> Result<(), Stop> {
        let kept = cache_key(live).and_then(|key| self.cache.0.get(&key));
        let hit = kept.map(|kept| {
            let digest = live.body(kept.bytes.clone());
            live.answers.keep(digest, kept.bytes);
            Subject { source: Source::Cache, digest, attempt: None, model: kept.model }
        });
        self.apply(live, CallEvent::CacheLooked { hit })
    }

    /// Keeps an answer that was accepted as a model's.
    pub(crate) fn keep_in_cache(&self, live: &Live) {
        let Some(subject) = live.state.subject() else { return };
        let (Some(key), Some(cache)) = (cache_key(live), &live.policy.cache) else { return };
        let Some(bytes) = live.answers.bytes(subject.digest) else { return };
        let kept = Kept {
            bytes: bytes.to_vec(),
            model: subject.model.clone(),
            lives: Duration::from_millis(cache.for_ms),
        };
        self.cache.0.insert(key, kept);
    }

    /// Lets go of that answer, if it is kept for the call's question.
    pub(crate) fn drop_from_cache(&self, live: &Live, answer: Digest) {
        let Some(key) = cache_key(live) else { return };
        if self.cache.0.get(&key).is_some_and(|kept| Digest::of(&kept.bytes) == answer) {
            self.cache.0.invalidate(&key);
        }
    }
}

/// What must be equal for an answer to be the same: revision, whose, and the input or parts of it.
fn cache_key(live: &Live) -> Option<Digest> {
    let cache = live.policy.cache.as_ref()?;
    let received = &live.state.received;
    let whose = match cache.per {
        CachePer::Caller => format!("caller/{}", received.caller),
        CachePer::Tenant => format!("tenant/{}", received.tenant.as_deref().unwrap_or_default()),
        CachePer::Policy => String::new(),
    };
    let what = canonical(&live.facts.cache_parts());
    let text = format!("{}\n{whose}\n{what}", received.revision);
    Some(Digest::of(text.as_bytes()))
}
