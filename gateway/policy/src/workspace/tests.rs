//! The sample workspace of this repository loads without a problem, and decides as it says.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod wrong;

use std::collections::BTreeMap;
use std::path::Path;

use super::Workspace;
use crate::diagnostics::render;
use crate::source::Sources;

/// Every file of the sample workspace.
fn sample() -> Sources {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = BTreeMap::new();
    for folder in ["policies", "prompts"] {
        collect(&root, &root.join(folder), &mut files);
    }
    Sources::new(files)
}

fn collect(root: &Path, folder: &Path, into: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(root, &path, into);
        } else {
            let name = path.strip_prefix(root).expect("below the root");
            let name = name.to_str().expect("a plain name").to_owned();
            into.insert(name, std::fs::read(&path).expect("readable"));
        }
    }
}

#[test]
fn the_sample_workspace_loads_without_a_problem() {
    let sources = sample();
    let (workspace, report) = Workspace::load(&sources);
    let told = render::text(&report, &sources, render::Style::Plain);
    assert!(report.is_empty(), "{told}");
    let names: Vec<&str> = workspace.policies.keys().map(String::as_str).collect();
    assert_eq!(names, ["assistant", "invoice-triage", "mail-triage", "support-refund"]);
}

#[test]
fn the_sample_policies_decide_as_their_own_tests_say() {
    let sources = sample();
    let (workspace, _) = Workspace::load(&sources);
    let mut failed = Vec::new();
    let mut count = 0;
    for policy in workspace.policies.values() {
        for test in workspace.tests_of(&policy.name) {
            let tried = crate::run_test(policy, &sources, test);
            count += 1;
            if !tried.passed() {
                let (failures, way) = (tried.failed.join("; "), tried.way.join("\n    "));
                failed.push(format!("{}: {}: {failures}\n    {way}", policy.name, tried.name));
            }
        }
    }
    assert!(failed.is_empty(), "{} of {count} failed\n{}", failed.len(), failed.join("\n"));
    assert!(count > 20, "only {count} tests ran");
}
