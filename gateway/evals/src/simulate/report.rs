//! What a simulation came to: a table of phases, what the guards did, and whether what is promised
//! was kept.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use backstop_policy::Policy;
use serde::Serialize;

use super::Play;
use super::promises::{self, Promise};
use super::scenario::{AFTER, CALM, Scenario};
use super::traffic::{End, Seen};

/// Changes of guards that are shown; more are counted.
const CHANGES_SHOWN: usize = 12;
/// Reasons that are shown.
const UNANSWERED_SHOWN: usize = 3;

/// What a simulation came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Of what.
    pub scenario: String,
    /// What happens in it.
    pub about: String,
    /// On which policy.
    pub policy: String,
    /// Of the random numbers.
    pub seed: u64,
    /// Usual requests a second.
    pub rate: f64,
    /// Before, meanwhile, and after.
    pub phases: Vec<Phase>,
    /// Why requests got no answer, and how many, the commonest first.
    pub unanswered: Vec<(String, usize)>,
    /// What the guards did.
    pub changes: Vec<Change>,
    /// What is promised, and whether it was kept.
    pub promises: Vec<Promise>,
}

/// What requests of one stretch of time came to.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// When it begins, in seconds.
    pub from_s: u64,
    /// When it ends.
    pub until_s: u64,
    /// Requests that callers had.
    pub requests: usize,
    /// Answered by a model.
    pub accepted: usize,
    /// Answered by the fallback.
    pub fallback: usize,
    /// Waiting for a person.
    pub person: usize,
    /// Turned away at the door, and gone.
    pub door: usize,
    /// Without any answer.
    pub none: usize,
    /// What half of the answers took at most, in milliseconds.
    pub p50_ms: u64,
    /// What 95 of 100 took at most.
    pub p95_ms: u64,
    /// Requests to models for each hundred requests of callers.
    pub attempts_per_hundred: u64,
    /// The usual requests and the sheddable ones on top, if any came on top.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Self>,
}

/// What a guard did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// When, in milliseconds from the start.
    pub at_ms: u64,
    /// What.
    pub what: String,
}

pub(super) fn of(
    policy: &Policy,
    scenario: &Scenario,
    play: Play,
    seen: &[Seen],
    changes: Vec<Change>,
) -> Report {
    let over = CALM + scenario.lasts;
    let minute = Duration::from_secs(60);
    let phases = [
        ("before", Duration::ZERO, CALM),
        ("trouble", CALM, over),
        ("first minute after", over, over + minute),
        ("later", over + minute, over + AFTER),
    ];
    let phases: Vec<Phase> =
        phases.into_iter().map(|(name, from, until)| phase(name, from, until, seen)).collect();
    Report {
        scenario: scenario.name.to_owned(),
        about: scenario.about.to_owned(),
        policy: policy.name.clone(),
        seed: play.seed,
        rate: play.rate,
        promises: promises::held(policy, scenario, seen),
        phases,
        unanswered: unanswered(seen),
        changes,
    }
}

fn unanswered(seen: &[Seen]) -> Vec<(String, usize)> {
    let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
    for why in seen.iter().filter_map(|one| one.why.as_deref()) {
        *counted.entry(why).or_default() += 1;
    }
    let mut all: Vec<(String, usize)> =
        counted.into_iter().map(|(why, count)| (why.to_owned(), count)).collect();
    all.sort_by_key(|(_, count)| Reverse(*count));
    all
}

fn phase(name: &str, from: Duration, until: Duration, seen: &[Seen]) -> Phase {
    let within = |one: &&Seen| (from..until).contains(&one.arrival.at);
    let mine: Vec<&Seen> = seen.iter().filter(within).collect();
    let (extra, usual): (Vec<&Seen>, Vec<&Seen>) =
        mine.iter().copied().partition(|one| one.arrival.extra);
    let mut whole = counted(name, from, until, &mine);
    if !extra.is_empty() {
        let parts = [("- usual", usual), ("- sheddable", extra)];
        whole.parts = parts.map(|(name, part)| counted(name, from, until, &part)).into();
    }
    whole
}

