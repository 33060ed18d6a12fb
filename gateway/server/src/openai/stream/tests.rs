//! Stories about streams in `buffer` mode.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use super::*;
use crate::problem::Problem;

fn events(text: &str) -> Vec<&str> {
    assert!(text.ends_with("data: [DONE]\n\n"), "nothing follows the end: {text}");
    text.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect()
}

fn chunks(text: &str) -> Vec<Value> {
    let mut events = events(text);
    assert_eq!(events.pop(), Some("[DONE]"));
    events.into_iter().map(|event| serde_json::from_str(event).unwrap()).collect()
}

fn completion() -> Value {
    let function = json!({ "name": "weather", "arguments": "{\"city\":\"Oslo\"}" });
    let call = json!({ "id": "call_1", "type": "function", "function": function });
    let first = json!({ "role": "assistant", "content": "ä".repeat(300), "refusal": null });
    let second = json!({ "role": "assistant", "content": null, "tool_calls": [call] });
    json!({
        "id": "call_7", "created": 1, "model": "chat",
        "choices": [
            { "index": 0, "message": first, "finish_reason": "stop" },
            { "index": 1, "message": second, "finish_reason": "tool_calls" },
        ],
        "usage": { "total_tokens": 18 }, "backstop": { "outcome": "accepted" },
    })
}

#[test]
fn the_extras_ride_in_the_last_chunk_and_in_no_other() {
    for include_usage in [false, true] {
        let mut chunks = chunks(&whole(&completion(), include_usage));
        let last = chunks.pop().unwrap();
        assert_eq!(last["backstop"]["outcome"], "accepted");
        assert!(chunks.iter().all(|chunk| chunk.get("backstop").is_none()));
    }
}

#[test]
fn usage_comes_last_with_no_choice_and_only_if_it_was_asked_for() {
    let with = chunks(&whole(&completion(), true));
    let (last, rest) = with.split_last().unwrap();
    assert_eq!((&last["choices"], &last["usage"]["total_tokens"]), (&json!([]), &json!(18)));
    assert!(rest.iter().all(|chunk| chunk["usage"].is_null() && chunk.get("usage").is_some()));
    let without = chunks(&whole(&completion(), false));
    assert!(without.iter().all(|chunk| chunk.get("usage").is_none()));
}

#[test]
fn each_choice_is_whole_again_at_the_other_end() {
    let chunks = chunks(&whole(&completion(), false));
    let text: String = chunks
        .iter()
        .filter(|chunk| chunk["choices"][0]["index"] == 0)
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(text, "ä".repeat(300), "no letter is cut in two");
    let call = chunks.iter().find_map(|chunk| {
        let calls = &chunk["choices"][0]["delta"]["tool_calls"];
        calls.is_array().then(|| calls[0].clone())
    });
    let call = call.unwrap();
    assert_eq!((&call["index"], &call["id"]), (&json!(0), &json!("call_1")));
    let ends: Vec<_> = chunks
        .iter()
        .map(|chunk| &chunk["choices"][0]["finish_reason"])
        .filter(|finish| !finish.is_null())
        .collect();
    assert_eq!(ends, ["stop", "tool_calls"], "each choice ends once");
}

#[test]
fn an_error_after_the_first_byte_is_an_event_and_the_last_one() {
    let status = axum::http::StatusCode::BAD_GATEWAY;
    let problem = Reply::Problem(Problem::new(status, "failed", "nothing is left"));
    let chunks = chunks(&all(&problem, true));
    assert_eq!(chunks.len(), 1);
    for key in ["message", "type", "param", "code"] {
        assert!(chunks[0]["error"].get(key).is_some(), "all four keys: {key}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_quiet_line_is_kept_alive_by_comments() {
    let reply = async {
        tokio::time::sleep(PING * 2 + PING / 2).await;
        whole(&completion(), false)
    };
    let pieces: Vec<String> = when_ready(reply).collect().await;
    assert_eq!(pieces.len(), 4, "a comment at once, two while waiting, then everything");
    assert_eq!(pieces[2], ": ping\n\n");
    assert!(pieces[3].starts_with("data: {"));
}
