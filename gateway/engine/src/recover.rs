//! After a restart: every open call is folded and goes on, every open review keeps its due time.

use std::sync::Arc;

use backstop_domain::{
    Actor, AnsweredBy, CallEvent, CallId, Cause, Ended, Event, Outcome, Phase, Received, Stream,
};
use backstop_ledger::{Append, CallSummary, NewEvent, Transaction};
use backstop_policy::{
    Policy,
    judge::{Facts, ToolUse},
};

use crate::{
    engine::{Engine, Inner, fold},
    live::{Live, LiveCall, Shown, Stop},
    replay::Stored,
};

/// What a restart found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Calls that go on.
    pub calls: usize,
    /// Reviews that wait for a person.
    pub reviews: usize,
    /// Calls that were ended, because the revision that they are pinned to is gone.
    pub orphans: usize,
}

/// A policy, and what one call takes of the limits on its tools.
type Uses = Option<(String, Vec<ToolUse>)>;

impl Engine {
    /// Carries on what the last process left, and starts watching due times. To be called once,
    /// before calls are admitted.
    ///
    /// # Errors
    /// [`Stop`] if the ledger cannot be read or written.
    pub async fn recover(&self) -> Result<Recovered, Stop> {
        let inner = &self.0;
        let mut recovered = Recovered::default();
        for review in inner.ledger.open_reviews().await? {
            let (opened, taken) = (review.opened, review.next_step);
            inner.look_later(review.id, &review.queue, opened, taken, review.due);
            recovered.reviews += 1;
        }
        inner.remember_tools().await?;
        inner.restore_level().await?;
        inner.remember_pauses().await?;
        inner.hold_breakers().await?;
        for open in inner.ledger.open_calls().await? {
            match inner.carry_on(&open).await {
                Ok(true) => recovered.calls += 1,
                Ok(false) => recovered.orphans += usize::from(inner.end_orphan(&open.id).await?),
                // One call that cannot be read must not keep the others from going on.
                Err(error) => tracing::error!(call = %open.id, %error, "a call cannot go on"),
            }
        }
        inner.tasks.start(Arc::clone(inner).watch_due());
        inner.tasks.start(Arc::clone(inner).watch_changes());
        inner.tasks.start(Arc::clone(inner).watch_shadows());
        inner.tasks.start(Arc::clone(inner).watch_load());
        Ok(recovered)
    }
}

impl Inner {
    /// Has an open call run on; one that waits for a person stays on disk until somebody comes.
    /// `false`: the revision that it is pinned to is gone.
    async fn carry_on(self: &Arc<Self>, open: &CallSummary) -> Result<bool, Stop> {
        let Some(call) = self.resume(&open.id).await? else { return Ok(false) };
        let mut live = call.cell.lock().await;
        if matches!(live.state.phase, Phase::InReview { .. }) {
            drop(live);
            // It was read for what it holds of the limits on tools.
            self.park(call);
            return Ok(true);
        }
        self.go_on(&call, &mut live);
        Ok(true)
    }

    /// The open call of that id: as it is in memory, or folded from disk. `None` if there is none,
    /// it has ended, or the revision that it is pinned to is gone.
    pub(crate) async fn resume(&self, id: &CallId) -> Result<Option<Arc<LiveCall>>, Stop> {
        loop {
            if let Some(call) = self.live_call(id) {
                return Ok(Some(call));
            }
            let Some((call, seq, uses)) = self.fold_from_disk(id, false).await? else {
                return Ok(None);
            };
            // Whoever was first wins, so that a call is never in memory twice.
            let kept = Arc::clone(self.live.lock().entry(id.clone()).or_insert(Arc::clone(&call)));
            if !Arc::ptr_eq(&kept, &call) {
                return Ok(Some(kept));
            }
            // It may have been moved on, and even ended and forgotten, while we read.
            let newer = self.ledger.stream(&Stream::call(id), seq).await;
            let rests = call.cell.try_lock();
            let rests = rests.is_ok_and(|live| live.is_at_rest() && live.state.seq == seq);
            match newer {
                Ok(newer) if newer.is_empty() || !rests => {
                    if let Some((policy, uses)) = uses {
                        self.tool_limits.hold_anyway(&policy, id, &uses);
                    }
                    return Ok(Some(call));
                }
                newer => {
                    self.forget(&call);
                    call.shown.send_replace(Shown::Parked);
                    newer?;
                }
            }
        }
    }

