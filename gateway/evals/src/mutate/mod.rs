//! `backstop mutate`: changes a policy in one place at a time and asks whether its tests notice.
//!
//! A change that its tests do not notice is a change that somebody could make by mistake. For each,
//! an input is looked for that tells the two policies apart, as a test that would have noticed.

mod edit;
mod mutant;

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use backstop_policy::raw::Test;
use backstop_policy::tried::Played;
use backstop_policy::{Policy, Sources, Workspace, run_test};

pub use edit::Changed;
pub use mutant::{Mutant, mutants};

use crate::draft::{Draft, Ground, drafts, telling_apart};

/// The files of a workspace, by path.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Who watches a run.
pub trait Watcher: Sync {
    /// Told after each mutant: how many are done, of how many.
    fn progress(&self, done: usize, all: usize);
    /// Whether time is up; what is left is then not tried, and counted so.
    fn is_over(&self) -> bool;
}

/// What became of the mutants of one policy.
#[derive(Debug, Clone, Default)]
pub struct MutationReport {
    /// The policy.
    pub policy: String,
    /// Its file.
    pub path: String,
    /// Noticed by a test.
    pub killed: usize,
    /// Not noticed.
    pub survivors: Vec<Survivor>,
    /// Refused by the loader: nobody could run them.
    pub refused: usize,
    /// That decide alike: nothing to notice.
    pub equivalent: usize,
    /// Not tried, because time was up.
    pub untried: usize,
    /// Tests that fail without any change; mutants then say nothing.
    pub failing: Vec<String>,
}

impl MutationReport {
    /// Mutants that count.
    pub fn counted(&self) -> usize {
        self.killed + self.survivors.len()
    }

    /// The share that was noticed, in percent, rounded down.
    pub fn percent(&self) -> usize {
        (self.killed * 100).checked_div(self.counted()).unwrap_or(100)
    }
}

/// A mutant that no test noticed.
#[derive(Debug, Clone)]
pub struct Survivor {
    /// What was changed, in words.
    pub what: String,
    /// The lines.
    pub changed: Changed,
    /// An input that tells the two apart; `None` if none was found.
    pub apart: Option<Apart>,
}

/// An input that tells a policy from its mutant.
#[derive(Debug, Clone)]
pub struct Apart {
    /// As a test that holds for the policy and fails for the mutant, ready to be pasted.
    pub test: String,
    /// What the policy does.
    pub is: String,
    /// What the mutant does.
    pub would: String,
}

enum Fate {
    Killed,
    Survived(Survivor),
    Refused,
    Equivalent,
    Untried,
}

/// Tries every mutant of the policy `name`, on every core; `None` if there is no such policy.
pub fn mutate(files: &Files, name: &str, watcher: &dyn Watcher) -> Option<MutationReport> {
    let sources = Sources::new(files.clone());
    let (workspace, _) = Workspace::load_one(&sources, name);
    let policy = workspace.policy(name)?;
    let tests = workspace.tests_of(name);
    let path = sources.path(policy.written().file).to_owned();
    let failing = tests.iter().filter(|test| !run_test(policy, &sources, test).passed());
    let failing: Vec<String> = failing.map(|test| test.name.value.clone()).collect();
    let mut report =
        MutationReport { policy: name.to_owned(), path, failing, ..Default::default() };
    if !report.failing.is_empty() {
        return Some(report);
    }
    let queues = workspace.gateway.iter().flat_map(|gateway| gateway.queues.keys());
    let queues: Vec<&str> = queues.map(String::as_str).collect();
    let all = mutants(policy, &sources, &queues);
    let ground = Ground { policy, tests, sources: &sources };
    let drafts = drafts(&ground);
    let trial = Trial {
        files,
        path: &report.path,
        name,
        ground,
        drafts: &drafts,
        meaning: policy.meaning(),
    };
    for fate in trial.all(&all, watcher) {
        match fate {
            Fate::Killed => report.killed += 1,
            Fate::Survived(survivor) => report.survivors.push(survivor),
            Fate::Refused => report.refused += 1,
            Fate::Equivalent => report.equivalent += 1,
            Fate::Untried => report.untried += 1,
        }
    }
    Some(report)
}

