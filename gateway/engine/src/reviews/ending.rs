//! What takes a review off the table without a decision: undo, the due time, and the end of its
//! call. Each is written to both streams in one transaction, so no review outlives its call.

use std::sync::Arc;

use backstop_domain::{
    Actor, AnsweredBy, CallEvent, CallId, CallState, Cause, Ended, OnExpiry, Outcome, Phase,
    Refusal, ReviewEvent, ReviewId, ReviewKind, ReviewState, Stream,
};
use backstop_ledger::{Append, AppendError, Transaction};

use crate::{
    engine::Inner,
    escalate::expired,
    live::{Live, LiveCall, Shown, Stop, review_event},
    reviews::{ReviewError, TRIES},
};

impl Inner {
    /// Takes a decision back once; [`ReviewError::Busy`] if somebody else was faster.
    pub(crate) async fn undo(
        self: &Arc<Self>,
        id: &ReviewId,
        actor: &Actor,
    ) -> Result<ReviewState, ReviewError> {
        let review = self.review(id).await?.ok_or(ReviewError::Unknown)?;
        if review.opened.kind == ReviewKind::Audit {
            let undo = |review: &ReviewState, now| review.undo(&actor.id, now);
            return self.command(id, actor.clone(), undo).await;
        }
        let call = self.resume(&review.opened.call).await?.ok_or(Refusal::NothingToUndo)?;
        let undone = {
            let mut live = call.cell.lock().await;
            self.undo_on(&call, &mut live, id, actor).await
        };
        self.park(call);
        undone
    }

    async fn undo_on(
        self: &Arc<Self>,
        call: &Arc<LiveCall>,
        live: &mut Live,
        id: &ReviewId,
        actor: &Actor,
    ) -> Result<ReviewState, ReviewError> {
        let review = self.review(id).await?.ok_or(ReviewError::Unknown)?;
        let now = self.clock.now();
        let mark = live.mark(&*self.ledger, &call.id);
        let event = review.undo(&actor.id, now)?;
        let folded = ReviewState::fold(Some(review.clone()), &event, now);
        let folded = folded.map_err(|_| Refusal::NothingToUndo)?;
        let undone = CallEvent::DecisionUndone { review: id.clone() };
        live.apply(&self.ids, now, actor.clone(), undone).map_err(|_| Refusal::NothingToUndo)?;
        let beside = vec![review_event(&self.ids, now, actor.clone(), live, event)];
        self.write_decision(call, live, mark, (id, review.seq, beside)).await?;
        self.show_review(call, live);
        // Whoever sleeps until the release looks again, and rests.
        call.woken.notify_one();
        let (opened, due) = (review.opened_at, review.opened.due);
        self.look_later(id.clone(), &review.opened.queue, opened, review.steps, due);
        Ok(folded)
    }

    /// Takes the terminal action of a review that is due.
    pub(crate) async fn expire(self: &Arc<Self>, id: &ReviewId) -> Result<(), Stop> {
        for _ in 0..TRIES {
            match self.expire_once(id).await {
                Err(ReviewError::Busy) => {}
                Ok(()) => return Ok(()),
                Err(ReviewError::Stop(stop)) => return Err(stop),
                Err(other) => return Err(Stop::Broken(other.to_string())),
            }
        }
        Err(Stop::Broken("the review is being changed all the time".to_owned()))
    }

    async fn expire_once(self: &Arc<Self>, id: &ReviewId) -> Result<(), ReviewError> {
        let Some(review) = self.review(id).await? else { return Ok(()) };
        let Ok(action) = review.expire(self.clock.now()) else { return Ok(()) };
        if review.opened.kind == ReviewKind::Audit {
            return self.close_review(id, &review, ReviewEvent::ReviewExpired { action }).await;
        }
        let Some(call) = self.resume(&review.opened.call).await? else {
            // Its revision is gone: the call ends, and the review with it.
            self.end_orphan(&review.opened.call).await?;
            return Ok(());
        };
        let expired = {
            let mut live = call.cell.lock().await;
            self.expire_on(&call, &mut live, id, action).await
        };
        self.park(call);
        expired
    }

