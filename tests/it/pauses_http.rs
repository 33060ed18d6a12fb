//! Pauses over HTTP and by command, in the real binary: who may, what callers are told, and that a
//! kill does not let go on what is held.

use std::process::Command;

use backstop_tests::{
    Gateway, Person, Upstream, Workspace, binary,
    workspace::{LEAD_KEY, REVIEWER_KEY},
};
use serde_json::json;

const HAM: &str = "one script: [{\"content\": \"{\\\"label\\\": \\\"ham\\\"}\"}]";
const UNSURE: &str = "one script: [{\"content\": \"{\\\"label\\\": \\\"unsure\\\"}\"}]";

/// What the command says, and whether it ended well.
fn run(gateway: &Gateway, args: &[&str]) -> (bool, String) {
    let mut command = Command::new(binary::path());
    command.args(args).args(["--url", gateway.url(), "--key", backstop_tests::workspace::KEY]);
    let run = command.output().unwrap();
    let words = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned();
    (run.status.success(), words)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_operator_pauses_stays_so_after_a_kill_until_they_let_it_go_on() {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let gateway = Gateway::start(&workspace);
    let (fine, words) = run(&gateway, &["pause"]);
    assert!(fine && words.contains("no policy, model or queue is paused"), "{words}");
    let hold = ["pause", "policy/typed", "--for", "30min", "--reason", "odd labels"];
    let (fine, words) = run(&gateway, &hold);
    assert!(fine && words.contains("policy/typed until 20"), "{words}");
    gateway.kill();

    let gateway = Gateway::start(&workspace);
    let caller = gateway.caller();
    let refused = caller.call("typed", "one", HAM, 10).await.unwrap();
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert!(refused.body["type"].as_str().unwrap().ends_with("policy_paused"), "{}", refused.text);
    assert_eq!(refused.body["detail"], "policy `typed` is paused: odd labels");
    let after: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1_700..=1_800).contains(&after), "{after}");
    let (_, words) = run(&gateway, &["pause"]);
    assert!(words.contains("policy/typed  until ") && words.contains("by sdk: odd labels"));
    let held = caller.get("/v1/pauses").await.unwrap();
    assert_eq!(held.body["pauses"][0]["target"], "policy/typed");
    let metrics = caller.get("/metrics").await.unwrap();
    assert!(metrics.text.contains("backstop_paused{what=\"policy\"} 1"), "{}", metrics.text);
    assert_eq!(caller.get("/readyz").await.unwrap().status, 200, "others are served");

    let (fine, words) = run(&gateway, &["resume", "policy/typed", "--reason", "mended"]);
    assert!(fine && words.contains("goes on"), "{words}");
    let answered = caller.call("typed", "one", HAM, 10).await.unwrap();
    assert_eq!(answered.body["outcome"], "accepted", "no key was bound: {}", answered.text);
    let (fine, words) = run(&gateway, &["resume", "policy/typed", "--reason", "again"]);
    assert!(!fine && words.contains("it is not paused"), "{words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_pause_or_names_nothing_is_told_so() {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let gateway = Gateway::start(&workspace);
    let body = |target: &str, ms: u64, reason: &str| json!({ "target": target, "for_ms": ms, "reason": reason });
    let typed = body("policy/typed", 60_000, "odd");
    let lead = gateway.caller_with(Some(LEAD_KEY));
    assert_eq!(lead.post("/v1/pauses", &typed).await.unwrap().status, 403);
    assert_eq!(lead.get("/v1/pauses").await.unwrap().status, 403);
    let caller = gateway.caller();
    for (body, status, says) in [
        (body("policy/nobody", 60_000, "odd"), 404, "there is no policy/nobody"),
        (body("policies/typed", 60_000, "odd"), 400, "names nothing to pause"),
        (body("policy/typed", 0, "odd"), 400, "every pause ends"),
        (body("policy/typed", 604_800_001, "odd"), 400, "every pause ends"),
        (body("policy/typed", 60_000, " "), 400, "says why"),
        (body("call/call_none", 60_000, "odd"), 404, "there is no such call"),
        (
            json!({ "target": "model/steady", "for_ms": 1, "reason": "odd", "then": "cancel" }),
            400,
            "for calls",
        ),
    ] {
        let told = caller.post("/v1/pauses", &body).await.unwrap();
        assert_eq!(told.status, status, "{}", told.text);
        assert!(told.text.contains(says), "{}", told.text);
    }
    let (fine, words) = run(&gateway, &["pause", "model/steady", "--reason", "odd"]);
    assert!(!fine && words.contains("--for 30min"), "{words}");
    let held = caller.get("/v1/pauses").await.unwrap();
    assert_eq!(held.body, json!({ "pauses": [] }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_paused_queue_people_see_why_they_cannot_decide() {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let gateway = Gateway::start(&workspace);
    let asked = gateway.caller().call("typed", "one", UNSURE, 10).await.unwrap();
    let review = asked.body["review"]["id"].as_str().expect(&asked.text);
    let hold = ["pause", "queue/desk", "--for", "30min", "--reason", "training at noon"];
    assert!(run(&gateway, &hold).0);
    let refused = gateway.caller_with(Some(REVIEWER_KEY)).approve(review).await.unwrap();
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert_eq!(refused.body["detail"], "queue `desk` is paused: training at noon");
    let page = Person::enter(gateway.url(), REVIEWER_KEY).await.get("/reviews").await.text;
    assert!(page.contains("paused until ") && page.contains("by sdk: training at noon"), "{page}");
    assert!(run(&gateway, &["resume", "queue/desk", "--reason", "back"]).0);
    let decided = gateway.caller_with(Some(REVIEWER_KEY)).approve(review).await.unwrap();
    assert_eq!(decided.status, 200, "{}", decided.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn why_a_paused_call_goes_on_stands_in_its_record_and_on_its_page() {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let gateway = Gateway::start(&workspace);
    let caller = gateway.caller();
    let slow = UNSURE.replace("{\"content", "{\"delay_ms\": 500, \"content");
    let asked = caller.call("typed", "one", &slow, 0).await.unwrap();
    let id = asked.body["id"].as_str().expect(&asked.text);
    let target = format!("call/{id}");
    let hold = ["pause", &target, "--for", "30min", "--reason", "the vendor is asked"];
    assert!(run(&gateway, &hold).0);
    assert!(run(&gateway, &["resume", &target, "--reason", "the vendor called back"]).0);
    let asks = async {
        while caller.get(&format!("/v1/calls/{id}")).await.unwrap().body["state"] != "in_review" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), asks).await.expect("it goes on");
    let events = caller.get(&format!("/v1/calls/{id}/events")).await.unwrap();
    let events = events.body["events"].as_array().expect("a list of events");
    let resumed = events.iter().find(|event| event["type"] == "call_resumed").unwrap();
    assert_eq!(resumed["body"]["reason"], "the vendor called back");
    assert!(resumed["body_digest"].is_string(), "it can be erased as any other words can");
    let ada = Person::enter(gateway.url(), REVIEWER_KEY).await;
    let page = ada.get(&format!("/calls/{id}")).await.text;
    for reason in ["reason: the vendor is asked", "reason: the vendor called back"] {
        assert!(page.contains(reason), "{reason}: {page}");
    }
}
