//! Projections in memory that follow the ledger's feed, so that a page over ten thousand rows costs
//! no look at the disk. The ledger stays the truth: nothing is decided by what a projection says.

use std::sync::Arc;

use backstop_domain::Millis;
use backstop_ledger::{Ledger, ReadFailed, Recorded};
use parking_lot::Mutex as Quick;
use tokio::sync::Mutex;

/// Further behind than this many events, a projection is read anew in place of the feed.
const BEHIND_MAX: u64 = 2_000;
/// Events read at once.
const PAGE: usize = 1_000;

/// What is made of events, and what pages see of it.
pub trait Projection: Default + Send {
    /// What pages see.
    type View: Default + Send + Sync;

    /// Reads from the ledger how things stand. Events that are taken later may be in that already.
    async fn load(&mut self, ledger: &dyn Ledger, now: Millis) -> Result<(), ReadFailed>;

    /// Goes on by some events; tells whether they changed anything.
    async fn take(&mut self, ledger: &dyn Ledger, events: &[Recorded]) -> Result<bool, ReadFailed>;

    /// What pages see now. `version` grows with each.
    fn view(&self, version: u64) -> Self::View;
}

/// A projection that is as new as the ledger whenever somebody looks.
#[derive(Default)]
pub struct Followed<P: Projection> {
    /// Held while the ledger is read, so that many who look read it once.
    place: Mutex<Place<P>>,
    shown: Quick<(u64, Arc<P::View>)>,
}

#[derive(Default)]
struct Place<P> {
    loaded: bool,
    position: u64,
    /// Whether anything changed since it was shown.
    changed: bool,
    projection: P,
}

impl<P: Projection> Followed<P> {
    /// How things stand in the ledger now.
    ///
    /// # Errors
    /// [`ReadFailed`] if the ledger cannot be read.
    pub async fn current(
        &self,
        ledger: &dyn Ledger,
        now: Millis,
    ) -> Result<Arc<P::View>, ReadFailed> {
        let end = ledger.position();
        let mut place = self.place.lock().await;
        if !place.loaded || end.saturating_sub(place.position) > BEHIND_MAX {
            place.projection.load(ledger, now).await?;
            (place.loaded, place.changed, place.position) = (true, true, end);
        } else {
            place.follow(ledger, end).await?;
        }
        let mut shown = self.shown.lock();
        if std::mem::take(&mut place.changed) {
            let version = shown.0 + 1;
            *shown = (version, Arc::new(place.projection.view(version)));
        }
        Ok(Arc::clone(&shown.1))
    }
}

impl<P: Projection> Place<P> {
    async fn follow(&mut self, ledger: &dyn Ledger, end: u64) -> Result<(), ReadFailed> {
        while self.position < end {
            let events = ledger.feed(self.position, PAGE).await?;
            let Some(last) = events.last() else { break };
            self.changed |= self.projection.take(ledger, &events).await?;
            self.position = last.envelope.position;
        }
        Ok(())
    }
}