fn counted(name: &str, from: Duration, until: Duration, mine: &[&Seen]) -> Phase {
    let count = |end: End| mine.iter().filter(|one| one.end == end).count();
    let mut took: Vec<u64> = mine
        .iter()
        .filter(|one| matches!(one.end, End::Accepted | End::Fallback))
        .map(|one| u64::try_from(one.took.as_millis()).unwrap_or(u64::MAX))
        .collect();
    took.sort_unstable();
    let at = |hundredths: usize| {
        let place = (took.len() * hundredths).div_ceil(100).saturating_sub(1);
        took.get(place).copied().unwrap_or_default()
    };
    let attempts: u64 = mine.iter().map(|one| u64::from(one.attempts)).sum();
    Phase {
        name: name.to_owned(),
        from_s: from.as_secs(),
        until_s: until.as_secs(),
        requests: mine.len(),
        accepted: count(End::Accepted),
        fallback: count(End::Fallback),
        person: count(End::Person),
        door: count(End::Door),
        none: count(End::No),
        p50_ms: at(50),
        p95_ms: at(95),
        attempts_per_hundred: (attempts * 100).checked_div(mine.len() as u64).unwrap_or_default(),
        parts: Vec::new(),
    }
}

impl Report {
    /// Whether everything that is promised was kept.
    pub fn is_kept(&self) -> bool {
        self.promises.iter().all(|promise| promise.kept)
    }

    /// As people read it.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{} on {}: {}\n{} requests a second, seed {}\n\n",
            self.scenario, self.policy, self.about, self.rate, self.seed
        );
        let head = [
            "",
            "seconds",
            "requests",
            "accepted",
            "fallback",
            "person",
            "door",
            "none",
            "p50 ms",
            "p95 ms",
            "attempts each",
        ];
        let mut rows = vec![head.map(str::to_owned)];
        let phases = self.phases.iter();
        rows.extend(
            phases.flat_map(|phase| [phase].into_iter().chain(&phase.parts)).map(Phase::cells),
        );
        let width = |at: usize| {
            rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max()
        };
        for row in &rows {
            for (at, cell) in row.iter().enumerate() {
                let width = width(at).unwrap_or(0);
                let _ = match at {
                    0 => write!(text, "  {cell:<width$}"),
                    _ => write!(text, "  {cell:>width$}"),
                };
            }
            text.push('\n');
        }
        text.push('\n');
        for (why, count) in self.unanswered.iter().take(UNANSWERED_SHOWN) {
            let _ = writeln!(text, "  {count} without an answer: {why}");
        }
        if !self.unanswered.is_empty() {
            text.push('\n');
        }
        for change in self.changes.iter().take(CHANGES_SHOWN) {
            let _ = writeln!(text, "  {:>7.1} s  {}", change.at_ms as f64 / 1e3, change.what);
        }
        if let Some(more) = self.changes.len().checked_sub(CHANGES_SHOWN).filter(|more| *more > 0) {
            let _ = writeln!(text, "  and {more} more changes of guards");
        }
        if !self.changes.is_empty() {
            text.push('\n');
        }
        for promise in &self.promises {
            let word = if promise.kept { "kept  " } else { "BROKEN" };
            let _ = writeln!(text, "  {word}  {}: {}", promise.what, promise.seen);
        }
        text
    }
}

impl Phase {
    fn cells(&self) -> [String; 11] {
        let each = self.attempts_per_hundred;
        [
            self.name.clone(),
            format!("{}-{}", self.from_s, self.until_s),
            self.requests.to_string(),
            self.accepted.to_string(),
            self.fallback.to_string(),
            self.person.to_string(),
            self.door.to_string(),
            self.none.to_string(),
            self.p50_ms.to_string(),
            self.p95_ms.to_string(),
            format!("{}.{:02}", each / 100, each % 100),
        ]
    }
}
