//! Erasing the words of a call, or of everything that a person or thing was named in; and holding
//! calls against that and against retention. It works on a ledger alone, so it is the same beside a
//! running gateway and without one.

use std::{collections::BTreeMap, fmt, sync::Arc};

use backstop_domain::{Actor, CallEvent, CallId, ControlEvent, Digest, Event, Millis, Stream};
use backstop_ledger::{
    Append, AppendError, CallBodies, KeepingChange, Ledger, NewEvent, OwnBody, ReadFailed,
    Recorded, Transaction,
};
use serde_json::Value;

use crate::Ids;

/// Events that are read at once.
const PAGE: usize = 1000;
/// Digests, and calls, in one event of the ledger: so few that it stands in its row for ever.
const NAMED_MAX: usize = 60;
/// Calls in one order.
const CALLS_MAX: usize = 1_000;
/// The stream that tells of erasures.
const ERASURES: &str = "erasures";
/// The stream that tells of holds.
const HOLDS: &str = "holds";
/// The words for a hold and its end.
const HOLD: &str = "hold";
const RELEASE: &str = "release";

/// Whose words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// Those of one call.
    Call(CallId),
    /// Those of every call with that tag, or whose input has that value at a path (`input.a.b`).
    Subject {
        /// The tag, or the path.
        key: String,
        /// Its value.
        value: String,
    },
}

impl Whose {
    /// Reads `KEY=VALUE`.
    pub fn subject(text: &str) -> Option<Self> {
        let (key, value) = text.split_once('=')?;
        let (key, value) = (key.to_owned(), value.to_owned());
        (!key.is_empty() && !value.is_empty()).then_some(Self::Subject { key, value })
    }

    const fn scope(&self) -> &'static str {
        match self {
            Self::Call(_) => "call",
            Self::Subject { .. } => "subject",
        }
    }

    /// As the ledger keeps it for ever: a subject only by the digest of its name.
    fn target(&self) -> String {
        match self {
            Self::Call(id) => id.0.clone(),
            Self::Subject { key, value } => {
                Digest::of(format!("{key}={value}").as_bytes()).to_string()
            }
        }
    }
}

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(id) => write!(f, "call {id}"),
            Self::Subject { key, value } => write!(f, "{key}={value}"),
        }
    }
}

/// What an erasure takes, or would take.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Erased {
    /// The calls.
    pub calls: Vec<CallId>,
    /// Bodies that go.
    pub bodies: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bodies that stay, because other calls use them too.
    pub shared: u64,
    /// Bodies that were erased before.
    pub gone: u64,
}

/// A call that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The call.
    pub call: CallId,
    /// Since when.
    pub since: Millis,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// Why nothing was erased or held.
#[derive(Debug, thiserror::Error)]
pub enum EraseRefused {
    /// No call is meant.
    #[error("there is no such call")]
    Nobody,
    /// It would take more than one order may.
    #[error("{0} calls are meant, at most {CALLS_MAX} at one time; be more precise")]
    TooMany(usize),
    /// A call has not ended.
    #[error("`{0}` has not ended: cancel it, or wait for its end")]
    Open(CallId),
    /// A call is held.
    #[error("`{call}` is held ({reason}): `backstop hold remove` first")]
    Held {
        /// The call.
        call: CallId,
        /// Why it is held.
        reason: String,
    },
    /// The ledger cannot be read.
    #[error(transparent)]
    Read(#[from] ReadFailed),
    /// The ledger does not take it.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// Erasures and holds on one ledger.
pub struct Erasures<'a> {
    /// The ledger.
    pub ledger: &'a Arc<dyn Ledger>,
    /// Makes identifiers.
    pub ids: &'a Ids,
    /// Now.
    pub now: Millis,
}

impl Erasures<'_> {
    /// Erases the bodies that these calls alone use, and leaves events that prove it; with
    /// `dry_run` only says what would go.
    ///
    /// # Errors
    /// [`EraseRefused`]; nothing has changed then.
    pub async fn erase(
        &self,
        whose: &Whose,
        actor: &Actor,
        reason: &str,
        dry_run: bool,
    ) -> Result<Erased, EraseRefused> {
        let calls = self.calls(whose).await?;
        let held = self.holds().await?;
        for id in &calls {
            if self.ledger.call(id).await?.is_some_and(|call| call.is_open()) {
                return Err(EraseRefused::Open(id.clone()));
            }
            if let Some(held) = held.get(id) {
                let (call, reason) = (id.clone(), held.reason.clone());
                return Err(EraseRefused::Held { call, reason });
            }
        }
        let CallBodies { own, shared, gone, .. } = self.ledger.bodies_of(calls.clone()).await?;
        let bytes = own.iter().map(|body| body.size).sum();
        let erased = Erased { bodies: own.len() as u64, bytes, shared, gone, calls };
        if !dry_run {
            self.write(whose, actor, reason, &erased, own).await?;
        }
        Ok(erased)
    }

    /// The bodies go in the same commit as the events that say so.
    async fn write(
        &self,
        whose: &Whose,
        actor: &Actor,
        reason: &str,
        erased: &Erased,
        own: Vec<OwnBody>,
    ) -> Result<(), EraseRefused> {
        let digests: Vec<Digest> = own.iter().map(|body| body.digest).collect();
        let mut digests = digests.chunks(NAMED_MAX);
        let mut calls = erased.calls.chunks(NAMED_MAX);
        let mut told = Vec::new();
        loop {
            let (digests, calls) = (digests.next(), calls.next());
            if digests.is_none() && calls.is_none() {
                break;
            }
            told.push(ControlEvent::BodiesErased {
                scope: whose.scope().to_owned(),
                target: whose.target(),
                calls: calls.unwrap_or_default().to_vec(),
                digests: digests.unwrap_or_default().to_vec(),
                shared: erased.shared,
                reason: reason.to_owned(),
            });
        }
        let append = self.append(ERASURES, actor, told).await?;
        let change = KeepingChange::Erase { bodies: own, calls: erased.calls.clone() };
        self.ledger.append(Transaction::of(vec![append]).with_keeping([change])).await?;
        Ok(())
    }

