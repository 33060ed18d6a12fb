//! The commands that keep a data folder, as their user runs them: beside a running gateway and without.

use std::path::Path;
use std::process::Command;

use backstop_tests::{Caller, Gateway, Scratch, Upstream, Workspace, binary, caller, gateway};
use serde_json::{Value, json};

/// What a command says, and whether it ended well.
fn run(args: &[&str], paths: &[(&str, &Path)]) -> (bool, String) {
    let mut command = Command::new(binary::path());
    command.args(args);
    for (flag, path) in paths {
        command.arg(flag).arg(path);
    }
    let run = command.output().unwrap();
    let words = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned();
    (run.status.success(), words)
}

const HAM: &str = "script: [{\"content\": \"{\\\"label\\\": \\\"ham\\\"}\"}]";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_beside_the_gateway_is_restored_and_a_signed_head_shows_what_is_gone() {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let running = Gateway::start(&workspace);
    let caller = running.caller();
    let first = caller.call("typed", "one", &format!("one {HAM}"), 10).await.unwrap();
    let scratch = Scratch::new("keeping");
    let (kept, again) = (scratch.path().join("kept"), scratch.path().join("again"));
    let (key, head) = (scratch.path().join("key"), scratch.path().join("head.json"));
    let data = workspace.data();
    let (fine, words) = run(&["backup"], &[("--data", &data), ("--to", &kept)]);
    assert!(fine && words.contains("backed up"), "{words}");
    let second = caller.call("typed", "two", &format!("two {HAM}"), 10).await.unwrap();
    // The head is signed while the gateway runs.
    std::fs::write(&key, [5; 32]).unwrap();
    let (fine, signed) = run(&["head"], &[("--data", &data), ("--sign", &key)]);
    assert!(fine, "{signed}");
    std::fs::write(&head, &signed).unwrap();
    let (_, size) = run(&["size"], &[("--data", &data)]);
    assert!(size.contains("typed"), "{size}");
    running.kill();
    let against = [("--head", head.as_path()), ("--sign", key.as_path())];
    let (fine, words) = run(&["verify"], &[&[("--data", data.as_path())], &against[..]].concat());
    assert!(fine, "{words}");
    // The backup is as whole as the ledger, only shorter: the head tells.
    gateway::verify(&kept).unwrap();
    let (fine, words) = run(&["verify"], &[&[("--data", kept.as_path())], &against[..]].concat());
    assert!(!fine && words.contains("that were there are gone"), "{words}");
    // A head that somebody changed, or signed with another key, is worth nothing.
    let forged: Value = serde_json::from_str(&signed).unwrap();
    let forged = json!({ "position": 1, "hash": forged["hash"], "at": forged["at"], "signature": forged["signature"] });
    let false_head = scratch.path().join("forged.json");
    std::fs::write(&false_head, forged.to_string()).unwrap();
    let paths = [("--data", data.as_path()), ("--head", &false_head), ("--sign", &key)];
    let (fine, words) = run(&["verify"], &paths);
    assert!(!fine && words.contains("not signed with the key"), "{words}");
    // Restored it serves on: the first call is there, the second is not.
    let (fine, words) = run(&["restore"], &[("--from", &kept), ("--data", &again)]);
    assert!(fine && words.contains("restored"), "{words}");
    std::fs::remove_dir_all(&data).unwrap();
    std::fs::rename(&again, &data).unwrap();
    let running = Gateway::start(&workspace);
    let caller = running.caller();
    let path = |call: &Value| format!("/v1/calls/{}", call["id"].as_str().unwrap());
    let there = caller.get(&path(&first.body)).await.unwrap();
    assert_eq!(there.body["output"], first.body["output"]);
    assert_eq!(caller.get(&path(&second.body)).await.unwrap().status.as_u16(), 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_are_erased_and_held_beside_the_gateway_and_without_it() {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let running = Gateway::start(&workspace);
    let caller = running.caller();
    let mut calls = Vec::new();
    for name in ["anna", "bert"] {
        let body = json!({ "input": format!("{name} {HAM}"), "tags": { "customer": name } });
        let asked = caller.post("/v1/calls/typed", &body).await.unwrap();
        calls.push(asked.body["id"].as_str().unwrap().to_owned());
    }
    for call in &calls {
        caller.get(&format!("/v1/calls/{call}?wait=20")).await.unwrap();
    }
    let held = caller.post("/v1/holds", &json!({ "call": calls[1], "reason": "case 17" })).await;
    assert_eq!(held.unwrap().body["calls"], json!([calls[1]]));
    let would = json!({ "subject": "customer=anna", "reason": "a letter", "dry_run": true });
    let would = caller.post("/v1/erasures", &would).await.unwrap();
    assert_eq!((&would.body["calls"], &would.body["dry_run"]), (&json!([calls[0]]), &json!(true)));
    let done = json!({ "subject": "customer=anna", "reason": "a letter" });
    let done = caller.post("/v1/erasures", &done).await.unwrap();
    assert_eq!(done.body["bodies"], would.body["bodies"], "{}", done.text);
    for (body, status) in [
        (json!({ "call": calls[1], "reason": "x" }), 409),
        (json!({ "call": "call_none", "reason": "x" }), 404),
        (json!({ "call": calls[1] }), 400),
        (json!({ "reason": "x" }), 400),
    ] {
        let refused = caller.post("/v1/erasures", &body).await.unwrap();
        assert_eq!(refused.status.as_u16(), status, "{body}: {}", refused.text);
    }
    let stranger = running.caller_with(Some(backstop_tests::workspace::REVIEWER_KEY));
    let refused = stranger.post("/v1/erasures", &json!({ "call": calls[0], "reason": "x" })).await;
    assert_eq!(refused.unwrap().status.as_u16(), 403);
    let data = workspace.data();
    let (fine, words) = run(&["erase", "--call", &calls[1], "--reason", "x"], &[("--data", &data)]);
    assert!(!fine && words.contains("in use"), "{words}");
    running.kill();
    let (_, words) = run(&["hold", "list"], &[("--data", &data)]);
    assert!(words.contains(&calls[1]) && words.contains("case 17"), "{words}");
    let reason = ["--reason", "settled"];
    let (fine, words) = run(
        &[&["hold", "remove", "--call", &calls[1]], &reason[..]].concat(),
        &[("--data", &data)],
    );
    assert!(fine && words.contains("released"), "{words}");
    let erase = [&["erase", "--call", &calls[1]], &reason[..]].concat();
    let (fine, words) = run(&[&erase[..], &["--dry-run"]].concat(), &[("--data", &data)]);
    assert!(fine && words.contains("would erase"), "{words}");
    let (fine, words) = run(&erase, &[("--data", &data)]);
    assert!(fine && words.contains("erased"), "{words}");
    let verified = gateway::verify(&data).expect("the chain holds");
    assert!(verified.contains("erased bodies"), "{verified}");
    // Nothing of either name is left in the file.
    let file = std::fs::read(data.join("ledger.db")).unwrap();
    for name in ["anna ", "bert "] {
        let found = file.windows(name.len()).any(|window| window == name.as_bytes());
        assert!(!found, "`{name}` is still in the file");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_of_an_erased_call_makes_no_second_call_on_any_face_or_after_a_kill() {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let running = Gateway::start(&workspace);
    let input = format!("one {HAM}");
    let chat = json!({ "model": "typed", "messages": [{ "role": "user", "content": input }] });
    let chats = |client: &Caller| {
        let request = client.request(reqwest::Method::POST, "/v1/chat/completions");
        caller::send(request.header("idempotency-key", "anna-chat").json(&chat))
    };
    let first = running.caller().call("typed", "anna-typed", &input, 10).await.unwrap();
    let second = chats(&running.caller()).await.unwrap();
    assert_eq!((first.status.as_u16(), second.status.as_u16()), (200, 200), "{}", second.text);
    let ids = [&first.body["id"], &second.body["backstop"]["id"]].map(|id| id.as_str().unwrap());
    // One beside the running gateway, the other without it.
    let erase = json!({ "call": ids[0], "reason": "a letter" });
    let done = running.caller().post("/v1/erasures", &erase).await.unwrap();
    assert_eq!(done.status.as_u16(), 200, "{}", done.text);
    running.kill();
    let data = workspace.data();
    let (fine, words) = run(&["erase", "--call", ids[1], "--reason", "x"], &[("--data", &data)]);
    assert!(fine, "{words}");
    let asked = upstream.asked_about("one script").len();
    let running = Gateway::start(&workspace);
    let client = running.caller();
    let again = client.call("typed", "anna-typed", &input, 10).await.unwrap();
    assert_eq!(again.status.as_u16(), 410, "{}", again.text);
    assert!(again.body["type"].as_str().unwrap().ends_with("/erased"), "{}", again.text);
    let told = (&again.body["call"], &again.body["retryable"]);
    assert_eq!(told, (&json!(ids[0]), &json!(false)));
    let again = chats(&client).await.unwrap();
    assert_eq!((again.status.as_u16(), &again.body["error"]["code"]), (410, &json!("erased")));
    assert_eq!(again.header("x-should-retry"), "false", "an SDK does not try again");
    let other = client.call("typed", "anna-typed", "another text", 10).await.unwrap();
    assert_eq!(other.status.as_u16(), 422, "{}", other.text);
    assert_eq!(upstream.asked_about("one script").len(), asked, "no model was asked again");
    running.kill();
    // The keys themselves can be read nowhere.
    let file = std::fs::read(data.join("ledger.db")).unwrap();
    for key in ["anna-typed", "anna-chat"] {
        assert!(!file.windows(key.len()).any(|window| window == key.as_bytes()), "{key}");
    }
    gateway::verify(&data).expect("the chain holds");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_says_first_what_would_go_and_a_running_gateway_is_left_to_itself() {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let running = Gateway::start(&workspace);
    running.caller().call("typed", "one", &format!("one {HAM}"), 10).await.unwrap();
    let data = workspace.data();
    let paths = [("--data", data.as_path()), ("--workspace", workspace.path())];
    let (fine, words) = run(&["sweep", "--dry-run"], &paths);
    assert!(
        fine && words.contains("requests and answers") && words.contains("nothing was forgotten"),
        "{words}"
    );
    let (fine, words) = run(&["sweep"], &paths);
    assert!(!fine && words.contains("stop it first"), "{words}");
    running.kill();
    // A moment later everything is over.
    workspace.write("policies/gateway.yaml", &std::fs::read_to_string(workspace.path().join("policies/gateway.yaml")).unwrap()
        .replace("http: {body: 1MB}", "http: {body: 1MB}\nstore: {kind: sqlite, retain: {bodies: 1ms, events: 1ms, labels: 1ms}}"));
    let before = gateway::verify(&data).unwrap();
    let (fine, words) = run(&["sweep", "--dry-run"], &paths);
    assert!(fine && !words.contains("answers                 0"), "{words}");
    let (fine, words) = run(&["sweep"], &paths);
    assert!(fine && words.contains("forgot ") && !words.contains("forgot 0"), "{words}");
    let after = gateway::verify(&data).unwrap();
    assert_ne!(before, after, "calls are told to be erased");
    let (_, words) = run(&["sweep", "--dry-run"], &paths);
    assert!(
        !words.contains("KiB") || words.lines().skip(1).take(3).all(|line| line.contains(" 0 ")),
        "{words}"
    );
}