    async fn expire_on(
        self: &Arc<Self>,
        call: &Arc<LiveCall>,
        live: &mut Live,
        id: &ReviewId,
        action: OnExpiry,
    ) -> Result<(), ReviewError> {
        let now = self.clock.now();
        let asked = matches!(&live.state.phase, Phase::InReview { review, .. } if review == id);
        let found = self.review(id).await?;
        let Some(review) = found.filter(|review| asked && review.expire(now).is_ok()) else {
            return Ok(());
        };
        let actor = Actor::system("due");
        let mark = live.mark(&*self.ledger, &call.id);
        let resolved = expired(id, &review.opened.queue, action, None);
        live.apply(&self.ids, now, actor.clone(), resolved).map_err(Stop::from)?;
        let event = ReviewEvent::ReviewExpired { action };
        let beside = vec![review_event(&self.ids, now, actor, live, event)];
        self.write_decision(call, live, mark, (id, review.seq, beside)).await?;
        self.go_on(call, live);
        Ok(())
    }

    /// Closes a review that no call waits for.
    async fn close_review(
        &self,
        id: &ReviewId,
        review: &ReviewState,
        event: ReviewEvent,
    ) -> Result<(), ReviewError> {
        let now = self.clock.now();
        let new = self.new_event(now, Actor::system("due"), review.opened.generation, event);
        let transaction = Transaction::one(Stream::review(id), review.seq, vec![new]);
        match self.ledger.append(transaction).await {
            Ok(_) => Ok(()),
            Err(AppendError::Conflict { .. }) => Err(ReviewError::Busy),
            Err(error) => Err(Stop::from(error).into()),
        }
    }

    /// Stops a call, whatever it does. An ended one stays as it is.
    pub(crate) async fn cancel(
        self: &Arc<Self>,
        id: &CallId,
        actor: &Actor,
        reason: &str,
    ) -> Result<(), Stop> {
        let mut last = None;
        for _ in 0..TRIES {
            let Some(call) = self.resume(id).await? else { return Ok(()) };
            // Whoever runs it stops at once, and it is ours from here on.
            call.cancelled.cancel();
            let mut live = call.cell.lock().await;
            let Err(stop) = self.cancel_on(&call, &mut live, actor, reason).await else {
                return Ok(());
            };
            drop(live);
            // Nobody runs it any more: it is read anew, to be cancelled or to go on.
            if !matches!(stop, Stop::Ledger(AppendError::Conflict { .. })) {
                self.broken(&call, &stop);
                return Err(stop);
            }
            self.forget(&call);
            call.shown.send_replace(Shown::Parked);
            last = Some(stop);
        }
        self.tasks.start(Arc::clone(self).start_over(id.clone()));
        last.map_or(Ok(()), Err)
    }

    async fn cancel_on(
        &self,
        call: &LiveCall,
        live: &mut Live,
        actor: &Actor,
        reason: &str,
    ) -> Result<(), Stop> {
        if live.state.ended().is_some() {
            // It ended this moment, and whoever ran it stopped before saying so.
            return self.finish(call, live).await;
        }
        let text = format!("the call was cancelled: {reason}");
        let beside = self.withdrawn(&live.state, actor, &text).await?;
        let ended = Ended {
            outcome: Outcome::Cancelled,
            answered_by: AnsweredBy::Nobody,
            answer: None,
            cause: Cause { class: None, by: Some(actor.id.clone()), text: reason.to_owned() },
            unreviewed: false,
            audits: Vec::new(),
        };
        self.end_as(call, live, actor, ended).await?;
        live.write_beside(&*self.ledger, &call.id, true, beside);
        self.finish(call, live).await
    }

    /// The call's open review closes with it and says why.
    pub(crate) async fn withdrawn(
        &self,
        state: &CallState,
        actor: &Actor,
        reason: &str,
    ) -> Result<Vec<Append>, Stop> {
        let (Phase::InReview { review, .. } | Phase::Releasing { review, .. }) = &state.phase
        else {
            return Ok(Vec::new());
        };
        Ok(self.withdraw(review, actor, reason).await?.into_iter().collect())
    }

    /// Closes a review that may still be decided, or whose decision is not released yet.
    pub(crate) async fn withdraw(
        &self,
        review: &ReviewId,
        actor: &Actor,
        reason: &str,
    ) -> Result<Option<Append>, Stop> {
        let Some(found) = self.review(review).await? else { return Ok(None) };
        let event = ReviewEvent::ReviewWithdrawn { reason: reason.to_owned() };
        let (now, generation) = (self.clock.now(), found.opened.generation);
        let expected_seq = found.seq;
        if ReviewState::fold(Some(found), &event, now).is_err() {
            return Ok(None);
        }
        let events = vec![self.new_event(now, actor.clone(), generation, event)];
        Ok(Some(Append { stream: Stream::review(review), expected_seq, after: None, events }))
    }
}
