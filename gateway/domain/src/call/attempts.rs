//! How requests to models begin and end in a call. At most one of them asks for its answer at a
//! time, and one more beside it when it is late.

use crate::{
    AttemptEnded, AttemptResult, AttemptStarted, CallState, Millis, Phase, Purpose, Source,
    Subject, Topic, call::Attempt,
};

impl CallState {
    pub(super) fn started(&mut self, started: &AttemptStarted, at: Millis) -> Option<()> {
        let number = u32::try_from(self.attempts.len()).ok()?.checked_add(1)?;
        (started.attempt == number).then_some(())?;
        let attempts = self.used.attempts.checked_add(1)?;
        match &mut self.phase {
            // Beside one that is late, and only once.
            Phase::Attempting { ask, in_flight: Some(first) } => {
                let hedges = started.purpose == Purpose::Hedge && started.model == ask.model;
                let alone = self.attempts.last().is_some_and(|last| {
                    last.started.attempt == *first && last.started.purpose != Purpose::Hedge
                });
                (hedges && alone).then_some(())?;
            }
            Phase::Attempting { ask, in_flight } => {
                let asks = matches!(started.purpose, Purpose::Answer | Purpose::Repair);
                (asks && started.model == ask.model).then_some(())?;
                *in_flight = Some(number);
                self.asked = Some(ask.clone());
                self.blocked = None;
            }
            Phase::Admitted | Phase::Checking { .. } if !started.purpose.is_answer() => {}
            _ => return None,
        }
        self.used.attempts = attempts;
        self.used.tokens = self.used.tokens.saturating_add(started.estimate.total());
        self.used.cost = self.used.cost.plus(started.cost);
        self.attempts.push(Attempt { started: started.clone(), at, ended: None });
        Some(())
    }

    pub(super) fn attempt_ended(&mut self, ended: &AttemptEnded) -> Option<()> {
        let index = usize::try_from(ended.attempt.checked_sub(1)?).ok()?;
        let attempt = self.attempts.get_mut(index)?;
        // Of two side by side either may end first.
        let awaited = match self.phase {
            Phase::Attempting { in_flight, .. } => {
                in_flight == Some(ended.attempt) || attempt.started.purpose == Purpose::Hedge
            }
            _ => false,
        };
        (attempt.ended.is_none() && (awaited || !attempt.started.purpose.is_answer()))
            .then_some(())?;
        attempt.ended = Some(ended.clone());
        let reserved = &attempt.started;
        self.used.tokens = (self.used.tokens.saturating_sub(reserved.estimate.total()))
            .saturating_add(ended.usage.total());
        self.used.cost.0 =
            self.used.cost.0.saturating_sub(reserved.cost.0).saturating_add(ended.cost.0);
        if !reserved.purpose.is_answer() {
            return Some(());
        }
        let model = reserved.model.clone();
        // Whichever of two side by side is written last is the one that counts.
        let other = self.in_flight().map(|attempt| attempt.started.attempt);
        if let (Some(other), Phase::Attempting { in_flight, .. }) = (other, &mut self.phase) {
            *in_flight = Some(other);
            return Some(());
        }
        self.phase = match &ended.result {
            AttemptResult::Answered { answer, .. } => Phase::Checking {
                subject: Subject {
                    source: Source::Model,
                    digest: *answer,
                    attempt: Some(ended.attempt),
                    model: Some(model),
                },
            },
            AttemptResult::Failed { class, message, until, .. } => {
                Phase::Deciding(Topic::Failure {
                    class: *class,
                    message: message.clone(),
                    until: *until,
                })
            }
        };
        Some(())
    }

    /// The attempt that was sent and has not ended, of whatever purpose.
    pub(crate) fn in_flight(&self) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.ended.is_none())
    }
}
