//! Bodies that nobody meant well: nothing panics, and nothing that is not whole passes as whole.

use backstop_domain::Millis;
use backstop_upstream::classify::{Delivered, classify};
use backstop_upstream::{AttemptResult, Timing};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use serde_json::{Value, json};

fn delivered(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> AttemptResult {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_str(kind).unwrap());
    let body = Bytes::from(body.into());
    let timing = Timing::default();
    classify(&Delivered { status, headers, body, cut: None, timing }, Millis(0), None)
}

fn stream(pieces: &[Value]) -> String {
    let events = pieces.iter().map(|piece| format!("data: {piece}\n\n"));
    events.chain(["data: [DONE]\n\n".to_owned()]).collect()
}

fn piece(delta: Value, finish: Value) -> Value {
    json!({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
}

#[test]
fn a_body_that_is_nested_too_deep_is_no_answer_and_no_crash() {
    let deep = format!("{{\"choices\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(delivered(200, "application/json", deep).failure().is_some());
}

#[test]
fn fields_of_the_wrong_type_are_never_read_as_something_else() {
    for message in [
        json!("text"),
        json!({"content": 7}),
        json!({"content": "x", "tool_calls": {}}),
        json!({"content": "x", "tool_calls": [{"function": {"arguments": "{}"}}]}),
        json!({"content": "x", "tool_calls": [{"function": {"name": "f", "arguments": 1}}]}),
        json!({"content": "x", "function_call": "refund"}),
        json!({"content": "x", "refusal": []}),
    ] {
        let body = json!({"choices": [{"message": message, "finish_reason": "stop"}]});
        let result = delivered(200, "application/json", body.to_string());
        assert!(result.failure().is_some(), "{body}");
    }
}

#[test]
fn an_old_function_call_is_a_tool_call_and_not_a_way_around_the_rules() {
    let message = json!({"content": null, "function_call": {"name": "refund", "arguments": "{}"}});
    let body = json!({"choices": [{"message": message, "finish_reason": "function_call"}]});
    let result = delivered(200, "application/json", body.to_string());
    assert_eq!(result.answer().unwrap().choices[0].tool_calls[0].name, "refund");
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~\n\r]{0,12}", Just("[DONE]".to_owned()), Just("data: [DONE]\n\n".to_owned())]
}

proptest! {
    #[test]
    fn no_bytes_at_all_make_it_panic(
        body in prop::collection::vec(any::<u8>(), 0..400),
        status in 100_u16..600,
        sse in any::<bool>(),
    ) {
        let kind = if sse { "text/event-stream" } else { "application/json" };
        let result = delivered(status, kind, body);
        prop_assert!(result.failure().is_some());
    }

    /// Wherever a stream is cut, what came is not taken for the whole.
    #[test]
    fn a_stream_that_is_cut_anywhere_is_the_whole_answer_or_none(
        texts in prop::collection::vec(text(), 1..6), cut in any::<prop::sample::Index>(),
    ) {
        let mut pieces: Vec<Value> =
            texts.iter().map(|text| piece(json!({"content": text}), Value::Null)).collect();
        pieces.push(piece(json!({"content": "end"}), json!("stop")));
        let whole = stream(&pieces);
        let expected = format!("{}end", texts.concat());
        let at = cut.index(whole.len() + 1);
        let part = whole.get(..at).unwrap_or(&whole);
        if let Some(answer) = delivered(200, "text/event-stream", part).answer() {
            prop_assert_eq!(answer.choices[0].content.as_deref(), Some(expected.as_str()));
        }
    }

    /// However the content is cut into pieces, the same content comes out.
    #[test]
    fn pieces_give_the_same_content_wherever_they_were_parted(
        content in "\\PC{1,60}", parts in prop::collection::vec(1_usize..8, 1..20),
    ) {
        let chars: Vec<char> = content.chars().collect();
        let (mut pieces, mut rest) = (Vec::new(), chars.as_slice());
        for part in parts.iter().cycle() {
            let (piece_of, after) = rest.split_at((*part).min(rest.len()));
            let content: String = piece_of.iter().collect();
            pieces.push(piece(json!({"content": content}), Value::Null));
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        pieces.push(piece(json!({}), json!("stop")));
        prop_assume!(!content.trim().is_empty());
        let result = delivered(200, "text/event-stream", stream(&pieces));
        prop_assert_eq!(
            result.answer().unwrap().choices[0].content.as_deref(), Some(content.as_str())
        );
    }
}
