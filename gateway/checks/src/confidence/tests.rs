//! Stories about signals: from tokens, from votes, and reported.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
#![expect(clippy::indexing_slicing, reason = "tests stop at the first surprise")]
#![expect(clippy::print_stdout, reason = "skips are printed")]

use serde_json::{Value, json};

use super::{Alternative, Compare, Reading, Token, of_text, of_value, reported, votes};
use crate::path::Path;

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
    let mut token = token(text, probability);
    token.top_logprobs = others.iter().map(other).collect();
    token
}

fn millionths(reading: Reading) -> Result<u32, String> {
    reading.map(|signal| signal.millionths()).map_err(|missing| missing.0)
}

/// `{"route": "pay_now", "sum": 12}` in tokens as a model might cut it.
fn route() -> (String, Vec<Token>) {
    let tokens = vec![
        token("{\"", 0.1),
        token("route", 0.1),
        token("\": \"", 0.1),
        token("pay", 0.8),
        token("_now", 0.5),
        token("\", \"", 0.1),
        token("sum", 0.1),
        token("\": ", 0.1),
        token("12", 0.25),
        token("}", 0.1),
    ];
    (tokens.iter().map(|token| token.token.as_str()).collect(), tokens)
}

#[test]
fn a_signal_is_the_product_of_the_tokens_that_spell_the_value() {
    let (text, tokens) = route();
    assert_eq!(millionths(of_value(&text, &tokens, "/route", &[])), Ok(400_000));
    assert_eq!(millionths(of_value(&text, &tokens, "/sum", &[])), Ok(250_000));
    // The whole: both values and both keys.
    assert_eq!(millionths(of_value(&text, &tokens, "", &[])), Ok(1_000));
}

#[test]
fn a_token_that_straddles_an_edge_counts_in_full() {
    let tokens = [token("{\"a\":\"x", 0.5), token("y\"}", 0.5)];
    assert_eq!(millionths(of_value("{\"a\":\"xy\"}", &tokens, "/a", &[])), Ok(250_000));
}

#[test]
fn a_character_that_is_cut_in_two_tokens_is_put_together() {
    let mut tokens =
        [token("\"", 0.1), token("\u{fffd}", 0.5), token("\u{fffd}", 0.5), token("\"", 0.1)];
    tokens[1].bytes = Some(vec![0xc3]);
    tokens[2].bytes = Some(vec![0xbc]);
    assert_eq!(millionths(of_value("\"ü\"", &tokens, "", &[])), Ok(250_000));
    tokens[1].bytes = None;
    assert_eq!(
        millionths(of_value("\"ü\"", &tokens, "", &[])),
        Err("the tokens do not spell the answer".into())
    );
}

#[test]
fn an_answer_that_was_mended_is_measured_where_it_stood() {
    let (text, mut tokens) = route();
    tokens.insert(0, token("Here:\n```json\n", 0.01));
    tokens.push(token("\n```\n\n", 0.01));
    // The provider cut the white space at the end.
    let text = format!("Here:\n```json\n{text}\n```");
    assert_eq!(millionths(of_value(&text, &tokens, "/route", &[])), Ok(400_000));
}

#[test]
fn missing_is_said_with_its_reason_and_is_no_low_number() {
    let (text, mut tokens) = route();
    assert!(of_value(&text, &[], "/route", &[]).is_err());
    assert!(of_value(&text, &tokens, "/rout", &[]).is_err());
    assert!(of_value("no json", &tokens, "/route", &[]).is_err());
    assert!(of_value(&text, &tokens[1..], "/route", &[]).is_err());
    tokens[3].token = "pax".to_owned();
    assert!(of_value(&text, &tokens, "/route", &[]).is_err(), "other tokens of the same length");
    tokens[3].token = "pay".to_owned();
    tokens[3].logprob = f64::NAN;
    assert!(of_value(&text, &tokens, "/route", &[]).is_err());
    tokens[3].logprob = 0.7;
    assert!(of_value(&text, &tokens, "/route", &[]).is_err());
}

#[test]
fn a_token_that_the_model_all_but_excluded_is_nought_not_missing() {
    let (text, mut tokens) = route();
    tokens[3].logprob = -9999.0;
    assert_eq!(millionths(of_value(&text, &tokens, "/route", &[])), Ok(0));
}

