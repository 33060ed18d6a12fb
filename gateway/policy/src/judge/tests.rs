//! Stories of judging: what a model sends, and what is found.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;

use backstop_domain::{
    Ask, FailureClass, Finding, Judged, MicroMoney, Millis, Purpose, Source, Status, Verdict,
};
use serde_json::{Value, json};

use super::{Asked, Facts, Given, Judging, PaidKind, PaidResult, ServiceScore, Vote};
use crate::answer::Answer;
use crate::compiled::Policy;
use crate::diagnostics::render;
use crate::prompt::Last;
use crate::source::Sources;
use crate::workspace::Workspace;

const GATEWAY: &str = "\
gateway: test
providers: {p: {url: \"http://127.0.0.1:1/v1\"}}
models:
  sure: {provider: p, model: wire-sure, logprobs: true, schema: true, tools: true}
  plain: {provider: p, model: wire-plain, logprobs: true, tools: true}
services: {scan: {url: \"http://127.0.0.1:2/scan\"}}
queues: {desk: {due: 1h}}
";
const TYPED: &str = "\
policy: t
owner: team
prompt: t
output: schemas/out.json
models: [sure, plain]
queue: desk
confidence: {at: output.word, from: [logprobs, votes: 3], accept: 0.90}
checks:
  scan: {service: scan, at: output.why, fail_over: 0.5, then: escalate}
rules:
  - id: weak
    when: has(signals.confidence) && signals.confidence < 0.95
    then: {escalate: {queue: desk, priority: low}}
  - {id: shouting, when: output.why == \"!\", then: [repair: \"Do not shout.\", reject]}
otherwise: reject
";
const OUTPUT: &str = r#"{"type":"object","properties":{"word":{"enum":["yes","no"]},
    "why":{"type":"string"}},"required":["word","why"],"additionalProperties":false}"#;
const ARGS: &str = r#"{"type":"object","description":"Pays.",
    "properties":{"cents":{"type":"integer"}},"required":["cents"],"additionalProperties":false}"#;

fn policy(text: &str) -> Arc<Policy> {
    let files = [
        ("policies/gateway.yaml", GATEWAY),
        ("policies/t.yaml", text),
        ("policies/schemas/out.json", OUTPUT),
        ("policies/schemas/pay.json", ARGS),
        ("prompts/t.md", "---\ntemperature: 0.2\nmax_tokens: 100\n---\nYes or no?"),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
    let sources = Sources::new(files.into());
    let (workspace, report) = Workspace::load(&sources);
    let told = render::text(&report, &sources, render::Style::Plain);
    Arc::clone(workspace.policy("t").expect(&told))
}

fn facts(policy: &Arc<Policy>, input: Value) -> Facts {
    let asked = Asked {
        input,
        id: "c1".to_owned(),
        tags: BTreeMap::new(),
        received: Millis(1_000),
        salt: b"salt".to_vec(),
        ..Asked::default()
    };
    Facts::new(Arc::clone(policy), asked)
}

/// A completion with one token per given piece, each of that probability.
fn completion(pieces: &[(&str, f64)]) -> Value {
    let text: String = pieces.iter().map(|(piece, _)| *piece).collect();
    let tokens: Vec<Value> = pieces
        .iter()
        .map(|(piece, p)| json!({ "token": piece, "logprob": p.ln(), "top_logprobs": [] }))
        .collect();
    json!({ "choices": [{ "finish_reason": "stop", "message": { "content": text },
        "logprobs": { "content": tokens } }] })
}

fn said(word: &str, why: &str, sure: f64) -> Value {
    let rest = format!("\",\"why\":\"{why}\"}}");
    completion(&[("{\"word\":\"", 0.99), (word, sure), (&rest, 0.99)])
}

fn given(raw: &Value) -> Given<'static> {
    Given::of_model(Answer::from_completion(raw).expect("an answer"), 1, "sure", raw.clone())
}

fn free(facts: &Facts, raw: &Value) -> Judged {
    let mut judging = Judging::of_answer(facts, given(raw), &[]);
    judging.skip_paid();
    judging.finish().0
}

fn finding<'j>(judged: &'j Judged, by: &str) -> &'j Finding {
    judged.findings.iter().find(|finding| finding.by == by).expect(by)
}

fn good_scan() -> Result<PaidResult, String> {
    Ok(PaidResult::Service(ServiceScore { score: Some(0.1), found: Vec::new() }))
}

