//! What both faces promise beside right answers: names, repeats, versions, limits, streams, and what
//! becomes of a call whose caller hangs up.

use backstop_tests::caller::send;
use backstop_tests::{Answered, Caller, Gateway, Upstream, Workspace};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

const CHAT: &str = "/v1/chat/completions";
const HAM: &str = r#"script: [{"content": "{\"label\": \"ham\"}"}]"#;

struct House {
    upstream: Upstream,
    workspace: Workspace,
    gateway: Gateway,
}

impl House {
    async fn open() -> Self {
        let upstream = Upstream::scripted().await;
        let workspace = Workspace::new(upstream.url());
        let gateway = Gateway::start(&workspace);
        Self { upstream, workspace, gateway }
    }

    fn caller(&self) -> Caller {
        self.gateway.caller()
    }
}

fn hello() -> Value {
    json!([{ "role": "user", "content": "hello" }])
}

/// Asks for a stream; `step` is what the model does.
async fn streamed(caller: &Caller, policy: &str, step: Value) -> Answered {
    let text = format!("script: {}", json!([step]));
    let messages = json!([{ "role": "user", "content": text }]);
    let body = json!({ "model": policy, "messages": messages, "stream": true });
    caller.post(CHAT, &body).await.unwrap()
}

/// The chunks of a stream that ended in good order.
fn chunks(answer: &Answered) -> Vec<Value> {
    assert!(answer.header("content-type").starts_with("text/event-stream"), "{}", answer.text);
    assert!(answer.text.ends_with("data: [DONE]\n\n"), "{}", answer.text);
    let events = answer.text.lines().filter_map(|line| line.strip_prefix("data: "));
    events.filter(|event| *event != "[DONE]").map(|e| serde_json::from_str(e).unwrap()).collect()
}

