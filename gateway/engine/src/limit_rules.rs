//! Limits as the files write them, as rules that guards can hold.

use backstop_domain::guard::{Cap, LimitRule, Quantity, Rate};
use backstop_policy::{
    compiled::{Limit as PolicyLimit, LimitOf},
    raw::{Limit, LimitKind},
};

/// Limits of the gateway file, of a model or a caller: named by their place and what they count.
pub fn limit_rules(limits: &[Limit]) -> Vec<LimitRule> {
    limits.iter().enumerate().filter_map(|(place, limit)| of_file(place, limit)).collect()
}

fn of_file(place: usize, limit: &Limit) -> Option<LimitRule> {
    let (quantity, cap) = match &limit.kind {
        LimitKind::Requests { rate, .. } => {
            let rate = Rate::new(rate.amount, rate.period.ms(), limit.burst())?;
            (Quantity::Requests, Cap::Rate(rate))
        }
        LimitKind::Tokens { rate, .. } => {
            let rate = Rate::new(rate.amount, rate.period.ms(), limit.burst())?;
            (Quantity::Tokens, Cap::Rate(rate))
        }
        LimitKind::Cost { rate, .. } => {
            let rate = Rate::new(rate.amount.0, rate.period.ms(), limit.burst())?;
            (Quantity::Cost, Cap::Rate(rate))
        }
        LimitKind::Concurrency { most } => (Quantity::Concurrency, Cap::AtOnce(*most)),
    };
    Some(LimitRule { name: format!("limits.{place} ({})", quantity.name()), quantity, cap })
}

/// Limits of a policy, in its order.
pub(crate) fn of_policy(limits: &[PolicyLimit]) -> Vec<LimitRule> {
    limits.iter().filter_map(of_compiled).collect()
}

fn of_compiled(limit: &PolicyLimit) -> Option<LimitRule> {
    let ten_seconds = |most: u64, window_ms: u64| {
        let burst = u128::from(most) * 10_000 / u128::from(window_ms.max(1));
        limit.burst.unwrap_or_else(|| u64::try_from(burst).unwrap_or(u64::MAX).max(1))
    };
    let rate = |most: u64, window_ms: u64| {
        Rate::new(most, window_ms, ten_seconds(most, window_ms)).map(Cap::Rate)
    };
    let (quantity, cap) = match &limit.of {
        LimitOf::Requests { most, window_ms } => (Quantity::Requests, rate(*most, *window_ms)?),
        LimitOf::Tokens { most, window_ms } => (Quantity::Tokens, rate(*most, *window_ms)?),
        LimitOf::Cost { most, window_ms } => (Quantity::Cost, rate(most.0, *window_ms)?),
        LimitOf::Concurrency(most) => (Quantity::Concurrency, Cap::AtOnce(*most)),
    };
    Some(LimitRule { name: format!("{} ({})", limit.name, quantity.name()), quantity, cap })
}
