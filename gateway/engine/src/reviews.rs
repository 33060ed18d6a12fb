//! What people do to reviews: claim, renew, release, decide, undo, comment; and what cancels them.
//!
//! A decision goes to the review's and the call's stream in one transaction. Every face comes
//! through here, so four eyes, leases and digests hold on all of them.

use std::sync::Arc;

use backstop_domain::{
    Actor, CallEvent, CallId, Decide, Digest, Event, Finding, Judged, Phase, Refusal, Resolution,
    Resolved, ReviewEvent, ReviewId, ReviewKind, ReviewState, Source, Stream, Subject,
    call::written_reject, review::Standing,
};
use backstop_ledger::{Append, NewEvent, Transaction};
use backstop_policy::Answer;

use crate::{
    engine::{Engine, Inner},
    escalate::expired,
    live::{Live, LiveCall, Stop, review_event},
};

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
        let by = actor.id.clone();
        self.0.command(id, actor, |review, now| review.claim(&by, now)).await
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

    /// Decides. The second click of the same person gets the first one's result.
    ///
    /// # Errors
    /// [`ReviewError`]; nothing has changed then.
    pub async fn decide(&self, id: &ReviewId, verb: Verb) -> Result<ReviewState, ReviewError> {
        let review = self.0.review(id).await?.ok_or(ReviewError::Unknown)?;
        let decided = match review.opened.kind {
            ReviewKind::Audit => self.0.decide_audit(id, review, verb).await,
            ReviewKind::Decision => self.0.decide(id, review, verb).await,
        };
        match decided {
            Err(ReviewError::Refused(Refusal::Repeated)) => {
                self.0.review(id).await?.ok_or(ReviewError::Unknown)
            }
            other => other,
        }
    }

    /// Takes a decision back inside its undo window.
    ///
    /// # Errors
    /// [`ReviewError`]; nothing has changed then.
    pub async fn undo(&self, id: &ReviewId, actor: Actor) -> Result<ReviewState, ReviewError> {
        self.0.undo(id, actor).await
    }

    /// Stops a call, whatever it does. An ended one stays as it is.
    ///
    /// # Errors
    /// [`Stop`] if that cannot be read or written down.
    pub async fn cancel(&self, id: &CallId, actor: Actor, reason: String) -> Result<(), Stop> {
        self.0.cancel(id, actor, reason).await
    }
}

/// How often a command is tried again when somebody else was faster.
const TRIES: usize = 8;

impl Inner {
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

