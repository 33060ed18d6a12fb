//! Deliveries of the real binary to receivers over HTTP: signed as Standard Webhooks has it, which a
//! verifier of the tests' own holds them to; nothing is followed, and nothing private is reached.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use backstop_tests::{Caller, Gateway, Upstream, Workspace, workspace::REVIEWER_KEY};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEW: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const LONG: Duration = Duration::from_secs(60);

/// HMAC-SHA256 written out from RFC 2104, so that it shares nothing with the signer.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let pad = |with: u8| block.map(|byte| byte ^ with);
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}

/// Whether one of the signatures is that of this secret, as a receiver checks it.
pub fn is_signed(headers: &HeaderMap, body: &[u8], secret: &str) -> bool {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mut message =
        format!("{}.{}.", header("webhook-id"), header("webhook-timestamp")).into_bytes();
    message.extend_from_slice(body);
    let expected = format!("v1,{}", STANDARD.encode(hmac(&key, &message)));
    header("webhook-signature").split(' ').any(|one| one == expected)
}

#[test]
fn the_verifier_knows_the_vector_of_standard_webhooks() {
    let mut headers = HeaderMap::new();
    headers.insert("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek".parse().unwrap());
    headers.insert("webhook-timestamp", "1614265330".parse().unwrap());
    let signature = "v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    headers.insert("webhook-signature", signature.parse().unwrap());
    assert!(is_signed(&headers, br#"{"test": 2432232314}"#, OLD));
    assert!(!is_signed(&headers, br#"{"test": 2432232315}"#, OLD));
    assert!(!is_signed(&headers, br#"{"test": 2432232314}"#, NEW));
}

pub type Heard = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

/// A receiver on this machine: answers with that status, and a redirect to itself.
pub async fn receiver(status: StatusCode) -> (String, Heard) {
    let heard = Heard::default();
    let ears = Arc::clone(&heard);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let location = url.clone();
    let hook = post(move |headers: HeaderMap, body: Bytes| async move {
        ears.lock().unwrap().push((headers, body));
        (status, [("location", location)], "thanks")
    });
    let app = Router::new().route("/hook", hook);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url, heard)
}

fn subscribed(upstream: &Upstream, subscriptions: &str) -> Workspace {
    let workspace = Workspace::new(upstream.url());
    let file = workspace.path().join("policies/gateway.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    workspace.write("policies/gateway.yaml", &format!("{text}subscriptions:\n{subscriptions}"));
    workspace
}

/// Waits until the gateway says so of that subscription.
async fn until(caller: &Caller, name: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let waiting = async {
        loop {
            let seen = caller.get(&format!("/v1/subscriptions/{name}")).await.unwrap();
            assert_eq!(seen.status.as_u16(), 200, "{}", seen.text);
            if holds(&seen.body) {
                return seen.body;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, waiting).await.expect("it comes to that in a minute")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_delivery_is_signed_with_both_secrets_and_survives_a_kill() {
    let upstream = Upstream::scripted().await;
    let (url, heard) = receiver(StatusCode::OK).await;
    let workspace = subscribed(
        &upstream,
        &format!(
            "  warehouse:\n    url: {url}\n    secret: [{{env: HOOK_NEW}}, {{env: HOOK_OLD}}]\n    \
             events: call_ended\n    private_network: true\n"
        ),
    );
    let secrets = [("HOOK_NEW", NEW), ("HOOK_OLD", OLD)];
    let gateway = Gateway::start_with(&workspace, &secrets);
    let caller = gateway.caller();
    let call = caller.call(
        "typed",
        "one",
        "one script: [{\"content\": \"{\\\"label\\\": \\\"ham\\\"}\"}]",
        10,
    );
    let call = call.await.unwrap();
    until(&caller, "warehouse", |seen| seen["delivered"] == 1).await;
    {
        let heard = heard.lock().unwrap();
        let (headers, body) = &heard[0];
        assert!(is_signed(headers, body, OLD) && is_signed(headers, body, NEW));
        assert_eq!(headers["content-type"], "application/json");
        let letter: Value = serde_json::from_slice(body).unwrap();
        assert_eq!(
            (&letter["type"], &letter["data"]["call"]),
            (&json!("call_ended"), &call.body["id"])
        );
        assert_eq!(headers["webhook-id"].to_str().unwrap(), letter["data"]["event"]);
    }
    let listed = caller.get("/v1/subscriptions").await.unwrap();
    assert!(!listed.text.contains("/hook"), "an address can hold what opens it: {}", listed.text);
    gateway.kill();
    // Ended while nobody delivers: the next process does.
    let gateway = Gateway::start_with(&workspace, &secrets);
    let caller = gateway.caller();
    caller
        .call("typed", "two", "two script: [{\"content\": \"{\\\"label\\\": \\\"ham\\\"}\"}]", 10)
        .await
        .unwrap();
    until(&caller, "warehouse", |seen| seen["lag"] == 0 && seen["delivered"].as_u64() >= Some(2))
        .await;
    let heard = heard.lock().unwrap();
    let ids: std::collections::BTreeSet<_> =
        heard.iter().map(|(headers, _)| headers["webhook-id"].to_str().unwrap()).collect();
    assert_eq!(ids.len(), 2, "each end, once or again under its one id");
    assert!(heard.iter().all(|(headers, body)| is_signed(headers, body, NEW)));
}

/// Positions of what was heard, in the order in which it came.
fn positions(heard: &Heard) -> Vec<u64> {
    let heard = heard.lock().unwrap();
    let letters = heard.iter().map(|(_, body)| serde_json::from_slice::<Value>(body).unwrap());
    letters.map(|letter| letter["data"]["position"].as_u64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stretch_is_given_again_by_command_and_a_kill_does_not_forget_the_order() {
    let upstream = Upstream::scripted().await;
    let (url, heard) = receiver(StatusCode::OK).await;
    let workspace = subscribed(
        &upstream,
        &format!(
            "  warehouse: {{url: \"{url}\", secret: {{env: HOOK}}, events: call_ended, private_network: true}}\n"
        ),
    );
    let gateway = Gateway::start_with(&workspace, &[("HOOK", OLD)]);
    let caller = gateway.caller();
    let ham = "script: [{\"content\": \"{\\\"label\\\": \\\"ham\\\"}\"}]";
    for key in ["one", "two", "three", "four"] {
        caller.call("typed", key, &format!("{key} {ham}"), 10).await.unwrap();
    }
    until(&caller, "warehouse", |seen| seen["delivered"] == 4).await;
    // Calls are told of side by side, so they may be heard in another order.
    let mut first = positions(&heard);
    first.sort_unstable();
    let stretch = format!("{}..{}", first[1], first[2]);
    let order = std::process::Command::new(backstop_tests::binary::path())
        .args(["replay", "redeliver", "warehouse", &stretch, "--reason", "a lost table"])
        .args(["--url", gateway.url(), "--key", backstop_tests::workspace::KEY])
        .output()
        .unwrap();
    gateway.kill();
    let said = String::from_utf8_lossy(&order.stdout);
    assert!(order.status.success() && said.contains("given again"), "{said}");
    let gateway = Gateway::start_with(&workspace, &[("HOOK", OLD)]);
    let caller = gateway.caller();
    let times = |position: u64| positions(&heard).iter().filter(|one| **one == position).count();
    until(&caller, "warehouse", |_| times(first[1]) >= 2 && times(first[2]) >= 2).await;
    until(&caller, "warehouse", |seen| seen["waiting"] == 0).await;
    assert_eq!((times(first[0]), times(first[3])), (1, 1), "nothing else comes again");
    let told = caller.get("/v1/events?types=subscription_changed&limit=5").await.unwrap();
    let told = &told.body["events"][0]["body"];
    assert_eq!((&told["to"], &told["reason"]), (&json!("redelivered"), &json!("a lost table")));
    assert_eq!((&told["from"], &told["until"]), (&json!(first[1]), &json!(first[2])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirects_and_private_addresses_are_not_followed() {
    let upstream = Upstream::scripted().await;
    let (moved, heard) = receiver(StatusCode::TEMPORARY_REDIRECT).await;
    let (inside, never) = receiver(StatusCode::OK).await;
    let by_name = inside.replace("127.0.0.1", "localhost");
    let workspace = subscribed(
        &upstream,
        &format!(
            "  moved: {{url: \"{moved}\", secret: {{env: HOOK}}, events: call_ended, private_network: true}}\n  \
             inside: {{url: \"{inside}\", secret: {{env: HOOK}}, events: call_ended}}\n  \
             named: {{url: \"{by_name}\", secret: {{env: HOOK}}, events: call_ended}}\n"
        ),
    );
    let gateway = Gateway::start_with(&workspace, &[("HOOK", OLD)]);
    let caller = gateway.caller();
    caller
        .call("typed", "one", "one script: [{\"content\": \"{\\\"label\\\": \\\"ham\\\"}\"}]", 10)
        .await
        .unwrap();
    for name in ["moved", "inside", "named"] {
        until(&caller, name, |seen| seen["state"] == "failing").await;
    }
    assert_eq!(heard.lock().unwrap().len(), 1, "a redirect is a failure, not a way");
    assert!(never.lock().unwrap().is_empty());
    let metrics = caller.get("/metrics").await.unwrap().text;
    assert!(metrics.contains("backstop_subscription_lag{subscription=\"inside\"}"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_those_who_run_the_gateway_give_orders() {
    let upstream = Upstream::scripted().await;
    let (url, _) = receiver(StatusCode::OK).await;
    let workspace = subscribed(
        &upstream,
        &format!("  warehouse: {{url: \"{url}\", secret: {{env: HOOK}}, private_network: true}}\n"),
    );
    let gateway = Gateway::start_with(&workspace, &[("HOOK", OLD)]);
    let operator = gateway.caller();
    let path = "/v1/subscriptions/warehouse";
    for (key, looks) in
        [(backstop_tests::workspace::REVIEWER_KEY, 403), (backstop_tests::workspace::LEAD_KEY, 200)]
    {
        let other = gateway.caller_with(Some(key));
        assert_eq!(other.get("/v1/subscriptions").await.unwrap().status.as_u16(), looks);
        let refused = other.post(&format!("{path}/disable"), &json!({})).await.unwrap();
        assert_eq!(refused.status.as_u16(), 403, "{}", refused.text);
    }
    let done =
        operator.post(&format!("{path}/disable"), &json!({ "reason": "a move" })).await.unwrap();
    assert_eq!(
        (done.status.as_u16(), &done.body["disabled"]),
        (200, &json!("a move")),
        "{}",
        done.text
    );
    let page = operator.get("/v1/events?types=subscription_changed&limit=5").await.unwrap();
    assert_eq!(page.body["events"][0]["body"]["reason"], "a move", "{}", page.text);
    let done = operator.post(&format!("{path}/enable"), &json!({})).await.unwrap();
    assert_eq!(done.body["state"], "delivering", "{}", done.text);
    for (path, body, status) in [
        ("/v1/subscriptions/nobody/enable", json!({}), 404),
        ("/v1/subscriptions/warehouse/redeliver", json!({}), 400),
        ("/v1/subscriptions/warehouse/redeliver", json!({ "from": 999_999 }), 409),
        ("/v1/subscriptions/warehouse/redeliver", json!({ "parked": true }), 200),
        ("/v1/subscriptions/warehouse/redeliver", json!({ "what": 1 }), 400),
    ] {
        let answer = operator.post(path, &body).await.unwrap();
        assert_eq!(answer.status.as_u16(), status, "{path} {body}: {}", answer.text);
    }
    let unknown = operator.get("/v1/events?types=call_endd").await.unwrap();
    assert_eq!(unknown.status.as_u16(), 400, "{}", unknown.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_without_an_address_reads_pages_or_a_stream() {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let gateway = Gateway::start(&workspace);
    let caller = gateway.caller();
    let ham = "script: [{\"content\": \"{\\\"label\\\": \\\"ham\\\"}\"}]";
    for key in ["one", "two", "three"] {
        caller.call("typed", key, &format!("{key} {ham}"), 10).await.unwrap();
    }
    let page = caller.get("/v1/events?types=call_ended&policy=typed&limit=2").await.unwrap();
    let events = page.body["events"].as_array().unwrap();
    assert_eq!(events.len(), 2, "{}", page.text);
    assert!(events.iter().all(|event| event["type"] == "call_ended"));
    let next = page.body["next"].as_u64().unwrap();
    let rest = caller.get(&format!("/v1/events?types=call_ended&after={next}")).await.unwrap();
    assert_eq!(rest.body["events"].as_array().unwrap().len(), 1);
    let none = caller.get("/v1/events?types=call_ended&policy=chat").await.unwrap();
    assert_eq!(none.body["events"], json!([]));
    // A stream that goes on where the last one ended.
    let mut stream = caller
        .request(reqwest::Method::GET, "/v1/events?types=call_ended")
        .header("accept", "text/event-stream")
        .header("last-event-id", next.to_string())
        .send()
        .await
        .unwrap();
    let mut text = String::new();
    while !text.contains("\n\n") {
        let piece = tokio::time::timeout(LONG, stream.chunk()).await.unwrap().unwrap().unwrap();
        text.push_str(&String::from_utf8_lossy(&piece));
    }
    assert!(text.contains("event: call_ended") && text.contains("id: "), "{text}");
    // And waits for what comes.
    let end = rest.body["next"].as_u64().unwrap();
    let path = format!("/v1/events?types=call_ended&after={end}&wait=20");
    let waiting = caller.get(&path);
    let four = format!("four {ham}");
    let asked = caller.call("typed", "four", &four, 10);
    let (waited, asked) = tokio::join!(waiting, asked);
    let (waited, asked) = (waited.unwrap(), asked.unwrap());
    let stream = format!("call/{}", asked.body["id"].as_str().unwrap());
    assert_eq!(waited.body["events"][0]["stream"], stream.as_str(), "{}", waited.text);
}

/// Ids and types of what a stream tells, until `enough`, or until nobody sends any more.
async fn listen(
    caller: &Caller,
    path: &str,
    after: Option<u64>,
    enough: impl Fn(&[(u64, String)]) -> bool,
) -> Vec<(u64, String)> {
    let mut request =
        caller.request(reqwest::Method::GET, path).header("accept", "text/event-stream");
    if let Some(after) = after {
        request = request.header("last-event-id", after.to_string());
    }
    let mut stream = request.send().await.unwrap();
    let (mut text, mut told) = (String::new(), Vec::new());
    while !enough(&told) {
        let piece = tokio::time::timeout(LONG, stream.chunk()).await.expect("something comes");
        let Ok(Some(piece)) = piece else { break };
        text.push_str(&String::from_utf8_lossy(&piece));
        while let Some((event, rest)) = text.split_once("\n\n") {
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
            if let (Some(id), Some(kind)) = (field("id: "), field("event: ")) {
                told.push((id.parse().unwrap(), kind.to_owned()));
            }
            text = rest.to_owned();
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_broke_goes_on_after_the_last_event_that_was_heard() {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let gateway = Gateway::start(&workspace);
    let caller = gateway.caller();
    let unsure = "script: [{\"content\": \"{\\\"label\\\": \\\"unsure\\\"}\"}]";
    let asked = caller.call("typed", "one", &format!("one {unsure}"), 1).await.unwrap();
    let call = asked.body["id"].as_str().unwrap().to_owned();
    // Both streams are heard up to the middle of what there is, and cut off by a kill.
    let (of_call, of_all) = (format!("/v1/calls/{call}/events"), "/v1/events");
    let half = |told: &[(u64, String)]| told.len() >= 3;
    let first_call = listen(&caller, &of_call, None, half).await;
    let first_all = listen(&caller, of_all, None, half).await;
    gateway.kill();

    let gateway = Gateway::start(&workspace);
    let caller = gateway.caller();
    let review = asked.body["review"]["id"].as_str().unwrap();
    gateway.caller_with(Some(REVIEWER_KEY)).approve(review).await.unwrap();
    let ended = |told: &[(u64, String)]| told.iter().any(|(_, kind)| kind == "call_ended");
    let last = |told: &[(u64, String)]| told.last().map(|(id, _)| *id);
    let then_call = listen(&caller, &of_call, last(&first_call), ended).await;
    let then_all = listen(&caller, of_all, last(&first_all), ended).await;
    for (told, path) in [
        ([first_call, then_call].concat(), of_call),
        ([first_all, then_all].concat(), of_all.to_owned()),
    ] {
        let page = caller.get(&path).await.unwrap();
        let listed = page.body["events"].as_array().unwrap();
        let whole: Vec<&str> = listed.iter().map(|one| one["type"].as_str().unwrap()).collect();
        let kinds: Vec<&str> = told.iter().map(|(_, kind)| &**kind).collect();
        assert_eq!(kinds, whole[..kinds.len()], "{path}: nothing twice, nothing missing");
        assert!(told.iter().zip(1..).all(|((id, _), place)| *id == place), "{path}: {told:?}");
    }
}
