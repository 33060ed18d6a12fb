//! Reviews that are drawn to learn how people decide: further opinions on the same answer, and
//! answers that are known. Each looks like any other; no call waits for it, and what is decided on
//! it is a label.

use std::sync::Arc;

use backstop_checks::expression::Sampling;
use backstop_domain::{
    Actor, CallEvent, CallId, ControlEvent, Digest, Event, Millis, Opened, Refusal, ReviewId,
    ReviewKind, ReviewState, Sampled, Stream, review::Standing,
};
use backstop_ledger::{AppendError, Recorded, ReviewFilter, Transaction};
use backstop_policy::{Answer, gateway_file::Queue};
use tokio::sync::MutexGuard;

use crate::{
    engine::{Engine, Inner, fold},
    live::{Snapshot, Stop},
    reviews::{Edit, ReviewError, TRIES, decide::with_edit},
};

/// Known answers of a queue that are looked at, the newest.
const KNOWN_MAX: usize = 200;
/// Known answers of which one is tried to be asked again: others may be erased by now.
const TRIED_MAX: usize = 4;
/// The word for a review whose answer is known from here on.
const KNOWN: &str = "known_answer_set";
/// The word for one whose answer is not any more.
const DROPPED: &str = "known_answer_dropped";

/// A review whose answer is known, and who said so.
struct KnownAnswer {
    of: ReviewId,
    by: String,
}

impl Inner {
    /// What is asked beside a review that is opened now, which learns of it.
    pub(crate) async fn drawn(
        &self,
        id: &ReviewId,
        opened: &mut Opened,
        queue: &Queue,
        now: Millis,
    ) -> Result<Vec<(ReviewId, Opened)>, Stop> {
        let key = format!("{} {}", opened.call, opened.generation);
        let falls = |what: &str, share: u32| {
            let sampling = Sampling::fresh(&self.salt, &opened.queue, what);
            share > 0 && sampling.and_then(|one| one.falls(&key, share)).unwrap_or(false)
        };
        let apart = falls("overlap", queue.overlap.share);
        let seeded = falls("known_answers", queue.known_answers);
        let mut drawn = Vec::new();
        // Where several must agree, everything is decided by several already.
        if apart && opened.approvals == 1 {
            opened.sampled = Some(Sampled::Overlap { of: id.clone() });
            opened.blind = true;
            let others = 1..queue.overlap.people;
            drawn.extend(others.map(|_| {
                let other = Opened { kind: ReviewKind::Audit, ..opened.clone() };
                (self.ids.review(now), other)
            }));
        }
        if seeded && let Some(known) = self.known_answer(opened, &key).await? {
            drawn.push((self.ids.review(now), known));
        }
        Ok(drawn)
    }

    /// One of the queue's known answers, as a review that looks as the first one did.
    async fn known_answer(&self, beside: &Opened, key: &str) -> Result<Option<Opened>, Stop> {
        let mut known = self.known_answers(&beside.queue).await?;
        let start = Digest::of(key.as_bytes())
            .as_bytes()
            .iter()
            .fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
        for _ in 0..TRIED_MAX {
            if known.is_empty() {
                break;
            }
            let KnownAnswer { of, by: marked_by } = known.swap_remove(start % known.len());
            let Some(review) = self.review(&of).await? else { continue };
            let decided = matches!(review.standing, Standing::Decided { .. });
            if !decided || !self.is_kept(&review.opened).await? {
                continue;
            }
            // Who has seen it once knows it.
            let seen = self.asked_on(&review.opened.call).await?;
            let seen = seen.into_iter().flat_map(|row| [row.decided_by, row.voters].concat());
            let mut excluded = review.opened.excluded.clone();
            excluded.extend(seen.chain([marked_by]));
            excluded.sort();
            excluded.dedup();
            return Ok(Some(Opened {
                kind: ReviewKind::Audit,
                sampled: Some(Sampled::Known { of }),
                due: beside.due,
                on_expiry: beside.on_expiry,
                priority: beside.priority,
                approvals: 1,
                blind: true,
                excluded,
                claim_ms: beside.claim_ms,
                undo_ms: beside.undo_ms,
                ..review.opened
            }));
        }
        Ok(None)
    }

