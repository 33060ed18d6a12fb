//! Pauses: an operator holds a policy, a model, a queue or one call, for a reason and for a time.
//!
//! Those of a call stand in its own stream and are the machine's. All others stand in one control
//! stream, are folded at the start, and end by themselves.

use std::{collections::BTreeMap, fmt, sync::Arc};

use backstop_domain::{
    Actor, CallEvent, CallId, ControlEvent, Event, Millis, PauseEnd, Paused, Phase, Stream,
};
use backstop_upstream::Blocked;
use parking_lot::Mutex;

use crate::{
    engine::{Engine, Inner},
    live::{Live, LiveCall, Shown, Stop},
    reviews::TRIES,
};

/// Longest pause, in milliseconds: a week.
pub const PAUSE_MS_MAX: u64 = 7 * 24 * 60 * 60 * 1000;

/// The control stream that pauses stand in.
const STREAM: &str = "pauses";
/// Words of its events.
const PAUSE: &str = "pause";
const RESUME: &str = "resume";

/// What can be held beside a call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// Its calls are refused at the door, or take its `on.shed`.
    Policy(String),
    /// It is not asked.
    Model(String),
    /// Nobody claims or decides in it; due times go on.
    Queue(String),
}

/// A pause that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Until when.
    pub until: Millis,
    /// Why.
    pub reason: String,
    /// Who asked for it.
    pub by: String,
}

/// Why nothing was paused, or let go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PauseError {
    /// There is no such thing.
    #[error("there is no {0}")]
    Unknown(Target),
    /// There is no such call.
    #[error("there is no such call, or it has ended")]
    NoCall,
    /// It cannot be held where it is.
    #[error("a call that is {state} is not paused: {why}")]
    NotNow {
        /// The call's state.
        state: &'static str,
        /// Why, in words.
        why: &'static str,
    },
    /// It is not held.
    #[error("it is not paused")]
    NotPaused,
    /// Somebody else was faster, again and again.
    #[error("the call is being changed by somebody else: look at it anew")]
    Busy,
    /// It cannot be read or written down.
    #[error(transparent)]
    Stop(#[from] Stop),
}

/// Everything that is held beside calls.
#[derive(Default)]
pub(crate) struct Pauses {
    held: Mutex<BTreeMap<String, Held>>,
    /// Held by who changes them, so that memory and ledger tell the same order.
    writing: tokio::sync::Mutex<()>,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = self.parts();
        write!(f, "{kind}/{name}")
    }
}

impl Target {
    /// Such as `model/small`.
    pub fn read(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once('/')?;
        let name = name.to_owned();
        match kind {
            "policy" => Some(Self::Policy(name)),
            "model" => Some(Self::Model(name)),
            "queue" => Some(Self::Queue(name)),
            _ => None,
        }
    }

    fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::Policy(name) => ("policy", name),
            Self::Model(name) => ("model", name),
            Self::Queue(name) => ("queue", name),
        }
    }
}

impl Pauses {
    /// The pause of that kind and name, if it is in force at `now`.
    pub fn of(&self, kind: &str, name: &str, now: Millis) -> Option<Held> {
        let all = self.held.lock();
        if all.is_empty() {
            return None;
        }
        all.get(&format!("{kind}/{name}")).filter(|held| held.until > now).cloned()
    }

    fn is_held(&self, target: &Target, now: Millis) -> bool {
        let (kind, name) = target.parts();
        self.of(kind, name, now).is_some()
    }

    fn take(&self, event: &ControlEvent, by: &str) {
        let ControlEvent::OperatorActed { act, target, reason, until } = event else { return };
        match (act.as_str(), until) {
            (PAUSE, Some(until)) => {
                let held = Held { until: *until, reason: reason.clone(), by: by.to_owned() };
                self.held.lock().insert(target.clone(), held);
            }
            (RESUME, _) => {
                self.held.lock().remove(target);
            }
            _ => {}
        }
    }
}