    /// Carries a command out that concerns the review alone.
    async fn command(
        &self,
        id: &ReviewId,
        actor: Actor,
        command: impl Fn(&ReviewState, backstop_domain::Millis) -> Result<ReviewEvent, Refusal>,
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

    fn new_event(
        &self,
        now: backstop_domain::Millis,
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

    /// An audit changes no call: the verdict is a label.
    async fn decide_audit(
        &self,
        id: &ReviewId,
        review: ReviewState,
        verb: Verb,
    ) -> Result<ReviewState, ReviewError> {
        let resolution = match (&verb.what, review.opened.subject) {
            (What::Approve, Some(digest)) => Resolution::Approved { subject: persons(digest) },
            (What::Approve | What::Reject, _) => Resolution::Rejected,
            _ => {
                let why = "an audit is agreed with or rejected, nothing else";
                return Err(Refusal::NotPossible { why }.into());
            }
        };
        let now = self.clock.now();
        let events = review.decide(command(&verb, resolution), now)?;
        let mut folded = review.clone();
        for event in &events {
            let next = ReviewState::fold(Some(folded), event, now);
            folded = next.map_err(|error| Stop::Broken(error.to_string()))?;
        }
        let run = review.opened.generation;
        let new = events.into_iter().map(|e| self.new_event(now, verb.actor.clone(), run, e));
        let transaction = Transaction::one(Stream::review(id), review.seq, new.collect());
        match self.ledger.append(transaction).await {
            Ok(_) => Ok(folded),
            Err(backstop_ledger::AppendError::Conflict { .. }) => Err(ReviewError::Busy),
            Err(error) => Err(Stop::from(error).into()),
        }
    }

    async fn decide(
        self: &Arc<Self>,
        id: &ReviewId,
        review: ReviewState,
        verb: Verb,
    ) -> Result<ReviewState, ReviewError> {
        let Some(call) = self.resume(&review.opened.call).await? else {
            return Err(Refusal::Closed { standing: review.standing.name() }.into());
        };
        let mut live = call.cell.lock().await;
        // Somebody may have been faster while we waited for the call.
        let review = self.review(id).await?.ok_or(ReviewError::Unknown)?;
        let now = self.clock.now();
        let (resolution, judged) = self.resolution(&mut live, &review, &verb).await?;
        let events = review.decide(command(&verb, resolution.clone()), now)?;
        let mut folded = review.clone();
        for event in &events {
            let next = ReviewState::fold(Some(folded), event, now);
            folded = next.map_err(|error| Stop::Broken(error.to_string()))?;
        }
        if let Standing::Decided { by, undo_until, .. } = &folded.standing {
            let resolved = Resolved {
                review: id.clone(),
                queue: review.opened.queue.clone(),
                resolution,
                by: by.clone(),
                reason: verb.reason.clone(),
                undo_until: *undo_until,
            };
            let actor = verb.actor.clone();
            live.apply(&self.ids, now, actor, CallEvent::ReviewResolved(resolved))
                .map_err(Stop::from)?;
            if let Some(judged) = judged {
                self.apply(&mut live, CallEvent::AnswerJudged(judged))?;
            }
        }
        let beside = events
            .into_iter()
            .map(|event| review_event(&self.ids, now, verb.actor.clone(), &live, event))
            .collect();
        self.write_decision(&call, &mut live, id, review.seq, beside).await?;
        drop(live);
        self.go_on(&call);
        Ok(folded)
    }

    async fn write_decision(
        self: &Arc<Self>,
        call: &Arc<LiveCall>,
        live: &mut Live,
        id: &ReviewId,
        expected_seq: u64,
        events: Vec<NewEvent>,
    ) -> Result<(), ReviewError> {
        let beside = Append { stream: Stream::review(id), expected_seq, events };
        live.write_beside(&*self.ledger, &call.id, true, vec![beside]);
        match live.on_disk().await {
            Ok(_) => Ok(()),
            Err(stop) => {
                // What is in memory is ahead of the disk now: read it anew next time.
                self.forget(&call.id);
                match stop {
                    Stop::Ledger(backstop_ledger::AppendError::Conflict { .. }) => {
                        Err(ReviewError::Busy)
                    }
                    stop => Err(stop.into()),
                }
            }
        }
    }

    /// What the verb comes to on this answer, judged as a person's, or why it is blocked.
    async fn resolution(
        &self,
        live: &mut Live,
        review: &ReviewState,
        verb: &Verb,
    ) -> Result<(Resolution, Option<Judged>), ReviewError> {
        let (answer, edited) = match &verb.what {
            What::Reject => return Ok((Resolution::Rejected, None)),
            What::UseFallback if live.policy.plan.has_fallback && !live.state.fallback_tried => {
                return Ok((Resolution::FallbackChosen, None));
            }
            What::UseFallback => {
                let why = "the policy has no fallback, or it was objected to";
                return Err(Refusal::NotPossible { why }.into());
            }
            What::RequestChanges(tell) => {
                return Ok((Resolution::ChangesRequested { tell: tell.clone() }, None));
            }
            What::Approve => {
                let Some(digest) = review.opened.subject else {
                    let why = "there is no answer to approve: write one";
                    return Err(Refusal::NotPossible { why }.into());
                };
                let bytes = self.answer_bytes(live, digest).await?;
                (Answer::from_bytes(&bytes).map_err(|e| Stop::Broken(e.to_string()))?, false)
            }
            What::Edit(edit) => (self.edited(live, review, edit).await?, true),
        };
        let (judged, answer) = self.judge_person(live, &answer);
        let bytes = answer.to_bytes();
        let digest = live.body(bytes.clone());
        live.answers.keep(digest, bytes);
        let plan = &live.policy.plan;
        let stops: Vec<Finding> = (judged.findings.iter())
            .filter(|finding| written_reject(plan, finding))
            .cloned()
            .collect();
        if !stops.is_empty() {
            return Err(ReviewError::Blocked(stops));
        }
        let subject = judged.subject.clone();
        let resolution =
            if edited { Resolution::Edited { subject } } else { Resolution::Approved { subject } };
        Ok((resolution, Some(judged)))
    }

    async fn edited(
        &self,
        live: &Live,
        review: &ReviewState,
        edit: &Edit,
    ) -> Result<Answer, ReviewError> {
        let before = match review.opened.subject {
            Some(digest) => {
                let bytes = self.answer_bytes(live, digest).await?;
                Some(Answer::from_bytes(&bytes).map_err(|e| Stop::Broken(e.to_string()))?)
            }
            None => None,
        };
        let mut after = before.clone().unwrap_or_default();
        match edit {
            Edit::Output(value) => {
                let edited = Answer::value(value);
                match (after.choices.first_mut(), edited.choices.into_iter().next()) {
                    (Some(choice), Some(edited)) => choice.text = edited.text,
                    (None, Some(edited)) => after.choices.push(edited),
                    (_, None) => {}
                }
            }
            Edit::ToolArgs { index, args } => {
                let call = after.choices.first_mut().and_then(|c| c.tool_calls.get_mut(*index));
                let Some(call) = call else {
                    let why = "there is no such tool call in the answer";
                    return Err(Refusal::NotPossible { why }.into());
                };
                call.arguments = args.to_string();
            }
        }
        if let (Some(paths), Some(before)) = (&review.opened.may_edit, &before)
            && let Some(path) = live.policy.edited_beyond(before, &after, paths)
        {
            return Err(ReviewError::MayNotEdit(path));
        }
        Ok(after)
    }

    async fn undo(
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

    async fn cancel(
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

fn persons(digest: Digest) -> Subject {
    Subject { source: Source::Human, digest, attempt: None, model: None }
}

fn command(verb: &Verb, resolution: Resolution) -> Decide {
    Decide {
        by: verb.actor.id.clone(),
        lease: verb.lease,
        generation: verb.generation,
        subject: verb.subject,
        resolution,
        reason: verb.reason.clone(),
    }
}
