//! The deterministic answers: the policy's fallback, and masking of what was found.

use std::collections::HashMap;

use backstop_domain::{CallEvent, Digest, Millis, Source, Subject};
use backstop_policy::{Answer, judge::Given};
use parking_lot::Mutex;

use crate::{
    engine::Inner,
    live::{Live, Stop},
};

/// Most questions whose last good answer is remembered.
const REMEMBERED_MAX: usize = 10_000;

/// The last good answer to like calls, for `answer: last_good`. Gone with the process, then the
/// next row answers.
#[derive(Default)]
pub(crate) struct LastGood(Mutex<HashMap<Digest, (Millis, Vec<u8>)>>);

impl LastGood {
    /// Remembers an answer to that question.
    pub fn keep(&self, question: Digest, at: Millis, bytes: Vec<u8>) {
        let mut kept = self.0.lock();
        if kept.len() >= REMEMBERED_MAX
            && let Some(oldest) = kept.iter().min_by_key(|(_, (at, _))| *at).map(|(key, _)| *key)
        {
            kept.remove(&oldest);
        }
        kept.insert(question, (at, bytes));
    }

    /// Forgets that answer, if it is the last good one to that question.
    pub fn forget(&self, question: Digest, answer: Digest) {
        let mut kept = self.0.lock();
        if kept.get(&question).is_some_and(|(_, bytes)| Digest::of(bytes) == answer) {
            kept.remove(&question);
        }
    }

    /// The last good answer to that question, with its time.
    pub fn get(&self, question: Digest) -> Option<(Millis, Vec<u8>)> {
        self.0.lock().get(&question).cloned()
    }
}

impl Inner {
    /// Takes the first row of the policy's fallback that answers.
    pub(crate) fn take_fallback(&self, live: &mut Live) -> Result<(), Stop> {
        let taken = self.fallback_answer(live);
        let drawn = live.facts.take_drawn();
        let event = match taken {
            Ok((row, answer)) => {
                let bytes = answer.to_bytes();
                let digest = live.body(bytes.clone());
                live.answers.keep(digest, bytes);
                let source = Source::Fallback;
                let subject = Subject { source, digest, attempt: None, model: None };
                CallEvent::FallbackTaken { row, subject, drawn }
            }
            Err(reason) => CallEvent::FallbackFailed { reason, drawn },
        };
        self.apply(live, event)
    }

    /// What the fallback answers now, and by which row; or why none does.
    pub(crate) fn fallback_answer(&self, live: &mut Live) -> Result<(u32, Answer), String> {
        let cause = live.state.causes.last().cloned().unwrap_or_default();
        let now = self.clock.now();
        let last_good = |question: Digest, within_ms: Option<u64>| {
            let (at, bytes) = self.last_good.get(question)?;
            let fresh = within_ms.is_none_or(|most| now.since(at) <= most);
            if fresh { Answer::from_bytes(&bytes).ok() } else { None }
        };
        self.progress(live);
        let taken = live.policy.fallback(&live.facts, &cause, last_good);
        let taken = taken.map_err(|error| error.to_string())?;
        Ok((u32::try_from(taken.0).unwrap_or(u32::MAX), taken.1))
    }

    /// Masks what these checks found in the answer on the table.
    pub(crate) async fn mask(
        &self,
        live: &mut Live,
        subject: Subject,
        checks: &[String],
    ) -> Result<(), Stop> {
        let bytes = self.answer_bytes(live, subject.digest).await?;
        let answer = Answer::from_bytes(&bytes).map_err(|error| Stop::Broken(error.to_string()))?;
        let given =
            Given::of(answer.clone(), subject.source, subject.attempt, subject.model.clone());
        let masked = live.policy.mask(&live.facts, given, checks);
        // What cannot be masked stays as it is: judged again, it is objected to again, and the
        // ladder goes on, since this rung is spent.
        let masked = masked.unwrap_or(answer).to_bytes();
        let digest = live.body(masked.clone());
        live.answers.keep(digest, masked);
        self.apply(live, CallEvent::AnswerMasked { subject: Subject { digest, ..subject } })
    }
}
