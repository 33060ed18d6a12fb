//! What people do to reviews: claim, renew, release, decide, undo, comment.
//!
//! Every face comes through here, so four eyes, leases and digests hold on all of them. `decide`
//! carries decisions out, `ending` everything else that takes a review off the table; `drawn` asks
//! more people than a call waits for, `complaint` asks again after the outcome.

mod complaint;
mod decide;
mod drawn;
mod ending;

use std::sync::Arc;

use backstop_domain::{
    Actor, ActorKind, CallId, Digest, Event, Finding, Millis, Refusal, ReviewEvent, ReviewId,
    ReviewState, Stream,
    review::{HandOver, Who},
};
use backstop_ledger::{NewEvent, Transaction};

use crate::{
    engine::{Engine, Inner},
    live::Stop,
};

pub use complaint::{Complaint, ComplaintError};

/// What a person decides, as the desk or the API sends it.
#[derive(Debug, Clone)]
pub struct Verb {
    /// Who, and by what means.
    pub actor: Actor,
    /// Fencing token of the claim, if the person claimed.
    pub lease: Option<u64>,
    /// Run that the person saw.
    pub generation: u32,
    /// Digest of what the person saw.
    pub subject: Option<Digest>,
    /// What.
    pub what: What,
    /// Code and text of the reason.
    pub reason: Option<String>,
}

/// What a person decides.
#[derive(Debug, Clone)]
pub enum What {
    /// The answer as it is.
    Approve,
    /// This answer in its place: a text, or a value of the output's schema.
    Edit(Edit),
    /// No.
    Reject,
    /// Back to the model, with these words.
    RequestChanges(String),
    /// The policy's fallback.
    UseFallback,
}

/// What a person made of an answer.
#[derive(Debug, Clone)]
pub enum Edit {
    /// Another output.
    Output(serde_json::Value),
    /// Other arguments for the tool call at that place.
    ToolArgs {
        /// Which tool call, from 0.
        index: usize,
        /// Its arguments.
        args: serde_json::Value,
    },
}

/// Why a command on a review did nothing.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// There is no such review.
    #[error("there is no such review")]
    Unknown,
    /// The review says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// What the person made of it is stopped by the schema or a written reject.
    #[error("this answer cannot be released")]
    Blocked(Vec<Finding>),
    /// A path was changed that may not be.
    #[error("`{0}` may not be edited in this review")]
    MayNotEdit(String),
    /// An operator holds the queue.
    #[error("queue `{queue}` is paused: {reason}")]
    Paused {
        /// The queue.
        queue: String,
        /// Why.
        reason: String,
        /// Until when, at most.
        until: Millis,
    },
    /// Somebody else was faster, again and again.
    #[error("the review is being changed by somebody else: look at it anew")]
    Busy,
    /// It cannot be read or written down.
    #[error(transparent)]
    Stop(#[from] Stop),
}

impl Engine {
    /// The review as it stands on disk.
    ///
    /// # Errors
    /// [`ReviewError::Stop`] if the ledger cannot be read.
    pub async fn review(&self, id: &ReviewId) -> Result<Option<ReviewState>, ReviewError> {
        Ok(self.0.review(id).await?)
    }

    /// Takes the review for a while; the new state holds the lease.
    ///
    /// # Errors
    /// [`ReviewError`]; nothing has changed then.
    pub async fn claim(&self, id: &ReviewId, actor: Actor) -> Result<ReviewState, ReviewError> {
        let review = self.0.review(id).await?.ok_or(ReviewError::Unknown)?;
        self.0.queue_is_open(&review.opened.queue)?;
        let _apart = self.0.apart(id, &review, &actor.id).await?;
        let (by, teams) = (actor.id.clone(), self.0.teams(&actor));
        let claim = |review: &ReviewState, now| review.claim(Who { name: &by, teams: &teams }, now);
        self.0.command(id, actor, claim).await
    }

