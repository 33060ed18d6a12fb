//! Pauses: an operator holds a call where it is, until they let it go on or its time is over.

use alloc::{boxed::Box, string::ToString};

use crate::{
    AnsweredBy, CallEvent, CallState, Cause, Ended, Millis, Outcome, PauseEnd, Paused, Phase,
};

impl CallState {
    /// Holds the call. While people are asked they are what it waits for, and an attempt that is
    /// under way ends first.
    pub(super) fn pause(&mut self, paused: &Paused, at: Millis) -> Option<()> {
        let held = matches!(self.phase, Phase::Paused { .. } | Phase::InReview { .. });
        (!held && self.is_between_steps() && paused.until > at).then_some(())?;
        let before = Box::new(self.phase.clone());
        self.phase = Phase::Paused { since: at, paused: paused.clone(), before };
        Some(())
    }

    /// Lets it go on where it was. The clock stood still meanwhile.
    pub(super) fn resume(&mut self, state: &str, at: Millis) -> Option<()> {
        let Phase::Paused { since, before, .. } = &self.phase else { return None };
        (before.name() == state).then_some(())?;
        self.deadline = self.deadline.plus(at.since(*since));
        self.phase = before.as_ref().clone();
        Some(())
    }
}

/// What is recorded when a pause is over and nobody has let the call go on.
pub(super) fn over(state: &CallState, paused: &Paused, before: &Phase) -> CallEvent {
    match paused.then {
        PauseEnd::Resume => {
            CallEvent::CallResumed { state: before.name().to_string(), reason: None }
        }
        PauseEnd::Cancel => {
            let ended = Ended {
                outcome: Outcome::Cancelled,
                answered_by: AnsweredBy::Nobody,
                answer: None,
                cause: Cause {
                    class: None,
                    by: Some("paused".to_string()),
                    text: paused.reason.clone(),
                },
                unreviewed: false,
                audits: alloc::vec::Vec::new(),
            };
            state.revision(&ended).unwrap_or(CallEvent::CallEnded(ended))
        }
    }
}