    /// Whether what it shows was not erased.
    async fn is_kept(&self, opened: &Opened) -> Result<bool, Stop> {
        let events = self.ledger.stream(&Stream::call(&opened.call), 0).await?;
        let Ok(Some(state)) = fold(&events) else { return Ok(false) };
        for digest in opened.subject.into_iter().chain([state.received.request]) {
            if self.ledger.body(digest).await?.is_none_or(|body| body.bytes.is_none()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Every review of that call.
    pub(crate) async fn asked_on(
        &self,
        call: &CallId,
    ) -> Result<Vec<backstop_ledger::ReviewSummary>, Stop> {
        let filter = ReviewFilter { call: Some(call.clone()), ..ReviewFilter::default() };
        Ok(self.ledger.reviews(filter).await?.rows)
    }

    /// The reviews of a queue whose answers are known, the newest at the end.
    async fn known_answers(&self, queue: &str) -> Result<Vec<KnownAnswer>, Stop> {
        let mut known: Vec<KnownAnswer> = Vec::new();
        for recorded in self.ledger.stream(&known_stream(queue), 0).await? {
            let Ok(Event::Control(ControlEvent::OperatorActed { act, target, .. })) =
                recorded.event
            else {
                continue;
            };
            let of = ReviewId(target);
            known.retain(|one| one.of != of);
            if act == KNOWN {
                known.push(KnownAnswer { of, by: recorded.envelope.actor.id });
            }
        }
        Ok(known.split_off(known.len().saturating_sub(KNOWN_MAX)))
    }

    /// Nobody has a part in two of the reviews that are decided apart. Held until what the person
    /// wants is written: a person with two tabs is still one.
    pub(crate) async fn apart(
        &self,
        id: &ReviewId,
        review: &ReviewState,
        by: &str,
    ) -> Result<Option<MutexGuard<'_, ()>>, ReviewError> {
        if !matches!(review.opened.sampled, Some(Sampled::Overlap { .. })) {
            return Ok(None);
        }
        let guard = self.one_by_one.lock().await;
        if self.has_another(id, review, by).await? {
            let why = "you have a part in it already, and others decide it apart from you";
            return Err(Refusal::Excluded { why }.into());
        }
        Ok(Some(guard))
    }

    async fn has_another(
        &self,
        id: &ReviewId,
        review: &ReviewState,
        by: &str,
    ) -> Result<bool, Stop> {
        let opened = &review.opened;
        if !matches!(opened.sampled, Some(Sampled::Overlap { .. })) {
            return Ok(false);
        }
        let now = self.clock.now();
        let mut rows = self.asked_on(&opened.call).await?.into_iter();
        Ok(rows.any(|row| row.id != *id && row.sampled == opened.sampled && row.involves(by, now)))
    }

    /// What a person made of the answer of a drawn review: a label as it is, for nobody gets it.
    pub(crate) async fn drawn_edit(
        &self,
        review: &ReviewState,
        edit: &Edit,
    ) -> Result<Answer, ReviewError> {
        let before = match review.opened.subject {
            Some(digest) => {
                let body = self.ledger.body(digest).await.map_err(Stop::from)?;
                let bytes = body.and_then(|body| body.bytes).unwrap_or_default();
                Some(Answer::from_bytes(&bytes).map_err(|e| Stop::Broken(e.to_string()))?)
            }
            None => None,
        };
        with_edit(before.as_ref(), edit)
    }
}

fn known_stream(queue: &str) -> Stream {
    Stream::control(&format!("known.{queue}"))
}

impl Engine {
    /// From here on the answer of that decided review is known, or is not any more.
    ///
    /// # Errors
    /// [`ReviewError`] if it is not decided, or this cannot be written down.
    pub async fn mark_known(
        &self,
        id: &ReviewId,
        actor: Actor,
        known: bool,
        reason: String,
    ) -> Result<(), ReviewError> {
        let inner = &self.0;
        let review = inner.review(id).await?.ok_or(ReviewError::Unknown)?;
        let decided = matches!(review.standing, Standing::Decided { .. });
        if !decided || review.opened.kind == ReviewKind::Audit {
            let why = "only what a person decided for a call can be a known answer";
            return Err(Refusal::NotPossible { why }.into());
        }
        let stream = known_stream(&review.opened.queue);
        let act = if known { KNOWN } else { DROPPED }.to_owned();
        for _ in 0..TRIES {
            let end = inner.ledger.stream(&stream, 0).await.map_err(Stop::from)?.len() as u64;
            let (act, reason) = (act.clone(), reason.clone());
            let acted =
                ControlEvent::OperatorActed { act, target: id.0.clone(), reason, until: None };
            let new = inner.control_event(actor.clone(), acted);
            let one = Transaction::one(stream.clone(), end, vec![new]);
            match inner.ledger.append(one).await {
                Ok(_) => return Ok(()),
                Err(AppendError::Conflict { .. }) => {}
                Err(error) => return Err(Stop::from(error).into()),
            }
        }
        Err(ReviewError::Busy)
    }

    /// Whether the answer of that review is a known one.
    ///
    /// # Errors
    /// [`Stop`] if the ledger cannot be read.
    pub async fn is_known(&self, queue: &str, id: &ReviewId) -> Result<bool, Stop> {
        Ok(self.0.known_answers(queue).await?.iter().any(|one| one.of == *id))
    }

    /// Whether that person has a part in another one of those that are decided apart.
    ///
    /// # Errors
    /// [`Stop`] if the ledger cannot be read.
    pub async fn has_another(
        &self,
        id: &ReviewId,
        review: &ReviewState,
        by: &str,
    ) -> Result<bool, Stop> {
        self.0.has_another(id, review, by).await
    }

    /// A call as it stood when that review was asked, with its events until then: whoever decides a
    /// drawn review learns nothing of what came of the call.
    ///
    /// # Errors
    /// [`Stop`] if it cannot be read.
    pub async fn call_as_asked(
        &self,
        call: &CallId,
        review: &ReviewId,
    ) -> Result<Option<(Snapshot, Vec<Recorded>)>, Stop> {
        let mut events = self.events(call, 0).await?;
        let asked = |one: &Recorded| match one.as_call() {
            Some(CallEvent::ReviewRequested(asked)) => asked.review == *review,
            _ => false,
        };
        let Some(last) = events.iter().position(asked) else { return Ok(None) };
        events.truncate(last + 1);
        let Some(state) = fold(&events)? else { return Ok(None) };
        let snapshot = Snapshot {
            id: call.clone(),
            state: Arc::new(state),
            answer: None,
            provided: None,
            stages: crate::stages::Stages::default(),
            on_disk: true,
        };
        Ok(Some((snapshot, events)))
    }
}
