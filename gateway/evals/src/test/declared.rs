//! What a policy declares for a fault, read from its ladders apart from the machine under test.

use backstop_domain::{FailureClass, Rung};
use backstop_policy::Policy;

use super::faults::Fault;

/// The first rung of the declared ladder that can be taken when that fails first: read from the
/// file's own ladder, apart from the machine that is under test.
pub(super) fn first_rung<'p>(policy: &'p Policy, fault: &Fault, ladder: &str) -> &'p Rung {
    let plan = &policy.plan;
    let rungs = plan.ladders.get(ladder).map_or(&[][..], Vec::as_slice);
    let of_answer = match fault {
        Fault::Check { name, .. } => {
            let check = policy.checks.iter().find(|check| check.name == *name);
            check.is_some_and(|check| !check.of_request())
        }
        Fault::Rule { by, .. } => !by.starts_with("before."),
        Fault::Model(_, class) | Fault::Models(class) => matches!(
            class,
            FailureClass::Declined
                | FailureClass::Truncated
                | FailureClass::Malformed
                | FailureClass::Schema
        ),
        Fault::Missing { .. } | Fault::Source { .. } => true,
        Fault::Door(_) => false,
    };
    let last_model = match fault {
        Fault::Model(model, _) => plan.models.last().is_some_and(|last| last.name == *model),
        _ => plan.models.len() == 1,
    };
    let sent = !matches!(fault, Fault::Door(_));
    let again = plan.budget.attempts > 1;
    let guards = matches!(
        fault,
        Fault::Model(_, class) | Fault::Models(class) | Fault::Door(class)
            if matches!(
                class,
                FailureClass::Limit
                    | FailureClass::BreakerOpen
                    | FailureClass::Throttled
            )
    );
    let can = |rung: &&Rung| match rung {
        Rung::Reject | Rung::Escalate(_) => true,
        Rung::Fallback => plan.has_fallback,
        Rung::NextModel { .. } => !last_model && again,
        Rung::Retry { .. } => sent && again,
        Rung::Repair { mask, .. } => of_answer && (mask.is_some() || again),
        Rung::Wait { at_most_ms } => guards && at_most_ms.is_none_or(|most| most >= 1_000),
    };
    rungs.iter().find(can).unwrap_or(&plan.otherwise)
}

/// A ladder as it is taken, up to the rung that ends it.
pub(super) fn in_words(policy: &Policy, ladder: &str) -> String {
    let plan = &policy.plan;
    let rungs = plan.ladders.get(ladder).map_or(&[][..], Vec::as_slice);
    let mut told: Vec<&str> = Vec::new();
    for rung in rungs.iter().chain(std::iter::once(&plan.otherwise)) {
        let name = match rung {
            Rung::Wait { .. } => "wait",
            other => other.verdict().name(),
        };
        if told.last() != Some(&name) {
            told.push(name);
        }
        if matches!(rung, Rung::Reject | Rung::Escalate(_) | Rung::Fallback) {
            break;
        }
    }
    told.join(", ")
}
