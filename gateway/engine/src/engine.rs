//! The engine as the server sees it: admit calls, show them, let people decide.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use backstop_domain::{CallId, CallState, Digest, Event, Stream};
use backstop_ledger::{Ledger, Recorded};
use backstop_policy::Policy;
use backstop_upstream::{Clock, GateSnapshot};
use parking_lot::Mutex;

use crate::{
    cache::AnswerCache,
    canary::Canaries,
    changes::Changes,
    desk_log::DeskLog,
    door::Door,
    due::Due,
    fallback::LastGood,
    ids::Ids,
    in_force::InForce,
    keys::Keys,
    live::{LiveCall, Snapshot, Stop},
    load::Load,
    models::Models,
    pause::Pauses,
    people::People,
    services::Services,
    shadow::Shadows,
    tasks::Tasks,
    tool_limits::ToolLimits,
};

/// What an engine is made of.
pub struct Parts {
    /// The policies in force, and the gateway file.
    pub workspace: Arc<InForce>,
    /// Where everything is remembered.
    pub ledger: Arc<dyn Ledger>,
    /// The models.
    pub models: Models,
    /// The services that checks ask.
    pub services: Services,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes identifiers.
    pub ids: Ids,
    /// Secret that keys `sample`.
    pub salt: Vec<u8>,
}

/// The engine. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Engine(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub workspace: ArcSwap<InForce>,
    /// Policies by revision: those in force, and those that open calls are pinned to.
    pub revisions: Mutex<HashMap<Digest, Arc<Policy>>>,
    pub ledger: Arc<dyn Ledger>,
    pub models: Models,
    pub services: Services,
    pub clock: Arc<dyn Clock>,
    pub ids: Ids,
    pub salt: Vec<u8>,
    pub tasks: Tasks,
    pub door: Door,
    pub load: Load,
    pub people: People,
    pub cache: AnswerCache,
    pub last_good: LastGood,
    pub due: Due,
    pub tool_limits: ToolLimits,
    pub changes: Changes,
    pub desk_log: DeskLog,
    /// Held by whoever does what one of several reviews of a call alone may have.
    pub one_by_one: tokio::sync::Mutex<()>,
    pub canaries: Canaries,
    pub shadows: Shadows,
    pub pauses: Pauses,
    /// Calls whose run panicked in this process.
    pub panicked: Mutex<HashSet<CallId>>,
    /// Calls in memory.
    pub live: Mutex<HashMap<CallId, Arc<LiveCall>>>,
    /// Idempotency keys of calls that are not on disk yet.
    pub keys: Keys,
}

impl Engine {
    /// An engine over these parts. [`Engine::recover`] carries on what the last one left.
    pub fn new(parts: Parts) -> Self {
        let door = Door::new(&parts.workspace, Arc::clone(&parts.clock));
        let load = Load::new(&parts.workspace.gateway.degradation);
        let tool_limits = ToolLimits::new(Arc::clone(&parts.clock));
        let cache = AnswerCache::new(&parts.workspace.gateway);
        let workspace = &parts.workspace;
        parts.models.share_out(workspace);
        let policies = workspace.policies.values().chain(workspace.drafts.values());
        let revisions = policies.map(|policy| (policy.plan.revision, Arc::clone(policy))).collect();
        Self(Arc::new(Inner {
            workspace: ArcSwap::new(parts.workspace),
            revisions: Mutex::new(revisions),
            ledger: parts.ledger,
            models: parts.models,
            services: parts.services,
            clock: parts.clock,
            ids: parts.ids,
            salt: parts.salt,
            tasks: Tasks::default(),
            door,
            load,
            people: People::default(),
            cache,
            last_good: LastGood::default(),
            due: Due::default(),
            tool_limits,
            changes: Changes::default(),
            desk_log: DeskLog::default(),
            one_by_one: tokio::sync::Mutex::default(),
            canaries: Canaries::default(),
            shadows: Shadows::default(),
            pauses: Pauses::default(),
            panicked: Mutex::default(),
            live: Mutex::new(HashMap::new()),
            keys: Keys::default(),
        }))
    }

    /// The policies in force.
    pub fn workspace(&self) -> Arc<InForce> {
        self.0.workspace.load_full()
    }

    /// The ledger, for reading.
    pub fn ledger(&self) -> &Arc<dyn Ledger> {
        &self.0.ledger
    }

