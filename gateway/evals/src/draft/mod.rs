//! Drafts: calls that a machine makes up from a policy's example and tests, by changing one thing
//! at a time. Coverage looks among them for a test to suggest, mutation for an input that tells two
//! policies apart.

mod expect;
mod moves;

use std::collections::BTreeSet;
use std::sync::Arc;

use backstop_policy::raw::{ReviewAct, Test};
use backstop_policy::tried::{Attempt, Played, Scene};
use backstop_policy::{Policy, Sources, Span};

pub use expect::{expecting, telling_apart};

/// What drafts are made from.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// The policy.
    pub policy: &'a Arc<Policy>,
    /// Its tests.
    pub tests: &'a [Test],
    /// The files that they name.
    pub sources: &'a Sources,
}

/// One call, and what came of it.
#[derive(Debug, Clone)]
pub struct Draft {
    /// As a test without expectations.
    pub test: Test,
    /// The call.
    pub scene: Scene,
    /// What came of it.
    pub played: Played,
    /// How much it differs from the example: the smaller, the better it explains.
    pub size: usize,
}

/// Most drafts of one policy.
const DRAFTS_MAX: usize = 3_000;
/// How often a first answer is repeated before a good one follows it.
const REPEATS: usize = 3;

impl Ground<'_> {
    /// A test without a name worth keeping, at the place of the policy.
    fn bare(&self) -> Test {
        Test::bare("example", Span::file_start(self.policy.written().file))
    }

    /// Plays a test; `None` if it tells no call.
    fn draft(&self, test: Test, size: usize) -> Option<Draft> {
        let scene = Scene::of(self.policy, self.sources, &test).ok()?;
        let played = scene.clone().watch(self.policy);
        Some(Draft { test, scene, played, size })
    }

    /// Where drafts start: the example, then each test.
    fn bases(&self) -> Vec<Draft> {
        let tests = self.tests.iter().map(|test| {
            let expect = backstop_policy::raw::Expect::default();
            (Test { expect, ..test.clone() }, 2)
        });
        let all = std::iter::once((self.bare(), 0)).chain(tests);
        all.filter_map(|(test, size)| self.draft(test, size)).collect()
    }
}

/// Every draft of a policy, the smallest first. Bounded, and the same each time.
pub fn drafts(ground: &Ground<'_>) -> Vec<Draft> {
    let mut made = Made { ground, seen: BTreeSet::new(), drafts: Vec::new() };
    for base in ground.bases() {
        made.keep(base);
    }
    let bases = made.drafts.clone();
    let pool = moves::pool(ground);
    for base in &bases {
        for changed in moves::changed(ground, base, &pool) {
            made.add(changed, base.size + 1);
        }
    }
    for draft in unlike(&made.drafts) {
        made.sequences(&draft);
    }
    for draft in unlike(&made.drafts) {
        if draft.played.outcome.is_none() {
            made.people(&draft);
        }
    }
    made.drafts.sort_by_key(|draft| draft.size);
    made.drafts
}

/// One draft, the smallest, of each way that a call can go: what follows upon it differs no more
/// for the others.
fn unlike(drafts: &[Draft]) -> Vec<Draft> {
    let mut seen = BTreeSet::new();
    let mut sorted: Vec<&Draft> = drafts.iter().collect();
    sorted.sort_by_key(|draft| draft.size);
    let way = |draft: &Draft| (draft.played.steps.clone(), draft.played.fired.clone());
    sorted.into_iter().filter(|draft| seen.insert(way(draft))).cloned().collect()
}

struct Made<'g> {
    ground: &'g Ground<'g>,
    seen: BTreeSet<String>,
    drafts: Vec<Draft>,
}

impl Made<'_> {
    fn keep(&mut self, draft: Draft) {
        if self.drafts.len() < DRAFTS_MAX && self.seen.insert(draft.test.words("")) {
            self.drafts.push(draft);
        }
    }

    fn add(&mut self, test: Test, size: usize) {
        if self.drafts.len() >= DRAFTS_MAX || self.seen.contains(&test.words("")) {
            return;
        }
        if let Some(draft) = self.ground.draft(test, size) {
            self.keep(draft);
        }
    }

    /// The draft's answer first, once or more, and then the example's: how far a ladder goes.
    fn sequences(&mut self, draft: &Draft) {
        let [first] = draft.scene.attempts.as_slice() else { return };
        if draft.played.outcome == Some("accepted") && draft.played.steps.len() <= 2 {
            return;
        }
        for repeats in 1..=REPEATS {
            if let Some(test) = moves::then_good(&draft.test, first, repeats) {
                self.add(test, draft.size + repeats);
            }
        }
    }

    /// What people may do with it.
    fn people(&mut self, draft: &Draft) {
        let acts = [ReviewAct::Approve, ReviewAct::Reject, ReviewAct::Fallback, ReviewAct::Changes];
        for act in acts {
            let mut test = draft.test.clone();
            test.review.push(act);
            self.add(test, draft.size + 2);
        }
    }
}

/// The answer that an attempt gives, if it gives one.
fn answer_of(attempt: &Attempt) -> Option<&backstop_policy::Answer> {
    match attempt {
        Attempt::Answers(answer, _) => Some(answer),
        Attempt::Fails(_) => None,
    }
}