struct Trial<'t> {
    files: &'t Files,
    path: &'t str,
    name: &'t str,
    ground: Ground<'t>,
    drafts: &'t [Draft],
    meaning: backstop_domain::Digest,
}

impl Trial<'_> {
    /// Every mutant, on every core, in file order.
    fn all(&self, mutants: &[Mutant], watcher: &dyn Watcher) -> Vec<Fate> {
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let work = || {
            let mut fates = Vec::new();
            while let Some((index, mutant)) = take(&next, mutants) {
                let fate = if watcher.is_over() { Fate::Untried } else { self.fate(mutant) };
                fates.push((index, fate));
                watcher.progress(done.fetch_add(1, Ordering::Relaxed) + 1, mutants.len());
            }
            fates
        };
        let mut fates: Vec<(usize, Fate)> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            workers.into_iter().filter_map(|worker| worker.join().ok()).flatten().collect()
        });
        fates.sort_by_key(|(index, _)| *index);
        let lost = mutants.len().saturating_sub(fates.len());
        let fates = fates.into_iter().map(|(_, fate)| fate);
        // What a worker that died had in hand counts as not tried.
        fates.chain((0..lost).map(|_| Fate::Untried)).collect()
    }

    fn fate(&self, mutant: &Mutant) -> Fate {
        let text = self.ground.sources.text(self.ground.policy.written().file);
        let Some(changed) = mutant.edit.apply(text) else { return Fate::Refused };
        let mut files = self.files.clone();
        files.insert(self.path.to_owned(), changed.into_bytes());
        let sources = Sources::new(files);
        let (workspace, _) = Workspace::load_one(&sources, self.name);
        // Tests may name a rule that is gone; the policy itself decides whether it loads.
        let Some(policy) = workspace.policy(self.name) else { return Fate::Refused };
        if policy.meaning() == self.meaning {
            return Fate::Equivalent;
        }
        let notices = |test: &Test| !run_test(policy, &sources, test).passed();
        if self.ground.tests.iter().any(notices) {
            return Fate::Killed;
        }
        Fate::Survived(Survivor {
            what: mutant.what.clone(),
            changed: mutant.edit.changed(text),
            apart: self.apart(policy),
        })
    }

    /// The smallest draft that the two policies do not decide alike.
    fn apart(&self, mutant: &Arc<Policy>) -> Option<Apart> {
        let ours = (self.ground.policy, self.ground.sources);
        self.drafts.iter().find_map(|draft| {
            let would = draft.scene.clone().play(mutant);
            if draft.played.looks_like(&would) {
                return None;
            }
            let mut test = draft.test.clone();
            test.name.value = named(&draft.test);
            let test = telling_apart(ours, &test, (&draft.played, mutant, &would))?;
            Some(Apart { test: test.words("  "), is: way(&draft.played), would: way(&would) })
        })
    }
}

fn take<'m>(next: &AtomicUsize, mutants: &'m [Mutant]) -> Option<(usize, &'m Mutant)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    mutants.get(index).map(|mutant| (index, mutant))
}

/// A name made of what differs from the example.
fn named(test: &Test) -> String {
    let mut parts: Vec<String> = test
        .change
        .iter()
        .map(|change| match change.value.constant() {
            Some(value) if !value.is_object() && !value.is_array() => {
                format!("{} is {}", change.path.value, value.to_string().trim_matches('"'))
            }
            _ => format!("{} differs", change.path.value),
        })
        .collect();
    parts.extend(test.given.checks.iter().map(|(name, _)| format!("check {}", name.as_str())));
    parts.extend(test.fail.iter().map(|class| format!("models fail with {}", class.value)));
    if !test.answers.is_empty() {
        parts.push(format!("{} answers", test.answers.len()));
    }
    if parts.is_empty() { test.name.value.clone() } else { parts.join(" and ") }
}

/// What happened, in one line.
fn way(played: &Played) -> String {
    let mut steps = played.steps.join(" → ");
    if !played.queues.is_empty() {
        steps.push_str(&format!(" (queue {})", played.queues.join(", ")));
    }
    let outcome = played.outcome.unwrap_or("a person decides");
    format!("{steps}; {outcome}")
}
