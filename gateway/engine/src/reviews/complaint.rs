//! Complaints: whoever got an answer, or looks after it, reports it as wrong after its outcome. A
//! person decides whether it was, as an audit: the call stays as it is, and the verdict is a label.

use std::sync::Arc;

use backstop_domain::{
    Actor, CallId, Escalation, Opened, Reason, ReviewEvent, ReviewId, ReviewKind, ReviewSpec,
    ReviewState, Sampled, Stream,
};
use backstop_ledger::{AppendError, ReviewPhase, Transaction};

use crate::{
    engine::{Engine, Inner},
    escalate::due_at,
    live::Stop,
    reviews::ReviewError,
};

/// A report that an answer was wrong.
#[derive(Debug, Clone)]
pub struct Complaint {
    /// Who reports it. They do not decide on it.
    pub actor: Actor,
    /// What is wrong, in their words.
    pub reason: String,
    /// Where it is decided; `None`: in the policy's own queue.
    pub queue: Option<String>,
}

/// Why a complaint was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ComplaintError {
    /// There is no such call, or the revision that it is pinned to is gone.
    #[error("there is no such call")]
    Unknown,
    /// What it answered was erased.
    #[error("what this call answered was erased: nobody can decide on it")]
    Erased,
    /// It gave no answer, or not yet.
    #[error("this call has given no answer that could be wrong: it is {state}")]
    NoAnswer {
        /// Its state.
        state: &'static str,
    },
    /// Nobody is named who could decide.
    #[error("policy `{policy}` has no `queue`: say in `queue` which one shall decide")]
    NoQueue {
        /// The policy.
        policy: String,
    },
    /// There is no such queue.
    #[error("there is no queue `{queue}`")]
    UnknownQueue {
        /// As it was named.
        queue: String,
    },
    /// That answer was complained about before, and a person has decided.
    #[error("a person has decided on that answer already, in review `{review}`")]
    Decided {
        /// Where.
        review: ReviewId,
    },
    /// The queue takes in nothing more.
    #[error("{0}")]
    Full(String),
    /// It cannot be read or written down.
    #[error(transparent)]
    Review(#[from] ReviewError),
}

impl From<Stop> for ComplaintError {
    fn from(stop: Stop) -> Self {
        Self::Review(stop.into())
    }
}

impl Engine {
    /// Puts an answer that is reported as wrong before a person. One review for each run's answer:
    /// who complains later is heard there.
    ///
    /// # Errors
    /// [`ComplaintError`]; nothing has changed then.
    pub async fn complain(
        &self,
        call: &CallId,
        complaint: Complaint,
    ) -> Result<(ReviewId, ReviewState), ComplaintError> {
        let (inner, call) = (Arc::clone(&self.0), call.clone());
        // Whole: a review that is opened has its due time watched, though they went away meanwhile.
        let heard = self.0.tasks.whole(async move { inner.complain(&call, complaint).await });
        heard.await.unwrap_or(Err(Stop::Panicked { first: true }.into()))
    }
}

impl Inner {
    async fn complain(
        &self,
        id: &CallId,
        complaint: Complaint,
    ) -> Result<(ReviewId, ReviewState), ComplaintError> {
        // Two who complain at once complain about one answer.
        let _one_by_one = self.one_by_one.lock().await;
        let found = match self.fold_from_disk(id, true).await {
            Err(Stop::Lost(_)) => return Err(ComplaintError::Erased),
            found => found?,
        };
        let (call, ..) = found.ok_or(ComplaintError::Unknown)?;
        let live = call.cell.lock().await;
        let answer = live.state.ended().and_then(|ended| ended.answer);
        let Some(answer) = answer else {
            return Err(ComplaintError::NoAnswer { state: live.state.state_name() });
        };
        if let Some(heard) = self.heard(id, live.state.run, &complaint).await? {
            return Ok(heard);
        }
        let Complaint { actor, reason, queue: named } = complaint;
        let name = named
            .or_else(|| live.policy.queue.clone())
            .ok_or_else(|| ComplaintError::NoQueue { policy: live.policy.name.clone() })?;
        let workspace = self.workspace.load();
        let Some(queue) = workspace.gateway.queues.get(&name) else {
            return Err(ComplaintError::UnknownQueue { queue: name });
        };
        if let Some(why) = self.turned_away(queue, &name, None).await? {
            return Err(ComplaintError::Full(why));
        }
        let spec = ReviewSpec {
            to: Escalation::to(name.clone()),
            reasons: vec![Reason { by: "complaint".to_owned(), text: reason }],
            excluded: vec![actor.id.clone()],
        };
        let now = self.clock.now();
        let due = due_at(&workspace.gateway, queue, now, None);
        let opened = self.opened(&call, &live, &spec, queue, due).await?;
        let opened = Opened {
            kind: ReviewKind::Audit,
            sampled: Some(Sampled::Complaint),
            subject: Some(answer),
            approvals: 1,
            undo_ms: 0,
            changes_left: 0,
            ..opened
        };
        let review = self.ids.review(now);
        let event = ReviewEvent::ReviewOpened(opened);
        let folded = ReviewState::fold(None, &event, now);
        let folded = folded.map_err(|error| Stop::Broken(error.to_string()))?;
        let new = self.new_event(now, actor, live.state.run, event);
        let one = Transaction::one(Stream::review(&review), 0, vec![new]);
        match self.ledger.append(one).await {
            Ok(_) => {}
            Err(AppendError::Conflict { .. }) => return Err(ReviewError::Busy.into()),
            Err(error) => return Err(Stop::from(error).into()),
        }
        self.look_later(review.clone(), &name, now, 0, due);
        Ok((review, folded))
    }

    /// The review in which that answer is complained about already, if it is open; what is said now
    /// stands there too.
    async fn heard(
        &self,
        call: &CallId,
        run: u32,
        complaint: &Complaint,
    ) -> Result<Option<(ReviewId, ReviewState)>, ComplaintError> {
        let before = self.asked_on(call).await?.into_iter().find(|row| {
            row.sampled == Some(Sampled::Complaint)
                && row.generation == run
                && (row.phase.is_open() || row.phase == ReviewPhase::Decided)
        });
        let Some(row) = before else { return Ok(None) };
        if !row.phase.is_open() {
            return Err(ComplaintError::Decided { review: row.id });
        }
        let (by, text) = (&complaint.actor.id, &complaint.reason);
        let said = |_: &ReviewState, _| {
            Ok(ReviewEvent::ReviewCommented { by: by.clone(), text: text.clone() })
        };
        let review = self.command(&row.id, complaint.actor.clone(), said).await?;
        Ok(Some((row.id, review)))
    }
}
