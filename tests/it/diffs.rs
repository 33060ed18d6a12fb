//! `backstop diff` and `backstop export`, as an author and an operator run them: the real binary, a
//! real ledger, a proposed workspace beside the one that made the calls.

use backstop_tests::{Gateway, Upstream, Workspace, binary};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};

fn labelled(label: &str) -> String {
    format!("script: {}", json!([{ "content": json!({ "label": label }).to_string() }]))
}

fn run(arguments: &[&str], paths: &[(&str, &Path)]) -> Output {
    let mut command = Command::new(binary::path());
    command.args(arguments);
    for (flag, path) in paths {
        command.arg(flag).arg(path);
    }
    command.output().expect("the binary can be started")
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Eight calls of `typed`: five of ham, three of spam.
async fn recorded() -> (Upstream, Workspace) {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let gateway = Gateway::start(&workspace);
    let caller = gateway.caller();
    for turn in 0..8 {
        let label = if turn < 5 { "ham" } else { "spam" };
        let key = format!("job-{turn}");
        let text = format!("{} {turn}", labelled(label));
        let answer = caller.call("typed", &key, &text, 30).await.unwrap();
        assert_eq!(answer.body["outcome"], "accepted", "{}", answer.text);
    }
    (upstream, workspace)
}

/// A workspace beside it, in which spam is put to a person.
fn stricter(upstream: &Upstream) -> Workspace {
    let proposed = Workspace::new(upstream.url());
    let file = proposed.path().join("policies/typed.yaml");
    let policy = std::fs::read_to_string(file).unwrap();
    let rule =
        "rules:\n  - id: no-spam\n    when: output.label == \"spam\"\n    then: {escalate: desk}\n";
    proposed.write("policies/typed.yaml", &policy.replace("rules:\n", rule));
    proposed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_author_sees_what_a_new_rule_would_have_done_from_ledger_and_export_alike() {
    let (upstream, made) = recorded().await;
    let proposed = stricter(&upstream);
    let (data, workspace) = (made.data(), proposed.path());
    let paths = [("--replay", data.as_path()), ("--workspace", workspace)];
    let json = run(&["diff", "--format", "json"], &paths);
    assert_eq!(json.status.code(), Some(1), "flips beyond --allow: {json:?}");
    let found: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&found["version"], &found["calls"]), (&json!(1), &json!(8)));
    assert_eq!((&found["flipped"], &found["unknown"]), (&json!(3), &json!(0)), "{found:#}");
    let flip = &found["flips"][0];
    assert_eq!(flip["cause"]["by"], "rules.no-spam");
    assert_eq!((&flip["from"], &flip["to"]), (&json!("accepted"), &json!("in_review (desk)")));
    assert_eq!(flip["examples"].as_array().unwrap().len(), 3);
    assert_eq!(found["reviews"]["desk"], json!({ "before": 0, "at_least": 3, "at_most": 3 }));
    let allowed = run(&["diff", "--allow", "3"], &paths);
    assert_eq!(allowed.status.code(), Some(0));
    let text = words(&allowed);
    assert!(text.contains("typed: accepted → in_review (desk)"), "{text}");
    assert!(text.contains("`rules.no-spam` objects now"), "{text}");
    let markdown = words(&run(&["diff", "--format", "markdown"], &paths));
    assert!(markdown.contains("| 3 | typed | accepted | in_review (desk) |"), "{markdown}");
    // The same from an export, which another machine may have.
    let file = data.join("calls.jsonl");
    let export = run(&["export"], &[("--data", &data), ("--out", &file)]);
    assert!(export.status.success(), "{export:?}");
    let again =
        run(&["diff", "--format", "json"], &[("--replay", &file), ("--workspace", workspace)]);
    let again: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(again["flips"], found["flips"]);
    let verified = run(&["replay", "verify", "--all"], &[("--data", &file)]);
    assert!(verified.status.success(), "{verified:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_flips_under_the_workspace_that_made_the_calls() {
    let (_upstream, made) = recorded().await;
    let data = made.data();
    let paths = [("--replay", data.as_path()), ("--workspace", made.path())];
    let same = run(&["diff"], &paths);
    assert_eq!(same.status.code(), Some(0), "{same:?}");
    assert!(words(&same).contains("8 calls: 8 end as they did, 0 end otherwise"), "{same:?}");
    let wrong = run(&["diff", "--since", "7m"], &paths);
    assert_eq!(wrong.status.code(), Some(2), "usage");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_may_replay_learns_by_api_that_a_call_decides_the_same_again() {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let gateway = Gateway::start(&workspace);
    let caller = gateway.caller();
    let call = caller.call("typed", "one", &labelled("ham"), 30).await.unwrap();
    let id = call.body["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/calls/{id}/replay");
    let verified = caller.post(&path, &json!({ "mode": "verify" })).await.unwrap();
    assert_eq!(verified.status.as_u16(), 200, "{}", verified.text);
    assert_eq!((&verified.body["verdict"], &verified.body["given"]), (&json!("equal"), &json!(0)));
    let what_if = caller.post(&path, &json!({ "mode": "what_if" })).await.unwrap();
    assert_eq!(what_if.body["end"]["ended"]["outcome"], "accepted", "{}", what_if.text);
    // Whoever looks for the fourth mode here is told where it is.
    for (mode, says) in [
        (json!("redo"), "`redo` is no mode of replay: it is `verify`, `what_if` or `resume_from`"),
        (
            json!("redeliver"),
            "again by `POST /v1/subscriptions/{name}/redeliver`, or `backstop sub",
        ),
        (json!(null), "`mode` is missing: it is `verify`, `what_if` or `resume_from`"),
    ] {
        let wrong = caller.post(&path, &json!({ "mode": mode })).await.unwrap();
        assert_eq!((wrong.status.as_u16(), &wrong.body["param"]), (400, &json!("mode")));
        assert!(wrong.body["detail"].as_str().unwrap().contains(says), "{}", wrong.text);
    }
    let unknown = json!({ "mode": "what_if", "revision": "0".repeat(64) });
    let unknown = caller.post(&path, &unknown).await.unwrap();
    assert_eq!(unknown.status.as_u16(), 404);
    assert!(
        unknown.body["type"].as_str().unwrap().ends_with("unknown_revision"),
        "{}",
        unknown.text
    );
    let reviewer = gateway.caller_with(Some(backstop_tests::workspace::REVIEWER_KEY));
    let refused = reviewer.post(&path, &json!({ "mode": "verify" })).await.unwrap();
    // Who may not see a call learns nothing of it, not even that it is there.
    assert_eq!(refused.status.as_u16(), 404, "a person needs the right, too: {}", refused.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_author_compares_recorded_calls_with_the_draft_that_a_policy_names() {
    let (upstream, made) = recorded().await;
    let draft = std::fs::read_to_string(stricter(&upstream).path().join("policies/typed.yaml"));
    let proposed = Workspace::new(upstream.url());
    let policy = std::fs::read_to_string(proposed.path().join("policies/typed.yaml")).unwrap();
    std::fs::create_dir(proposed.path().join("policies/drafts")).unwrap();
    proposed.write("policies/drafts/next.yaml", &draft.unwrap());
    let (data, workspace) = (made.data(), proposed.path());
    let paths = [("--replay", data.as_path()), ("--workspace", workspace)];
    let none = run(&["diff", "--drafts"], &paths);
    let told = String::from_utf8_lossy(&none.stderr).into_owned();
    assert!(told.contains("no policy names a draft"), "{told}");
    proposed.write("policies/typed.yaml", &format!("{policy}\nshadow: drafts/next.yaml\n"));
    let without = run(&["diff"], &paths);
    assert_eq!(
        without.status.code(),
        Some(0),
        "a draft changes nothing of the policy: {without:?}"
    );
    let with = run(&["diff", "--drafts"], &paths);
    assert_eq!(with.status.code(), Some(1), "{with:?}");
    let text = words(&with);
    assert!(text.contains("typed: accepted → in_review (desk)"), "{text}");
}
