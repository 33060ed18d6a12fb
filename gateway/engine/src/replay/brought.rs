//! What is brought to a judgement under another revision: the same service, judge or votes as in
//! the record if the same was asked, and otherwise nothing is known.

use std::sync::Arc;

use backstop_domain::{
    AttemptEnded, AttemptResult, AttemptStarted, CallEvent, CallState, Digest, FullLimit, Millis,
    Paid, Purpose, Subject, call::affordable,
};
use backstop_policy::{
    Policy,
    judge::{Given, Judging, PaidAsk, PaidKind, PaidResult, ToolUse},
};
use serde_json::Value;

use super::{
    hand::{Bring, Hand},
    pool::Pool,
    unknown::Unknown,
};

/// What a refusal to pay begins with; the engine's words.
const NOT_ASKED: &str = "not asked: ";

/// Brings to one judgement what the record has for it.
pub(super) struct Brought<'w, 'r> {
    pub pool: &'w mut Pool<'r>,
    /// The call, moved on by votes and judges.
    pub state: CallState,
    pub now: Millis,
    pub policy: &'r Arc<Policy>,
    pub pinned: Option<&'r Arc<Policy>>,
    /// What is judged; `None` is the request.
    pub given: Option<Given<'static>>,
}

impl Bring for Brought<'_, '_> {
    fn paid(
        &mut self,
        hand: &Hand<'_>,
        ask: &PaidAsk,
        own: Option<&Value>,
    ) -> Result<Result<PaidResult, String>, Unknown> {
        let Some(asked) = ask.ask.digest(own) else {
            return Ok(Err("the call's own request is gone".to_owned()));
        };
        let (model, purpose, body, times) = match &ask.ask {
            PaidKind::Service { service, .. } => {
                let unknown = || Unknown::Service { service: service.clone() };
                let (_, paid) = self.pool.paid(asked).ok_or_else(unknown)?;
                return match (&paid.failed, paid.said) {
                    (Some(why), _) => Ok(Err(why.clone())),
                    (None, Some(said)) => hand.scored(said).map(Ok),
                    (None, None) => Err(unknown()),
                };
            }
            PaidKind::Judge { model, request } => (model, Purpose::Judge, Some(request), 1),
            PaidKind::Votes { model, more } => (model, Purpose::Vote, own, *more),
        };
        let Some(body) = body else {
            return Ok(Err("the call's own request is gone".to_owned()));
        };
        if let Err(why) = affordable(&self.policy.plan, &self.state, model, times, self.now) {
            return Ok(Err(format!("{NOT_ASKED}{}", crate::words::skip(why))));
        }
        let unknown = || Unknown::not_asked(model, purpose);
        let (run, paid) = self.pool.paid(asked).ok_or_else(unknown)?;
        match &paid.failed {
            Some(why) if paid.attempts.is_empty() && why.starts_with(NOT_ASKED) => Err(unknown()),
            Some(why) if paid.attempts.is_empty() => Ok(Err(why.clone())),
            _ => self.again(hand, ask, (run, paid), body, times).unwrap_or_else(|| Err(unknown())),
        }
    }

    fn full(&mut self, uses: &[ToolUse]) -> Result<Option<FullLimit>, Unknown> {
        let (Some(first), Some(given)) = (uses.first(), self.given.clone()) else {
            return Ok(None);
        };
        let unknown = || Unknown::ToolLimit { tool: first.tool.clone() };
        let pinned = self.pinned.ok_or_else(unknown)?;
        let (then, answer) = self.uses_then(pinned, given)?;
        // The same room was taken under the same limits: it was there, or not, as it was then.
        let held = self.pool.judged.get(&answer).filter(|_| then == uses);
        Ok(held.ok_or_else(unknown)?.clone())
    }
}

