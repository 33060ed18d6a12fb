//! What a caller gets for a mistake: the right status, the face's own error form, and words that
//! help. Nothing at the door becomes a call, and nothing takes the gateway down.

use backstop_tests::caller::send;
use backstop_tests::{Answered, Caller, Gateway, Upstream, Workspace, workspace};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";
const CALLS: &str = "/v1/calls/typed";

/// A mistake, and what its answer must be.
struct Mistake {
    name: &'static str,
    request: RequestBuilder,
    status: u16,
    /// What the message must hold, in small letters: the place of the mistake, or the way out.
    says: &'static str,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mistake_on_the_openai_face_is_told_in_openais_form() {
    tell(openai_mistakes, openai_form).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mistake_on_the_calls_face_is_told_as_a_problem() {
    tell(calls_mistakes, problem_form).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_used_again_for_another_body_is_unprocessable_on_both_faces() {
    let (_upstream, _workspace, gateway) = gateway().await;
    let caller = gateway.caller();
    let ham = r#"script: [{"content": "{\"label\": \"ham\"}"}]"#;
    let first = caller.call("typed", "k-1", ham, 20).await.unwrap();
    assert_eq!(first.status, StatusCode::OK, "{}", first.text);
    let again = caller.call("typed", "k-1", ham, 20).await.unwrap();
    assert_eq!(again.body["id"], first.body["id"], "the same key and body is the same call");
    assert_eq!(again.header("idempotent-replayed"), "true");
    let other = caller.call("typed", "k-1", "something else", 20).await.unwrap();
    assert_eq!(other.status.as_u16(), 422, "{}", other.text);
    assert_eq!(problem_form(&other), None);

    for (text, status) in [("one", 200), ("two", 422)] {
        let body = json!({ "model": "chat", "messages": [{ "role": "user", "content": text }] });
        let request = caller.request(Method::POST, CHAT).header("idempotency-key", "k-2");
        let answer = send(request.json(&body)).await.unwrap();
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    }
}

/// Makes every mistake against one gateway, then asks for something ordinary.
async fn tell(mistakes: fn(&Gateway) -> Vec<Mistake>, form: fn(&Answered) -> Option<String>) {
    let (upstream, _workspace, gateway) = gateway().await;
    let mut problems = Vec::new();
    for Mistake { name, request, status, says } in mistakes(&gateway) {
        match send(request).await {
            Err(error) => problems.push(format!("{name}: no answer: {error}")),
            Ok(answer) => problems.extend(judge(name, &answer, status, says, form)),
        }
    }
    assert_eq!(upstream.asked_about("").len(), 0, "no mistake may reach a model");
    let after = gateway.caller().chat("chat", "still there?").await.unwrap();
    assert_eq!(after.status, StatusCode::OK, "it serves after all of them: {}", after.text);
    assert!(problems.is_empty(), "{} problem(s)\n  {}", problems.len(), problems.join("\n  "));
}

fn judge(
    name: &str,
    answer: &Answered,
    status: u16,
    says: &str,
    form: fn(&Answered) -> Option<String>,
) -> Vec<String> {
    let mut problems = Vec::new();
    if answer.status.as_u16() != status {
        problems.push(format!("{name}: {} instead of {status}: {}", answer.status, answer.text));
    }
    if let Some(problem) = form(answer) {
        problems.push(format!("{name}: {problem}: {}", answer.text));
    }
    if !answer.text.to_lowercase().contains(says) {
        problems.push(format!("{name}: does not say `{says}`: {}", answer.text));
    }
    if answer.text.contains(workspace::KEY) || answer.text.contains("wrong-key") {
        problems.push(format!("{name}: says a key back"));
    }
    problems
}

/// OpenAI's form: `error` with four keys, `code` a text or null, and a request id.
fn openai_form(answer: &Answered) -> Option<String> {
    if answer.header("content-type") != "application/json" {
        return Some(format!("content type `{}`", answer.header("content-type")));
    }
    let Some(error) = answer.body["error"].as_object() else {
        return Some("no `error` object".to_owned());
    };
    for key in ["message", "type", "param", "code"] {
        if !error.contains_key(key) {
            return Some(format!("`error` lacks `{key}`"));
        }
    }
    let text = |key: &str| error[key].is_null() || error[key].is_string();
    if !error["message"].is_string() || !text("param") || !text("code") {
        return Some("`message`, `param` and `code` are texts".to_owned());
    }
    if answer.header("x-should-retry") != "false" {
        return Some("a mistake is not worth a second try: x-should-retry".to_owned());
    }
    let id = answer.header("x-request-id").is_empty();
    id.then(|| "no x-request-id".to_owned())
}

/// RFC 9457, with our members.
fn problem_form(answer: &Answered) -> Option<String> {
    if !answer.header("content-type").starts_with("application/problem+json") {
        return Some(format!("content type `{}`", answer.header("content-type")));
    }
    for key in ["type", "title", "status", "detail", "retryable"] {
        if answer.body.get(key).is_none() {
            return Some(format!("lacks `{key}`"));
        }
    }
    if answer.header("x-request-id").is_empty() {
        return Some("no x-request-id".to_owned());
    }
    let told = answer.body["status"].as_u64() == Some(u64::from(answer.status.as_u16()));
    (!told).then(|| "`status` is not the status".to_owned())
}

fn openai_mistakes(gateway: &Gateway) -> Vec<Mistake> {
    let known = gateway.caller();
    let raw = |text: &str| post(&known, CHAT, text.to_owned());
    let sent = |body: Value| post(&known, CHAT, body.to_string());
    let messages = json!([{ "role": "user", "content": "hello" }]);
    let chat = |extra: (&str, Value)| {
        let mut body = json!({ "model": "chat", "messages": messages });
        body[extra.0] = extra.1;
        sent(body)
    };
    let keyed = |key: Option<&str>| {
        let body = json!({ "model": "chat", "messages": messages });
        post(&gateway.caller_with(key), CHAT, body.to_string())
    };
    let deep = format!(r#"{{"model":"chat","messages":{}{}}}"#, "[".repeat(500), "]".repeat(500));
    vec![
        mistake("not JSON", raw("{\"model\": "), 400, "is not json"),
        mistake("an empty body", raw(""), 400, "is empty"),
        mistake("a list", raw("[]"), 400, "must be a json object"),
        mistake("not UTF-8", post_bytes(&known, CHAT, b"{\"model\": \"\xff\"}"), 400, "utf-8"),
        mistake("nested too deep", raw(&deep), 400, "deeper than 64"),
        mistake("no model", sent(json!({ "messages": messages })), 400, "`model` is missing"),
        mistake("model is a number", chat(("model", json!(7))), 400, "`model` must be"),
        mistake("no messages", sent(json!({ "model": "chat" })), 400, "`messages` is missing"),
        mistake(
            "messages is a text",
            chat(("messages", json!("hello"))),
            400,
            "`messages` must be",
        ),
        mistake("no message", chat(("messages", json!([]))), 400, "1 to 10000 messages"),
        mistake("a message is a number", chat(("messages", json!([7]))), 400, "`messages[0]`"),
        mistake("an unknown model", chat(("model", json!("chta"))), 404, "did you mean `chat`"),
        mistake("an absurd n", chat(("n", json!(1_000_000))), 400, "`n` must be"),
        mistake("n is nothing", chat(("n", json!(0))), 400, "`n` must be"),
        mistake("n is a word", chat(("n", json!("two"))), 400, "`n` must be"),
        mistake("stream is a word", chat(("stream", json!("yes"))), 400, "`stream` must be"),
        mistake("extras misspelt", chat(("backstop", json!({"tag": 1}))), 400, "`backstop.tag`"),
        mistake("too large", chat(("user", json!("x".repeat(2_000_000)))), 413, "larger than"),
        mistake("no key", keyed(None), 401, "authorization: bearer"),
        mistake("a wrong key", keyed(Some("wrong-key")), 401, "this key is not known"),
        mistake("a person's key", keyed(Some(workspace::REVIEWER_KEY)), 403, "reviewer's key"),
        mistake("an unknown path", post(&known, "/v1/embeddings", "{}".into()), 404, "openapi"),
        mistake("a wrong method", known.request(Method::GET, CHAT), 405, "takes post"),
        mistake("a model", known.request(Method::GET, "/v1/models/chta"), 404, "no policy `chta`"),
    ]
}

fn calls_mistakes(gateway: &Gateway) -> Vec<Mistake> {
    let known = gateway.caller();
    let raw = |text: &str| post(&known, CALLS, text.to_owned());
    let sent = |body: Value| post(&known, CALLS, body.to_string());
    let input = json!({ "input": "hello" }).to_string();
    let large = json!({ "input": "x".repeat(2_000_000) });
    let keyed = |key: Option<&str>| post(&gateway.caller_with(key), CALLS, input.clone());
    let headed = |name: &str, value: &str| raw(&input).header(name, value);
    let got = |path: &str| known.request(Method::GET, path);
    vec![
        mistake("not JSON", raw("input: hello"), 400, "is not json"),
        mistake("a list", raw("[1]"), 400, "must be a json object"),
        mistake("no input", sent(json!({})), 400, "`input` is missing"),
        mistake("a misspelt member", sent(json!({ "inputs": "hello" })), 400, "`inputs`"),
        mistake("input of the wrong type", sent(json!({ "input": 7 })), 400, "does not fit"),
        mistake("too large", sent(large), 413, "larger than"),
        mistake("an unknown policy", post(&known, "/v1/calls/typd", input.clone()), 404, "`typed`"),
        mistake("no key", keyed(None), 401, "authorization: bearer"),
        mistake("a wrong key", keyed(Some("wrong-key")), 401, "this key is not known"),
        mistake("a wait that is no number", headed("prefer", "wait=soon"), 400, "whole seconds"),
        mistake("an endless key", headed("idempotency-key", &"k".repeat(5000)), 400, "255 bytes"),
        mistake("an unknown call", got("/v1/calls/nobody"), 404, "no such call"),
        mistake("events of nobody", got("/v1/calls/nobody/events"), 404, "no such call"),
        mistake("a wait of words", got("/v1/calls/x?wait=a"), 400, "wait: invalid"),
        mistake("a misspelt question", got("/v1/calls?polices=typed"), 400, "`polices`"),
        mistake("no outcome", got("/v1/calls?outcome=good"), 400, "`good` is no outcome"),
        mistake("a forged cursor", got("/v1/calls?cursor=7"), 400, "as it was"),
        mistake("an unknown review", got("/v1/reviews/nothing"), 404, "no such review"),
        mistake("no path", got("/v1/call"), 404, "openapi"),
        mistake("a path off its form", got("/v1/calls/%ff"), 400, "utf-8"),
        mistake("a wrong method", known.request(Method::PUT, CALLS), 405, "takes"),
    ]
}

const fn mistake(
    name: &'static str,
    request: RequestBuilder,
    status: u16,
    says: &'static str,
) -> Mistake {
    Mistake { name, request, status, says }
}

fn post(caller: &Caller, path: &str, body: String) -> RequestBuilder {
    post_bytes(caller, path, body.as_bytes())
}

fn post_bytes(caller: &Caller, path: &str, body: &[u8]) -> RequestBuilder {
    let body = body.to_vec();
    caller.request(Method::POST, path).header("content-type", "application/json").body(body)
}

async fn gateway() -> (Upstream, Workspace, Gateway) {
    let upstream = Upstream::scripted().await;
    let workspace = Workspace::new(upstream.url());
    let gateway = Gateway::start(&workspace);
    (upstream, workspace, gateway)
}
