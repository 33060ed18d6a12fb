//! What stands before a merge, run as it stands in the repository: the workflow for GitHub and the hooks of
//! pre-commit, on a copy of the sample workspace that somebody changes for the worse.

use crate::suites::{change, git, keep_all, sample, words};
use backstop_tests::{Scratch, binary};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const WORKFLOW: &str = ".github/workflows/evals.yml";
const HOOKS: &str = ".pre-commit-config.yaml";

/// The sample workspace as a repository, with the workflow, the hooks and a built binary.
fn repository() -> Scratch {
    let folder = sample();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for file in [WORKFLOW, HOOKS, ".ci/evals"] {
        let to = folder.path().join(file);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(root.join(file), to).unwrap();
    }
    std::fs::write(folder.path().join(".gitignore"), "target/\n").unwrap();
    let built = folder.path().join("target/release");
    std::fs::create_dir_all(&built).unwrap();
    symlink(binary::path(), built.join("backstop")).unwrap();
    keep_all(folder.path());
    folder
}

/// The commands of the workflow, in order, but for the one that builds what is built here already.
fn steps(folder: &Path) -> Vec<String> {
    let workflow = std::fs::read_to_string(folder.join(WORKFLOW)).unwrap();
    let commands = workflow.lines().filter_map(|line| line.trim_start().strip_prefix("run: "));
    let steps: Vec<String> =
        commands.filter(|run| !run.starts_with("cargo build")).map(str::to_owned).collect();
    assert_eq!(steps.len(), 2, "check, then the suites: {steps:?}");
    steps
}

/// Runs the workflow on what is committed since `base`, until a step fails.
fn merge(folder: &Path, base: &str) -> (Output, String) {
    let summary = folder.join("target/summary.md");
    let mut last = None;
    for step in steps(folder) {
        let mut bash = Command::new("bash");
        bash.args(["-e", "-o", "pipefail", "-c", &step]).current_dir(folder);
        bash.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", &summary);
        let run = bash.env("BASE", base).env_remove("MODEL_BASE_URL").output().unwrap();
        let failed = !run.status.success();
        last = Some(run);
        if failed {
            break;
        }
    }
    (last.expect("a step"), std::fs::read_to_string(summary).unwrap_or_default())
}

/// Commits what was changed; the commit before it.
fn commit(folder: &Path) -> String {
    let base = git(folder, &["rev-parse", "HEAD"]);
    let done = git(folder, &["commit", "-qam", "a change"]);
    assert!(done.status.success(), "{}", words(&done));
    String::from_utf8(base.stdout).unwrap().trim().to_owned()
}

#[test]
fn the_workflow_stops_a_changed_prompt_and_says_how_to_record_it_anew() {
    let folder = repository();
    change(folder.path(), "prompts/mail-triage.md", "Sort the mail", "Please sort the mail");
    let (run, summary) = merge(folder.path(), &commit(folder.path()));
    let said = words(&run);
    assert_eq!(run.status.code(), Some(4), "{said}");
    assert!(said.contains("backstop eval record mail-triage"), "{said}");
    assert!(said.contains("::error file=evals/mail-triage/"), "a note on the line: {said}");
    assert!(summary.contains("STALE") && summary.contains("mail-triage"), "{summary}");
}

#[test]
fn the_workflow_stops_a_loosened_threshold_by_the_cases_that_must_pass() {
    let folder = repository();
    let (was, loose) = ("auto_refund_cents: 2500", "auto_refund_cents: 900000");
    change(folder.path(), "policies/support-refund.yaml", was, loose);
    let (run, summary) = merge(folder.path(), &commit(folder.path()));
    assert_eq!(run.status.code(), Some(1), "{}", words(&run));
    assert!(summary.contains("it ended as accepted, not in_review"), "{summary}");
    assert!(summary.contains("`support-refund`: ❌ FAIL"), "{summary}");
}

#[test]
fn the_workflow_stops_a_schema_that_the_policy_no_longer_fits() {
    let folder = repository();
    change(folder.path(), "policies/schemas/mail-triage.json", "\"label\"", "\"kind\"");
    let (run, _) = merge(folder.path(), &commit(folder.path()));
    let said = words(&run);
    assert_eq!(run.status.code(), Some(1), "{said}");
    assert!(said.contains("policies/mail-triage.yaml:") && said.contains("help: "), "{said}");
}

#[test]
fn the_workflow_stops_a_schema_that_recorded_answers_were_not_asked_with() {
    let folder = repository();
    let file = "policies/schemas/issue-refund.json";
    change(folder.path(), file, "[0-9]{4}$", "[0-9]{6}$");
    let (run, summary) = merge(folder.path(), &commit(folder.path()));
    let said = words(&run);
    assert_eq!(run.status.code(), Some(4), "{said}");
    assert!(said.contains("backstop eval record support-refund"), "{said}");
    assert!(said.contains("policies/schemas/issue-refund.json changed"), "{said}");
    assert!(summary.contains("**What to do**"), "{summary}");
}

#[test]
fn the_workflow_lets_a_change_of_words_pass() {
    let folder = repository();
    change(folder.path(), "policies/mail-triage.yaml", "description: ", "description: In short, ");
    let (run, _) = merge(folder.path(), &commit(folder.path()));
    assert_eq!(run.status.code(), Some(0), "{}", words(&run));
}

/// pre-commit, where `.ci/run` has installed it or it is on the PATH.
fn pre_commit() -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/sdk/venv/bin/pre-commit");
    let found = if own.exists() { own } else { PathBuf::from("pre-commit") };
    let runs = Command::new(&found).arg("--version").output();
    let installed = runs.is_ok_and(|run| run.status.success());
    let ci = std::env::var_os("CI").is_some();
    assert!(installed || !ci, "pre-commit is missing; run: bash .ci/run");
    if !installed {
        println!("skipped: no pre-commit here; `bash .ci/run` installs it");
    }
    installed.then_some(found)
}

#[test]
fn the_hooks_stop_a_commit_whose_rules_are_wrong_or_whose_suite_fails_and_let_a_good_one_pass() {
    let Some(pre_commit) = pre_commit() else { return };
    let folder = repository();
    let hooked = |command: &mut Command| {
        let path = std::env::var("PATH").unwrap();
        let built = folder.path().join("target/release");
        command.current_dir(folder.path()).env("PATH", format!("{}:{path}", built.display()));
        command.env("PRE_COMMIT_HOME", folder.path().join("target/pre-commit"));
        command.env_remove("MODEL_BASE_URL").output().unwrap()
    };
    let installed = hooked(Command::new(pre_commit).arg("install"));
    assert!(installed.status.success(), "{}", words(&installed));
    let commit = || {
        let who = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
        hooked(Command::new("git").args(who).args(["commit", "-qam", "a change"]))
    };
    let file = "policies/support-refund.yaml";

    change(folder.path(), file, "otherwise: escalate", "otherwise: esclate");
    let wrong = commit();
    assert!(!wrong.status.success() && words(&wrong).contains("did you mean `escalate`?"));
    change(folder.path(), file, "otherwise: esclate", "otherwise: escalate");

    let (was, loose) = ("auto_refund_cents: 2500", "auto_refund_cents: 900000");
    change(folder.path(), file, was, loose);
    let loosened = commit();
    assert!(!loosened.status.success(), "{}", words(&loosened));
    change(folder.path(), file, loose, was);

    change(folder.path(), file, "description: ", "description: In short, ");
    let good = commit();
    assert!(good.status.success(), "{}", words(&good));
}
