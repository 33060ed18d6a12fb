//! Decisions, carried out: judged as a person's answer, then written to the review's and the
//! call's stream in one transaction.

use std::sync::Arc;

use backstop_domain::{
    CallEvent, Decide, Digest, Finding, Judged, Millis, Phase, Refusal, Resolution, Resolved,
    ReviewEvent, ReviewId, ReviewKind, ReviewState, Source, Step, Stream, Subject,
    call::written_reject, next, review::Standing,
};
use backstop_ledger::{Append, AppendError, Body, NewEvent, Transaction};
use backstop_policy::Answer;

use crate::{
    engine::Inner,
    live::{Live, LiveCall, Mark, Shown, Stop, review_event},
    reviews::{Edit, ReviewError, Verb, What},
};

impl Inner {
    /// Decides once; [`ReviewError::Busy`] if somebody else was faster.
    pub(crate) async fn decide(
        self: &Arc<Self>,
        id: &ReviewId,
        verb: &Verb,
    ) -> Result<ReviewState, ReviewError> {
        let review = self.review(id).await?.ok_or(ReviewError::Unknown)?;
        if is_same_again(&review, verb) {
            return Err(Refusal::Repeated.into());
        }
        self.queue_is_open(&review.opened.queue)?;
        let _apart = self.apart(id, &review, &verb.actor.id).await?;
        if review.opened.kind == ReviewKind::Audit {
            return self.decide_audit(id, review, verb).await;
        }
        let closed = || Refusal::Closed { standing: review.standing.name() };
        if !review.standing.is_open() {
            return Err(closed().into());
        }
        let call = self.resume(&review.opened.call).await?.ok_or_else(closed)?;
        let decided = {
            let mut live = call.cell.lock().await;
            self.decide_on(&call, &mut live, id, verb).await
        };
        self.park(call);
        decided
    }

    async fn decide_on(
        self: &Arc<Self>,
        call: &Arc<LiveCall>,
        live: &mut Live,
        id: &ReviewId,
        verb: &Verb,
    ) -> Result<ReviewState, ReviewError> {
        // Somebody may have been faster while we waited for the call.
        let review = self.review(id).await?.ok_or(ReviewError::Unknown)?;
        let now = self.clock.now();
        let mark = live.mark(&*self.ledger, &call.id);
        let (resolution, judged) = self.resolution(call, live, &review, verb).await?;
        let events = review.decide(self.asked(verb, resolution.clone()), now)?;
        let folded = fold(&review, &events, now)?;
        if let Standing::Decided { by, undo_until, .. } = &folded.standing {
            let resolved = Resolved {
                review: id.clone(),
                queue: review.opened.queue.clone(),
                resolution,
                by: by.clone(),
                reason: verb.reason.clone(),
                undo_until: *undo_until,
            };
            let resolved = CallEvent::ReviewResolved(resolved);
            live.apply(&self.ids, now, verb.actor.clone(), resolved).map_err(Stop::from)?;
            if let Some(judged) = judged {
                self.apply(live, CallEvent::AnswerJudged(judged))?;
            }
            // What follows without asking anybody follows at once: who decided may undo at once.
            while matches!(live.state.phase, Phase::Deciding(_))
                && let Step::Record(event) = next(&live.policy.plan, &live.state)
            {
                self.apply(live, *event)?;
            }
        }
        let beside = events
            .into_iter()
            .map(|event| review_event(&self.ids, now, verb.actor.clone(), live, event))
            .collect();
        self.write_decision(call, live, mark, (id, review.seq, beside)).await?;
        self.go_on(call, live);
        if matches!(folded.standing, Standing::Decided { .. }) {
            self.worked(&review.opened.queue, now).await;
        }
        Ok(folded)
    }

    /// Writes what moves a call and its review on, to both in one transaction. What the ledger
    /// refuses has not happened, in memory neither.
    pub(crate) async fn write_decision(
        self: &Arc<Self>,
        call: &LiveCall,
        live: &mut Live,
        mark: Mark,
        (id, expected_seq, events): (&ReviewId, u64, Vec<NewEvent>),
    ) -> Result<(), ReviewError> {
        let beside = Append { stream: Stream::review(id), expected_seq, after: None, events };
        live.write_beside(&*self.ledger, &call.id, true, vec![beside]);
        let Err(stop) = live.on_disk().await else { return Ok(()) };
        live.back_to(mark);
        if stop.is_overtaken(&call.id) {
            // What is in memory is not what is on disk: it is read anew.
            self.forget(call);
            call.shown.send_replace(Shown::Parked);
        }
        match stop {
            Stop::Ledger(AppendError::Conflict { .. }) => Err(ReviewError::Busy),
            stop => Err(stop.into()),
        }
    }

