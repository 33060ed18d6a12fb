//! `/v1/breakers`: an operator takes a model out of use by hand and lets go of it again; what callers,
//! the feed and the metrics then say.

use std::time::Duration;

use backstop_tests::{
    Caller, Gateway, Upstream, Workspace,
    workspace::{LEAD_KEY, REVIEWER_KEY},
};
use serde_json::{Value, json};

/// Longest wait for a hold of a second to end.
const ENDS_MAX: Duration = Duration::from_secs(20);
const HAM: &str = "script: [{\"content\": \"{\\\"label\\\": \\\"ham\\\"}\"}]";

async fn flaky(caller: &Caller) -> Value {
    let all = caller.get("/v1/breakers").await.unwrap();
    let all = all.body["breakers"].as_array().expect("a list of models").clone();
    all.into_iter().find(|one| one["model"] == "flaky").expect("the model is listed")
}

/// The model that answered a new call.
async fn answers(caller: &Caller, key: &str) -> Value {
    let answer = caller.call("typed", key, &format!("{key} {HAM}"), 20).await.unwrap();
    assert_eq!(answer.body["outcome"], "accepted", "{}", answer.text);
    let id = answer.body["id"].as_str().unwrap();
    let events = caller.get(&format!("/v1/calls/{id}/events")).await.unwrap();
    let events = events.body["events"].as_array().expect("its events").clone();
    let started = events.iter().rfind(|event| event["type"] == "attempt_started");
    started.expect("a model was asked")["body"]["model"].clone()
}

