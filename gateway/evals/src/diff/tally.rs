//! Adds calls up: each thread for itself, then all together.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use backstop_domain::{CallId, Millis};
use backstop_engine::replay::{self, Bounds, Cause, End, Kind, Went};
use backstop_policy::Policy;

use super::report::{Diff, Example, Flip, Queue, Said, Unknowns};

/// Calls that are named in a group.
const EXAMPLES: usize = 5;
/// Groups that are kept apart; what comes after is counted in one.
const GROUPS_MAX: usize = 1_000;
/// What stands where something private may be quoted.
const MASK: &str = "[private]";

/// What was added up so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    calls: u64,
    same: u64,
    unchanged: u64,
    open: u64,
    unreadable: u64,
    reran: u64,
    changed: BTreeSet<String>,
    gone: BTreeMap<String, u64>,
    flips: HashMap<Group, Flipped>,
    unknowns: BTreeMap<(String, String), Unknowns>,
    reviews: BTreeMap<String, Queue>,
    cost: Queue,
    said: Said,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Group {
    policy: String,
    cause: Cause,
    from: String,
    to: String,
}

#[derive(Debug, Default)]
struct Flipped {
    calls: u64,
    examples: Vec<Example>,
    said: Said,
}

/// A call, and how it is named.
pub(super) struct Named<'a> {
    pub id: &'a CallId,
    pub received: Millis,
    pub policy: &'a str,
}

impl Tally {
    pub fn open(&mut self) {
        self.open += 1;
    }

    pub fn unreadable(&mut self) {
        self.unreadable += 1;
    }

    pub fn reran(&mut self) {
        self.reran += 1;
    }

    pub fn gone(&mut self, policy: &str) {
        *self.gone.entry(policy.to_owned()).or_default() += 1;
    }

    /// A call whose policy is the very same revision.
    pub fn unchanged(&mut self, then: &Went) {
        self.calls += 1;
        self.same += 1;
        self.unchanged += 1;
        self.load(then, then);
    }

    /// A call under the proposed policy.
    pub fn take(&mut self, call: &Named<'_>, policy: &Policy, then: &Went, now: &Went) {
        self.calls += 1;
        if !self.changed.contains(call.policy) {
            self.changed.insert(call.policy.to_owned());
        }
        self.load(then, now);
        match (&now.end, &then.end) {
            (End::Unknown { reason, bounds }, _) | (_, End::Unknown { reason, bounds }) => {
                self.unknown(call, reason.to_string(), bounds);
            }
            (End::Waits { queue }, _) if asks_anew(then, queue) => {
                let reason = format!("queue `{queue}` would be shown something else");
                self.unknown(call, reason, &only_a_person(now));
            }
            _ if now.ends_like(then) => self.same += 1,
            _ => self.flip(call, policy, then, now),
        }
    }

    /// Reviews and money then and now.
    fn load(&mut self, then: &Went, now: &Went) {
        for queue in &then.queues {
            self.queue(queue).before += 1;
        }
        for queue in &now.queues {
            let queue = self.queue(queue);
            queue.at_least += 1;
            queue.at_most += 1;
        }
        self.cost.before += then.cost.0;
        let (least, most) = match &now.end {
            End::Unknown { bounds, .. } => {
                let most = bounds.cost_at_most.unwrap_or(then.cost).max(now.cost);
                (bounds.cost_at_least.0, most.0)
            }
            _ => (now.cost.0, now.cost.0),
        };
        self.cost.at_least += least;
        self.cost.at_most += most;
        if let Some(said) = now.person_said {
            count(&mut self.said, said);
        }
    }

    fn queue(&mut self, name: &str) -> &mut Queue {
        self.reviews.entry(name.to_owned()).or_default()
    }

    fn unknown(&mut self, call: &Named<'_>, reason: String, bounds: &Bounds) {
        if bounds.could.contains(&Kind::Person) {
            for queue in &bounds.queues {
                self.queue(queue).at_most += 1;
            }
        }
        let place = (call.policy.to_owned(), reason.clone());
        let group = self.unknowns.entry(place).or_insert_with(|| Unknowns {
            policy: call.policy.to_owned(),
            reason,
            calls: 0,
            could_be_automatic: 0,
            could_ask_a_person: 0,
            could_get_nothing: 0,
            examples: Vec::new(),
        });
        group.calls += 1;
        let could = |kind| u64::from(bounds.could.contains(&kind));
        group.could_be_automatic += could(Kind::Automatic);
        group.could_ask_a_person += could(Kind::Person);
        group.could_get_nothing += could(Kind::Nothing);
        if group.examples.len() < EXAMPLES {
            group.examples.push(call.id.clone());
        }
    }

    fn flip(&mut self, call: &Named<'_>, policy: &Policy, then: &Went, now: &Went) {
        let mut group = Group {
            policy: call.policy.to_owned(),
            cause: now.cause(then),
            from: then.end.label(),
            to: now.end.label(),
        };
        if self.flips.len() >= GROUPS_MAX && !self.flips.contains_key(&group) {
            group.cause.by = "something else".to_owned();
        }
        let why = why(now, &group.cause, policy);
        let flipped = self.flips.entry(group).or_default();
        flipped.calls += 1;
        if let Some(said) = now.person_said {
            count(&mut flipped.said, said);
        }
        if flipped.examples.len() < EXAMPLES {
            let (call, received) = (call.id.clone(), call.received);
            flipped.examples.push(Example { call, received, why });
        }
    }