    /// A call as its events make it, how many they are, and what it takes of the limits on its
    /// policy's tools, if anything. One that ended only if `ended_too` says so.
    pub(crate) async fn fold_from_disk(
        &self,
        id: &CallId,
        ended_too: bool,
    ) -> Result<Option<(Arc<LiveCall>, u64, Uses)>, Stop> {
        let events = self.ledger.stream(&Stream::call(id), 0).await?;
        let Some(state) = fold(&events)? else { return Ok(None) };
        let ended = state.ended().is_some();
        if ended && !ended_too {
            return Ok(None);
        }
        let received = state.received.clone();
        let Some(policy) = self.policy_of(&received.policy, received.revision).await? else {
            return Ok(None);
        };
        let facts = Arc::new(self.facts_of(id, &policy, &received, state.received_at).await?);
        let written = events.len() as u64;
        // What it held of the limits on tools went with the last process.
        let uses = self.tools_of(&facts, &state).await?;
        let uses = (!uses.is_empty()).then(|| (policy.name.clone(), uses));
        let last = events.last().map(|last| last.envelope.id.clone());
        let mut live = Live::new(policy, facts, state, (written, last));
        live.finished = ended;
        live.correlation = events.first().and_then(|first| first.envelope.correlation.clone());
        let reviewed = matches!(live.state.phase, Phase::InReview { .. });
        let call = Arc::new(LiveCall::new(id.clone(), live));
        if reviewed {
            let live = call.cell.lock().await;
            self.show_review(&call, &live);
        }
        Ok(Some((call, written, uses)))
    }

    pub(crate) async fn facts_of(
        &self,
        id: &CallId,
        policy: &Arc<Policy>,
        received: &Received,
        received_at: backstop_domain::Millis,
    ) -> Result<Facts, Stop> {
        let stored = self.request_of(received).await?;
        Ok(stored.facts(id, policy, received, received_at, self.salt.clone()))
    }

    async fn request_of(&self, received: &Received) -> Result<Stored, Stop> {
        let bytes = self.stored(received.request).await?.ok_or(Stop::Lost(received.request))?;
        serde_json::from_slice(&bytes).map_err(|error| Stop::Broken(error.to_string()))
    }

    /// The person or team that owns the caller: excluded from deciding on its calls.
    pub(crate) async fn owner(&self, live: &Live) -> Result<Option<String>, Stop> {
        match &live.owner {
            Some(owner) => Ok(owner.clone()),
            None => Ok(self.request_of(&live.state.received).await?.owner),
        }
    }

    /// A call whose revision is gone cannot be decided on: it ends, and says so. `false`: it has
    /// ended already.
    pub(crate) async fn end_orphan(&self, id: &CallId) -> Result<bool, Stop> {
        let events = self.ledger.stream(&Stream::call(id), 0).await?;
        let Some(state) = fold(&events)?.filter(|state| state.ended().is_none()) else {
            return Ok(false);
        };
        let now = self.clock.now();
        let text = "the policy revision that this call was pinned to is gone".to_owned();
        let actor = Actor::system("recovery");
        let beside = self.withdrawn(&state, &actor, &text).await?;
        let ended = Ended {
            outcome: Outcome::Cancelled,
            answered_by: AnsweredBy::Nobody,
            answer: None,
            cause: Cause { class: None, by: Some("revision_gone".to_owned()), text },
            unreviewed: false,
            audits: Vec::new(),
        };
        let new = |event: CallEvent| NewEvent {
            id: self.ids.event(now),
            at: now,
            actor: actor.clone(),
            run: state.run,
            causation: None,
            correlation: None,
            revision: Some(state.received.revision),
            event: Event::Call(event),
        };
        let told = state.revision(&ended).into_iter().chain([CallEvent::CallEnded(ended)]);
        let expected_seq = events.len() as u64;
        let new = told.map(new).collect();
        let end = Append { stream: Stream::call(id), expected_seq, after: None, events: new };
        self.ledger.append(Transaction::of([vec![end], beside].concat())).await?;
        Ok(true)
    }
}
