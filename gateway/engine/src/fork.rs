//! A new run of a call: resumed from a checkpoint, or rolled back to one.
//!
//! Everything that belongs to the old run ends in the transaction of `run_forked`: its open reviews
//! are withdrawn, and what its policy wants made good is asked for. Whoever still holds the old run
//! in memory finds its stream moved on and stops; whoever waits goes on waiting for the new run.

use std::{collections::BTreeSet, sync::Arc};

use backstop_domain::{
    Actor, CallEvent, CallId, CallState, Compensation, ForkKind, Forked, Phase, ReviewId,
    call::{Checkpoint, RUNS_MAX},
};
use backstop_ledger::{Append, AppendError, ReviewFilter};
use backstop_policy::Policy;

use crate::{
    engine::{Engine, Inner},
    live::{Live, LiveCall, Shown, Snapshot, Stop},
    reviews::TRIES,
};

/// What a new run is started for.
#[derive(Debug, Clone)]
pub struct Fork {
    /// To go on, or to take back.
    pub how: ForkKind,
    /// The seq up to which everything is kept.
    pub from_seq: u64,
    /// The run that whoever asks has seen, if they say.
    pub run: Option<u32>,
    /// Why.
    pub reason: String,
    /// Who asks.
    pub actor: Actor,
}

/// Why no new run was started. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForkError {
    /// There is no such call.
    #[error("there is no such call")]
    Unknown,
    /// No run can start there.
    #[error("no run can start at event {seq}{}", nearest(*.before))]
    NotACheckpoint {
        /// What was asked for.
        seq: u64,
        /// The last checkpoint before it.
        before: Option<u64>,
    },
    /// Somebody started another run meanwhile.
    #[error("the call is in run {run} by now: look at it anew")]
    Stale {
        /// The newest run.
        run: u32,
    },
    /// Only what people decide on, or what has ended, can be rolled back.
    #[error("a call that is {state} cannot be rolled back: wait for its end, or cancel it")]
    NotNow {
        /// The call's state.
        state: &'static str,
    },
    /// Asking the model again may act twice.
    #[error("the policy says `repeatable: false`, and a model was asked after event {seq}")]
    NotRepeatable {
        /// What was asked for.
        seq: u64,
    },
    /// A call has so many runs and no more.
    #[error("a call has at most {RUNS_MAX} runs")]
    TooMany,
    /// The call cannot be decided on any more.
    #[error("the policy revision that this call is pinned to is gone")]
    RevisionGone,
    /// Somebody else was faster, again and again.
    #[error("the call is being changed by somebody else: look at it anew")]
    Busy,
    /// It cannot be read or written down.
    #[error(transparent)]
    Stop(#[from] Stop),
}

impl Engine {
    /// Starts a new run; the call as it stands on disk then.
    ///
    /// # Errors
    /// [`ForkError`]; nothing has changed then.
    pub async fn fork(&self, id: &CallId, fork: Fork) -> Result<Snapshot, ForkError> {
        let (inner, id) = (Arc::clone(&self.0), id.clone());
        let forked = self.0.tasks.whole(async move {
            for _ in 0..TRIES {
                match inner.fork(&id, &fork).await {
                    Err(ForkError::Busy) => {}
                    other => return other,
                }
            }
            Err(ForkError::Busy)
        });
        forked.await.unwrap_or(Err(Stop::Panicked { first: true }.into()))
    }
}

impl Inner {
    async fn fork(self: &Arc<Self>, id: &CallId, fork: &Fork) -> Result<Snapshot, ForkError> {
        if self.tasks.is_draining() {
            return Err(Stop::Broken("the gateway is stopping".to_owned()).into());
        }
        // A wish that cannot be granted must not disturb the call.
        let found = self.snapshot(id).await?.ok_or(ForkError::Unknown)?;
        start_at(&found.state, fork)?;
        let call = self.held(id).await?.ok_or(ForkError::RevisionGone)?;
        // Whoever runs it stops at once, and it is ours from here on.
        call.cancelled.cancel();
        let forked = {
            let mut live = call.cell.lock().await;
            let forked = self.fork_on(&call, &mut live, fork).await;
            live.running = false;
            forked
        };
        // What is in memory is of the old run, or was stopped for nothing: it is read anew.
        self.forget(&call);
        call.shown.send_replace(Shown::Parked);
        self.again(id).await;
        forked?;
        self.snapshot(id).await?.ok_or(ForkError::Unknown)
    }

    /// The call, whether open or ended: in memory, or folded from disk.
    async fn held(&self, id: &CallId) -> Result<Option<Arc<LiveCall>>, Stop> {
        match self.resume(id).await? {
            Some(call) => Ok(Some(call)),
            None => Ok(self.fold_from_disk(id, true).await?.map(|(call, ..)| call)),
        }
    }