#[test]
fn a_fenced_answer_is_mended_and_what_would_leave_is_the_strict_json() {
    let policy = policy(TYPED);
    let facts = facts(&policy, json!("a question"));
    let raw = completion(&[("```json\n{\"word\": \"yes\", \"why\": \"x\",}\n```", 0.9)]);
    let judging = Judging::of_answer(&facts, given(&raw), &[]);
    let text = judging.answer().and_then(Answer::first_text).expect("a text").to_owned();
    assert!(serde_json::from_str::<Value>(&text).is_ok(), "{text}");
    let judged = free(&facts, &raw);
    assert_eq!(judged.shape, None);
    assert!(!judged.mended.is_empty());
    assert_ne!(judged.subject.digest, given(&raw).answer.digest());
}

#[test]
fn each_wrong_shape_has_its_class_and_rules_do_not_see_it() {
    let policy = policy(TYPED);
    let facts = facts(&policy, json!("a question"));
    let message = |message: Value, finish: &str| {
        let choice = json!({ "message": message, "finish_reason": finish });
        json!({ "choices": [choice] })
    };
    let table = [
        (message(json!({ "refusal": "no" }), "stop"), FailureClass::Declined),
        (message(json!({ "content": "" }), "content_filter"), FailureClass::Declined),
        (message(json!({ "content": "{\"word\": \"ye" }), "length"), FailureClass::Truncated),
        (message(json!({ "content": "I think yes" }), "stop"), FailureClass::Malformed),
        (message(json!({ "content": "  " }), "stop"), FailureClass::Malformed),
        (message(json!({ "content": "{\"word\": \"maybe\"}" }), "stop"), FailureClass::Schema),
    ];
    for (raw, class) in table {
        let judged = free(&facts, &raw);
        assert_eq!(judged.shape, Some(class), "{raw}");
        assert!(judged.findings.iter().all(|finding| finding.class == Some(class)), "{raw}");
        let ladder = judged.findings[0].objection.as_ref().expect("it objects").ladder.as_str();
        assert_eq!(ladder, format!("on.{class}"));
    }
}

#[test]
fn what_the_paid_part_would_say_is_recorded_as_skipped_and_nothing_is_complete() {
    let policy = policy(TYPED);
    let facts = facts(&policy, json!("a question"));
    let judged = free(&facts, &said("yes", "!", 0.99));
    assert_eq!(finding(&judged, "rules.shouting").status, Status::Fail);
    let texts = &finding(&judged, "rules.shouting").objection.as_ref().expect("objects").texts;
    assert_eq!(texts[0].as_deref(), Some("Do not shout."));
    for by in ["checks.scan", "rules.weak", "confidence.0"] {
        assert_eq!(finding(&judged, by).status, Status::Skipped, "{by}");
    }
    assert!(!judged.complete);
    assert!(!Judging::is_paid_due(Verdict::Repair) && Judging::is_paid_due(Verdict::Accept));
}

#[test]
fn a_sure_answer_asks_the_service_and_no_votes() {
    let policy = policy(TYPED);
    let facts = facts(&policy, json!("a question"));
    let mut judging = Judging::of_answer(&facts, given(&said("yes", "x", 0.97)), &[]);
    let asks = judging.next_paid();
    assert!(matches!(&asks[0].ask, PaidKind::Service { texts, .. } if texts == &["x"]));
    judging.take(asks[0].id, good_scan());
    assert!(judging.next_paid().is_empty(), "log-probabilities were enough");
    let (judged, _) = judging.finish();
    assert!(judged.complete);
    assert_eq!(finding(&judged, "confidence.0").status, Status::Pass);
    assert_eq!(finding(&judged, "rules.weak").status, Status::Pass);
    assert_eq!(judged.signals[0].value.map(|signal| signal.millionths()), Some(970_000));
}

#[test]
fn half_a_signal_is_none_so_votes_are_asked() {
    let policy = policy(TYPED);
    let facts = facts(&policy, json!("a question"));
    let mut raw = said("yes", "x", 0.97);
    let last = &mut raw["choices"][0]["logprobs"]["content"][2];
    last.as_object_mut().expect("a token").remove("logprob");
    let mut judging = Judging::of_answer(&facts, given(&raw), &[]);
    let asks = judging.next_paid();
    judging.take(asks[0].id, good_scan());
    assert!(matches!(judging.next_paid()[0].ask, PaidKind::Votes { .. }));
}

