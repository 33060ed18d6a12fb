//! `backstop eval` as CI runs it: the real binary on a copy of the sample workspace.

use backstop_tests::{Scratch, binary, workspace};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A copy of the sample workspace.
pub(crate) fn sample() -> Scratch {
    let scratch = Scratch::new("suites");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for folder in ["policies", "prompts", "evals"] {
        workspace::copy(&root.join(folder), &scratch.path().join(folder), &|text| text);
    }
    scratch
}

/// Has git do something in a folder.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> Output {
    let who = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
    Command::new("git").args(who).args(arguments).current_dir(folder).output().unwrap()
}

/// Puts everything in a folder into a repository of its own.
pub(crate) fn keep_all(folder: &Path) {
    for arguments in [&["init", "-q"][..], &["add", "-A"], &["commit", "-qm", "before"]] {
        let done = git(folder, arguments);
        assert!(done.status.success(), "git {arguments:?}: {}", words(&done));
    }
}

fn eval(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(binary::path());
    command.arg("eval").args(arguments).current_dir(folder);
    command.env_remove("MODEL_BASE_URL").output().expect("the binary can be started")
}

pub(crate) fn words(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

pub(crate) fn change(folder: &Path, file: &str, piece: &str, by: &str) {
    let path = folder.join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(piece), "{file} has no `{piece}`");
    std::fs::write(path, text.replace(piece, by)).unwrap();
}

#[test]
fn the_sample_suites_pass_and_shards_of_them_come_to_the_same() {
    let folder = sample();
    let whole = eval(folder.path(), &["--format", "json=whole.json"]);
    assert_eq!(whole.status.code(), Some(0), "{}", words(&whole));
    for part in ["1/2", "2/2"] {
        let file = format!("json={}.json", part.replace('/', "of"));
        eval(folder.path(), &["--shard", part, "--format", &file]);
    }
    let parts = ["merge", "1of2.json", "2of2.json", "--format", "json=merged.json"];
    let merged = eval(folder.path(), &parts);
    assert_eq!(merged.status.code(), Some(0), "{}", words(&merged));
    let read = |name: &str| -> Value {
        serde_json::from_slice(&std::fs::read(folder.path().join(name)).unwrap()).unwrap()
    };
    assert_eq!(read("whole.json")["suites"], read("merged.json")["suites"]);
    let half = eval(folder.path(), &["merge", "1of2.json"]);
    assert_eq!(half.status.code(), Some(2), "half of the cases is no run: {}", words(&half));
}

#[test]
fn a_run_that_was_stopped_goes_on_where_it_stood() {
    let folder = sample();
    let run = ["mail-triage", "--resume", "state.jsonl", "--format", "json"];
    let first = eval(folder.path(), &run);
    let state = folder.path().join("state.jsonl");
    let lines = std::fs::read_to_string(&state).unwrap();
    assert_eq!(lines.lines().count(), 62);
    // Killed in the middle of a line, forty cases in.
    let kept: Vec<&str> = lines.lines().take(40).collect();
    std::fs::write(&state, format!("{}\n{{\"suite\": \"mail", kept.join("\n"))).unwrap();
    let second = eval(folder.path(), &run);
    assert_eq!((first.status.code(), &first.stdout), (second.status.code(), &second.stdout));
}

#[test]
fn a_changed_prompt_stops_the_merge_as_stale_and_only_its_suite_is_run() {
    let folder = sample();
    keep_all(folder.path());
    let quiet = eval(folder.path(), &["--changed-since", "HEAD"]);
    assert_eq!(quiet.status.code(), Some(0), "{}", words(&quiet));
    assert!(words(&quiet).contains("nothing that it rests on changed"));
    change(folder.path(), "prompts/mail-triage.md", "Sort the mail", "Please sort the mail");
    let stale = eval(folder.path(), &["--changed-since", "HEAD", "--frozen"]);
    let said = words(&stale);
    assert_eq!(stale.status.code(), Some(4), "{said}");
    assert!(said.contains("prompts/mail-triage.md changed"), "{said}");
    assert!(said.contains("backstop eval record mail-triage"), "{said}");
    assert!(said.contains("invoice-triage was not run"), "{said}");
}