fn delta(chunks: &[Value], member: &str) -> String {
    let deltas = chunks.iter().map(|chunk| &chunk["choices"][0]["delta"][member]);
    deltas.filter_map(Value::as_str).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_response_carries_the_request_id_and_no_leave_for_browsers() {
    let house = House::open().await;
    let known = house.caller();
    for path in ["/healthz", "/readyz", "/metrics", "/openapi.json", "/", "/v1/models", "/nothing"]
    {
        for method in [Method::GET, Method::HEAD] {
            let request = known.request(method.clone(), path).header("x-request-id", "job-7.2");
            let answer = send(request.header("origin", "https://example.org")).await.unwrap();
            assert_eq!(answer.header("x-request-id"), "job-7.2", "{path}: the caller's id is kept");
            assert!(answer.headers.get("access-control-allow-origin").is_none(), "{path}");
            assert_eq!(answer.status.is_success(), path != "/nothing", "{path}: {}", answer.text);
            assert!(method == Method::GET || answer.text.is_empty(), "{path}: HEAD has no body");
        }
    }
    let one = known.chat("chat", "hello").await.unwrap();
    let two = known.chat("chat", "hello").await.unwrap();
    assert!(!one.header("x-request-id").is_empty());
    assert_ne!(one.header("x-request-id"), two.header("x-request-id"), "each its own");
    let forged = known.request(Method::GET, "/healthz").header("x-request-id", "a b\u{e9}");
    assert!(!send(forged).await.unwrap().header("x-request-id").contains(' '));
    let preflight = send(known.request(Method::OPTIONS, CHAT)).await.unwrap();
    assert_eq!(preflight.status.as_u16(), 405, "{}", preflight.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_gets_the_very_bytes_of_the_first_answer_also_after_a_restart() {
    let mut house = House::open().await;
    let messages = json!([{ "role": "user", "content": HAM }]);
    let chat = json!({ "model": "typed", "messages": messages });
    let calls = json!({ "input": HAM, "tags": { "job": "7" } });
    let asks = [(CHAT, &chat), ("/v1/calls/typed", &calls)];
    let ask = async |caller: Caller, place: usize| {
        let (path, body) = asks[place];
        let key = format!("key-{place}");
        send(caller.request(Method::POST, path).header("idempotency-key", key).json(body))
            .await
            .unwrap()
    };
    let mut first = Vec::new();
    for place in 0..asks.len() {
        first.push(ask(house.caller(), place).await);
    }
    for restarted in [false, true] {
        if restarted {
            house.gateway.kill();
            house.gateway = Gateway::start(&house.workspace);
        }
        for (place, first) in first.iter().enumerate() {
            assert_eq!(first.status.as_u16(), 200, "{}", first.text);
            assert_eq!(first.header("idempotent-replayed"), "");
            let again = ask(house.caller(), place).await;
            assert_eq!(again.text, first.text, "restarted: {restarted}");
            assert_eq!(again.header("idempotent-replayed"), "true");
            assert_eq!(again.header("backstop-call"), first.header("backstop-call"));
        }
    }
    assert_eq!(house.upstream.asked_about("label").len(), 2, "no repeat reached the model");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_that_the_caller_has_is_not_sent_again() {
    let house = House::open().await;
    let known = house.caller();
    let made = known.call("typed", "k", HAM, 20).await.unwrap();
    let path = format!("/v1/calls/{}", made.body["id"].as_str().unwrap());
    assert_eq!(made.body["outcome"], "accepted", "{}", made.text);
    assert_eq!(made.body["output"], json!({ "label": "ham" }));
    assert_eq!(made.body["answered_by"], "model");
    let tag = made.header("etag").to_owned();
    let shown = known.get(&path).await.unwrap();
    assert_eq!((shown.header("etag"), &shown.text), (tag.as_str(), &made.text));
    let known_tag = known.request(Method::GET, &path).header("if-none-match", &tag);
    let unchanged = send(known_tag).await.unwrap();
    assert_eq!((unchanged.status.as_u16(), unchanged.text.as_str()), (304, ""));
    assert_eq!(unchanged.header("etag"), tag);
    let other = known.request(Method::GET, &path).header("if-none-match", "\"1\"");
    assert_eq!(send(other).await.unwrap().status.as_u16(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_counts_down_in_the_headers_until_it_says_no() {
    let house = House::open().await;
    for left in ["1", "0"] {
        let answer = house.caller().chat("limited", "hello").await.unwrap();
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
        assert_eq!(answer.header("x-ratelimit-limit-requests"), "2");
        assert_eq!(answer.header("x-ratelimit-remaining-requests"), left);
        assert!(answer.header("x-ratelimit-reset-requests").ends_with('s'));
        assert_eq!(answer.header("x-ratelimit-limit-tokens"), "", "there is no such limit");
    }
    for path in [CHAT, "/v1/calls/limited"] {
        let mut body = json!({ "model": "limited", "messages": hello() });
        if path != CHAT {
            body = json!({ "input": { "messages": hello() } });
        }
        let refused = house.caller().post(path, &body).await.unwrap();
        assert_eq!(refused.status.as_u16(), 429, "{}", refused.text);
        assert_eq!(refused.header("x-ratelimit-remaining-requests"), "0");
        assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
        assert!(
            refused.text.contains("requests") && refused.text.contains("`sdk`"),
            "whose, which"
        );
        let should = if path == CHAT { "true" } else { "" };
        assert_eq!(refused.header("x-should-retry"), should);
    }
    let free = house.caller().chat("chat", "hello").await.unwrap();
    assert_eq!(free.header("x-ratelimit-limit-requests"), "", "no limit, no header");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_tells_every_end_as_a_whole_answer_would() {
    let house = House::open().await;
    let known = house.caller();
    let fallback = streamed(&known, "typed", json!({ "status": 503 })).await;
    assert_eq!(fallback.header("backstop-outcome"), "fallback", "quick answers have headers");
    let told = chunks(&fallback);
    assert_eq!(delta(&told, "content"), r#"{"label":"none"}"#);
    assert_eq!(told.last().unwrap()["backstop"]["outcome"], "fallback", "the last says how");

    let refused = streamed(&known, "typed", json!({ "content": r#"{"label":"forbidden"}"# })).await;
    let told = chunks(&refused);
    assert_eq!(delta(&told, "content"), "", "what was refused does not leave");
    assert_eq!(delta(&told, "refusal"), "This label is never given.");

    let escalated = streamed(&known, "typed", json!({ "content": r#"{"label":"unsure"}"# })).await;
    assert_eq!(escalated.status.as_u16(), 503, "{}", escalated.text);
    let error = &escalated.body["error"];
    assert_eq!(
        (&error["code"], &error["backstop"]["review"]["queue"]),
        (&json!("escalated"), &json!("desk"))
    );
    assert_eq!(error["backstop"]["id"], escalated.header("backstop-call"));
    assert_eq!(escalated.header("x-should-retry"), "false");

    let call = json!({ "tool": { "name": "weather", "arguments": { "city": "Oslo" } } });
    let denied = streamed(&known, "chat", call).await;
    let told = delta(&chunks(&denied), "refusal");
    assert!(!told.is_empty(), "a tool that nobody offered is denied: {}", denied.text);
}

/// They are the model's numbers for its very words: for a text that was mended there are none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_probabilities_reach_who_asked_where_the_answer_is_the_models_as_it_was() {
    let house = House::open().await;
    let caller = house.caller();
    let ask = async |policy: &str, step: Value, wanted: Value| {
        let text = format!("script: {}", json!([step]));
        let messages = json!([{ "role": "user", "content": text }]);
        let mut body = json!({ "model": policy, "messages": messages });
        body.as_object_mut().unwrap().extend(wanted.as_object().unwrap().clone());
        let answer = caller.post(CHAT, &body).await.unwrap();
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
        answer
    };
    let tokens = |answer: &Answered| {
        let told = answer.body["choices"][0]["logprobs"]["content"].as_array().cloned();
        told.map(|all| all.iter().filter_map(|one| one["token"].as_str()).collect::<String>())
    };
    let wanted = json!({ "logprobs": true });
    let plain = ask("chat", json!({ "content": "Good." }), wanted.clone()).await;
    assert_eq!(tokens(&plain).as_deref(), Some("Good."));
    let label = json!({ "content": r#"{"label":"ham"}"# });
    let relaxed = ask("bench-relaxed", label, wanted.clone()).await;
    assert_eq!(tokens(&relaxed).as_deref(), Some(r#"{"label":"ham"}"#));
    let unasked = ask("chat", json!({ "content": "Good." }), json!({})).await;
    assert_eq!(tokens(&unasked), None);
    let fenced = json!({ "content": "```json\n{\"a\": 1}\n```" });
    let format = json!({ "logprobs": true, "response_format": { "type": "json_object" } });
    let mended = ask("chat", fenced, format).await;
    assert_eq!(mended.body["choices"][0]["message"]["content"], r#"{"a": 1}"#);
    assert_eq!(tokens(&mended), None);
    let step = json!({ "content": "Good." });
    let messages = json!([{ "role": "user", "content": format!("script: {}", json!([step])) }]);
    let body = json!({ "model": "chat", "messages": messages, "stream": true, "logprobs": true });
    let streamed = chunks(&caller.post(CHAT, &body).await.unwrap());
    let last = streamed.last().unwrap();
    assert_eq!(last["choices"][0]["logprobs"]["content"].as_array().unwrap().len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_after_the_first_byte_is_the_last_event() {
    let house = House::open().await;
    let slow = json!({ "status": 500, "delay_ms": 3000 });
    let answer = streamed(&house.caller(), "chat", slow).await;
    assert_eq!(answer.status.as_u16(), 200, "the line was opened before the end was known");
    assert!(!answer.header("backstop-call").is_empty(), "the call can be asked for");
    assert!(answer.text.starts_with(": ping\n\n"), "a comment keeps the line alive");
    let told = chunks(&answer);
    assert_eq!(told.len(), 1, "{}", answer.text);
    assert_eq!(told[0]["error"]["code"], "failed", "{}", answer.text);
    assert_eq!(told[0]["error"]["backstop"]["outcome"], "failed", "{}", answer.text);
    for key in ["message", "type", "param"] {
        assert!(told[0]["error"].get(key).is_some(), "all four keys: {key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_cannot_wait_for_a_person_is_told_what_the_policy_says() {
    let house = House::open().await;
    let known = house.caller();
    let asked = known.chat("asked", "hello").await.unwrap();
    assert_eq!(asked.status.as_u16(), 200, "{}", asked.text);
    let message = &asked.body["choices"][0]["message"];
    assert!(message["content"].is_null(), "the unreviewed answer does not leave: {}", asked.text);
    let refusal = message["refusal"].as_str().unwrap();
    assert!(refusal.starts_with("A colleague will finish this."), "{refusal}");
    assert!(refusal.contains(asked.header("backstop-call")), "it carries the call's id");

    let interim = known.chat("interim", "hello").await.unwrap();
    let message = &interim.body["choices"][0]["message"];
    assert_eq!(message["content"], "We have your message.", "{}", interim.text);
    assert_eq!(interim.body["backstop"]["interim"], true, "marked as what it is");
    assert_eq!(interim.header("backstop-outcome"), "", "it is not the outcome");

    let body = json!({ "input": { "messages": hello() } });
    let request = known.request(Method::POST, "/v1/calls/asked").header("prefer", "wait=0");
    let accepted = send(request.json(&body)).await.unwrap();
    assert_eq!(accepted.status.as_u16(), 202, "{}", accepted.text);
    let place = accepted.header("location").to_owned();
    assert!(place.starts_with("/v1/calls/") && !accepted.header("retry-after").is_empty());
    let waited = known.get(&format!("{place}?wait=1")).await.unwrap();
    assert_eq!(waited.body["state"], "in_review", "{}", waited.text);
    let review = waited.body["review"]["id"].as_str().unwrap();
    let ada = house.gateway.caller_with(Some(backstop_tests::workspace::REVIEWER_KEY));
    let decided = ada.approve(review).await.unwrap();
    assert_eq!(decided.status.as_u16(), 200, "{}", decided.text);
    let ended = known.get(&format!("{place}?wait=10")).await.unwrap();
    assert_eq!(ended.body["outcome"], "approved", "{}", ended.text);
    assert_eq!(ended.body["answered_by"], "model", "whose words they are: {}", ended.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_hangs_up_ends_the_call_where_the_policy_says_so() {
    let house = House::open().await;
    let known = house.caller();
    let slow = json!([{ "content": "late", "delay_ms": 4000 }]);
    for (policy, outcome) in [("hasty", "cancelled"), ("chat", "accepted")] {
        for stream in [false, true] {
            let text = format!("{policy} {stream} script: {slow}");
            let messages = json!([{ "role": "user", "content": text }]);
            let body = json!({ "model": policy, "messages": messages, "stream": stream });
            let request = known.request(Method::POST, CHAT).json(&body);
            let asked = tokio::time::timeout(Duration::from_millis(2500), send(request)).await;
            assert!(asked.is_err(), "the caller did not wait");
        }
        let list = known.get(&format!("/v1/calls?policy={policy}")).await.unwrap();
        for call in list.body["calls"].as_array().unwrap() {
            let path = format!("/v1/calls/{}?wait=10", call["id"].as_str().unwrap());
            let ended = known.get(&path).await.unwrap();
            assert_eq!(ended.body["outcome"], outcome, "{policy}: {}", ended.text);
        }
        assert_eq!(list.body["calls"].as_array().unwrap().len(), 2, "{}", list.text);
    }
}