fn label(others: &[(&str, f64)]) -> Result<u32, String> {
    let tokens = [token("{\"l\":\"", 0.1), with_others("spam", 0.6, others), token("\"}", 0.1)];
    let allowed = [json!("spam"), json!("ham"), json!("unsure")];
    millionths(of_value("{\"l\":\"spam\"}", &tokens, "/l", &allowed))
}

#[test]
fn among_allowed_values_only_what_is_surely_not_allowed_is_left_out() {
    assert_eq!(label(&[]), Ok(600_000));
    assert_eq!(label(&[("spam", 0.6), ("ham", 0.2)]), Ok(600_000));
    // "junk" cannot become an allowed value: 0.6 / (1 - 0.2).
    assert_eq!(label(&[("ham", 0.2), ("junk", 0.2)]), Ok(750_000));
    // "un" may become "unsure", "sp" may become "spam"; both stay in.
    assert_eq!(label(&[("un", 0.2), ("sp", 0.1)]), Ok(600_000));
    assert_eq!(label(&[("ham\"", 0.2), ("hammer", 0.2)]), Ok(750_000));
    assert_eq!(label(&[(" ham", 0.2), ("\\u0068am", 0.2)]), Ok(600_000));
    // A provider that repeats itself does not make the model surer.
    assert_eq!(label(&[("junk", 0.2), ("junk", 0.2)]), Ok(750_000));
    // Impossible figures never lift a signal above 1.
    assert_eq!(label(&[("junk", 0.9), ("x", 0.9)]), Ok(1_000_000));
}

#[test]
fn a_boolean_is_measured_against_its_other_value() {
    let tokens = [
        token("{\"ok\":", 0.1),
        with_others(" true", 0.7, &[(" false", 0.1), (" null", 0.1), (" \"", 0.1)]),
        token("}", 0.1),
    ];
    let allowed = [json!(true), json!(false)];
    // The leading space belongs to each: null and a quote are surely not allowed.
    let read = of_value("{\"ok\": true}", &tokens, "/ok", &allowed);
    assert_eq!(millionths(read), Ok(875_000));
}

#[test]
fn a_plain_text_is_measured_as_a_whole() {
    let tokens = [token("sp", 0.5), token("am", 0.5), token("\n", 0.1)];
    assert_eq!(millionths(of_text("spam\n", &tokens, &[])), Ok(250_000));
    assert_eq!(millionths(of_text("spam", &tokens, &[])), Ok(250_000));
    assert!(of_text(" ", &[token(" ", 1.0)], &[]).is_err());
    let tokens = [with_others("ham", 0.6, &[("spam", 0.2), ("I", 0.2)])];
    let labels = ["ham".to_owned(), "spam".to_owned()];
    assert_eq!(millionths(of_text("ham", &tokens, &labels)), Ok(750_000));
}

fn vote(answers: &[Value], compare: Compare) -> (Result<u32, String>, Option<usize>) {
    let answers: Vec<_> = answers.iter().map(|v| (!v.is_null()).then(|| v.clone())).collect();
    let vote = votes(&answers, &[Path::parse("a").unwrap()], compare);
    (millionths(vote.signal), vote.winner)
}

#[test]
fn the_largest_group_counts_over_all_that_were_asked() {
    let answers = [json!({"a": 1}), json!({"a": 2, "b": 3}), json!({"a": 2}), Value::Null];
    assert_eq!(vote(&answers, Compare::Exact), (Ok(500_000), Some(1)));
}

#[test]
fn a_tie_is_missing() {
    let (signal, winner) = vote(&[json!({"a": 1}), json!({"a": 2})], Compare::Exact);
    assert_eq!((signal, winner), (Err("a tie: 1 of 2 each".into()), None));
    assert!(vote(&[json!({"a": 1})], Compare::Exact).0.is_err());
    assert!(vote(&[Value::Null, Value::Null], Compare::Exact).0.is_err());
}

