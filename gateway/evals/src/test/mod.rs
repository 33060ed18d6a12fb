//! `backstop test`: runs the tests of policies, counts what they cover, and suggests tests for what
//! they do not.

mod coverage;
mod declared;
mod faults;
mod json;
mod junit;
mod points;

use std::sync::Arc;

use backstop_policy::tried::{Played, watch_test};
use backstop_policy::{Policy, Sources, Tried, Workspace, run_test};

pub use coverage::{Coverage, Covered, Suggestion, cover};
pub use faults::{FaultCase, Faults, Held, inject};
pub use json::json;
pub use junit::junit;
pub use points::{Part, Point};

use crate::draft::Ground;

/// What is asked of a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    /// Count what the tests cover.
    pub coverage: bool,
    /// Look for tests of what they do not cover.
    pub suggest: bool,
    /// Inject faults.
    pub faults: bool,
}

/// What the tests of one policy came to.
#[derive(Debug)]
pub struct PolicyReport {
    /// The policy; a draft of it with its path.
    pub policy: String,
    /// Its file.
    pub path: String,
    /// Each test, in file order.
    pub tests: Vec<Tried>,
    /// What they cover, where it was asked for.
    pub coverage: Option<Coverage>,
    /// What faults lead to, where it was asked for.
    pub faults: Option<Faults>,
}

impl PolicyReport {
    /// Tests that failed.
    pub fn failed(&self) -> usize {
        self.tests.iter().filter(|tried| !tried.passed()).count()
    }
}

/// Runs the tests of the policies named, or of all.
pub fn run(
    workspace: &Workspace,
    sources: &Sources,
    only: Option<&str>,
    wanted: Wanted,
) -> Vec<PolicyReport> {
    let named = workspace.policies.iter().filter(|(name, _)| only.is_none_or(|only| only == *name));
    let mut reports = Vec::new();
    for (name, policy) in named {
        reports.push(of_policy(policy, workspace.tests_of(name), sources, wanted));
        let drafts = workspace.drafts.iter().filter(|(_, draft)| draft.name == *name);
        reports.extend(drafts.map(|(path, draft)| {
            let report = of_policy(draft, &draft.written().tests, sources, wanted);
            PolicyReport { policy: format!("{name} ({path})"), ..report }
        }));
    }
    reports
}

fn of_policy(
    policy: &Arc<Policy>,
    tests: &[backstop_policy::raw::Test],
    sources: &Sources,
    wanted: Wanted,
) -> PolicyReport {
    let mut played: Vec<Played> = Vec::new();
    let tried = tests.iter().map(|test| {
        if !wanted.coverage {
            return run_test(policy, sources, test);
        }
        let (tried, seen) = watch_test(policy, sources, test);
        played.extend(seen);
        tried
    });
    let tried = tried.collect();
    let ground = Ground { policy, tests, sources };
    PolicyReport {
        policy: policy.name.clone(),
        path: sources.path(policy.written().file).to_owned(),
        tests: tried,
        coverage: wanted.coverage.then(|| cover(&ground, &played, wanted.suggest)),
        faults: wanted.faults.then(|| inject(&ground)),
    }
}