impl Engine {
    /// What is held now, by its target; a call that is held says so itself.
    pub fn pauses(&self) -> Vec<(String, Held)> {
        let now = self.0.clock.now();
        let mut all = self.0.pauses.held.lock();
        all.retain(|_, held| held.until > now);
        all.iter().map(|(target, held)| (target.clone(), held.clone())).collect()
    }

    /// Holds something for so many milliseconds from now, at most a week; until when. What is held
    /// already is held by these words from here on.
    ///
    /// # Errors
    /// [`PauseError`]; nothing has changed then.
    pub async fn pause(
        &self,
        target: Target,
        for_ms: u64,
        reason: String,
        actor: Actor,
    ) -> Result<Millis, PauseError> {
        self.0.known(&target)?;
        let until = self.0.clock.now().plus(for_ms.min(PAUSE_MS_MAX));
        self.0.record_pause(target, reason, Some(until), actor).await?;
        Ok(until)
    }

    /// Lets something go on.
    ///
    /// # Errors
    /// [`PauseError`]; nothing has changed then.
    pub async fn unpause(
        &self,
        target: Target,
        reason: String,
        actor: Actor,
    ) -> Result<(), PauseError> {
        self.0.record_pause(target, reason, None, actor).await
    }

    /// Holds a call where it is, once an attempt that is under way has ended, for so many
    /// milliseconds from then on, at most a week; until when.
    ///
    /// # Errors
    /// [`PauseError`]; nothing has changed then.
    pub async fn pause_call(
        &self,
        id: &CallId,
        (for_ms, then): (u64, PauseEnd),
        reason: String,
        actor: Actor,
    ) -> Result<Millis, PauseError> {
        let paused = move |_: &Live, now: Millis| {
            let until = now.plus(for_ms.min(PAUSE_MS_MAX));
            Ok(CallEvent::CallPaused(Paused { until, then, reason: reason.clone() }))
        };
        self.0.hold_call(id, actor, paused).await
    }

    /// Lets a call go on where it was.
    ///
    /// # Errors
    /// [`PauseError`]; nothing has changed then.
    pub async fn unpause_call(
        &self,
        id: &CallId,
        reason: String,
        actor: Actor,
    ) -> Result<(), PauseError> {
        let resumed = move |live: &Live, _| match &live.state.phase {
            Phase::Paused { before, .. } => {
                let (state, reason) = (before.name().to_owned(), Some(reason.clone()));
                Ok(CallEvent::CallResumed { state, reason })
            }
            _ => Err(PauseError::NotPaused),
        };
        self.0.hold_call(id, actor, resumed).await.map(drop)
    }
}

impl Inner {
    fn known(&self, target: &Target) -> Result<(), PauseError> {
        let workspace = self.workspace.load();
        let known = match target {
            Target::Policy(name) => workspace.policies.contains_key(name),
            Target::Model(name) => workspace.gateway.models.contains_key(name),
            Target::Queue(name) => workspace.gateway.queues.contains_key(name),
        };
        known.then_some(()).ok_or_else(|| PauseError::Unknown(target.clone()))
    }

    /// What an earlier process held, for as long as it is in force.
    pub(crate) async fn remember_pauses(&self) -> Result<(), Stop> {
        for recorded in self.ledger.stream(&Stream::control(STREAM), 0).await? {
            if let Ok(Event::Control(event)) = &recorded.event {
                self.pauses.take(event, &recorded.envelope.actor.id);
            }
        }
        Ok(())
    }

