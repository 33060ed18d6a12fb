//! What becomes of one request, by what the server does.

use backstop_domain::FailureClass;
use backstop_upstream::chaos::{Behaviour, Chaos};
use backstop_upstream::{
    AttemptResult, Endpoint, EndpointConfig, Failure, HeaderText, Model, SecretRef, Settle,
};
use serde_json::json;

use crate::bench::{Bench, KEY, Keys, request};

async fn failure_while(behaviour: &str) -> Failure {
    let bench = Bench::new().await;
    let result = bench.ask_while(Behaviour::parse(behaviour).unwrap()).await;
    assert_eq!(bench.chaos.calls(), 1, "one attempt is one request");
    result.failure().unwrap_or_else(|| panic!("`{behaviour}` gave an answer")).clone()
}

#[tokio::test]
async fn an_answer_is_kept_byte_for_byte_and_read() {
    let bench = Bench::new().await;
    let mut asked = bench.request();
    asked.body = json!({"messages": [{"role": "user", "content": "x"}], "logprobs": true, "n": 2});
    let result = bench.ask_with(Behaviour::Answer, asked).await;
    let answer = result.answer().expect("an answer");
    assert_eq!(answer.choices.len(), 2);
    let choice = &answer.choices[0];
    assert_eq!(choice.content.as_deref(), Some(r#"{"label": "spam"}"#));
    assert_eq!(choice.finish_reason.as_deref(), Some("stop"));
    let tokens = answer.body["choices"][0]["logprobs"]["content"].as_array().unwrap();
    let text: String = tokens.iter().map(|token| token["token"].as_str().unwrap()).collect();
    assert_eq!(text, r#"{"label": "spam"}"#);
    assert_eq!(answer.upstream_id.as_deref(), Some("chatcmpl-chaos"));
    assert!(answer.usage.unwrap().output > 0);
    assert_eq!(answer.body["system_fingerprint"], "fp_chaos", "unknown fields stay");
    assert_eq!(answer.body, serde_json::from_slice::<serde_json::Value>(&answer.raw).unwrap());
}

#[tokio::test]
async fn the_request_goes_on_with_its_unknown_fields_our_model_key_and_trace() {
    let bench = Bench::new().await;
    let mut config = bench.config();
    config.headers.push(("x-team".to_owned(), HeaderText::Plain("ap".to_owned())));
    config
        .headers
        .push(("x-second-key".to_owned(), HeaderText::Secret(SecretRef::Env("KEY".to_owned()))));
    let mut asked =
        request(json!({"model": "other", "messages": [], "verbosity": {"new": [1, 2.5]}}));
    asked.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    bench.model(&config).ask(&asked).await;
    let seen = bench.chaos.last_seen().unwrap();
    assert_eq!(
        seen.body.unwrap(),
        json!({"model": "gpt-small", "messages": [], "verbosity": {"new": [1, 2.5]}})
    );
    assert_eq!(seen.headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(seen.headers["x-team"], "ap");
    assert_eq!(seen.headers["x-second-key"], KEY);
    assert!(seen.headers["traceparent"].to_str().unwrap().starts_with("00-0af7"));
}

#[tokio::test]
async fn every_status_has_its_class_and_is_asked_once() {
    for (behaviour, class, settle) in [
        ("status=400", FailureClass::InvalidRequest, Settle::RequestOnly),
        (
            "status=400,code=context_length_exceeded",
            FailureClass::InvalidRequest,
            Settle::RequestOnly,
        ),
        ("status=400,code=content_filter", FailureClass::Declined, Settle::RequestOnly),
        ("status=401", FailureClass::Misconfigured, Settle::RequestOnly),
        ("status=402", FailureClass::Quota, Settle::RequestOnly),
        ("status=403", FailureClass::Misconfigured, Settle::RequestOnly),
        ("status=404", FailureClass::Misconfigured, Settle::RequestOnly),
        ("status=408", FailureClass::Timeout, Settle::RequestOnly),
        ("status=413", FailureClass::InvalidRequest, Settle::RequestOnly),
        ("status=422", FailureClass::InvalidRequest, Settle::RequestOnly),
        ("status=429,retry_after=2", FailureClass::Throttled, Settle::RequestOnly),
        ("status=429,code=insufficient_quota", FailureClass::Quota, Settle::RequestOnly),
        ("status=500", FailureClass::Overloaded, Settle::Half),
        ("status=503", FailureClass::Overloaded, Settle::RequestOnly),
        ("status=529", FailureClass::Overloaded, Settle::RequestOnly),
        ("html=502", FailureClass::Overloaded, Settle::Half),
        ("redirect", FailureClass::Misconfigured, Settle::RequestOnly),
    ] {
        let failure = failure_while(behaviour).await;
        assert_eq!((failure.class, failure.settle), (class, settle), "{behaviour}: {failure:?}");
        assert!(failure.sent);
    }
}

#[tokio::test]
async fn a_body_that_is_no_answer_is_never_taken_for_one() {
    for behaviour in ["html=200", "not_json", "empty", "huge=20000000", "cut"] {
        let failure = failure_while(behaviour).await;
        assert_eq!(failure.class, FailureClass::Transport, "{behaviour}: {failure:?}");
        assert_eq!(failure.status, Some(200));
        assert!(failure.raw.len() <= 64 * 1024);
    }
}

#[tokio::test]
async fn a_body_without_end_is_left_at_its_cap() {
    let failure = failure_while("huge=20000000").await;
    assert!(failure.message.contains("larger than 8388608 bytes"), "{}", failure.message);
}

#[tokio::test]
async fn cut_refused_and_filtered_answers_are_answers_with_their_reason() {
    for (behaviour, finish) in
        [("truncated", "length"), ("content_filter", "content_filter"), ("refusal", "stop")]
    {
        let bench = Bench::new().await;
        let result = bench.ask_while(Behaviour::parse(behaviour).unwrap()).await;
        let answer = result.answer().unwrap_or_else(|| panic!("{behaviour}: {result:?}"));
        assert_eq!(answer.choices[0].finish_reason.as_deref(), Some(finish));
        assert_eq!(answer.choices[0].refusal.is_some(), behaviour == "refusal");
    }
}

#[tokio::test]
async fn a_right_body_with_a_wrong_content_type_is_an_answer() {
    let bench = Bench::new().await;
    assert!(bench.ask_while(Behaviour::WrongType).await.answer().is_some());
}

#[tokio::test]
async fn the_wait_that_a_429_asks_for_is_read() {
    let failure = failure_while("status=429,retry_after=1.5").await;
    assert_eq!(failure.retry_after_ms, Some(1_500));
    let failure = failure_while("status=429,retry_after=soon").await;
    assert_eq!(failure.retry_after_ms, None, "garbage is ignored");
}

#[tokio::test]
async fn our_key_is_in_no_message() {
    let bench = Bench::new().await;
    let body = json!({"error": {"message": format!("Incorrect API key provided: {KEY}.")}});
    let raw = Behaviour::Raw {
        status: 401,
        content_type: "application/json".to_owned(),
        body: body.to_string(),
    };
    let result = bench.ask_while(raw).await;
    let failure = result.failure().unwrap();
    assert!(!failure.message.contains("abcdefgh"), "{}", failure.message);
    assert!(failure.message.contains("Incorrect API key"), "{}", failure.message);
    assert!(
        !String::from_utf8_lossy(&failure.raw).contains(KEY),
        "nor in what is kept of the body"
    );
}

#[tokio::test]
async fn an_error_under_a_200_is_a_failure_of_its_own_class() {
    let bench = Bench::new().await;
    for (error, class) in [
        (json!({"message": "slow down", "code": 429}), FailureClass::Throttled),
        (json!({"message": "busy", "code": "server_error"}), FailureClass::Overloaded),
        (json!("something"), FailureClass::Transport),
    ] {
        let raw = Behaviour::Raw {
            status: 200,
            content_type: "application/json".to_owned(),
            body: json!({"error": error}).to_string(),
        };
        let result = bench.ask_while(raw).await;
        assert_eq!(result.failure().unwrap().class, class);
    }
}

#[tokio::test]
async fn nobody_at_the_address_means_that_nothing_was_sent() {
    let bench = Bench::over(Chaos::new()).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let model = bench.model(&EndpointConfig::new("gone", closed));
    let AttemptResult::Failed(failure) = model.ask(&bench.request()).await else {
        panic!("an answer from nobody")
    };
    assert_eq!((failure.class, failure.sent), (FailureClass::Transport, false));
    assert_eq!(failure.settle, Settle::Nothing);
    assert!(failure.message.starts_with("cannot connect"), "{}", failure.message);
}

#[test]
fn a_provider_that_cannot_work_is_refused_with_what_to_do() {
    let open = |change: &dyn Fn(&mut EndpointConfig)| {
        let mut config = EndpointConfig::new("openai", "https://api.example/v1/");
        change(&mut config);
        Endpoint::open(&config, &Keys).err().map(|fault| fault.to_string())
    };
    assert_eq!(open(&|_| {}), None);
    let fault = open(&|config| config.url = "api.example/v1".to_owned()).unwrap();
    assert!(fault.contains("`openai`") && fault.contains("https://host/v1"), "{fault}");
    let fault = open(&|config| config.url = "https://me:secret@host/v1".to_owned()).unwrap();
    assert!(!fault.contains("secret"), "{fault}");
    let fault = open(&|config| config.key = Some(SecretRef::Env("NO".to_owned()))).unwrap();
    assert!(fault.contains("environment variable `NO` is not set"), "{fault}");
    let fault = open(&|config| config.key = Some(SecretRef::Env("EMPTY".to_owned()))).unwrap();
    assert!(fault.contains("no usable secret"), "{fault}");
    let fault = open(&|config| {
        config.headers.push(("bad header".to_owned(), HeaderText::Plain("x".to_owned())));
    });
    assert!(fault.unwrap().contains("`bad header`"));
}