    async fn fork_on(
        &self,
        call: &LiveCall,
        live: &mut Live,
        fork: &Fork,
    ) -> Result<(), ForkError> {
        // It may have ended this moment, and whoever ran it stopped before saying so.
        self.finish(call, live).await?;
        let start = start_at(&live.state, fork)?;
        if !live.policy.plan.repeatable && asked_after(&live.state, start.seq) {
            return Err(ForkError::NotRepeatable { seq: start.seq });
        }
        let was_open = live.state.ended().is_none();
        let superseded = format!("run {} was superseded: {}", live.state.run, fork.reason);
        let beside = self.withdraw_all(call, live, &fork.actor, &superseded).await?;
        let compensations = compensations(&live.policy, &live.state);
        self.forget_answer(live);
        let mark = live.mark(&*self.ledger, &call.id);
        let now = self.clock.now();
        let forked = CallEvent::RunForked(Forked {
            from_run: start.run,
            from_seq: start.seq,
            how: fork.how,
            state: start.state.to_owned(),
            deadline: now.plus(live.policy.plan.deadline_ms),
            reason: fork.reason.clone(),
            by: fork.actor.id.clone(),
        });
        live.apply(&self.ids, now, fork.actor.clone(), forked).map_err(Stop::from)?;
        if !compensations.is_empty() {
            self.apply(live, CallEvent::CompensationRequested { compensations })?;
        }
        live.write_beside(&*self.ledger, &call.id, true, beside);
        if let Err(stop) = live.on_disk().await {
            live.back_to(mark);
            return Err(match stop {
                Stop::Ledger(AppendError::Conflict { .. }) => ForkError::Busy,
                stop => stop.into(),
            });
        }
        self.settle_door(live);
        if was_open {
            self.tool_limits.end(&call.id, false);
        }
        crate::seen::forked(&live.policy.name, fork.how);
        Ok(())
    }

    /// Closes every review that the run had opened and nobody has decided, and the one whose
    /// decision is not released yet.
    async fn withdraw_all(
        &self,
        call: &LiveCall,
        live: &Live,
        actor: &Actor,
        reason: &str,
    ) -> Result<Vec<Append>, Stop> {
        let filter = ReviewFilter {
            call: Some(call.id.clone()),
            open: true,
            limit: 500,
            ..ReviewFilter::default()
        };
        let page = self.ledger.reviews(filter).await?;
        let mut reviews: BTreeSet<ReviewId> = page.rows.into_iter().map(|row| row.id).collect();
        if let Phase::Releasing { review, .. } = &live.state.phase {
            reviews.insert(review.clone());
        }
        let mut appends = Vec::new();
        for review in &reviews {
            appends.extend(self.withdraw(review, actor, reason).await?);
        }
        Ok(appends)
    }

    /// Has the open call run on from what the disk has, whatever was in memory before.
    async fn again(self: &Arc<Self>, id: &CallId) {
        match self.resume(id).await {
            Ok(Some(call)) => {
                let mut live = call.cell.lock().await;
                if !matches!(live.state.phase, Phase::InReview { .. }) {
                    self.go_on(&call, &mut live);
                }
            }
            Ok(None) => {}
            Err(_) => self.tasks.start(Arc::clone(self).start_over(id.clone())),
        }
    }
}

/// Where the run starts, if it may.
fn start_at(state: &CallState, fork: &Fork) -> Result<Checkpoint, ForkError> {
    if fork.run.is_some_and(|run| run != state.run) {
        return Err(ForkError::Stale { run: state.run });
    }
    if state.run >= RUNS_MAX {
        return Err(ForkError::TooMany);
    }
    let decided_on = matches!(
        state.phase,
        Phase::Opening { .. } | Phase::InReview { .. } | Phase::Releasing { .. } | Phase::Ended(_)
    );
    if fork.how == ForkKind::Rollback && !decided_on {
        return Err(ForkError::NotNow { state: state.state_name() });
    }
    let seq = fork.from_seq;
    let mut checkpoints = state.checkpoints();
    checkpoints.retain(|checkpoint| checkpoint.seq <= seq);
    let last = checkpoints.pop();
    let start = last.as_ref().filter(|last| last.seq == seq).cloned();
    let before = last.map(|last| last.seq);
    let start = start.ok_or(ForkError::NotACheckpoint { seq, before })?;
    Ok(start)
}

/// Whether a model was asked for an answer after that event, in whatever run.
fn asked_after(state: &CallState, seq: u64) -> bool {
    let mut later = state.log().skip(usize::try_from(seq).unwrap_or(usize::MAX));
    later.any(|folded| match &folded.event {
        CallEvent::AttemptStarted(started) => started.purpose.is_answer(),
        _ => false,
    })
}

/// What the policy wants made good of what the call released.
fn compensations(policy: &Policy, state: &CallState) -> Vec<Compensation> {
    let wanted = state.effects.iter().filter_map(|effect| {
        let tool = policy.tools.listed().iter().find(|tool| tool.name == effect.tool)?;
        let by = tool.compensate.clone()?;
        Some(Compensation { effect: effect.key.clone(), tool: effect.tool.clone(), by })
    });
    wanted.collect()
}

fn nearest(before: Option<u64>) -> String {
    before.map_or(String::new(), |seq| format!("; the last checkpoint before it is {seq}"))
}