#[test]
fn answers_may_be_compared_as_sets_or_loosely() {
    let order = [json!({"a": [1, 2]}), json!({"a": [2, 1]}), json!({"a": [2, 1, 1]})];
    assert!(vote(&order, Compare::Exact).0.is_err());
    assert_eq!(vote(&order, Compare::Set), (Ok(666_667), Some(0)));
    let text = [json!({"a": "Yes, it is."}), json!({"a": " yes,  IT is"}), json!({"a": "no"})];
    assert!(vote(&text, Compare::Set).0.is_err());
    assert_eq!(vote(&text, Compare::Loose), (Ok(666_667), Some(0)));
    assert_eq!(vote(&[json!({"a": 1}), json!({"a": 1.0})], Compare::Loose).0, Ok(1_000_000));
}

#[test]
fn a_reported_number_stands_beside_the_value() {
    let answer = json!({"route": "pay", "sure": 0.9, "lines": [{"x": 1, "sure": 90}, {"x": 1}]});
    assert_eq!(millionths(reported(&answer, "/route", "sure")), Ok(900_000));
    assert!(reported(&answer, "/lines/0/x", "sure").is_err());
    assert!(reported(&answer, "/lines/1/x", "sure").is_err());
    assert!(reported(&answer, "/route", "route").is_err());
}

fn transcript(id: &str) -> Option<String> {
    let data = "/../../../shared/data/transcripts/provider_http.jsonl";
    let path = format!("{}{data}", env!("CARGO_MANIFEST_DIR"));
    let Ok(rows) = std::fs::read_to_string(&path) else {
        println!("skipped: {path} is absent");
        return None;
    };
    let rows = rows.lines().map(|row| serde_json::from_str::<Value>(row).unwrap());
    let mut rows = rows.filter(|row| row.get("id").and_then(Value::as_str) == Some(id));
    Some(rows.next()?.get("body")?.as_str()?.to_owned())
}

#[test]
fn a_real_structured_answer_gives_a_signal_for_each_field() {
    let Some(body) = transcript("structlp00001") else { return };
    let body: Value = serde_json::from_str(&body).unwrap();
    let text = body.pointer("/choices/0/message/content").and_then(Value::as_str).unwrap();
    let tokens = body.pointer("/choices/0/logprobs/content").unwrap().clone();
    let tokens: Vec<Token> = serde_json::from_value(tokens).unwrap();
    // "Science" and " Fair": e^(-0.00012964146 - 0.000058603408).
    assert_eq!(millionths(of_value(text, &tokens, "/name", &[])), Ok(999_812));
    // "Friday": e^-0.09504829.
    assert_eq!(millionths(of_value(text, &tokens, "/date", &[])), Ok(909_329));
    assert!(
        of_value(text, &tokens, "", &[]).unwrap() <= of_value(text, &tokens, "/date", &[]).unwrap()
    );
}

#[test]
fn a_real_streamed_text_gives_a_signal_as_a_whole() {
    let Some(body) = transcript("83b060bae42e") else { return };
    let (mut text, mut tokens) = (String::new(), Vec::<Token>::new());
    let lines = body.lines().filter_map(|line| line.strip_prefix("data: {"));
    for line in lines {
        let chunk: Value = serde_json::from_str(&format!("{{{line}")).unwrap();
        let part = chunk.pointer("/choices/0/delta/content").and_then(Value::as_str);
        text.push_str(part.unwrap_or_default());
        let part = chunk.pointer("/choices/0/logprobs/content").cloned();
        tokens.extend(
            part.map(|p| serde_json::from_value::<Vec<Token>>(p).unwrap()).into_iter().flatten(),
        );
    }
    // e^(-0.0025094282 - 0.26638845).
    assert_eq!((text.as_str(), millionths(of_text(&text, &tokens, &[]))), ("Foo!", Ok(764_221)));
}

#[test]
fn a_text_is_plain_exactly_if_json_spells_it_without_an_escape() {
    for letter in (0..=0x2ff).filter_map(char::from_u32) {
        let text = format!("a{letter}");
        let spelled = Value::from(text.as_str()).to_string();
        let escaped = spelled != format!("\"{text}\"");
        let allowed = [Value::from(text.as_str())];
        let known = super::spelling::Spellings::of_values(&allowed, &allowed[0]).is_some();
        assert_eq!(known, !escaped, "{spelled}");
    }
}