#[test]
fn a_suite_that_is_wrong_is_told_by_check_and_by_eval() {
    let folder = sample();
    change(folder.path(), "evals/mail-triage/suite.yaml", "wrong_accepted", "wrong_acepted");
    let checked = Command::new(binary::path()).arg("check").current_dir(folder.path()).output();
    let checked = checked.unwrap();
    assert_eq!(checked.status.code(), Some(1), "{}", words(&checked));
    assert!(words(&checked).contains("did you mean `wrong_accepted`?"), "{}", words(&checked));
    let run = eval(folder.path(), &[]);
    assert_eq!(run.status.code(), Some(2), "{}", words(&run));
}

#[test]
fn cases_of_another_tool_become_a_suite_and_what_is_left_behind_is_listed() {
    let folder = sample();
    let foreign = folder.path().join("promptfooconfig.yaml");
    std::fs::write(
        &foreign,
        "prompts: [p.txt]\ntests:\n  - vars: {mail: \"Minutes of the meeting\"}\n    \
         assert: [{type: equals, value: \"{\\\"label\\\": \\\"ham\\\"}\"}, {type: javascript, value: x}]\n",
    )
    .unwrap();
    let words_of = ["import", "promptfoo", "promptfooconfig.yaml", "--suite", "taken"];
    let run = eval(folder.path(), &[&words_of[..], &["--policy", "mail-triage"]].concat());
    let said = words(&run);
    assert_eq!(run.status.code(), Some(0), "{said}");
    assert!(said.contains("1 cases") && said.contains("code is not run"), "{said}");
    let cases: PathBuf = folder.path().join("evals/taken/cases/imported.jsonl");
    let case: Value = serde_json::from_slice(&std::fs::read(cases).unwrap()).unwrap();
    assert_eq!(case["input"], "Minutes of the meeting");
    assert_eq!(case["expect"]["output"]["label"], "ham");
}

#[test]
fn the_sample_records_hold_what_is_asked_and_no_more() {
    let folder = sample();
    let record =
        |suite: &str| folder.path().join("evals").join(suite).join("recorded/answers.jsonl");
    let suites = ["assistant", "invoice-triage", "mail-triage", "support-refund"];
    let before = suites.map(|suite| std::fs::read_to_string(record(suite)).unwrap());
    // No model can be reached, and none needs to be.
    let run = eval(folder.path(), &[&["record"][..], &suites].concat());
    assert_eq!(run.status.code(), Some(0), "{}", words(&run));
    for (suite, before) in suites.into_iter().zip(before) {
        assert!(words(&run).contains(&format!("{suite}: 0 asked")), "{}", words(&run));
        assert!(before == std::fs::read_to_string(record(suite)).unwrap(), "{suite} was rewritten");
        assert!(before.len() < 1_000_000, "{suite} takes {} bytes", before.len());
    }
}

#[test]
fn what_is_blessed_is_what_later_runs_are_held_to() {
    let folder = sample();
    let baseline = folder.path().join("evals/mail-triage/baseline.json");
    let before = std::fs::read_to_string(&baseline).unwrap();
    let silent = eval(folder.path(), &["bless", "mail-triage", "--why", " "]);
    assert_eq!(silent.status.code(), Some(2), "{}", words(&silent));
    assert_eq!(before, std::fs::read_to_string(&baseline).unwrap(), "nothing was blessed");
    // Every answer leaves, however unsure: by so few cases nothing is shown for sure.
    let strict = "accept: {by_model: {spam-weak: 0.97, spam-lr: 0.90}}";
    change(folder.path(), "policies/mail-triage.yaml", strict, "accept: 0.01");
    let score = |run: &Output| -> Value {
        let report: Value = serde_json::from_slice(&run.stdout).unwrap();
        report["suites"][0]["verdict"]["gates"][1]["word"].clone()
    };
    let loose = eval(folder.path(), &["mail-triage", "--format", "json"]);
    assert_eq!((loose.status.code(), score(&loose)), (Some(3), "INCONCLUSIVE".into()));
    let bless = eval(folder.path(), &["bless", "mail-triage", "--why", "no reviews any more"]);
    assert_eq!(bless.status.code(), Some(0), "{}", words(&bless));
    let held = eval(folder.path(), &["mail-triage", "--format", "json"]);
    assert_eq!(score(&held), "PASS", "held to what was blessed");
    let text = std::fs::read_to_string(&baseline).unwrap();
    let blessed: Value = serde_json::from_str(&text).unwrap();
    let why = blessed["why"].as_array().unwrap();
    assert_eq!(why.last().unwrap()[1], "no reviews any more");
    assert!(why.len() > 1, "its history stays");
}