    /// An audit changes no call: the verdict is a label.
    async fn decide_audit(
        &self,
        id: &ReviewId,
        review: ReviewState,
        verb: &Verb,
    ) -> Result<ReviewState, ReviewError> {
        let mut bodies = Vec::new();
        let resolution = match (&verb.what, review.opened.subject) {
            (What::Approve, Some(digest)) => Resolution::Approved { subject: persons(digest) },
            (What::Approve, None) => {
                let why = "there is no answer to agree with";
                return Err(Refusal::NotPossible { why }.into());
            }
            (What::Reject, _) => Resolution::Rejected,
            (What::Edit(edit), _) if review.opened.is_drawn() => {
                let body = Body::new(self.drawn_edit(&review, edit).await?.to_bytes(), true);
                let subject = persons(Digest::of(body.bytes()));
                bodies.push(body);
                Resolution::Edited { subject }
            }
            (What::RequestChanges(tell), _) if review.opened.is_drawn() => {
                Resolution::ChangesRequested { tell: tell.clone() }
            }
            (What::UseFallback, _) if review.opened.is_drawn() => Resolution::FallbackChosen,
            _ => {
                let why = "an audit is agreed with or rejected, nothing else";
                return Err(Refusal::NotPossible { why }.into());
            }
        };
        let now = self.clock.now();
        let events = review.decide(self.asked(verb, resolution), now)?;
        let folded = fold(&review, &events, now)?;
        let run = review.opened.generation;
        let new = events.into_iter().map(|e| self.new_event(now, verb.actor.clone(), run, e));
        let transaction = Transaction::one(Stream::review(id), review.seq, new.collect());
        match self.ledger.append(transaction.with_bodies(bodies)).await {
            Ok(_) => Ok(folded),
            Err(AppendError::Conflict { .. }) => Err(ReviewError::Busy),
            Err(error) => Err(Stop::from(error).into()),
        }
    }

    /// The decision as the review's machine takes it.
    fn asked(&self, verb: &Verb, resolution: Resolution) -> Decide {
        Decide {
            by: verb.actor.id.clone(),
            teams: self.teams(&verb.actor),
            lease: verb.lease,
            generation: verb.generation,
            subject: verb.subject,
            resolution,
            reason: verb.reason.clone(),
        }
    }

    /// What the verb comes to on this answer, judged as a person's, or why it is blocked.
    async fn resolution(
        &self,
        call: &LiveCall,
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
        let (judged, answer) = self.judge_person(call, live, &answer);
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
        let after = with_edit(before.as_ref(), edit)?;
        if let (Some(paths), Some(before)) = (&review.opened.may_edit, &before)
            && let Some(path) = live.policy.edited_beyond(before, &after, paths)
        {
            return Err(ReviewError::MayNotEdit(path));
        }
        Ok(after)
    }
}

/// The answer as edited.
pub(super) fn with_edit(before: Option<&Answer>, edit: &Edit) -> Result<Answer, ReviewError> {
    let mut after = before.cloned().unwrap_or_default();
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
    Ok(after)
}

/// Whether the person decided just that already: the second click, however late it comes.
fn is_same_again(review: &ReviewState, verb: &Verb) -> bool {
    let Standing::Decided { by, resolution, .. } = &review.standing else { return false };
    let same = match (&verb.what, resolution) {
        (What::Approve, Resolution::Approved { .. })
        | (What::Reject, Resolution::Rejected)
        | (What::UseFallback, Resolution::FallbackChosen) => true,
        (What::RequestChanges(said), Resolution::ChangesRequested { tell }) => said == tell,
        _ => false,
    };
    same && by.contains(&verb.actor.id) && verb.subject == review.opened.subject
}

fn fold(
    review: &ReviewState,
    events: &[ReviewEvent],
    now: Millis,
) -> Result<ReviewState, ReviewError> {
    let mut folded = review.clone();
    for event in events {
        let next = ReviewState::fold(Some(folded), event, now);
        folded = next.map_err(|error| Stop::Broken(error.to_string()))?;
    }
    Ok(folded)
}

fn persons(digest: Digest) -> Subject {
    Subject { source: Source::Human, digest, attempt: None, model: None }
}