#[test]
fn a_doubtful_answer_is_voted_on_and_the_majority_goes_on() {
    let policy = policy(TYPED);
    let facts = facts(&policy, json!("a question"));
    let mut judging = Judging::of_answer(&facts, given(&said("yes", "x", 0.60)), &[]);
    let asks = judging.next_paid();
    judging.take(asks[0].id, good_scan());
    let asks = judging.next_paid();
    assert!(matches!(asks[0].ask, PaidKind::Votes { more: 2, .. }));
    let vote = |attempt, why: &str| {
        let raw = said("no", why, 0.5);
        Vote { answer: Answer::from_completion(&raw).expect("an answer"), attempt, raw }
    };
    judging.take(asks[0].id, Ok(PaidResult::Votes(vec![vote(2, "first"), vote(3, "second")])));
    // The majority's answer is judged as any answer: the service is asked about it, too.
    let asks = judging.next_paid();
    assert!(matches!(&asks[0].ask, PaidKind::Service { texts, .. } if texts == &["first"]));
    judging.take(asks[0].id, good_scan());
    assert!(judging.next_paid().is_empty(), "votes are not held twice");
    let (judged, answer) = judging.finish();
    assert_eq!(answer.first_value(true).expect("json")["why"], "first");
    assert_eq!((judged.subject.attempt, judged.complete), (Some(2), true));
    let doubt = finding(&judged, "confidence.0");
    assert_eq!((doubt.status, doubt.class), (Status::Fail, Some(FailureClass::LowConfidence)));
    assert!(doubt.message.contains("votes 0.666667"), "{}", doubt.message);
}

#[test]
fn a_missing_signal_and_a_service_that_is_away_never_pass() {
    let policy = policy(TYPED);
    let facts = facts(&policy, json!("a question"));
    let bare =
        json!({ "choices": [{ "message": { "content": "{\"word\":\"yes\",\"why\":\"x\"}" } }] });
    let mut judging = Judging::of_answer(&facts, given(&bare), &[]);
    for _ in 0..5 {
        for ask in judging.next_paid() {
            judging.take(ask.id, Err("away".to_owned()));
        }
    }
    let (judged, _) = judging.finish();
    let scan = finding(&judged, "checks.scan");
    assert_eq!((scan.status, scan.class), (Status::Error, Some(FailureClass::CheckError)));
    assert_eq!(
        scan.objection.as_ref().map(|objection| objection.ladder.as_str()),
        Some("on_error")
    );
    assert_eq!(finding(&judged, "confidence.0").status, Status::Fail);
    assert!(judged.signals.iter().all(|signal| signal.value.is_none()));
}

#[test]
fn an_answer_that_was_never_asked_about_is_not_complete() {
    let policy = policy(TYPED);
    let facts = facts(&policy, json!("a question"));
    let judging = Judging::of_answer(&facts, given(&said("yes", "x", 0.99)), &[]);
    assert!(!judging.finish().0.complete, "nobody asked for the paid part");
    let mut judging = Judging::of_answer(&facts, given(&said("yes", "x", 0.99)), &[]);
    judging.next_paid();
    assert!(!judging.finish().0.complete, "the service has not answered");
}

const TALK: &str = "\
policy: t
owner: team
prompt: t
output: text
models: [plain]
queue: desk
checks:
  privacy: {personal_data: [iban], at: [output, tool.args], then: {repair: {mask: privacy}}}