async fn acts(caller: &Caller) -> Vec<Value> {
    let feed = caller.get("/v1/events?types=operator_acted&limit=100").await.unwrap();
    let events = feed.body["events"].as_array().expect("a page of events");
    events.iter().map(|event| event["body"]["act"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_is_out_of_use_is_not_asked_until_somebody_lets_go() {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let gateway = Gateway::start(&workspace);
    let caller = gateway.caller();
    assert_eq!(flaky(&caller).await["state"], "closed");
    assert_eq!(answers(&caller, "before").await, "flaky");

    let hold = json!({ "state": "isolated", "for": "2h", "reason": " bad since noon " });
    let held = caller.post("/v1/breakers/flaky", &hold).await.unwrap();
    assert_eq!((held.status.as_u16(), &held.body["state"]), (200, &json!("isolated")));
    assert!(held.body["held_until"].as_str().unwrap().ends_with('Z'), "{}", held.text);
    assert_eq!(answers(&caller, "held").await, "spare");
    let metrics = caller.get("/metrics").await.unwrap().text;
    let gauge = "backstop_breaker{model=\"flaky\",state=\"isolated\"} 1";
    let changes = "backstop_breaker_changes_total{model=\"flaky\",to=\"isolated\"} 1";
    assert!(metrics.contains(gauge) && metrics.contains(changes), "{metrics}");
    let feed = caller.get("/v1/events?types=operator_acted&limit=100").await.unwrap();
    let act = &feed.body["events"][0];
    assert_eq!(
        (&act["body"]["act"], &act["actor"]["id"]),
        (&json!("breaker_isolated"), &json!("sdk"))
    );
    assert_eq!(act["body"]["reason"], "bad since noon", "without the blanks: {act}");

    // Who runs it next finds it as it was.
    gateway.kill();
    let gateway = Gateway::start(&workspace);
    let caller = gateway.caller();
    assert_eq!(flaky(&caller).await["state"], "isolated");
    assert_eq!(answers(&caller, "after a kill").await, "spare");

    let release = json!({ "state": "released", "reason": "mended" });
    let released = caller.post("/v1/breakers/flaky", &release).await.unwrap();
    assert_eq!(released.status.as_u16(), 200, "{}", released.text);
    assert_eq!(released.body["held_until"], json!(null));
    assert_eq!(answers(&caller, "released").await, "flaky");
    assert_eq!(acts(&caller).await, ["breaker_isolated", "breaker_released"]);
    drop(gateway);
    backstop_tests::gateway::verify(&workspace.data()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_ends_by_itself_and_probes_decide_then() {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let gateway = Gateway::start(&workspace);
    let caller = gateway.caller();
    let hold = json!({ "state": "isolated", "for": "1s", "reason": "a drill" });
    let held = caller.post("/v1/breakers/flaky", &hold).await.unwrap();
    assert_eq!(held.body["state"], "isolated", "{}", held.text);
    let ended = tokio::time::timeout(ENDS_MAX, async {
        for turn in 0.. {
            if answers(&caller, &format!("turn {turn}")).await == "flaky" {
                break;
            }
        }
    });
    ended.await.expect("the hold ends");
    let after = flaky(&caller).await;
    assert!(after["state"] != "isolated" && after["held_until"].is_null(), "{after}");
    let changes = caller.get("/v1/events?types=breaker_changed&limit=100").await.unwrap();
    let told: Vec<_> = changes.body["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["body"]["from"].as_str().unwrap().to_owned(),
                one["body"]["to"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    assert_eq!(told.first().map(|(_, to)| &**to), Some("isolated"), "{told:?}");
    assert!(told.len() > 1 && told[1].0 == "isolated", "its end is told too: {told:?}");
    // One that is held closed is in use whatever becomes of it.
    let hold = json!({ "state": "held_closed", "for": "1h", "reason": "a drill" });
    let held = caller.post("/v1/breakers/flaky", &hold).await.unwrap();
    assert_eq!(held.body["state"], "held_closed", "{}", held.text);
    let refused = r#"script: [{"status": 503}]"#;
    for turn in 0..12 {
        let text = format!("bad {turn} {refused}");
        caller.call("typed", &text, &text, 20).await.unwrap();
    }
    assert_eq!(flaky(&caller).await["state"], "held_closed");
    assert_eq!(answers(&caller, "in use").await, "flaky");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_or_says_it_wrong_changes_nothing() {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let gateway = Gateway::start(&workspace);
    let (caller, lead) = (gateway.caller(), gateway.caller_with(Some(LEAD_KEY)));
    let hold = json!({ "state": "isolated", "for": "2h", "reason": "bad" });
    assert_eq!(lead.get("/v1/breakers").await.unwrap().status.as_u16(), 200, "leads may look");
    assert_eq!(lead.post("/v1/breakers/flaky", &hold).await.unwrap().status.as_u16(), 403);
    let reviewer = gateway.caller_with(Some(REVIEWER_KEY));
    assert_eq!(reviewer.get("/v1/breakers").await.unwrap().status.as_u16(), 403);
    let nobody = gateway.caller_with(None);
    assert_eq!(nobody.post("/v1/breakers/flaky", &hold).await.unwrap().status.as_u16(), 401);
    let unknown = caller.post("/v1/breakers/flakey", &hold).await.unwrap();
    assert_eq!(unknown.status.as_u16(), 404);
    assert!(unknown.text.contains("no model `flakey`"), "{}", unknown.text);
    let long = "w".repeat(2_001);
    for (wrong, says) in [
        (json!({ "state": "isolated", "reason": "bad" }), "say for how long"),
        (json!({ "state": "isolated", "for": "2", "reason": "bad" }), "say for how long"),
        (json!({ "state": "isolated", "for": "0s", "reason": "bad" }), "above 0"),
        (json!({ "state": "isolated", "for": "31d", "reason": "bad" }), "at most 30d"),
        (json!({ "state": "released", "for": "2h", "reason": "bad" }), "needs no `for`"),
        (json!({ "state": "isolated", "for": "2h", "reason": "  " }), "`reason` says why"),
        (json!({ "state": "isolated", "for": "2h", "reason": long }), "1 to 2000 bytes"),
        (json!({ "state": "isolated", "for": "2h" }), "`reason`"),
        (json!({ "state": "open", "for": "2h", "reason": "bad" }), "`open`"),
        (json!({ "state": "isolated", "for": "2h", "reason": "bad", "till": 7 }), "`till`"),
        (json!(["isolated", "2h", "bad"]), "must be a JSON object"),
    ] {
        let answer = caller.post("/v1/breakers/flaky", &wrong).await.unwrap();
        assert_eq!(answer.status.as_u16(), 400, "{wrong}: {}", answer.text);
        assert!(answer.text.contains(says), "{wrong}: {}", answer.text);
    }
    let now = flaky(&caller).await;
    assert_eq!((&now["state"], &now["held_until"]), (&json!("closed"), &json!(null)));
    assert!(acts(&caller).await.is_empty());
}
