//! Offers: the first rung of an objection's ladder that can still be taken.

use alloc::{string::String, vec::Vec};

use super::budget::{affordable, backoff};
use crate::{
    CallState, FailureClass, Finding, Millis, Plan, Rung, RungRef, SkipReason, Skipped, Source,
    Status, Topic, Verdict,
};

/// Longest backoff of a model that the policy does not list, such as that of a repair, in
/// milliseconds.
const BACKOFF_MS_MAX: u64 = 8_000;
/// Waits per rung and call: a limiter that is lost again and again must not be waited on for ever.
const WAITS_MAX: u32 = 8;

/// What an objection asks for now.
#[derive(Debug)]
pub(super) struct Offer<'a> {
    pub finding: &'a Finding,
    pub taken: Taken<'a>,
}

/// The rung that an offer stands on.
#[derive(Debug)]
pub(super) enum Taken<'a> {
    /// A rung of the ladder, or the plan's `otherwise`.
    Rung {
        rung: &'a Rung,
        at: RungRef,
        /// Whether it was written in the ladder, and is not `otherwise`.
        written: bool,
    },
    /// Not even `otherwise` can be taken: reject.
    Nothing,
}

impl Offer<'_> {
    pub fn verdict(&self) -> Verdict {
        match &self.taken {
            Taken::Rung { rung, .. } => rung.verdict(),
            Taken::Nothing => Verdict::Reject,
        }
    }

    /// The text of its rung, rendered when the objection was made.
    pub fn text(&self) -> Option<&str> {
        let Taken::Rung { at, written: true, .. } = &self.taken else { return None };
        let texts = &self.finding.objection.as_ref()?.texts;
        texts.get(usize::try_from(at.rung).ok()?)?.as_deref()
    }
}

/// What the rungs are tried against.
pub(super) struct Ground<'a> {
    pub plan: &'a Plan,
    pub state: &'a CallState,
    pub topic: &'a Topic,
    /// Whose answer is judged; `None` when there is none.
    pub source: Option<Source>,
    /// Name of the last model asked.
    pub model: Option<&'a str>,
}

/// The offer of one objection; `None` if a person's answer settles it.
pub(super) fn offer<'a>(
    ground: &Ground<'a>,
    finding: &'a Finding,
    skipped: &mut Vec<Skipped>,
) -> Option<Offer<'a>> {
    // The desk blocks the button; an answer that got here all the same stays here.
    if ground.source == Some(Source::Human) && is_broken(finding) {
        return Some(Offer { finding, taken: Taken::Nothing });
    }
    let name = finding.objection.as_ref().map_or("", |objection| objection.ladder.as_str());
    let ladder = ground.plan.ladders.get(name).map_or(&[][..], Vec::as_slice);
    let rungs = ladder.iter().map(|rung| (rung, true));
    // A person's answer is never sent to `otherwise`.
    let last = (ground.source != Some(Source::Human)).then_some((&ground.plan.otherwise, false));
    for (index, (rung, written)) in rungs.chain(last).enumerate() {
        let at = RungRef { ladder: name.into(), rung: u32::try_from(index).unwrap_or(u32::MAX) };
        match ground.can_take(rung, &at, finding) {
            Ok(()) => return Some(Offer { finding, taken: Taken::Rung { rung, at, written } }),
            Err(why) => skipped.push(Skipped { rung: at, why }),
        }
    }
    (ground.source != Some(Source::Human)).then_some(Offer { finding, taken: Taken::Nothing })
}

/// Whether an objection stops a person's answer: a broken schema, or a `reject` that is written
/// in its ladder (RULES.md section 2, "Whose answer").
pub fn written_reject(plan: &Plan, finding: &Finding) -> bool {
    let Some(objection) = &finding.objection else { return false };
    let rungs = plan.ladders.get(&objection.ladder).map_or(&[][..], Vec::as_slice);
    is_broken(finding) || rungs.iter().any(|rung| matches!(rung, Rung::Reject))
}

/// Whether an answer of that shape could not even be read by who asked for it.
const fn is_broken(finding: &Finding) -> bool {
    matches!(
        finding.class,
        Some(FailureClass::Schema | FailureClass::Malformed | FailureClass::ToolInvalid)
    )
}

