//! What a suite's record leaves out changes no signal.

use std::collections::BTreeMap;

use backstop_checks::confidence::{Alternative, Reading, Token, of_value, weighed};
use backstop_checks::{Path, Schema};
use backstop_evals::run::slim;
use serde_json::{Value, json};

use crate::world::World;

fn token(text: &str, probability: f64) -> Token {
    let logprob = probability.ln();
    Token { token: text.to_owned(), bytes: None, logprob, top_logprobs: Vec::new() }
}

fn with_others(text: &str, probability: f64, others: &[(&str, f64)]) -> Token {
    let other = |&(text, p): &(&str, f64)| Alternative {
        token: text.to_owned(),
        bytes: None,
        logprob: p.ln(),
    };
    Token { top_logprobs: others.iter().map(other).collect(), ..token(text, probability) }
}

fn millionths(reading: Reading) -> Result<u32, String> {
    reading.map(|signal| signal.millionths()).map_err(|missing| missing.to_string())
}

#[test]
fn alternatives_that_are_not_weighed_change_no_signal() {
    let schema = json!({"type": "object", "properties": {
        "route": {"enum": ["pay", "hold"]}, "urgent": {"type": "boolean"}, "sum": {"type": "integer"},
        "lines": {"type": "array", "items": {"type": "object", "properties": {
            "kind": {"enum": ["goods", "work"]}, "text": {"type": "string"}}}},
    }});
    let schema = Schema::compile("s", schema.to_string().as_bytes(), &BTreeMap::new()).unwrap();
    let pieces = [
        "{\"", "route", "\":\"", "hold", "\",\"", "urgent", "\":", "true", ",\"", "sum", "\":",
        "12", ",\"", "lines", "\":[{\"", "kind", "\":\"", "work", "\",\"", "text", "\":\"", "desk",
        "\"}]}",
    ];
    let others = [("pay", 0.1), ("false", 0.1), ("goods", 0.1), ("lamp", 0.1)];
    let tokens: Vec<_> = pieces.iter().map(|piece| with_others(piece, 0.5, &others)).collect();
    let answer = pieces.concat();
    let counts = weighed(&answer, &tokens, &schema).unwrap();
    let counted: Vec<_> =
        pieces.iter().zip(&counts).filter(|(_, c)| **c).map(|(p, _)| *p).collect();
    assert_eq!(counted, ["hold", "true", "work"]);

    let mut slim = tokens.clone();
    for (token, counts) in slim.iter_mut().zip(&counts) {
        if !counts {
            token.top_logprobs.clear();
        }
    }
    let places = ["route", "urgent", "sum", "lines.*.kind", "lines.*.text", "lines", ""];
    for place in places {
        let path = Path::parse(place).unwrap();
        let allowed = schema.allowed_at(&path);
        let pointer = format!("/{}", place.replace('.', "/").replace('*', "0"));
        let pointer = if place.is_empty() { "" } else { &pointer };
        let before = millionths(of_value(&answer, &tokens, pointer, &allowed));
        assert_eq!(before, millionths(of_value(&answer, &slim, pointer, &allowed)), "{place}");
    }
    // Weighed they are: without the alternatives that count, the signal is another.
    let bare: Vec<_> = pieces.iter().map(|piece| token(piece, 0.5)).collect();
    let allowed = schema.allowed_at(&Path::parse("route").unwrap());
    let weighed = millionths(of_value(&answer, &slim, "/route", &allowed));
    assert_ne!(weighed, millionths(of_value(&answer, &bare, "/route", &allowed)));
}

#[test]
fn what_tokens_do_not_spell_cannot_be_told_and_what_is_no_json_has_no_signal() {
    let schema = Schema::compile("s", br#"{"enum": ["a", "b"]}"#, &BTreeMap::new()).unwrap();
    assert_eq!(weighed("\"b\"", &[token("\"a\"", 0.5)], &schema), None);
    assert_eq!(weighed("\"a\"", &[token("\"a\"", 0.5)], &schema), Some(vec![true]));
    let cut = [token("{\"a\":", 0.5)];
    assert_eq!(weighed("{\"a\":", &cut, &schema), Some(vec![false]));
    assert!(of_value("{\"a\":", &cut, "", &[]).is_err());
}

#[test]
fn a_line_keeps_what_can_count_and_says_the_same() {
    let (_, suite) = World::new(60).load();
    let schema: Value = serde_json::from_str(crate::world::SCHEMA).unwrap();
    let tokens: Vec<Value> = ["{\"label\":\"", "h\u{e4}m", "\"}"]
        .iter()
        .map(|text| {
            let other = json!({"token": "x", "logprob": -3.25, "bytes": [120]});
            json!({"token": text, "logprob": -0.125, "bytes": text.as_bytes(), "top_logprobs": [other]})
        })
        .collect();
    let choice = json!({"index": 0, "finish_reason": "stop",
        "message": {"role": "assistant", "content": "{\"label\":\"h\u{e4}m\"}"},
        "logprobs": {"content": tokens}});
    let raw = json!({"id": "x", "choices": [choice]}).to_string();
    let format = json!({"type": "json_schema", "json_schema": {"name": "l", "schema": schema}});
    let line = |request: Value| {
        json!({"key": "k", "request": request, "raw": raw, "delay_ms": 7}).to_string()
    };
    let slimmed: Value =
        serde_json::from_str(&slim(&line(json!({"response_format": format})), &suite.policy))
            .unwrap();
    let kept = &slimmed["body"]["choices"][0]["logprobs"]["content"];
    let others = |at: usize| kept[at]["top_logprobs"].as_array().unwrap().len();
    assert_eq!((others(0), others(1), others(2)), (0, 1, 0), "{slimmed}");
    assert_eq!(
        kept[1],
        json!({"token": "h\u{e4}m", "logprob": -0.125,
        "top_logprobs": [{"token": "x", "logprob": -3.25}]})
    );
    assert_eq!((&slimmed["delay_ms"], slimmed.get("raw")), (&json!(7), None));
    // In words it is the same request; of another schema's nothing is known, so all is kept.
    let words = json!({"messages": [{"role": "system", "content": format!("To this: {schema}")}]});
    let told: Value = serde_json::from_str(&slim(&line(words), &suite.policy)).unwrap();
    assert_eq!(told["body"], slimmed["body"]);
    let other: Value =
        serde_json::from_str(&slim(&line(json!({"messages": []})), &suite.policy)).unwrap();
    let all = &other["body"]["choices"][0]["logprobs"]["content"];
    assert_eq!(all[0]["top_logprobs"].as_array().unwrap().len(), 1);
    let plain = json!({"request": {}, "raw": "{\"choices\":[]}"}).to_string();
    assert_eq!(slim(&plain, &suite.policy), plain, "without log-probabilities it stays as it is");
}
