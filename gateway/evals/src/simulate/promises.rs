//! What is promised of every policy in every scenario, held to what callers saw.

use std::time::Duration;

use backstop_domain::Criticality;
use backstop_policy::Policy;
use serde::Serialize;

use super::scenario::{CALM, Scenario};
use super::traffic::{End, Seen};

/// Within what time after the trouble answers must be as before.
const RECOVERY: Duration = Duration::from_secs(60);
/// How requests are taken together to see that.
const WINDOW: Duration = Duration::from_secs(20);
/// The share of the answers before that counts as recovered, in percent.
const RECOVERED: usize = 95;

/// One promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Promise {
    /// What is promised.
    pub what: String,
    /// Whether it was kept.
    pub kept: bool,
    /// What was seen.
    pub seen: String,
}

pub(super) fn held(policy: &Policy, scenario: &Scenario, seen: &[Seen]) -> Vec<Promise> {
    let mut promises = vec![every_call_rests(seen), no_storm(policy, seen)];
    if scenario.recovers {
        promises.push(answers_come_back(scenario, seen));
    }
    let critical = policy.plan.criticality == Criticality::Critical;
    if critical || seen.iter().any(|one| one.arrival.extra) {
        promises.push(usual_requests_are_answered(seen));
    }
    if critical && scenario.leaves_a_model(policy.plan.models.len()) {
        promises.push(models_answer_critical_requests(seen));
    }
    promises
}

fn every_call_rests(seen: &[Seen]) -> Promise {
    let hung = seen.iter().filter(|one| one.hung).count();
    let calls: u32 = seen.iter().map(|one| one.calls).sum();
    Promise {
        what: "every call that was taken ends, or rests with a person".to_owned(),
        kept: hung == 0,
        seen: format!("{hung} of {calls} did not"),
    }
}

fn no_storm(policy: &Policy, seen: &[Seen]) -> Promise {
    let most = policy.plan.budget.attempts;
    let worst = seen.iter().map(|one| one.attempts.div_ceil(one.calls.max(1))).max().unwrap_or(0);
    Promise {
        what: format!("no call asks models more than {most} times"),
        kept: worst <= most,
        seen: format!("{worst} at most"),
    }
}

/// Models answer as before, from a minute after the trouble until the end.
fn answers_come_back(scenario: &Scenario, seen: &[Seen]) -> Promise {
    let share = |from: Duration, until: Duration| {
        let mine =
            seen.iter().filter(|one| !one.arrival.extra && (from..until).contains(&one.arrival.at));
        let (all, good) = mine.fold((0, 0), |(all, good), one| {
            (all + 1, good + usize::from(one.end == End::Accepted))
        });
        (all, good)
    };
    let (calm, well) = share(Duration::ZERO, CALM);
    let over = CALM + scenario.lasts;
    let windows = (0..super::scenario::AFTER.as_secs() / WINDOW.as_secs()).map(|at| {
        let from = over + WINDOW * u32::try_from(at).unwrap_or(u32::MAX);
        (from, share(from, from + WINDOW))
    });
    // good / all < 95 % of well / calm, in whole numbers.
    let worse = |(all, good): (usize, usize)| good * calm * 100 < RECOVERED * well * all;
    let last_bad = windows.rev().find(|(_, counted)| worse(*counted)).map(|(from, _)| from);
    let back = last_bad.map_or(Duration::ZERO, |from| from + WINDOW - over);
    let what = format!("within {} s after it models answer as before", RECOVERY.as_secs());
    Promise { what, kept: back <= RECOVERY, seen: format!("after {} s", back.as_secs()) }
}

/// Critical requests, and those that were there before a burst, get an answer or a person.
fn usual_requests_are_answered(seen: &[Seen]) -> Promise {
    let usual: Vec<&Seen> = seen.iter().filter(|one| !one.arrival.extra).collect();
    let good = usual.iter().filter(|one| !matches!(one.end, End::Door | End::No)).count();
    Promise {
        what: "99 of 100 of the usual requests get an answer or a person".to_owned(),
        kept: good * 100 >= usual.len() * 99,
        seen: format!("{good} of {}", usual.len()),
    }
}

/// As long as any model is well, critical requests get its answers, whatever becomes of the
/// others. Where none is, the policy's fallback or a person is the answer that
/// [`usual_requests_are_answered`] counts.
fn models_answer_critical_requests(seen: &[Seen]) -> Promise {
    let critical = seen.iter().filter(|one| !one.arrival.extra);
    let (all, good) = critical
        .fold((0, 0), |(all, good), one| (all + 1, good + usize::from(one.end == End::Accepted)));
    Promise {
        what: "99 of 100 critical requests are answered by a model, as one is left".to_owned(),
        kept: good * 100 >= all * 99,
        seen: format!("{good} of {all}"),
    }
}