#[test]
fn a_loosened_threshold_fails_where_a_case_must_pass_and_cannot_be_blessed() {
    let folder = sample();
    change(
        folder.path(),
        "policies/support-refund.yaml",
        "auto_refund_cents: 2500",
        "auto_refund_cents: 900000",
    );
    let loose = eval(folder.path(), &["support-refund", "--format", "text,github=notes.txt"]);
    assert_eq!(loose.status.code(), Some(1), "{}", words(&loose));
    let notes = std::fs::read_to_string(folder.path().join("notes.txt")).unwrap();
    assert!(notes.contains("evals/support-refund/"), "{notes}");
    let refused = eval(folder.path(), &["bless", "support-refund", "--why", "it is fine"]);
    assert_eq!(refused.status.code(), Some(2), "{}", words(&refused));
    assert!(words(&refused).contains("cases that must pass do not"), "{}", words(&refused));
}

#[test]
fn a_suite_without_cases_or_without_anything_to_hold_is_bad_configuration() {
    let folder = sample();
    let cases = folder.path().join("evals/mail-triage/cases/written.jsonl");
    std::fs::write(&cases, "").unwrap();
    let run = eval(folder.path(), &["mail-triage"]);
    assert_eq!(run.status.code(), Some(2), "{}", words(&run));
    assert!(words(&run).contains("the suite has no cases"), "{}", words(&run));
    let folder = sample();
    let suite = "suite: mail-triage\npolicy: mail-triage\nowner: me\n";
    std::fs::write(folder.path().join("evals/mail-triage/suite.yaml"), suite).unwrap();
    let run = eval(folder.path(), &["mail-triage"]);
    assert_eq!(run.status.code(), Some(2), "{}", words(&run));
    assert!(words(&run).contains("the suite asserts nothing"), "{}", words(&run));
}

#[test]
fn cases_of_openai_evals_become_a_suite() {
    let folder = sample();
    let line = |ideal: Value| {
        let user = serde_json::json!({"role": "user", "content": "Minutes of the meeting"});
        serde_json::json!({"input": [user], "ideal": ideal}).to_string()
    };
    let lines = [
        line("{\"label\": \"ham\"}".into()),
        line(serde_json::json!(["ham", "spam"])),
        "no json".into(),
    ];
    std::fs::write(folder.path().join("samples.jsonl"), lines.join("\n")).unwrap();
    let asked =
        ["import", "openai-evals", "samples.jsonl", "--suite", "taken", "--policy", "mail-triage"];
    let run = eval(folder.path(), &asked);
    let said = words(&run);
    assert_eq!(run.status.code(), Some(0), "{said}");
    assert!(said.contains("did not carry over"), "{said}");
    let cases =
        std::fs::read_to_string(folder.path().join("evals/taken/cases/imported.jsonl")).unwrap();
    let case: Value = serde_json::from_str(cases.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&case["input"], &case["expect"]["output"]["label"]),
        (&"Minutes of the meeting".into(), &"ham".into())
    );
    let checked = Command::new(binary::path()).arg("check").current_dir(folder.path()).output();
    assert_eq!(checked.as_ref().unwrap().status.code(), Some(0), "{}", words(&checked.unwrap()));
}
