//! The disk is full, or says no, under the real binary: nobody is told what is not there, `/readyz`
//! turns red, reads live on, it stops when it is asked to, and with room again it comes back.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use backstop_tests::{Caller, Gateway, Upstream, Workspace, gateway};
use serde_json::Value;

/// No file may grow beyond a megabyte: a write fails with an error.
const NO_LARGE_FILES: &str = "trap '' XFSZ\nulimit -f 2048";
/// The data folder has six megabytes, in a namespace of its own.
const SIX_MEGABYTES: &str = "mount -t tmpfs -o size=6m none \"$BACKSTOP_DATA\"";
/// Long enough to drain, and to end.
const STOPS: Duration = Duration::from_secs(20);

/// A call of a hundred kilobytes.
async fn large(caller: &Caller, key: &str) -> backstop_tests::Answered {
    let script = r#"script: [{"content": "{\"label\": \"ham\"}"}]"#;
    let text = format!("{key} {script} {}", "x".repeat(100_000));
    caller.call("typed", key, &text, 10).await.expect("it answers, whatever its disk says")
}

/// Calls until one is refused; what was acknowledged, by key.
async fn until_it_is_full(caller: &Caller) -> Vec<(String, Value)> {
    let mut told = Vec::new();
    loop {
        let key = format!("job-{}", told.len());
        let answer = large(caller, &key).await;
        match answer.status.as_u16() {
            200 => told.push((key, answer.body)),
            503 => return told,
            other => panic!("{key}: {other} {}", answer.text),
        }
        assert!(told.len() < 1_000, "the disk never fills");
    }
}

/// What a gateway whose disk has failed still does, and does no more.
async fn is_red_and_readable(caller: &Caller, told: &[(String, Value)]) {
    let ready = caller.get("/readyz").await.unwrap();
    assert_eq!(ready.status, 503, "{}", ready.text);
    assert!(!ready.body["why"].as_str().unwrap_or_default().is_empty(), "{}", ready.text);
    assert_eq!(caller.get("/healthz").await.unwrap().status, 200);
    let metrics = caller.get("/metrics").await.unwrap();
    assert!(metrics.text.contains("backstop_ready 0"), "{}", metrics.text);
    let refused = large(caller, "one-more").await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    for (key, first) in told {
        let path = format!("/v1/calls/{}", first["id"].as_str().unwrap());
        let now = caller.get(&path).await.unwrap();
        assert_eq!(now.status, 200, "{key}: {}", now.text);
        assert_eq!(now.body["output"], first["output"], "{key}");
    }
    let list = caller.get("/v1/calls?limit=5").await.unwrap();
    assert_eq!(list.status, 200, "{}", list.text);
}

/// With room again: everything that was acknowledged is there, and work goes on.
async fn comes_back(workspace: &Workspace, told: &[(String, Value)]) {
    let gateway = Gateway::start(workspace);
    let caller = gateway.caller();
    assert_eq!(caller.get("/readyz").await.unwrap().status, 200);
    for (key, first) in told {
        let again = large(&caller, key).await;
        assert_eq!(again.body["id"], first["id"], "{key} made a second call");
        assert_eq!(again.body["output"], first["output"], "{key}");
    }
    assert_eq!(large(&caller, "one-more").await.body["outcome"], "accepted");
    gateway.kill();
    let verified = gateway::verify(&workspace.data()).expect("the ledger is whole");
    println!("{} calls acknowledged before the disk failed\n{verified}", told.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_refuses_a_write_turns_it_red_and_loses_nothing() {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let gateway = Gateway::start_after(NO_LARGE_FILES, &workspace);
    let caller = gateway.caller();
    let told = until_it_is_full(&caller).await;
    assert!(!told.is_empty(), "some calls found room");
    is_red_and_readable(&caller, &told).await;
    let ended = gateway.stop(STOPS).expect("it stops when it is asked to");
    println!("it ended with {ended}");
    comes_back(&workspace, &told).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_turns_it_red_and_loses_nothing() {
    let may =
        Command::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    if !may.is_ok_and(|may| may.status.success()) {
        println!("skipped: this machine lets nobody mount a small disk in a namespace");
        return;
    }
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let gateway = Gateway::start_after(&unshared(SIX_MEGABYTES), &workspace);
    let caller = gateway.caller();
    let told = until_it_is_full(&caller).await;
    assert!(!told.is_empty(), "some calls found room");
    is_red_and_readable(&caller, &told).await;
    // The disk is seen by its own process alone: what is on it is copied to one with room.
    let inside = format!("/proc/{}/root{}", gateway.pid(), workspace.data().display());
    copy(Path::new(&inside), &workspace.data());
    gateway.stop(STOPS).expect("it stops when it is asked to");
    comes_back(&workspace, &told).await;
}

/// Those lines, in a namespace where mounting is free.
fn unshared(lines: &str) -> String {
    let inner = format!("{lines}\nexec \"$@\"").replace('\'', r"'\''");
    format!("exec unshare -rm sh -ec '{inner}' sh \"$@\"")
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("the small disk can be seen") {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
