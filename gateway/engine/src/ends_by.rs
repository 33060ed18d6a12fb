//! Until when one attempt may take: what the call's deadline leaves, less what the next model
//! needs.
//!
//! A model that begins to answer and never ends would otherwise take the whole deadline, and the
//! rung after it could never be taken.

use backstop_domain::{FailureClass, Millis, Plan, Rung};

use crate::{attempt::Asking, engine::Inner, live::Live};

/// The next model is left so many times what it usually takes: nearly every answer comes in that.
const USUALS: u64 = 3;

impl Inner {
    /// Until when that attempt may take.
    pub(crate) fn ends_by(&self, live: &Live, asking: &Asking) -> Millis {
        let plan = &live.policy.plan;
        let end = Millis(live.state.deadline.0.saturating_sub(plan.reserve_ms));
        let next = asking.purpose.is_answer().then(|| after(plan, &asking.model)).flatten();
        let Some(next) = next else { return end };
        let usual = |model: &str| self.models.get(model)?.gate.usual_ms();
        // One that nobody asked of late is taken to be like the one before it.
        let Some(usual) = usual(next).or_else(|| usual(&asking.model)) else { return end };
        let (left, leaves) = (end.since(self.clock.now()), usual.saturating_mul(USUALS));
        // With less than enough for both, the one that is asked has it.
        if leaves > left / 2 { end } else { Millis(end.0.saturating_sub(leaves)) }
    }
}

/// The model that is asked when that one takes too long, if the policy says so.
fn after<'p>(plan: &'p Plan, model: &str) -> Option<&'p str> {
    let ladder = plan.ladders.get(&Plan::class_ladder(FailureClass::Timeout))?;
    let moves = ladder.iter().find_map(|rung| match rung {
        Rung::NextModel { to } => Some(to.as_deref()),
        _ => None,
    })?;
    let next = plan.model_index(model)?.checked_add(1)?;
    let models = plan.models.get(next..)?;
    let found = models.iter().find(|one| moves.is_none_or(|to| to == one.name))?;
    Some(found.name.as_str())
}
