//! Canaries: a draft that answers a share of a policy's calls, and is taken back by itself when too
//! many of them are put to a person or fail.
//!
//! That it was taken back stands in the ledger, so a restart does not let it out again: only
//! another draft, or other terms in the policy's file, do. What it is counted by does not: after a
//! restart its bounds are held to the calls since then.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use backstop_domain::{ControlEvent, Digest, Ended, Event, FailureClass, Outcome};
use backstop_ledger::Recorded;
use backstop_policy::{
    Policy,
    compiled::{Canary, ReturnIf},
    judge::Facts,
};
use parking_lot::Mutex;

use crate::{
    engine::{Engine, Inner},
    in_force::InForce,
    live::{Live, Stop},
    revisions,
};

/// How the canaries in force do, by policy.
#[derive(Default)]
pub(crate) struct Canaries(Mutex<HashMap<String, Flight>>);

/// One draft in flight.
struct Flight {
    /// Its revision, and the terms on which it flies.
    draft: (Digest, Digest),
    bounds: Option<ReturnIf>,
    /// What became of each of its newest calls.
    newest: VecDeque<Became>,
    /// It was taken back.
    returned: bool,
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Became {
    Answered,
    Escalated,
    Failed,
}

impl Became {
    /// What an end that no person had a part in counts as. A rule or a check that objects does what
    /// it is there for, and a limit at the door shuts it for every revision.
    fn of(ended: &Ended) -> Self {
        let meant = matches!(
            ended.cause.class,
            None | Some(
                FailureClass::Rule | FailureClass::Check | FailureClass::Shed | FailureClass::Limit
            )
        );
        match ended.outcome {
            Outcome::Failed => Self::Failed,
            Outcome::Refused | Outcome::Fallback if !meant => Self::Failed,
            _ => Self::Answered,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Escalated => "escalated",
            Self::Failed => "failed",
        }
    }
}

impl Flight {
    /// As the ledger left it.
    fn new(canary: &Canary, draft: &Policy, events: &[Recorded]) -> Self {
        let own = (draft.plan.revision, canary.terms);
        let returned = events.iter().any(|recorded| {
            matches!(
                &recorded.event,
                Ok(Event::Control(ControlEvent::CanaryReturned { revision, terms, .. }))
                    if (*revision, *terms) == own
            )
        });
        Self { draft: own, bounds: canary.return_if, newest: VecDeque::new(), returned }
    }

    /// Counts a call; why the draft is to be taken back, if it is.
    fn count(&mut self, became: Became) -> Option<String> {
        let bounds = self.bounds.filter(|_| !self.returned)?;
        let after = usize::try_from(bounds.after).unwrap_or(usize::MAX);
        self.newest.push_back(became);
        while self.newest.len() > after {
            self.newest.pop_front();
        }
        if self.newest.len() < after {
            return None;
        }
        let over = |which: Became, most: Option<u32>| {
            let count = self.newest.iter().filter(|one| **one == which).count() as u64;
            let most = u64::from(most?);
            (count * 1_000_000 > bounds.after * most).then_some(count)
        };
        let why = match (
            over(Became::Escalated, bounds.escalated_over),
            over(Became::Failed, bounds.failed_over),
        ) {
            (Some(count), _) => format!("{count} of its newest {after} calls went to a person"),
            (None, Some(count)) => format!("{count} of its newest {after} calls failed"),
            (None, None) => return None,
        };
        self.returned = true;
        self.newest.clear();
        Some(why)
    }
}

impl Canaries {
    fn answers(&self, policy: &str, draft: Digest) -> bool {
        let flights = self.0.lock();
        flights.get(policy).is_some_and(|flight| flight.draft.0 == draft && !flight.returned)
    }
}

impl Engine {
    /// Every policy in force that has a canary, and whether it answers: `false` once it was taken
    /// back.
    pub fn canaries(&self) -> Vec<(String, bool)> {
        let flights = self.0.canaries.0.lock();
        flights.iter().map(|(policy, flight)| (policy.clone(), !flight.returned)).collect()
    }
}

impl Inner {
    /// The draft that may answer calls of this policy now.
    pub(crate) fn canary_of(&self, policy: &Policy) -> Option<Arc<Policy>> {
        let canary = policy.canary.as_ref()?;
        let workspace = self.workspace.load();
        let draft = workspace.drafts.get(&canary.to)?;
        let revision = draft.plan.revision;
        let answers = self.canaries.answers(&policy.name, revision);
        (answers && revision != policy.plan.revision).then(|| Arc::clone(draft))
    }

    /// Whether a policy's canary draws the call of these facts. One that cannot be told stays with
    /// the policy.
    pub(crate) fn draws(&self, policy: &Policy, facts: &Facts) -> bool {
        policy.draws_canary(facts, &self.salt).unwrap_or_else(|error| {
            tracing::warn!(policy = policy.name, error, "a canary cannot be drawn");
            false
        })
    }

    /// Counts a call of a draft that was put to a person for the first time.
    pub(crate) fn canary_escalated(&self, live: &Live) {
        if live.state.decided.is_empty() && live.state.resolved.is_none() {
            self.count_canary(live, Became::Escalated);
        }
    }

    /// Counts a call of a draft that ended, if no person had a part in it.
    pub(crate) fn canary_ended(&self, live: &Live, ended: &Ended) {
        if live.state.people.is_none() && ended.outcome != Outcome::Cancelled {
            self.count_canary(live, Became::of(ended));
        }
    }

    fn count_canary(&self, live: &Live, became: Became) {
        let received = &live.state.received;
        // What an operator has done again is no sample of what callers meet.
        if received.canary_of.is_none() || live.state.run > 1 {
            return;
        }
        let (policy, revision) = (&received.policy, received.revision);
        metrics::counter!(
            "backstop_canary_calls_total",
            "policy" => policy.clone(), "result" => became.name(),
        )
        .increment(1);
        let mut flights = self.canaries.0.lock();
        let flight = flights.get_mut(policy).filter(|flight| flight.draft.0 == revision);
        let Some(flight) = flight else { return };
        let terms = flight.draft.1;
        let Some(reason) = flight.count(became) else { return };
        drop(flights);
        let policy = policy.clone();
        self.changes.take(vec![ControlEvent::CanaryReturned { policy, revision, terms, reason }]);
    }

    /// Takes over the canaries of a workspace; those that go on keep what was counted.
    pub(crate) async fn put_canaries(&self, workspace: &InForce) -> Result<(), Stop> {
        let mut flights = HashMap::new();
        for policy in workspace.policies.values() {
            let Some(canary) = &policy.canary else { continue };
            let Some(draft) = workspace.drafts.get(&canary.to) else { continue };
            let events = self.ledger.stream(&revisions::stream(&policy.name), 0).await?;
            flights.insert(policy.name.clone(), Flight::new(canary, draft, &events));
        }
        let mut known = self.canaries.0.lock();
        for (policy, flight) in &mut flights {
            let same = known.remove(policy).filter(|old| old.draft == flight.draft);
            if let Some(old) = same {
                // What was taken back a moment ago may not be written down yet.
                (flight.newest, flight.returned) = (old.newest, old.returned || flight.returned);
            }
        }
        *known = flights;
        Ok(())
    }
}
