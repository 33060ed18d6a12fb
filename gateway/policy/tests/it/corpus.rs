//! Two hundred wrong workspaces, one mistake each, and what their authors are told: whole, word for
//! word. Beside them, workspaces that carry over examples of other tools, which nobody complains of.
//!
//! A case of `tests/corpus/wrong/` holds only the files that differ from `tests/corpus/base/` (one
//! that ends in `.absent` is missing there) and `expected.txt`. `BACKSTOP_BLESS=1` writes those
//! files anew; read every change as somebody who cannot program.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use backstop_policy::{Code, Report, Sources, Workspace, diagnostics::render, run_test};

use super::workspaces::{self, Files};

/// Cases that show two problems, because the one mistake is seen from two sides.
const TWICE: &[&str] = &["conversation-larger-than-the-context"];

/// The wrong workspaces by name.
pub fn wrong() -> BTreeMap<String, Files> {
    let corpus = workspaces::root().join("tests/corpus");
    let base = workspaces::read(&corpus.join("base"));
    let case = |folder: &Path| {
        let name = folder.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let mut files = base.clone();
        for (path, bytes) in workspaces::read(folder) {
            match path.strip_suffix(".absent") {
                Some(absent) => drop(files.remove(absent)),
                None => drop(files.insert(path, bytes)),
            }
        }
        (name, files)
    };
    workspaces::entries(&corpus.join("wrong")).iter().map(|folder| case(folder)).collect()
}

fn report(files: Files) -> (String, Report) {
    let sources = Sources::new(files);
    let (_, report) = Workspace::load(&sources);
    (render::text_within(&report, &sources, render::Style::Plain, 100), report)
}

/// What the author of each wrong workspace is told; loaded once for all tests.
fn told() -> &'static BTreeMap<String, (String, Report)> {
    static TOLD: LazyLock<BTreeMap<String, (String, Report)>> =
        LazyLock::new(|| wrong().into_iter().map(|(name, files)| (name, report(files))).collect());
    &TOLD
}

#[test]
fn the_workspace_that_all_of_these_spoil_is_right() {
    let base = workspaces::read(&workspaces::root().join("tests/corpus/base"));
    assert_eq!(report(base).0, "");
}

#[test]
fn each_wrong_workspace_is_told_as_expected() {
    let bless = std::env::var_os("BACKSTOP_BLESS").is_some();
    let mut differ = Vec::new();
    for (name, (told, _)) in told() {
        let path = workspaces::root().join("tests/corpus/wrong").join(name).join("expected.txt");
        if bless {
            fs::write(&path, told).expect("the corpus can be written");
        } else if fs::read_to_string(&path).ok().as_ref() != Some(told) {
            differ.push(format!("== {name}\n{told}"));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

#[test]
fn one_mistake_is_told_once_with_a_way_to_mend_it() {
    let mut odd = Vec::new();
    for (name, (told, report)) in told() {
        let problems = report.sorted();
        if problems.len() != if TWICE.contains(&name.as_str()) { 2 } else { 1 } {
            odd.push(format!("== {name}: {} problems\n{told}", problems.len()));
        } else if problems
            .iter()
            .any(|problem| problem.help.is_none() && problem.related.is_empty())
        {
            odd.push(format!("== {name}: no help\n{told}"));
        }
    }
    assert!(odd.is_empty(), "{}\n{}", odd.join("\n"), odd.len());
}

#[test]
fn the_wrong_workspaces_show_every_code() {
    let mut seen: BTreeSet<Code> = BTreeSet::new();
    assert!(told().len() >= 80, "only {} cases", told().len());
    for (_, report) in told().values() {
        seen.extend(report.sorted().iter().map(|problem| problem.code));
    }
    // Codes of suites are shown by the tests of the room that reads them.
    let ours = Code::ALL.iter().filter(|code| !code.id().starts_with("BS08"));
    let unseen: Vec<&str> =
        ours.filter(|code| !seen.contains(code)).map(|code| code.id()).collect();
    assert!(unseen.is_empty(), "no case for {unseen:?}");
}

#[test]
fn examples_of_other_tools_are_said_here_without_a_complaint_and_decide_as_their_tests_say() {
    let sources = Sources::new(workspaces::read(&workspaces::root().join("tests/corpus/carried")));
    let (workspace, report) = Workspace::load(&sources);
    let shown = render::text(&report, &sources, render::Style::Plain);
    assert!(report.is_empty(), "{shown}");
    assert!(workspace.policies.len() >= 20, "only {} policies", workspace.policies.len());
    let mut failed = Vec::new();
    for (name, policy) in &workspace.policies {
        let tests = workspace.tests_of(name).iter();
        let tried: Vec<_> = tests.map(|test| run_test(policy, &sources, test)).collect();
        assert!(tried.len() >= 2, "{name} has no tests worth the word");
        for one in tried.into_iter().filter(|one| !one.passed()) {
            failed.push(format!("{name}: {}\n  {:?}\n  {:?}", one.name, one.failed, one.way));
        }
        let text = sources.text(sources.find(&format!("policies/{name}.yaml")).expect("its file"));
        assert!(text.contains("# https://"), "{name} does not name its source");
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