    /// Holds the calls: nothing that they name is erased until they are released.
    ///
    /// # Errors
    /// [`EraseRefused`]; nothing has changed then.
    pub async fn hold(
        &self,
        whose: &Whose,
        actor: &Actor,
        reason: &str,
    ) -> Result<Vec<CallId>, EraseRefused> {
        let calls = self.calls(whose).await?;
        let mut changes = Vec::new();
        for call in &calls {
            let bodies = self.ledger.bodies_of(vec![call.clone()]).await?.all;
            changes.push(KeepingChange::Hold { call: call.clone(), bodies });
        }
        self.acted(HOLD, &calls, actor, reason, changes).await?;
        Ok(calls)
    }

    /// Releases the calls that are held among these.
    ///
    /// # Errors
    /// [`EraseRefused`]; nothing has changed then.
    pub async fn release(
        &self,
        whose: &Whose,
        actor: &Actor,
        reason: &str,
    ) -> Result<Vec<CallId>, EraseRefused> {
        let held = self.holds().await?;
        let mut calls = self.calls(whose).await?;
        calls.retain(|call| held.contains_key(call));
        if calls.is_empty() {
            return Err(EraseRefused::Nobody);
        }
        let changes = calls.iter().map(|call| KeepingChange::Release { call: call.clone() });
        self.acted(RELEASE, &calls, actor, reason, changes.collect()).await?;
        Ok(calls)
    }

    /// Every call that is held, as the ledger tells it.
    ///
    /// # Errors
    /// [`ReadFailed`] if the ledger cannot be read.
    pub async fn holds(&self) -> Result<BTreeMap<CallId, Held>, ReadFailed> {
        let mut held = BTreeMap::new();
        for Recorded { envelope, event } in self.ledger.stream(&Stream::control(HOLDS), 0).await? {
            let Ok(Event::Control(ControlEvent::OperatorActed { act, target, reason, .. })) = event
            else {
                continue;
            };
            let call = CallId(target);
            if act == HOLD {
                let (since, by) = (envelope.at, envelope.actor.id);
                held.insert(call.clone(), Held { call, since, by, reason });
            } else {
                held.remove(&call);
            }
        }
        Ok(held)
    }

    async fn acted(
        &self,
        act: &str,
        calls: &[CallId],
        actor: &Actor,
        reason: &str,
        changes: Vec<KeepingChange>,
    ) -> Result<(), EraseRefused> {
        let told = calls.iter().map(|call| ControlEvent::OperatorActed {
            act: act.to_owned(),
            target: call.0.clone(),
            reason: reason.to_owned(),
            until: None,
        });
        let append = self.append(HOLDS, actor, told.collect()).await?;
        self.ledger.append(Transaction::of(vec![append]).with_keeping(changes)).await?;
        Ok(())
    }

    pub(crate) async fn append(
        &self,
        stream: &str,
        actor: &Actor,
        told: Vec<ControlEvent>,
    ) -> Result<Append, ReadFailed> {
        let stream = Stream::control(stream);
        let expected_seq = self.ledger.stream(&stream, 0).await?.len() as u64;
        let now = self.now;
        let new = |event| NewEvent::control(self.ids.event(now), now, actor.clone(), event);
        let events = told.into_iter().map(new);
        Ok(Append { stream, expected_seq, after: None, events: events.collect() })
    }

    /// The calls that are meant.
    async fn calls(&self, whose: &Whose) -> Result<Vec<CallId>, EraseRefused> {
        let found = match whose {
            Whose::Call(id) => {
                self.ledger.call(id).await?.map(|call| call.id).into_iter().collect()
            }
            Whose::Subject { key, value } => self.with_subject(key, value).await?,
        };
        match found.len() {
            0 => Err(EraseRefused::Nobody),
            1..=CALLS_MAX => Ok(found),
            more => Err(EraseRefused::TooMany(more)),
        }
    }

    /// Calls with that tag, or with that value at a path of their input.
    async fn with_subject(&self, key: &str, value: &str) -> Result<Vec<CallId>, ReadFailed> {
        let mut found = Vec::new();
        let mut after = 0;
        loop {
            let page = self.ledger.feed(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(found) };
            after = last.envelope.position;
            for recorded in page {
                let Some(CallEvent::CallReceived(received)) = recorded.as_call() else { continue };
                let tagged = received.tags.get(key).is_some_and(|tag| tag == value);
                let named = tagged
                    || key.starts_with("input.")
                        && self.names(received.request, key, value).await?;
                if named {
                    found.extend(recorded.envelope.stream.call_id());
                }
            }
        }
    }

    async fn names(&self, request: Digest, path: &str, value: &str) -> Result<bool, ReadFailed> {
        let bytes = self.ledger.body(request).await?.and_then(|body| body.bytes);
        let request = bytes.and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
        let at = request
            .as_ref()
            .and_then(|whole| path.split('.').try_fold(whole, |place, step| place.get(step)));
        Ok(match at {
            Some(Value::String(text)) => text == value,
            Some(Value::Number(number)) => number.to_string() == value,
            _ => false,
        })
    }
}