    /// Goes on holding it.
    ///
    /// # Errors
    /// [`ReviewError`]; nothing has changed then.
    pub async fn renew(
        &self,
        id: &ReviewId,
        actor: Actor,
        lease: u64,
    ) -> Result<ReviewState, ReviewError> {
        let by = actor.id.clone();
        self.0.command(id, actor, |review, now| review.renew(&by, lease, now)).await
    }

    /// Gives it back.
    ///
    /// # Errors
    /// [`ReviewError`]; nothing has changed then.
    pub async fn release(
        &self,
        id: &ReviewId,
        actor: Actor,
        lease: u64,
    ) -> Result<ReviewState, ReviewError> {
        let by = actor.id.clone();
        self.0.command(id, actor, |review, now| review.release(&by, lease, now)).await
    }

    /// Says something about it.
    ///
    /// # Errors
    /// [`ReviewError`]; nothing has changed then.
    pub async fn comment(
        &self,
        id: &ReviewId,
        actor: Actor,
        text: String,
    ) -> Result<ReviewState, ReviewError> {
        let by = actor.id.clone();
        let said = |_: &ReviewState, _| {
            Ok(ReviewEvent::ReviewCommented { by: by.clone(), text: text.clone() })
        };
        self.0.command(id, actor, said).await
    }

    /// Sets it aside for that person alone: until then, or for good.
    ///
    /// # Errors
    /// [`ReviewError`]; nothing has changed then.
    pub async fn set_aside(
        &self,
        id: &ReviewId,
        actor: Actor,
        until: Option<Millis>,
    ) -> Result<ReviewState, ReviewError> {
        let by = actor.id.clone();
        self.0.command(id, actor, |review, now| review.set_aside(&by, until, now)).await
    }

    /// Gives it to a person or another queue; `lead`: even if somebody holds it. Whether these may
    /// have it is the caller's to know.
    ///
    /// # Errors
    /// [`ReviewError`]; nothing has changed then.
    pub async fn hand_over(
        &self,
        id: &ReviewId,
        actor: Actor,
        lead: bool,
        over: HandOver,
    ) -> Result<ReviewState, ReviewError> {
        let by = actor.id.clone();
        if let Some(to) = &over.to {
            let review = self.0.review(id).await?.ok_or(ReviewError::Unknown)?;
            self.0.apart(id, &review, to).await?;
        }
        let teams = over.to.as_ref().map(|to| self.0.teams_of_person(to));
        let over = HandOver { teams: teams.unwrap_or_default(), ..over };
        let give = |review: &ReviewState, now| review.hand_over(&by, lead, over.clone(), now);
        self.0.command(id, actor, give).await
    }

    /// Decides. The second click of the same person gets the first one's result.
    ///
    /// # Errors
    /// [`ReviewError`]; nothing has changed then.
    pub async fn decide(&self, id: &ReviewId, verb: Verb) -> Result<ReviewState, ReviewError> {
        let (inner, id) = (Arc::clone(&self.0), id.clone());
        let decided = self.0.tasks.whole(async move {
            for _ in 0..TRIES {
                match inner.decide(&id, &verb).await {
                    Err(ReviewError::Busy) => {}
                    Err(ReviewError::Refused(Refusal::Repeated)) => {
                        return inner.review(&id).await?.ok_or(ReviewError::Unknown);
                    }
                    other => return other,
                }
            }
            Err(ReviewError::Busy)
        });
        decided.await.unwrap_or(Err(Stop::Panicked { first: true }.into()))
    }

    /// Takes a decision back inside its undo window.
    ///
    /// # Errors
    /// [`ReviewError`]; nothing has changed then.
    pub async fn undo(&self, id: &ReviewId, actor: Actor) -> Result<ReviewState, ReviewError> {
        let (inner, id) = (Arc::clone(&self.0), id.clone());
        let undone = self.0.tasks.whole(async move {
            for _ in 0..TRIES {
                match inner.undo(&id, &actor).await {
                    Err(ReviewError::Busy) => {}
                    other => return other,
                }
            }
            Err(ReviewError::Busy)
        });
        undone.await.unwrap_or(Err(Stop::Panicked { first: true }.into()))
    }

