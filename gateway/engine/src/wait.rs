//! Waiting for a call: what is shown, when it is enough, and who stays in memory for it.

use std::{sync::Arc, time::Duration};

use backstop_domain::{CallId, Phase};
use tokio::sync::watch;

use crate::{
    engine::{Engine, Inner},
    live::{LiveCall, Shown, Snapshot, Stop},
};

/// What somebody waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    /// The end, or a person who is asked.
    Rest,
    /// The end.
    End,
}

/// What waiting came to.
enum Waited {
    /// The call as it stands.
    Enough(Option<Box<Snapshot>>),
    /// What was waited for is in memory no more: the call goes on from disk.
    StartedAnew,
}

/// Somebody's place at a call. Given up, however that happens, it lets the call go from memory if
/// nobody else needs it there.
struct Seat {
    inner: Arc<Inner>,
    call: Option<Arc<LiveCall>>,
    shown: Option<watch::Receiver<Shown>>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shown = None;
        if let Some(call) = self.call.take() {
            self.inner.park(call);
        }
    }
}

impl Engine {
    /// Waits until the call ended or rests with a person, at most that long; then the call as it
    /// stands on disk. `None`: there is no such call, nor will there be.
    ///
    /// # Errors
    /// As [`Engine::call`]; [`Stop::Broken`] if it cannot be written down.
    pub async fn wait(&self, id: &CallId, longest: Duration) -> Result<Option<Snapshot>, Stop> {
        self.wait_for(id, longest, For::Rest).await
    }

    /// Waits until the call ended, at most that long.
    ///
    /// # Errors
    /// As [`Engine::wait`].
    pub async fn wait_end(&self, id: &CallId, longest: Duration) -> Result<Option<Snapshot>, Stop> {
        self.wait_for(id, longest, For::End).await
    }

    /// A call that is started anew, from disk or by a new run, is waited for anew.
    async fn wait_for(
        &self,
        id: &CallId,
        longest: Duration,
        what: For,
    ) -> Result<Option<Snapshot>, Stop> {
        let started = crate::stages::stopwatch();
        loop {
            let left = longest.saturating_sub(started.elapsed());
            match self.wait_once(id, left, what).await? {
                Waited::Enough(found) => return Ok(found.map(|found| *found)),
                Waited::StartedAnew => tokio::task::yield_now().await,
            }
        }
    }

    async fn wait_once(&self, id: &CallId, longest: Duration, what: For) -> Result<Waited, Stop> {
        let inner = &self.0;
        let enough = |found: Option<Snapshot>| Ok(Waited::Enough(found.map(Box::new)));
        let call = match inner.live_call(id) {
            Some(call) => call,
            None => {
                let found = inner.snapshot(id).await?;
                let Some(open) = found.as_ref().filter(|found| !is_enough(found, what)) else {
                    return enough(found);
                };
                // In a box: nearly every call that is waited for is in memory.
                match Box::pin(inner.resume(&open.id)).await? {
                    Some(call) => call,
                    None => return enough(inner.snapshot(id).await?),
                }
            }
        };
        let shown = Some(call.shown.subscribe());
        let mut seat = Seat { inner: Arc::clone(inner), call: Some(call), shown };
        let (Some(call), Some(shown)) = (&seat.call, &mut seat.shown) else { return enough(None) };
        match inner.watch_call(shown, longest, what).await {
            Shown::Ended(snapshot) | Shown::InReview(snapshot) => {
                enough(Some(Snapshot::clone(&snapshot)))
            }
            Shown::Broken(why) => Err(Stop::Broken(why)),
            Shown::Parked if !longest.is_zero() && !inner.tasks.is_draining() => {
                Ok(Waited::StartedAnew)
            }
            Shown::Working | Shown::Parked => enough(inner.once_on_disk(call).await?),
        }
    }
}

impl Inner {
    /// What is shown once that is enough, or the time is up.
    async fn watch_call(
        &self,
        shown: &mut watch::Receiver<Shown>,
        longest: Duration,
        what: For,
    ) -> Shown {
        let enough = |shown: &Shown| match shown {
            Shown::Working => false,
            Shown::InReview(_) => what == For::Rest || self.tasks.is_draining(),
            Shown::Ended(_) | Shown::Parked | Shown::Broken(_) => true,
        };
        let seen = tokio::time::timeout(longest, shown.wait_for(enough)).await;
        seen.ok().and_then(Result::ok).map_or(Shown::Working, |shown| shown.clone())
    }

    /// The call as it stands on disk, once it is there: nobody is told of a call that a power cut
    /// could still take back.
    async fn once_on_disk(&self, call: &LiveCall) -> Result<Option<Snapshot>, Stop> {
        let mut position = self.ledger.watch();
        let mut shown = call.shown.subscribe();
        loop {
            position.mark_unchanged();
            if let Some(found) = self.snapshot(&call.id).await? {
                return Ok(Some(found));
            }
            if let Shown::Broken(why) = &*shown.borrow_and_update() {
                return Err(Stop::Broken(why.clone()));
            }
            tokio::select! {
                biased;
                moved = position.changed() => {
                    moved.map_err(|_| Stop::Broken("the ledger is closed".to_owned()))?;
                }
                // The sender lives as long as `call`.
                _ = shown.changed() => {}
            }
        }
    }

    /// The call, if it is in memory.
    pub(crate) fn live_call(&self, id: &CallId) -> Option<Arc<LiveCall>> {
        self.live.lock().get(id).cloned()
    }

    /// Lets go of a call in memory, and of its key.
    pub(crate) fn forget(&self, call: &LiveCall) {
        self.settle_key(call);
        let mut all = self.live.lock();
        if all.get(&call.id).is_some_and(|kept| std::ptr::eq(&raw const **kept, call)) {
            all.remove(&call.id);
        }
    }

    /// Lets a call that waits for a person go from memory, if nobody needs it there: thousands may
    /// wait for days. Whoever comes for it reads it anew.
    pub(crate) fn park(&self, call: Arc<LiveCall>) {
        let mut all = self.live.lock();
        let ours = all.get(&call.id).is_some_and(|kept| Arc::ptr_eq(kept, &call));
        // The map's and this one: nobody else has it, and nobody comes to it while we look.
        let alone = Arc::strong_count(&call) == 2 && call.shown.receiver_count() == 0;
        let rests = call.cell.try_lock().is_ok_and(|live| {
            live.is_at_rest() && matches!(live.state.phase, Phase::InReview { .. })
        });
        if ours && alone && rests {
            all.remove(&call.id);
        }
        // Still under the lock: of two who let go at once the second finds itself alone.
        drop(call);
    }
}

fn is_enough(found: &Snapshot, what: For) -> bool {
    let asked = matches!(found.state.phase, Phase::InReview { .. });
    found.state.ended().is_some() || (asked && what == For::Rest)
}
