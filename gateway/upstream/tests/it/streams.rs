//! Streamed answers are put together into what they would be unstreamed, or said to be broken.

use backstop_domain::FailureClass;
use backstop_upstream::chaos::Behaviour;
use backstop_upstream::{Answer, Failure};
use serde_json::{Value, json};

use crate::bench::{Bench, request};

async fn stream_of(body: &str) -> Result<Answer, Failure> {
    let bench = Bench::new().await;
    let raw = Behaviour::Raw {
        status: 200,
        content_type: "text/event-stream".to_owned(),
        body: body.to_owned(),
    };
    let result = bench.ask_with(raw, request(json!({"messages": [], "stream": true}))).await;
    match result.answer() {
        Some(answer) => Ok(answer.clone()),
        None => Err(result.failure().unwrap().clone()),
    }
}

fn event(choices: Value) -> String {
    let piece = json!({"id": "c1", "object": "chat.completion.chunk", "choices": choices});
    format!("data: {piece}\n\n")
}

#[tokio::test]
async fn a_stream_gives_the_same_answer_as_no_stream() {
    let bench = Bench::new().await;
    let body = json!({"messages": [{"role": "user", "content": "x"}], "logprobs": true, "n": 2});
    let plain = bench.ask_with(Behaviour::Answer, request(body.clone())).await;
    let mut streamed = body;
    streamed["stream"] = json!(true);
    let streamed = bench.ask_with(Behaviour::Answer, request(streamed)).await;
    let (plain, streamed) = (plain.answer().unwrap(), streamed.answer().unwrap());
    assert_eq!(plain.choices, streamed.choices);
    for place in 0..2 {
        let logprobs = |answer: &Answer| answer.body["choices"][place]["logprobs"].clone();
        assert!(logprobs(plain)["content"].is_array());
        assert_eq!(logprobs(plain)["content"], logprobs(streamed)["content"]);
    }
    assert_eq!(plain.usage, streamed.usage);
    assert_eq!(plain.upstream_id, streamed.upstream_id);
    let seen = bench.chaos.last_seen().unwrap().body.unwrap();
    assert_eq!(seen["stream_options"]["include_usage"], true, "else nobody knows the cost");
}

#[tokio::test]
async fn tool_calls_grow_piece_by_piece_and_side_by_side() {
    let call = |index: u64, piece: Value| {
        event(json!([{"index": 0, "delta": {"tool_calls":
        [{"index": index, "id": piece["id"], "function": piece["function"]}]}}]))
    };
    let body = [
        event(json!([{"index": 0, "delta": {"role": "assistant", "content": null}}])),
        call(0, json!({"id": "a", "function": {"name": "refund", "arguments": ""}})),
        call(1, json!({"id": "b", "function": {"name": "lookup", "arguments": ""}})),
        call(0, json!({"function": {"arguments": "{\"cents\":"}})),
        call(1, json!({"function": {"arguments": "{}"}})),
        call(0, json!({"function": {"arguments": " 5}"}})),
        event(json!([{"index": 0, "delta": {}, "finish_reason": "tool_calls"}])),
        "data: [DONE]\n\n".to_owned(),
    ];
    let answer = stream_of(&body.concat()).await.unwrap();
    let calls = &answer.choices[0].tool_calls;
    assert_eq!(calls.len(), 2);
    assert_eq!((calls[0].name.as_str(), calls[0].arguments.as_str()), ("refund", "{\"cents\": 5}"));
    assert_eq!((calls[1].id.as_deref(), calls[1].arguments.as_str()), (Some("b"), "{}"));
    assert!(answer.body["choices"][0]["message"]["tool_calls"][0].get("index").is_none());
}

#[tokio::test]
async fn a_stream_that_stops_early_is_no_answer() {
    let piece = event(json!([{"index": 0, "delta": {"content": "half"}}]));
    for body in [
        piece.clone(),
        format!("{piece}data: {{\"id\": \"c1\", \"cho"),
        "data: [DONE]\n\n".to_owned(),
        String::new(),
        ": only a comment\n\n".to_owned(),
    ] {
        let failure = stream_of(&body).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::Overloaded, "{body:?}: {failure:?}");
    }
    let bench = Bench::new().await;
    for behaviour in [Behaviour::Cut, Behaviour::EarlyEnd] {
        let asked = request(json!({"messages": [], "stream": true}));
        let result = bench.ask_with(behaviour, asked).await;
        assert_eq!(result.failure().unwrap().class, FailureClass::Overloaded);
    }
}

#[tokio::test]
async fn a_stream_that_says_done_is_whole_even_without_a_finish_reason() {
    let piece = event(json!([{"index": 0, "delta": {"content": "whole"}}]));
    let answer = stream_of(&format!("{piece}data: [DONE]\n\n")).await.unwrap();
    assert_eq!(answer.choices[0].content.as_deref(), Some("whole"));
    assert_eq!(answer.choices[0].finish_reason, None);
}

#[tokio::test]
async fn an_error_inside_a_stream_keeps_its_class() {
    let piece = event(json!([{"index": 0, "delta": {"content": "half"}}]));
    let error = |code: Value| format!("{piece}data: {}\n\n", json!({"error": {"code": code}}));
    let class = |code: Value| async move { stream_of(&error(code)).await.unwrap_err().class };
    assert_eq!(class(json!("rate_limit_exceeded")).await, FailureClass::Throttled);
    assert_eq!(class(json!(502)).await, FailureClass::Overloaded);
    assert_eq!(class(json!("anything")).await, FailureClass::Overloaded);
}

#[tokio::test]
async fn a_stream_of_something_else_is_no_answer() {
    let failure = stream_of("data: {\"type\": \"message_start\"}\n\n").await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Transport);
}

#[tokio::test]
async fn framing_may_vary_within_the_standard() {
    let body = "\u{feff}: hello\r\nevent: x\r\nid: 7\r\n\
        data: {\"choices\": [{\"index\": 0,\r\ndata: \"delta\": {\"content\": \"hi\"},\r\n\
        data:\"finish_reason\": \"stop\"}]}\r\n\r\ndata:[DONE]";
    let answer = stream_of(body).await.unwrap();
    assert_eq!(answer.choices[0].content.as_deref(), Some("hi"));
}

#[tokio::test]
async fn an_index_out_of_all_proportion_is_not_followed() {
    let body = event(json!([{"index": 4_000_000_000_u64, "delta": {"content": "x"}}]));
    assert_eq!(stream_of(&body).await.unwrap_err().class, FailureClass::Overloaded);
}
