//! The quality breakers of one model, one for each revision of a policy that asks it, and the word
//! that a judged answer brings back to its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use backstop_domain::guard::{
    BreakerState, Closed, QualityBreaker, QualityChange, QualityRules, QualityTicket,
};
use backstop_domain::{ControlEvent, Digest, Millis, QualityOf};

use crate::adapters::gate::ModelGate;

/// Revisions that are kept for one model at most; the one that was asked for longest ago gives way.
const REVISIONS_MAX: usize = 256;

/// Who asks: a policy, in one of its revisions.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// The policy.
    pub policy: &'a str,
    /// Its revision.
    pub revision: Digest,
}

/// How one policy finds a model's answers, for metrics and pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QualityStanding {
    /// The policy.
    pub policy: String,
    /// Its revision.
    pub revision: Digest,
    /// Where the breaker stands.
    pub state: BreakerState,
    /// Answers that it looks at.
    pub answers: u64,
    /// Of these, the bad ones.
    pub bad: u64,
}

/// The breakers.
pub(crate) struct Qualities {
    rules: QualityRules,
    kept: BTreeMap<Digest, Kept>,
}

struct Kept {
    policy: String,
    breaker: QualityBreaker,
    used: Millis,
}

impl Qualities {
    pub const fn new(rules: QualityRules) -> Self {
        Self { rules, kept: BTreeMap::new() }
    }

    pub fn reload(&mut self, rules: QualityRules) {
        self.rules = rules;
        self.kept.values_mut().for_each(|kept| kept.breaker.reload(rules));
    }

    pub fn admit(
        &mut self,
        now: Millis,
        asker: Asker<'_>,
    ) -> (Result<QualityTicket, Closed>, Option<QualityChange>) {
        if !self.kept.contains_key(&asker.revision) {
            self.make_room();
        }
        let rules = self.rules;
        let kept = self.kept.entry(asker.revision).or_insert_with(|| Kept {
            policy: asker.policy.to_owned(),
            breaker: QualityBreaker::new(rules),
            used: now,
        });
        kept.used = now;
        kept.breaker.admit(now)
    }

    pub fn unsent(&mut self, revision: Digest, ticket: &QualityTicket) {
        if let Some(kept) = self.kept.get_mut(&revision) {
            kept.breaker.unsent(ticket);
        }
    }

    pub fn rate(
        &mut self,
        now: Millis,
        revision: Digest,
        ticket: &QualityTicket,
        bad: bool,
    ) -> Option<(QualityOf, QualityChange)> {
        let kept = self.kept.get_mut(&revision)?;
        let change = kept.breaker.rate(now, ticket, bad)?;
        Some((QualityOf { policy: kept.policy.clone(), revision }, change))
    }

    pub fn standings(&mut self, now: Millis) -> Vec<QualityStanding> {
        let all = self.kept.iter_mut().map(|(revision, kept)| {
            let (answers, bad) = kept.breaker.counts(now);
            let (policy, state) = (kept.policy.clone(), kept.breaker.state());
            QualityStanding { policy, revision: *revision, state, answers, bad }
        });
        all.collect()
    }

    fn make_room(&mut self) {
        if self.kept.len() >= REVISIONS_MAX
            && let Some(oldest) =
                self.kept.iter().min_by_key(|(_, kept)| kept.used).map(|(revision, _)| *revision)
        {
            self.kept.remove(&oldest);
        }
    }
}

/// What a change of a quality breaker is, written down.
pub(crate) fn told(model: &str, of: QualityOf, change: QualityChange) -> ControlEvent {
    let until = if let BreakerState::Open { until } = change.to { Some(until) } else { None };
    ControlEvent::BreakerChanged {
        model: model.to_owned(),
        from: change.from.name().to_owned(),
        to: change.to.name().to_owned(),
        reason: change.reason,
        until,
        quality_of: Some(of),
    }
}

/// An answer that came and is not judged yet. Dropped without a word it counts as nothing: the
/// call was cancelled, or what came says nothing about the model.
pub struct Rating {
    pub(crate) gate: Arc<ModelGate>,
    pub(crate) revision: Digest,
    pub(crate) ticket: QualityTicket,
}

impl Rating {
    /// Says whether the answer was bad: no JSON, not to the schema, or measured as doubtful.
    /// What changed at the model's gate, to be written down.
    pub fn rate(self, bad: bool) -> Vec<ControlEvent> {
        self.gate.rate(self.revision, &self.ticket, bad);
        self.gate.take_changes()
    }
}
