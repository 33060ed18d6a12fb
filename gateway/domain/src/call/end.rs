//! The end of a run: when it may be recorded, and what is told before it.

use crate::{CallEvent, CallState, Effect, Ended, Millis, Outcome, Phase, RunEnd};

impl CallState {
    /// Events that end, supersede or hold a run.
    pub(super) fn of_the_run(&mut self, event: &CallEvent, at: Millis) -> Option<()> {
        match event {
            CallEvent::OutcomeRevised { from, to } => self.revised(from, to, at),
            CallEvent::EffectsReleased { effects } => self.effects(effects, at),
            CallEvent::CallEnded(ended) => self.end(ended, at),
            CallEvent::CompensationRequested { compensations } => {
                (self.run > 1 && !compensations.is_empty()).then_some(())
            }
            CallEvent::CallPaused(paused) => self.pause(paused, at),
            CallEvent::CallResumed { state, .. } => self.resume(state, at),
            // A new run needs all that happened before, so `fold` itself sees to it.
            _ => None,
        }
    }

    /// At once, or after the undo window of the decision that led here.
    pub(super) fn ending(&self, ended: &Ended) -> Phase {
        let window = self.resolved.as_ref().filter(|_| ended.outcome.is_a_persons());
        match window.and_then(|resolved| Some((resolved, resolved.undo_until?))) {
            Some((resolved, until)) if until > self.at => Phase::Releasing {
                until,
                review: resolved.review.clone(),
                queue: resolved.queue.clone(),
                ended: ended.clone(),
            },
            _ => Phase::Ending(ended.clone()),
        }
    }

    /// Tool calls leave with the end that follows, so it must have an answer.
    fn effects(&mut self, effects: &[Effect], at: Millis) -> Option<()> {
        let ending = self.ending_at(at).is_some_and(|ended| ended.answer.is_some());
        (ending && !effects.is_empty()).then_some(())?;
        self.effects = effects.to_vec();
        Some(())
    }

    fn end(&mut self, ended: &Ended, at: Millis) -> Option<()> {
        let lawful = match ended.outcome {
            Outcome::Cancelled => ended.answer.is_none(),
            _ => self.ending_at(at) == Some(ended),
        };
        // Who acted on the outcome of an earlier run is told first.
        (lawful && self.revision(ended).is_none()).then_some(())?;
        self.phase = Phase::Ended(ended.clone());
        Some(())
    }

    /// How the run ends if it ends at that time.
    fn ending_at(&self, at: Millis) -> Option<&Ended> {
        match &self.phase {
            Phase::Ending(ended) => Some(ended),
            Phase::Releasing { until, ended, .. } => (at >= *until).then_some(ended),
            _ => None,
        }
    }

    fn revised(&mut self, from: &RunEnd, to: &RunEnd, at: Millis) -> Option<()> {
        let decided = self.ending_at(at).map(|ended| RunEnd::of(self.run, ended));
        let cancelled = to.outcome == Outcome::Cancelled && to.answer.is_none();
        let lawful = to.run == self.run && (cancelled || decided.as_ref() == Some(to));
        (self.revises.as_ref() == Some(from) && lawful).then_some(())?;
        self.revised = Some(to.clone());
        Some(())
    }

    /// What is to be told before the run ends like that, because an earlier run ended otherwise;
    /// `None` if nothing is, or it was told.
    pub fn revision(&self, ended: &Ended) -> Option<CallEvent> {
        let from = self.revises.clone()?;
        let to = RunEnd::of(self.run, ended);
        (self.revised.as_ref() != Some(&to)).then_some(CallEvent::OutcomeRevised { from, to })
    }
}
