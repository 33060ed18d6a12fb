//! What ends a review without a decision, or takes one back: undo, the due time, cancel.

use std::sync::Arc;

use backstop_domain::{
    Actor, CallEvent, CallId, Phase, Refusal, ReviewEvent, ReviewId, ReviewKind, ReviewState,
    Stream,
};
use backstop_ledger::{Append, Transaction};

use super::ReviewError;
use crate::{
    engine::Inner,
    escalate::expired,
    live::{Live, LiveCall, Stop, review_event},
};

impl Inner {
    pub(super) async fn undo(
        self: &Arc<Self>,
        id: &ReviewId,
        actor: Actor,
    ) -> Result<ReviewState, ReviewError> {
        let review = self.review(id).await?.ok_or(ReviewError::Unknown)?;
        let Some(call) = self.resume(&review.opened.call).await? else {
            return Err(Refusal::NothingToUndo.into());
        };
        let mut live = call.cell.lock().await;
        let review = self.review(id).await?.ok_or(ReviewError::Unknown)?;
        let now = self.clock.now();
        let event = review.undo(&actor.id, now)?;
        let folded = ReviewState::fold(Some(review.clone()), &event, now);
        let folded = folded.map_err(|_| Refusal::NothingToUndo)?;
        let undone = CallEvent::DecisionUndone { review: id.clone() };
        live.apply(&self.ids, now, actor.clone(), undone).map_err(|_| Refusal::NothingToUndo)?;
        let beside = vec![review_event(&self.ids, now, actor, &live, event)];
        self.write_decision(&call, &mut live, id, review.seq, beside).await?;
        self.show_review(&call, &live);
        drop(live);
        call.woken.notify_waiters();
        self.due.push(review.opened.due, id.clone());
        Ok(folded)
    }

    /// Takes the terminal action of a review that is due.
    pub(crate) async fn expire(self: &Arc<Self>, id: &ReviewId) -> Result<(), Stop> {
        let Some(review) = self.review(id).await? else { return Ok(()) };
        let now = self.clock.now();
        let Ok(action) = review.expire(now) else { return Ok(()) };
        let event = ReviewEvent::ReviewExpired { action };
        let actor = Actor::system("due");
        if review.opened.kind == ReviewKind::Audit {
            let new = self.new_event(now, actor, review.opened.generation, event);
            let transaction = Transaction::one(Stream::review(id), review.seq, vec![new]);
            return match self.ledger.append(transaction).await {
                Ok(_) | Err(backstop_ledger::AppendError::Conflict { .. }) => Ok(()),
                Err(error) => Err(error.into()),
            };
        }
        let Some(call) = self.resume(&review.opened.call).await? else { return Ok(()) };
        let mut live = call.cell.lock().await;
        let open = matches!(&live.state.phase, Phase::InReview { review, .. } if review == id);
        let Some(review) =
            self.review(id).await?.filter(|review| open && review.expire(now).is_ok())
        else {
            return Ok(());
        };
        let resolved = expired(id, &review.opened.queue, action);
        live.apply(&self.ids, now, actor.clone(), resolved)?;
        let beside = vec![review_event(&self.ids, now, actor, &live, event)];
        match self.write_decision(&call, &mut live, id, review.seq, beside).await {
            Ok(()) | Err(ReviewError::Busy) => {}
            Err(ReviewError::Stop(stop)) => return Err(stop),
            Err(other) => return Err(Stop::Broken(other.to_string())),
        }
        drop(live);
        self.go_on(&call);
        Ok(())
    }

    pub(super) async fn cancel(
        self: &Arc<Self>,
        id: &CallId,
        actor: Actor,
        reason: String,
    ) -> Result<(), Stop> {
        let Some(call) = self.resume(id).await? else { return Ok(()) };
        call.cancelled.cancel();
        let mut live = call.cell.lock().await;
        if live.state.ended().is_some() {
            return Ok(());
        }
        let now = self.clock.now();
        let beside = self.withdrawn(&live, &actor, &reason).await?;
        let ended = backstop_domain::Ended {
            outcome: backstop_domain::Outcome::Cancelled,
            answered_by: backstop_domain::AnsweredBy::Nobody,
            answer: None,
            cause: backstop_domain::Cause { class: None, by: Some(actor.id.clone()), text: reason },
            unreviewed: false,
            audits: Vec::new(),
        };
        live.apply(&self.ids, now, actor, CallEvent::CallEnded(ended))?;
        live.write_beside(&*self.ledger, id, true, beside);
        self.finish(&call, &mut live).await
    }

    /// The call's open review closes with it and says why.
    async fn withdrawn(
        &self,
        live: &Live,
        actor: &Actor,
        reason: &str,
    ) -> Result<Vec<Append>, Stop> {
        let (Phase::InReview { review, .. } | Phase::Releasing { review, .. }) = &live.state.phase
        else {
            return Ok(Vec::new());
        };
        let Some(state) = self.review(review).await? else { return Ok(Vec::new()) };
        let reason = format!("the call was cancelled: {reason}");
        let event = ReviewEvent::ReviewWithdrawn { reason };
        let event = review_event(&self.ids, self.clock.now(), actor.clone(), live, event);
        let stream = Stream::review(review);
        Ok(vec![Append { stream, expected_seq: state.seq, events: vec![event] }])
    }

    /// Runs a call on that a person, or the due time, moved.
    pub(crate) fn go_on(self: &Arc<Self>, call: &Arc<LiveCall>) {
        self.tasks.start(Arc::clone(self).run(Arc::clone(call)));
    }
}