    /// Records a pause, or its end where it has no time; carried out although whoever asked for it
    /// may go away in the middle.
    async fn record_pause(
        self: &Arc<Self>,
        target: Target,
        reason: String,
        until: Option<Millis>,
        actor: Actor,
    ) -> Result<(), PauseError> {
        let inner = Arc::clone(self);
        let recorded = self.tasks.whole(async move {
            let _alone = inner.pauses.writing.lock().await;
            let now = inner.clock.now();
            if until.is_none() && !inner.pauses.is_held(&target, now) {
                return Err(PauseError::NotPaused);
            }
            let act = if until.is_some() { PAUSE } else { RESUME }.to_owned();
            let event =
                ControlEvent::OperatorActed { act, target: target.to_string(), reason, until };
            inner.tell(&Stream::control(STREAM), &actor, &event).await?;
            tracing::warn!(by = actor.id, event = ?event, "an operator acted");
            inner.pauses.take(&event, &actor.id);
            Ok(())
        });
        recorded.await.unwrap_or(Err(Stop::Panicked { first: true }.into()))
    }

    /// Records a pause or its end in the call's own stream, and has the loop look again. The time
    /// that the call waits for, if it waits.
    async fn hold_call(
        self: &Arc<Self>,
        id: &CallId,
        actor: Actor,
        event: impl Fn(&Live, Millis) -> Result<CallEvent, PauseError> + Send + Sync + 'static,
    ) -> Result<Millis, PauseError> {
        let (inner, id) = (Arc::clone(self), id.clone());
        let held = self.tasks.whole(async move {
            for _ in 0..TRIES {
                let call: Arc<LiveCall> = inner.resume(&id).await?.ok_or(PauseError::NoCall)?;
                let held = {
                    let mut live = call.cell.lock().await;
                    inner.hold_on(&call, &mut live, &actor, &event).await
                };
                inner.park(call);
                match held {
                    Err(PauseError::Busy) => tokio::task::yield_now().await,
                    other => return other,
                }
            }
            Err(PauseError::Busy)
        });
        held.await.unwrap_or(Err(Stop::Panicked { first: true }.into()))
    }

    async fn hold_on(
        self: &Arc<Self>,
        call: &Arc<LiveCall>,
        live: &mut Live,
        actor: &Actor,
        event: impl Fn(&Live, Millis) -> Result<CallEvent, PauseError> + Send + Sync,
    ) -> Result<Millis, PauseError> {
        if live.state.ended().is_some() {
            return Err(PauseError::NoCall);
        }
        if call.cancelled.is_cancelled() {
            // Somebody ends it, or starts a new run: what is in memory here is the call no more.
            return Err(PauseError::Busy);
        }
        let mark = live.mark(&*self.ledger, &call.id);
        let now = self.clock.now();
        let event = event(live, now)?;
        let (state, why) = (live.state.phase.name(), why_not(&live.state.phase));
        live.apply(&self.ids, now, actor.clone(), event)
            .map_err(|_| PauseError::NotNow { state, why })?;
        live.write(&*self.ledger, &call.id, true);
        if let Err(stop) = live.on_disk().await {
            live.back_to(mark);
            if stop.is_overtaken(&call.id) {
                self.forget(call);
                call.shown.send_replace(Shown::Parked);
                return Err(PauseError::Busy);
            }
            return Err(stop.into());
        }
        // While it is held it takes no room from calls that go on.
        self.settle_door(live);
        self.go_on(call, live);
        Ok(match &live.state.phase {
            Phase::Paused { paused, .. } => paused.until,
            _ => now,
        })
    }

    /// A model that an operator holds is not asked.
    pub(crate) fn paused_model(&self, model: &str) -> Option<Blocked> {
        let held = self.pauses.of("model", model, self.clock.now())?;
        Some(Blocked {
            class: backstop_domain::FailureClass::BreakerOpen,
            until: Some(held.until),
            which: format!("model `{model}` is paused: {}", held.reason),
            refused: None,
        })
    }
}

/// Why a call is not held in that phase.
const fn why_not(phase: &Phase) -> &'static str {
    match phase {
        Phase::InReview { .. } => "people decide on it; pause their queue instead",
        Phase::Paused { .. } => "it is held already; let it go on first",
        Phase::Releasing { .. } | Phase::Ending(_) => "its end is decided; roll it back instead",
        _ => "a person's word, or the last attempt, is being carried out; try again",
    }
}