tools:
  pay:
    effect: write
    args: schemas/pay.json
    limits: [{sum: \"= tool.args.cents\", at_most: 100/day, per: \"= caller.name\"}]
    rules: [{id: large, when: tool.args.cents > 50, then: [repair: \"Less.\", reject]}]
otherwise: reject
";

fn calls(calls: &[(&str, &str)]) -> Value {
    let calls: Vec<Value> = calls
        .iter()
        .enumerate()
        .map(|(at, (name, args))| {
            json!({ "id": format!("c{at}"), "function": { "name": name, "arguments": args } })
        })
        .collect();
    json!({ "choices": [{ "message": { "content": null, "tool_calls": calls } }] })
}

#[test]
fn every_tool_call_is_judged_listed_or_denied_to_its_schema_and_by_its_rules() {
    let policy = policy(TALK);
    let facts = facts(&policy, json!("pay"));
    let judged = free(
        &facts,
        &calls(&[
            ("pay", "{\"cents\": 7}"),
            ("pay", "{\"cents\": 70}"),
            ("pay", "{\"cents\": \"7\"}"),
            ("burn", "{}"),
        ]),
    );
    let classes: Vec<(Option<FailureClass>, &str)> = judged
        .findings
        .iter()
        .filter(|finding| finding.status == Status::Fail)
        .map(|finding| (finding.class, finding.at.as_deref().unwrap_or_default()))
        .collect();
    assert!(classes.contains(&(Some(FailureClass::Rule), "/tool_calls/1")), "{classes:?}");
    let invalid = (Some(FailureClass::ToolInvalid), "/tool_calls/2/function/arguments/cents");
    assert!(classes.contains(&invalid), "{classes:?}");
    let denied = (Some(FailureClass::ToolDenied), "/tool_calls/3/function/name");
    assert!(classes.contains(&denied), "{classes:?}");
    assert!(judged.writes);
}

#[test]
fn a_tools_limit_adds_up_what_one_answer_takes() {
    let policy = policy(TALK);
    let facts = facts(&policy, json!("pay"));
    let raw = calls(&[("pay", "{\"cents\": 7}"), ("pay", "{\"cents\": 8}")]);
    let mut judging = Judging::of_answer(&facts, given(&raw), &[]);
    let uses = judging.tool_uses();
    assert_eq!((uses.len(), uses[0].amount, uses[0].most), (1, 15, 100));
    judging.deny_tool("pay", "the daily sum is used up");
    let denied = |finding: &Finding| finding.class == Some(FailureClass::ToolDenied);
    assert!(judging.findings().iter().any(denied));
}

#[test]
fn every_choice_is_judged_and_pointers_say_which() {
    let policy = policy(TALK);
    let facts = facts(&policy, json!("hello"));
    let choice = |text: &str| json!({ "message": { "content": text } });
    let raw = json!({ "choices": [choice("fine"), choice("DE89 3704 0044 0532 0130 00")] });
    let judged = free(&facts, &raw);
    let found = judged.findings.iter().find(|finding| finding.status == Status::Fail);
    assert_eq!(found.and_then(|finding| finding.at.as_deref()), Some("/choices/1"));
    assert_eq!(found.and_then(|finding| finding.evidence.as_deref()), Some("iban"), "no number");
}

#[test]
fn a_mask_takes_out_what_was_found_and_the_rest_stands() {
    let policy = policy(TALK);
    let facts = facts(&policy, json!("hello"));
    let answer = Answer::text("Pay to DE89 3704 0044 0532 0130 00 by Friday.");
    let given = Given::of(answer, Source::Model, Some(1), Some("plain".to_owned()));
    let masked = policy.mask(&facts, given, &["privacy".to_owned()]).expect("it can be masked");
    assert_eq!(masked.first_text(), Some("Pay to [iban] by Friday."));
    let again = Given::of(masked, Source::Model, Some(1), None);
    let judging = Judging::of_answer(&facts, again, &[]);
    assert!(judging.findings().iter().all(|finding| finding.objection.is_none()));
}

fn ask(model: &str, purpose: Purpose) -> Ask {
    Ask { model: model.to_owned(), purpose, not_before: None, tell: Vec::new(), doublings: 0 }
}

#[test]
fn a_request_tells_the_schema_as_a_setting_or_in_words() {
    let policy = policy(TYPED);
    let facts = facts(&policy, json!("Is it?"));
    let body = policy.request(&facts, &ask("sure", Purpose::Answer), None).expect("a body");
    assert_eq!(body["model"], "wire-sure");
    assert_eq!(body["response_format"]["json_schema"]["strict"], true);
    assert_eq!(body["logprobs"], true);
    assert_eq!(body["messages"][0], json!({ "role": "system", "content": "Yes or no?" }));
    assert_eq!(body["messages"][1], json!({ "role": "user", "content": "Is it?" }));
    let body = policy.request(&facts, &ask("plain", Purpose::Answer), None).expect("a body");
    assert!(body.get("response_format").is_none());
    let told = body["messages"][0]["content"].as_str().expect("a text");
    assert!(told.contains("JSON Schema") && told.contains("\"enum\""), "{told}");
}

#[test]
fn a_repair_says_what_was_wrong_where_and_twice_the_room_is_given_after_a_cut() {
    let policy = policy(TYPED);
    let facts = facts(&policy, json!("Is it?"));
    let content = r#"{"word": "maybe", "why": ""}"#;
    let raw = json!({ "choices": [{ "message": { "content": content } }] });
    let judged = free(&facts, &raw);
    let answer = Answer::from_completion(&raw).expect("an answer");
    let last = Last { answer: Some(&answer), findings: &judged.findings };
    let mut repair = ask("sure", Purpose::Repair);
    repair.tell = vec!["Decide.".to_owned()];
    repair.doublings = 1;
    let body = policy.request(&facts, &repair, Some(last)).expect("a body");
    assert_eq!(body["max_tokens"], 200);
    assert_eq!(body["messages"][2]["role"], "assistant");
    let told = body["messages"][3]["content"].as_str().expect("a text");
    assert!(told.contains("at /word:") && told.contains("Decide."), "{told}");
}

const THROUGH: &str = "\
policy: t
owner: team
models: [plain]
output: request
tools: request
otherwise: reject
";

#[test]
fn a_passed_through_request_goes_on_as_it_came_and_is_held_to_its_own_contract() {
    let policy = policy(THROUGH);
    let schema = json!({
        "type": "object", "properties": { "n": { "type": "integer" } }, "required": ["n"],
    });
    let body = json!({
        "model": "t", "messages": [{ "role": "user", "content": "hi" }], "seed": 7, "stream": true,
        "x_unknown": { "kept": true }, "backstop": { "wait": 1 }, "n": 1,
        "response_format": {
            "type": "json_schema", "json_schema": { "name": "n", "schema": schema },
        },
        "tools": [{ "type": "function", "function": { "name": "pay", "parameters": schema } }],
    });
    let input = policy.read_chat(&body).expect("a good body");
    let asked = Asked { input, ..Asked::default() };
    let facts = Facts::new(Arc::clone(&policy), asked);
    let sent = policy.request(&facts, &ask("plain", Purpose::Answer), None).expect("a body");
    assert_eq!((&sent["model"], &sent["seed"]), (&json!("wire-plain"), &json!(7)));
    assert_eq!(sent["x_unknown"], json!({ "kept": true }));
    assert!(sent.get("backstop").is_none() && sent.get("stream").is_none());
    let answer = |text: &str| json!({ "choices": [{ "message": { "content": text } }] });
    assert_eq!(free(&facts, &answer("{\"n\": 1}")).shape, None);
    assert_eq!(free(&facts, &answer("{\"n\": \"1\"}")).shape, Some(FailureClass::Schema));
    let judged = free(&facts, &calls(&[("pay", "{\"n\": \"x\"}"), ("steal", "{}")]));
    let classes: Vec<_> = judged.findings.iter().filter_map(|finding| finding.class).collect();
    assert_eq!(classes, [FailureClass::ToolInvalid, FailureClass::ToolDenied]);
}

/// A typed call hands in the body alone: its messages are judged and sent all the same.
#[test]
fn the_messages_that_are_judged_are_those_that_the_model_reads() {
    let keys = "conversation: {messages: 5}\nchecks:\n  \
                keys: {secrets: all, at: message, then: reject}\n";
    let policy = policy(&format!("{THROUGH}{keys}"));
    let said = "my key is sk-proj-T3BlbkFJabcdefghijklmnopqrstuvwxyz0123456789ABCD";
    let input = json!({ "messages": [{ "role": "user", "content": said }] });
    let facts = facts(&policy, policy.read_input(input).expect("a good body"));
    let found = Judging::of_request(&facts).finish_request();
    assert_eq!(found[0].status, Status::Fail, "{found:?}");
    let sent = policy.request(&facts, &ask("plain", Purpose::Answer), None).expect("a body");
    assert_eq!(sent["messages"][0]["content"], json!(said));
}

#[test]
fn what_a_call_has_used_since_a_condition_looked_is_seen_by_the_next_one() {
    let policy = policy(TYPED);
    let mut facts = facts(&policy, json!("a question"));
    let seen = |facts: &Facts| facts.view().variable("call").expect("`call`").clone();
    let first = seen(&facts);
    assert_eq!((&first["attempts"], &first["cost"]), (&json!(0), &json!(0.0)));
    facts.set_progress(2, MicroMoney(1_500_000));
    let later = seen(&facts);
    assert_eq!((&later["attempts"], &later["cost"]), (&json!(2), &json!(1.5)));
    assert_eq!((&later["key"], &later["received"]), (&json!("c1"), &json!(1_000)));
}

#[test]
fn a_broken_contract_of_the_caller_is_refused_with_its_pointer() {
    let policy = policy(THROUGH);
    let body = json!({ "messages": [{ "role": "user", "content": "hi" }], "response_format":
        { "type": "json_schema", "json_schema": { "schema": { "type": "nonsense" } } } });
    let problems = policy.read_chat(&body).expect_err("a broken schema");
    assert_eq!(problems[0].pointer, "/response_format/json_schema/schema");
    assert!(policy.read_chat(&json!({ "messages": [] })).is_err());
}
