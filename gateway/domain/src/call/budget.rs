//! What the automatic part can still pay for: attempts, tokens, money and time.

use crate::{CallState, Digest, MicroMoney, Millis, Plan, SkipReason, Usage};

/// Whether `requests` more requests to `model`, the first at `start`, fit attempts, tokens, money
/// and deadline.
///
/// # Errors
/// The reason why not.
pub fn affordable(
    plan: &Plan,
    state: &CallState,
    model: &str,
    requests: u32,
    start: Millis,
) -> Result<(), SkipReason> {
    let (usage, cost) = estimate(state, model);
    let attempts = state.used.attempts.saturating_add(requests);
    let tokens = usage.total().saturating_mul(u64::from(requests));
    let money = MicroMoney(cost.0.saturating_mul(u64::from(requests)));
    let fits = attempts <= plan.budget.attempts
        && plan.budget.tokens.is_none_or(|most| state.used.tokens.saturating_add(tokens) <= most)
        && plan.budget.cost.is_none_or(|most| state.used.cost.plus(money) <= most);
    if !fits {
        return Err(SkipReason::Budget);
    }
    if start.plus(plan.reserve_ms) >= state.deadline {
        return Err(SkipReason::Deadline);
    }
    Ok(())
}

/// What one more request to `model` is expected to take: the estimate made when the call was
/// received, or the most that an earlier attempt took, since repairs grow.
fn estimate(state: &CallState, model: &str) -> (Usage, MicroMoney) {
    let first = state.received.estimates.iter().find(|estimate| estimate.model == model);
    let mut most = first.map_or_else(Default::default, |first| (first.usage, first.cost));
    let earlier = state.attempts.iter().filter(|attempt| attempt.started.model == model);
    for ended in earlier.filter_map(|attempt| attempt.ended.as_ref()) {
        if ended.usage.total() > most.0.total() {
            most.0 = ended.usage;
        }
        most.1 = most.1.max(ended.cost);
    }
    most
}

/// Full jitter: anywhere from now to the doubled base, `most_ms` at most; drawn from the call
/// itself so that replay draws the same.
pub(super) fn backoff(state: &CallState, base_ms: u64, times: u32, most_ms: u64) -> Millis {
    let doubled = base_ms.saturating_mul(1 << times.min(10)).min(most_ms);
    let seed = alloc::format!("{}/{}/{}", state.received.request, state.run, state.seq);
    let draw = Digest::of(seed.as_bytes());
    let bytes = draw.as_bytes().iter().take(8);
    let number = bytes.fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    state.at.plus(number % doubled.saturating_add(1))
}
