//! The log as consumers read it: the newest events are kept in memory once for all of them, each
//! with what it is about. Who lags reads the ledger alone and holds up nobody.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use backstop_domain::{CallEvent, CallId, ControlEvent, Digest, Envelope, Event, ReviewId, Stream};
use backstop_ledger::{Ledger, ReadFailed, Recorded};
use parking_lot::Mutex;

/// Events that are kept in memory.
const KEPT: usize = 2_000;
/// Events of one reading.
const PAGE: usize = 500;
/// Calls and reviews that are remembered; beyond that all are looked up again.
const REMEMBERED: usize = 10_000;

/// An event and what it is about.
#[derive(Debug)]
pub struct Item {
    /// The event.
    pub recorded: Recorded,
    /// What it is about.
    pub about: About,
}

impl Item {
    /// Its place in the ledger.
    pub fn position(&self) -> u64 {
        self.recorded.envelope.position
    }
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// What its order is kept within: its call's stream, or its own.
    pub lane: Stream,
    /// The policy of its call, or the one that it is about.
    pub policy: Option<String>,
    /// The revision that its call is pinned to.
    pub revision: Option<Digest>,
}

/// The log, read once for all.
pub struct Feed {
    ledger: Arc<dyn Ledger>,
    newest: tokio::sync::Mutex<VecDeque<Arc<Item>>>,
    known: Mutex<HashMap<Stream, About>>,
}

impl Feed {
    /// The log of that ledger.
    pub fn new(ledger: Arc<dyn Ledger>) -> Self {
        Self { ledger, newest: tokio::sync::Mutex::default(), known: Mutex::default() }
    }

    /// Events after that position, in order; a page of them, and none only if there are none.
    ///
    /// # Errors
    /// [`ReadFailed`] if the ledger cannot be read.
    pub async fn after(&self, after: u64) -> Result<Vec<Arc<Item>>, ReadFailed> {
        let mut newest = self.newest.lock().await;
        let first = newest.front().map(|item| item.position());
        let last = newest.back().map(|item| item.position());
        if let (Some(first), Some(last)) = (first, last)
            && (first..=last).contains(&(after + 1))
        {
            let skip = usize::try_from(after + 1 - first).unwrap_or(usize::MAX);
            return Ok(newest.iter().skip(skip).take(PAGE).cloned().collect());
        }
        if last.is_some_and(|last| after < last) {
            drop(newest);
            return self.read(after).await;
        }
        let page = self.read(after).await?;
        if last != Some(after) {
            newest.clear();
        }
        newest.extend(page.iter().cloned());
        let over = newest.len().saturating_sub(KEPT);
        newest.drain(..over);
        Ok(page)
    }

    /// The event at that position.
    ///
    /// # Errors
    /// [`ReadFailed`] if the ledger cannot be read.
    pub async fn at(&self, position: u64) -> Result<Option<Arc<Item>>, ReadFailed> {
        let found = self.ledger.feed(position.saturating_sub(1), 1).await?;
        match found.into_iter().find(|one| one.envelope.position == position) {
            Some(recorded) => Ok(Some(Arc::new(self.item(recorded).await?))),
            None => Ok(None),
        }
    }

    async fn read(&self, after: u64) -> Result<Vec<Arc<Item>>, ReadFailed> {
        let events = self.ledger.feed(after, PAGE).await?;
        let mut page = Vec::with_capacity(events.len());
        for recorded in events {
            page.push(Arc::new(self.item(recorded).await?));
        }
        Ok(page)
    }

    async fn item(&self, recorded: Recorded) -> Result<Item, ReadFailed> {
        let about = self.about(&recorded).await?;
        Ok(Item { recorded, about })
    }

    /// What that event is about.
    ///
    /// # Errors
    /// [`ReadFailed`] if the ledger cannot be read.
    pub async fn about(&self, recorded: &Recorded) -> Result<About, ReadFailed> {
        let Envelope { stream, .. } = &recorded.envelope;
        if let Some(about) = self.known.lock().get(stream) {
            return Ok(about.clone());
        }
        let about = match (&recorded.event, stream.call_id(), stream.review_id()) {
            (Ok(Event::Call(CallEvent::CallReceived(received))), ..) => About {
                lane: stream.clone(),
                policy: Some(received.policy.clone()),
                revision: Some(received.revision),
            },
            (Ok(Event::Control(ControlEvent::ShadowJudged { call, policy, .. })), ..) => {
                let (lane, policy) = (Stream::call(call), Some(policy.clone()));
                About { lane, policy, revision: None }
            }
            (_, Some(call), _) => self.of_call(&call).await?,
            (_, _, Some(review)) => self.of_review(stream, &review).await?,
            _ => {
                let policy = stream.as_str().strip_prefix("control/policy.").map(str::to_owned);
                About { lane: stream.clone(), policy, revision: None }
            }
        };
        let mut known = self.known.lock();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(stream.clone(), about.clone());
        Ok(about)
    }

    async fn of_call(&self, id: &CallId) -> Result<About, ReadFailed> {
        let call = self.ledger.call(id).await?;
        let (policy, revision) = call.map(|call| (call.policy, call.revision)).unzip();
        Ok(About { lane: Stream::call(id), policy, revision })
    }

    /// Events of a review go in the lane of its call.
    async fn of_review(&self, stream: &Stream, id: &ReviewId) -> Result<About, ReadFailed> {
        match self.ledger.review(id).await? {
            Some(review) => self.of_call(&review.call).await,
            None => Ok(About { lane: stream.clone(), policy: None, revision: None }),
        }
    }
}

/// Which events somebody wants. The default is all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Of these types; `None` for all.
    pub types: Option<Vec<String>>,
    /// Of calls and reviews of these policies; `None` for all.
    pub policies: Option<Vec<String>>,
}

impl Wanted {
    /// Whether that event is wanted.
    pub fn takes(&self, kind: &str, policy: Option<&str>) -> bool {
        let named = |names: &Option<Vec<String>>, name: Option<&str>| {
            names.as_ref().is_none_or(|names| names.iter().any(|one| Some(one.as_str()) == name))
        };
        named(&self.types, Some(kind)) && named(&self.policies, policy)
    }
}