impl Ground<'_> {
    fn can_take(&self, rung: &Rung, at: &RungRef, finding: &Finding) -> Result<(), SkipReason> {
        self.not_passed(at)?;
        match rung {
            Rung::Reject => Ok(()),
            Rung::Escalate(to) => {
                let decided = self.state.decided.iter().any(|approval| approval.queue == to.queue);
                let settled = self.source == Some(Source::Human) && decided;
                if settled { Err(SkipReason::Decided) } else { Ok(()) }
            }
            _ if self.source == Some(Source::Human) => Err(SkipReason::Persons),
            Rung::Fallback => {
                let can = self.plan.has_fallback && !self.state.fallback_tried;
                if can { Ok(()) } else { Err(SkipReason::NoFallback) }
            }
            _ if self.source == Some(Source::Fallback) => Err(SkipReason::NotAModels),
            Rung::NextModel { to } => self.can_move(to.as_deref()),
            Rung::Retry { times, backoff_ms } => self.can_retry(*times, *backoff_ms, at, finding),
            Rung::Wait { at_most_ms } => self.can_wait(*at_most_ms, at),
            Rung::Repair { times, model, mask } => {
                self.is_a_models()?;
                self.count_left(at, *times)?;
                let Some(asked) = self.model.filter(|_| mask.is_none()) else { return Ok(()) };
                let model = model.as_deref().unwrap_or(asked);
                affordable(self.plan, self.state, model, 1, self.state.at)
            }
        }
    }

    fn is_a_models(&self) -> Result<(), SkipReason> {
        if self.source == Some(Source::Model) { Ok(()) } else { Err(SkipReason::NotAModels) }
    }

    /// Left to right, never back: what stands before a rung that was taken is over.
    fn not_passed(&self, at: &RungRef) -> Result<(), SkipReason> {
        let later = |rung: &RungRef| rung.ladder == at.ladder && rung.rung > at.rung;
        if self.state.spent.keys().any(later) { Err(SkipReason::Spent) } else { Ok(()) }
    }

    fn count_left(&self, at: &RungRef, times: u32) -> Result<(), SkipReason> {
        let spent = self.state.spent.get(at).copied().unwrap_or(0);
        if spent < times { Ok(()) } else { Err(SkipReason::Spent) }
    }

    fn can_move(&self, to: Option<&str>) -> Result<(), SkipReason> {
        let target = self.next_model(to).ok_or(SkipReason::NoModelLeft)?;
        affordable(self.plan, self.state, &target, 1, self.state.at)
    }

    /// The model that `next_model` moves to, if one is left: never back.
    pub fn next_model(&self, to: Option<&str>) -> Option<String> {
        let models = &self.plan.models;
        let attempts = self.state.attempts.iter().map(|attempt| &attempt.started);
        let asked = attempts.filter(|started| started.purpose.is_answer());
        let asked = asked.map(|started| started.model.as_str()).chain(self.model);
        // The furthest, since a repair may be asked of an earlier model or of one that is not
        // listed. Before the first attempt, `next_model` skips the first one.
        let here = asked.filter_map(|name| self.plan.model_index(name)).max().unwrap_or(0);
        let index = match to {
            Some(name) => self.plan.model_index(name).filter(|index| *index > here)?,
            None => here.checked_add(1)?,
        };
        models.get(index).map(|model| model.name.clone())
    }

    fn can_retry(
        &self,
        times: u32,
        backoff_ms: u64,
        at: &RungRef,
        finding: &Finding,
    ) -> Result<(), SkipReason> {
        let model = self.model.ok_or(SkipReason::NotAModels)?;
        if finding.class == Some(FailureClass::Interrupted) && !self.plan.repeatable {
            return Err(SkipReason::NotRepeatable);
        }
        self.count_left(at, times)?;
        affordable(self.plan, self.state, model, 1, self.retry_at(backoff_ms, at))
    }

    /// When a retry may be sent: after the backoff, and not before the provider said.
    pub fn retry_at(&self, backoff_ms: u64, at: &RungRef) -> Millis {
        let spent = self.state.spent.get(at).copied().unwrap_or(0);
        let models = self.plan.models.iter();
        let longest = models.map(|model| (Some(model.name.as_str()), model.backoff_max_ms));
        let most = longest.filter(|(name, _)| *name == self.model).map(|(_, most)| most).next();
        let jittered = backoff(self.state, backoff_ms, spent, most.unwrap_or(BACKOFF_MS_MAX));
        self.until().map_or(jittered, |until| until.max(jittered))
    }

    fn can_wait(&self, at_most_ms: Option<u64>, at: &RungRef) -> Result<(), SkipReason> {
        let until = self.until().ok_or(SkipReason::NoTimeKnown)?;
        self.count_left(at, WAITS_MAX)?;
        if at_most_ms.is_some_and(|most| until.since(self.state.at) > most) {
            return Err(SkipReason::Deadline);
        }
        let first = self.plan.models.first().map_or("", |model| model.name.as_str());
        affordable(self.plan, self.state, self.model.unwrap_or(first), 1, until)
    }

    /// When what failed may be tried again, if somebody said so.
    pub fn until(&self) -> Option<Millis> {
        match self.topic {
            Topic::Failure { until, .. } => *until,
            Topic::Request(_) => self.state.received.held_at_door.as_ref()?.until,
            _ => None,
        }
    }
}

/// Findings that object, in file order.
pub(super) fn objections(findings: &[Finding]) -> impl Iterator<Item = &Finding> {
    findings.iter().filter(|finding| {
        finding.objection.is_some() && matches!(finding.status, Status::Fail | Status::Error)
    })
}