    /// Stops a call, whatever it does. An ended one stays as it is.
    ///
    /// # Errors
    /// [`Stop`] if that cannot be read or written down.
    pub async fn cancel(&self, id: &CallId, actor: Actor, reason: String) -> Result<(), Stop> {
        let (inner, id) = (Arc::clone(&self.0), id.clone());
        let cancelled = async move { inner.cancel(&id, &actor, &reason).await };
        let cancelled = self.0.tasks.whole(cancelled).await;
        cancelled.unwrap_or(Err(Stop::Panicked { first: true }))
    }
}

/// How often a command is tried when somebody else was faster: a lease that is renewed, a comment.
pub(crate) const TRIES: usize = 8;

impl Inner {
    /// Nobody claims or decides in a queue that an operator holds.
    pub(crate) fn queue_is_open(&self, queue: &str) -> Result<(), ReviewError> {
        let Some(held) = self.pauses.of("queue", queue, self.clock.now()) else { return Ok(()) };
        let (queue, reason, until) = (queue.to_owned(), held.reason, held.until);
        Err(ReviewError::Paused { queue, reason, until })
    }

    pub(crate) async fn review(&self, id: &ReviewId) -> Result<Option<ReviewState>, Stop> {
        let mut state = None;
        for recorded in self.ledger.stream(&Stream::review(id), 0).await? {
            match &recorded.event {
                Ok(Event::Review(event)) => {
                    let folded = ReviewState::fold(state, event, recorded.envelope.at);
                    state = Some(folded.map_err(|error| Stop::Broken(error.to_string()))?);
                }
                Ok(_) => {}
                Err(unreadable) => return Err(Stop::Unreadable(unreadable.clone())),
            }
        }
        Ok(state)
    }

    /// The teams of whoever acts, as gateway.yaml has them now: people and roles are always live.
    pub(crate) fn teams(&self, actor: &Actor) -> Vec<String> {
        match actor.kind {
            ActorKind::Caller => {
                let workspace = self.workspace.load();
                let caller = workspace.gateway.callers.get(&actor.id);
                caller.and_then(|caller| caller.owner.clone()).into_iter().collect()
            }
            _ => self.teams_of_person(&actor.id),
        }
    }

    fn teams_of_person(&self, name: &str) -> Vec<String> {
        let workspace = self.workspace.load();
        let person = workspace.gateway.reviewers.get(name);
        person.map(|person| person.teams.clone()).unwrap_or_default()
    }

    /// Carries a command out that concerns the review alone.
    pub(crate) async fn command(
        &self,
        id: &ReviewId,
        actor: Actor,
        command: impl Fn(&ReviewState, Millis) -> Result<ReviewEvent, Refusal>,
    ) -> Result<ReviewState, ReviewError> {
        for _ in 0..TRIES {
            let review = self.review(id).await?.ok_or(ReviewError::Unknown)?;
            let now = self.clock.now();
            let event = command(&review, now)?;
            let folded = ReviewState::fold(Some(review.clone()), &event, now);
            let folded = folded.map_err(|error| Stop::Broken(error.to_string()))?;
            let new = self.new_event(now, actor.clone(), review.opened.generation, event);
            let transaction = Transaction::one(Stream::review(id), review.seq, vec![new]);
            match self.ledger.append(transaction).await {
                Ok(_) => return Ok(folded),
                Err(backstop_ledger::AppendError::Conflict { .. }) => {}
                Err(error) => return Err(Stop::from(error).into()),
            }
        }
        Err(ReviewError::Busy)
    }

    pub(crate) fn new_event(
        &self,
        now: Millis,
        actor: Actor,
        run: u32,
        event: ReviewEvent,
    ) -> NewEvent {
        NewEvent {
            id: self.ids.event(now),
            at: now,
            actor,
            run,
            causation: None,
            correlation: None,
            revision: None,
            event: Event::Review(event),
        }
    }
}
