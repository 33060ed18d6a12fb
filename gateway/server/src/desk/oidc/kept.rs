//! What was asked of the provider and is kept for a while: one question at a time, and after a
//! failure none for a moment, so that those who wait do not fail one after the other.

use std::sync::Arc;

use backstop_domain::Millis;
use tokio::sync::Mutex;

/// How long an answer is kept, in milliseconds.
const KEPT_MS: u64 = 3_600_000;
/// How long a failure is, in milliseconds.
const FAILED_MS: u64 = 3_000;
/// Least time between two questions before their time, in milliseconds.
const ANEW_MS: u64 = 60_000;

/// An answer, and when it came.
pub struct Kept<T>(Mutex<State<T>>);

struct State<T> {
    answer: Option<(Arc<T>, Millis)>,
    failed: Option<(String, Millis)>,
    anew: Option<Millis>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::new(State { answer: None, failed: None, anew: None }))
    }
}

impl<T> Kept<T> {
    /// The answer that is there; if there is none, or it is too old, what `ask` comes to.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn get(
        &self,
        now: Millis,
        ask: impl Future<Output = Result<T, String>>,
    ) -> Result<Arc<T>, String> {
        let mut state = self.0.lock().await;
        if let Some((answer, at)) = &state.answer
            && now.since(*at) < KEPT_MS
        {
            return Ok(Arc::clone(answer));
        }
        state.ask(now, ask).await
    }

    /// The answer asked for anew, because the one that is there cannot be right any more; at most
    /// once a minute, else `None`.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn anew(
        &self,
        now: Millis,
        ask: impl Future<Output = Result<T, String>>,
    ) -> Result<Option<Arc<T>>, String> {
        let mut state = self.0.lock().await;
        if state.anew.is_some_and(|last| now.since(last) < ANEW_MS) {
            return Ok(None);
        }
        state.anew = Some(now);
        state.ask(now, ask).await.map(Some)
    }

    /// The answer that is there.
    pub async fn there(&self) -> Option<Arc<T>> {
        self.0.lock().await.answer.as_ref().map(|(answer, _)| Arc::clone(answer))
    }
}

impl<T> State<T> {
    async fn ask(
        &mut self,
        now: Millis,
        ask: impl Future<Output = Result<T, String>>,
    ) -> Result<Arc<T>, String> {
        if let Some((why, at)) = &self.failed
            && now.since(*at) < FAILED_MS
        {
            return Err(why.clone());
        }
        match ask.await {
            Ok(answer) => {
                let answer = Arc::new(answer);
                self.answer = Some((Arc::clone(&answer), now));
                self.failed = None;
                Ok(answer)
            }
            Err(why) => {
                self.failed = Some((why.clone(), now));
                Err(why)
            }
        }
    }
}