impl Brought<'_, '_> {
    /// Gives votes or a judge again, side by side as they were; `None` if there were fewer.
    fn again(
        &mut self,
        hand: &Hand<'_>,
        ask: &PaidAsk,
        (run, paid): (u32, &Paid),
        body: &Value,
        times: u32,
    ) -> Option<Result<Result<PaidResult, String>, Unknown>> {
        let wanted = usize::try_from(times).ok()?;
        let attempts = paid.attempts.get(..wanted)?;
        let mut numbers = Vec::with_capacity(wanted);
        let mut ends = Vec::with_capacity(wanted);
        for attempt in attempts {
            let (started, ended) = self.pool.attempt(run, *attempt)?;
            match begin(hand, &mut self.state, self.now, started, body) {
                Ok(number) => numbers.push(number),
                Err(unknown) => return Some(Err(unknown)),
            }
            ends.push(ended);
        }
        let longest = ends.iter().map(|ended| ended.took_ms).max().unwrap_or(0);
        self.now = self.now.plus(longest);
        for (number, ended) in numbers.iter().zip(ends) {
            if let Err(unknown) = end(hand, &mut self.state, self.now, *number, ended, None) {
                return Some(Err(unknown));
            }
        }
        Some(match &paid.failed {
            Some(why) => Ok(Err(why.clone())),
            None => hand.said(&self.state, &ask.ask, &numbers),
        })
    }

    /// What this answer took of limits on tools under the revision that the call was pinned to,
    /// and the digest under which it was judged.
    fn uses_then(
        &self,
        pinned: &Arc<Policy>,
        given: Given,
    ) -> Result<(Vec<ToolUse>, Digest), Unknown> {
        let then = Hand::new(self.pool.record, Arc::clone(pinned), None);
        let facts = then.facts?;
        let before = &self.state.request_findings;
        let mut judging = Judging::of_answer(&facts, given, before);
        let uses = judging.tool_uses();
        let digest = judging.answer().map_or(Digest::ZERO, backstop_policy::Answer::digest);
        Ok((uses, digest))
    }
}

/// An attempt of the record starts again, for that body; its number here.
pub(super) fn begin(
    hand: &Hand<'_>,
    state: &mut CallState,
    now: Millis,
    then: &AttemptStarted,
    body: &Value,
) -> Result<u32, Unknown> {
    let (estimate, cost) = hand.estimate(&then.model, body);
    let attempt = u32::try_from(state.attempts.len()).unwrap_or(u32::MAX).saturating_add(1);
    let started = AttemptStarted { attempt, estimate, cost, ..then.clone() };
    fold(state, &CallEvent::AttemptStarted(started), now)?;
    Ok(attempt)
}

/// It ends as it did then; a failed one is to be left alone for that long.
pub(super) fn end(
    hand: &Hand<'_>,
    state: &mut CallState,
    now: Millis,
    attempt: u32,
    then: &AttemptEnded,
    wait_ms: Option<u64>,
) -> Result<(), Unknown> {
    let index = usize::try_from(attempt.saturating_sub(1)).unwrap_or(usize::MAX);
    let model = state.attempts.get(index).map(|attempt| attempt.started.model.clone());
    let cost = hand.price(&model.unwrap_or_default(), then.usage);
    let mut result = then.result.clone();
    if let AttemptResult::Failed { until, .. } = &mut result {
        *until = wait_ms.map(|wait| now.plus(wait));
    }
    let ended = AttemptEnded { attempt, result, cost, ..then.clone() };
    fold(state, &CallEvent::AttemptEnded(ended), now)
}

/// Folds what follows.
pub(super) fn fold(state: &mut CallState, event: &CallEvent, now: Millis) -> Result<(), Unknown> {
    let folded = CallState::fold(Some(state.clone()), event, now);
    *state = folded.map_err(|error| Unknown::damaged("the way of the call", &error))?;
    Ok(())
}

/// What is judged, as limits on tools look at it.
pub(super) fn given(hand: &Hand<'_>, subject: &Subject) -> Option<Given<'static>> {
    let answer = hand.answer(subject.digest).ok()?;
    let (attempt, model) = (subject.attempt, subject.model.clone());
    Some(Given::of(answer, subject.source, attempt, model))
}
