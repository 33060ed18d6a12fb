//! Stories of answers: read from providers, kept byte for byte.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::json;

use super::Answer;

#[test]
fn an_answer_survives_being_stored() {
    let body = json!({"choices": [{"finish_reason": "tool_calls", "message": {
        "content": null, "reasoning_content": "never judged, so never kept",
        "tool_calls": [{"id": "c1", "type": "function",
            "function": {"name": "refund", "arguments": "{\"cents\": 5}"}}]}}]});
    let answer = Answer::from_completion(&body).unwrap();
    let bytes = answer.to_bytes();
    assert_eq!(Answer::from_bytes(&bytes).unwrap(), answer);
    assert!(!String::from_utf8(bytes).unwrap().contains("never"));
}

#[test]
fn a_tool_call_in_the_older_form_is_not_lost() {
    let body = json!({"choices": [{"message": {"content": "",
        "function_call": {"name": "refund", "arguments": "{}"}}}]});
    assert!(Answer::from_completion(&body).unwrap().calls_tools());
}

#[test]
fn what_is_no_completion_is_told_apart() {
    for body in [
        json!({}),
        json!({"choices": []}),
        json!({"choices": [{"text": "old"}]}),
        json!({"choices": [{"message": {"content": 5}}]}),
        json!({"choices": [{"message": {"tool_calls": [{"function": {}}]}}]}),
    ] {
        assert!(Answer::from_completion(&body).is_err(), "{body}");
    }
}