    /// Together with what another thread added up.
    pub fn join(&mut self, other: Self) {
        self.calls += other.calls;
        self.same += other.same;
        self.unchanged += other.unchanged;
        self.open += other.open;
        self.unreadable += other.unreadable;
        self.reran += other.reran;
        self.changed.extend(other.changed);
        for (policy, calls) in other.gone {
            *self.gone.entry(policy).or_default() += calls;
        }
        for (group, theirs) in other.flips {
            let ours = self.flips.entry(group).or_default();
            ours.calls += theirs.calls;
            ours.said = added(ours.said, theirs.said);
            ours.examples.extend(theirs.examples);
            ours.examples.sort_by(|a, b| (a.received, &a.call).cmp(&(b.received, &b.call)));
            ours.examples.truncate(EXAMPLES);
        }
        for (place, theirs) in other.unknowns {
            match self.unknowns.get_mut(&place) {
                None => drop(self.unknowns.insert(place, theirs)),
                Some(ours) => {
                    ours.calls += theirs.calls;
                    ours.could_be_automatic += theirs.could_be_automatic;
                    ours.could_ask_a_person += theirs.could_ask_a_person;
                    ours.could_get_nothing += theirs.could_get_nothing;
                    ours.examples.extend(theirs.examples);
                    ours.examples.sort();
                    ours.examples.truncate(EXAMPLES);
                }
            }
        }
        for (name, theirs) in other.reviews {
            let ours = self.queue(&name);
            *ours = both(*ours, theirs);
        }
        self.cost = both(self.cost, other.cost);
        self.said = added(self.said, other.said);
    }

    /// What it comes to.
    pub fn report(self) -> Diff {
        let mut flips: Vec<Flip> = self
            .flips
            .into_iter()
            .map(|(group, flipped)| {
                let Group { policy, cause, from, to } = group;
                let Flipped { calls, examples, said } = flipped;
                Flip { policy, cause, from, to, calls, examples, said }
            })
            .collect();
        let place = |flip: &Flip| (flip.policy.clone(), flip.cause.clone(), flip.to.clone());
        flips.sort_by(|a, b| b.calls.cmp(&a.calls).then_with(|| place(a).cmp(&place(b))));
        let mut unknowns: Vec<Unknowns> = self.unknowns.into_values().collect();
        unknowns.sort_by_key(|one| std::cmp::Reverse(one.calls));
        Diff {
            version: 1,
            calls: self.calls,
            same: self.same,
            flipped: flips.iter().map(|flip| flip.calls).sum(),
            unknown: unknowns.iter().map(|unknown| unknown.calls).sum(),
            unchanged: self.unchanged,
            open: self.open,
            unreadable: self.unreadable,
            reran: self.reran,
            changed: self.changed,
            gone: self.gone,
            flips,
            unknowns,
            reviews: self.reviews,
            cost: self.cost,
            said: self.said,
            took_ms: 0,
        }
    }
}

/// Whether a queue that decided then would have to decide again on something else.
fn asks_anew(then: &Went, queue: &str) -> bool {
    let decided = matches!(then.end, End::Ended { .. });
    decided && then.queues.iter().any(|asked| asked == queue)
}

/// A person decides, whatever they decide.
fn only_a_person(now: &Went) -> Bounds {
    Bounds {
        best: Kind::Person,
        worst: Kind::Person,
        could: BTreeSet::from([Kind::Person]),
        queues: BTreeSet::new(),
        cost_at_least: now.cost,
        cost_at_most: Some(now.cost),
    }
}

/// Why, in the policy's own words: those of the first decision that the cause is behind.
fn why(now: &Went, cause: &Cause, policy: &Policy) -> String {
    let text = now.decisions.iter().find_map(|decision| match &decision.act {
        backstop_domain::Act::Review { reviews } => {
            let reasons = reviews.iter().flat_map(|review| &review.reasons);
            let mut own = reasons.filter(|reason| reason.by == cause.by);
            own.next().map(|reason| reason.text.clone())
        }
        backstop_domain::Act::End(ended) if ended.cause.by.as_ref() == Some(&cause.by) => {
            Some(ended.cause.text.clone())
        }
        _ => None,
    });
    let text = text.unwrap_or_default();
    if text.is_empty() || policy.private.is_empty() { text } else { MASK.to_owned() }
}

const fn count(said: &mut Said, one: replay::Said) {
    match one {
        replay::Said::Approved => said.approved += 1,
        replay::Said::Changed => said.changed += 1,
        replay::Said::Rejected => said.rejected += 1,
    }
}

const fn added(a: Said, b: Said) -> Said {
    Said {
        approved: a.approved + b.approved,
        changed: a.changed + b.changed,
        rejected: a.rejected + b.rejected,
    }
}

const fn both(a: Queue, b: Queue) -> Queue {
    Queue {
        before: a.before + b.before,
        at_least: a.at_least + b.at_least,
        at_most: a.at_most + b.at_most,
    }
}