    /// The time by which the engine lives.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// A secret for that purpose, the same after every restart over the same data folder.
    pub fn lasting_secret(&self, purpose: &str) -> String {
        let salted = [self.0.salt.as_slice(), purpose.as_bytes()].concat();
        Digest::of(&salted).to_string()
    }

    /// Makes identifiers.
    pub fn ids(&self) -> &Ids {
        &self.0.ids
    }

    /// How every model stands; its quality breakers for the policies in force.
    pub fn models(&self) -> Vec<GateSnapshot> {
        let workspace = self.0.workspace.load();
        let revision = |policy: &str| Some(workspace.policies.get(policy)?.plan.revision);
        let mut snapshots = self.0.models.snapshots();
        for gate in &mut snapshots {
            gate.quality.retain(|one| revision(&one.policy) == Some(one.revision));
        }
        snapshots
    }

    /// Calls in memory: those that go on, and those in review that somebody waits for.
    pub fn in_flight(&self) -> usize {
        self.0.live.lock().len()
    }

    /// Idempotency keys that are held in memory, because their calls are not on disk yet.
    pub fn keys_held(&self) -> usize {
        self.0.keys.len()
    }

    /// Whether the call is in memory: it goes on, or waits for a person.
    pub fn is_live(&self, id: &CallId) -> bool {
        self.0.live.lock().contains_key(id)
    }

    /// The call as it stands on disk.
    ///
    /// # Errors
    /// [`Stop`] if the ledger cannot be read or its events do not fold.
    pub async fn call(&self, id: &CallId) -> Result<Option<Snapshot>, Stop> {
        self.0.snapshot(id).await
    }

    /// The call's events, in order.
    ///
    /// # Errors
    /// [`Stop::Read`] if the ledger cannot be read.
    pub async fn events(&self, id: &CallId, after: u64) -> Result<Vec<Recorded>, Stop> {
        Ok(self.0.ledger.stream(&Stream::call(id), after).await?)
    }

    /// From here on no calls are taken, and whoever waits for a person is told how things stand.
    /// [`Engine::drain`] then waits for what runs.
    pub fn close(&self) {
        self.0.tasks.close();
        let mut calls: Vec<_> = self.0.live.lock().values().cloned().collect();
        // In order, so that a simulated life can be lived again.
        calls.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        for call in calls {
            // Those who wait look again, and see that nobody decides here any more.
            call.shown.send_modify(|_| {});
        }
    }

    /// Comes to a halt: no new calls, waiting ones are parked on disk, running ones get `longest`
    /// to end. `false`: some did not.
    pub async fn drain(&self, longest: Duration) -> bool {
        self.close();
        self.0.tasks.drain(longest).await
    }

    /// Whether the engine takes calls, and if not why.
    pub fn health(&self) -> Result<(), String> {
        if let Some(fault) = self.0.ledger.fault() {
            return Err(fault.to_string());
        }
        if self.0.tasks.is_draining() { Err("the gateway is stopping".to_owned()) } else { Ok(()) }
    }
}

impl Inner {
    /// The call as its events on disk make it, with the answer that may leave.
    pub(crate) async fn snapshot(&self, id: &CallId) -> Result<Option<Snapshot>, Stop> {
        let events = self.ledger.stream(&Stream::call(id), 0).await?;
        let Some(state) = fold(&events)? else { return Ok(None) };
        let answer = match state.ended().and_then(|ended| ended.answer) {
            Some(digest) => self.stored(digest).await?,
            None => None,
        };
        let (id, state, stages) = (id.clone(), Arc::new(state), Default::default());
        Ok(Some(Snapshot { id, state, answer, stages, on_disk: true, provided: None }))
    }

    /// Bytes of that digest; `None` once they are erased.
    pub(crate) async fn stored(&self, digest: Digest) -> Result<Option<Vec<u8>>, Stop> {
        let body = self.ledger.body(digest).await?.ok_or(Stop::Lost(digest))?;
        Ok(body.bytes)
    }
}

/// Folds a call's events.
///
/// # Errors
/// [`Stop::Unreadable`] if one of them cannot be read, [`Stop::Illegal`] if they do not follow.
pub(crate) fn fold(events: &[Recorded]) -> Result<Option<CallState>, Stop> {
    let mut state = None;
    for recorded in events {
        match &recorded.event {
            Ok(Event::Call(event)) => {
                state = Some(CallState::fold(state, event, recorded.envelope.at)?);
            }
            Ok(_) => {}
            Err(unreadable) => return Err(Stop::Unreadable(unreadable.clone())),
        }
    }
    Ok(state)
}
