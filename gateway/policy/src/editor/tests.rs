//! What an editor is told, on a small workspace, with the cursor where `|` stands.
#![expect(clippy::expect_used, reason = "tests")]

use std::collections::BTreeMap;

use super::*;
use crate::source::{FileId, Sources};

const GATEWAY: &str = "\
gateway: test
providers: {p: {url: \"http://127.0.0.1:1/v1\"}}
models:
  small: {provider: p, model: s, logprobs: true}
  large: {provider: p, model: l}
queues:
  desk: {due: 1h}
  fraud: {due: 2h, approvals: 2}
services: {detector: {url: \"http://127.0.0.1:1/d\"}}
hours: {office: {zone: UTC, open: {mon-fri: \"08:00-17:00\"}}}
";
const INPUT: &str = r##"{"type":"object","properties":{
  "vendor":{"type":"string","description":"Who sent the invoice."},
  "note":{"type":"string"},
  "lines":{"type":"array","items":{"$ref":"#/$defs/line"}}},
  "required":["vendor","lines"],"additionalProperties":false,
  "$defs":{"line":{"type":"object","properties":{"amount":{"type":"integer","minimum":0,"description":"In cents."}},
  "required":["amount"],"additionalProperties":false}}}"##;
const OUTPUT: &str = r#"{"type":"object","properties":{"route":{"enum":["pay","hold"]},
  "total":{"type":"integer","minimum":0,"maximum":10}},"required":["route","total"],
  "additionalProperties":false}"#;
const ARGS: &str =
    r#"{"type":"object","properties":{"order":{"type":"string"}},"required":["order"]}"#;
const HEAD: &str = "\
policy: t
owner: team
prompt: t
input: schemas/in.json
output: schemas/out.json
models: [small]
data: {vendors: {file: data/vendors.csv, key: name}}
values: {most: 5}
queue: desk
otherwise: escalate
";

/// `rest` behind the head of a policy, and the byte of its `|`.
fn policy(rest: &str) -> (Sources, FileId, u32) {
    let text = format!("{HEAD}{rest}");
    let at = text.find('|').expect("a cursor");
    workspace(&text.replacen('|', "", 1), at)
}

fn workspace(text: &str, at: usize) -> (Sources, FileId, u32) {
    let files = [
        ("policies/gateway.yaml", GATEWAY),
        ("policies/t.yaml", text),
        ("policies/schemas/in.json", INPUT),
        ("policies/schemas/out.json", OUTPUT),
        ("policies/schemas/args.json", ARGS),
        ("policies/data/vendors.csv", "name,iban\nAcme,DE1\n"),
        ("prompts/t.md", "Say {{ input.vendor }}.\n"),
    ];
    let files: BTreeMap<String, Vec<u8>> =
        files.into_iter().map(|(path, text)| (path.to_owned(), text.into())).collect();
    let sources = Sources::new(files);
    let file = sources.find("policies/t.yaml").expect("the policy");
    (sources, file, u32::try_from(at).expect("a small file"))
}

fn offered(rest: &str) -> Vec<String> {
    let (sources, file, at) = policy(rest);
    let mut editor = Editor::new();
    // The types are learnt from the last text that could be read, as an editor does while one types.
    let (before, id, _) = policy("rules: []|");
    drop(editor.complete(&before, id, 0));
    editor.complete(&sources, file, at).into_iter().map(|one| one.label).collect()
}

fn hovered(rest: &str) -> String {
    let (sources, file, at) = policy(rest);
    Editor::new().hover(&sources, file, at).map(|hover| hover.text).unwrap_or_default()
}

fn defined(rest: &str) -> String {
    let (sources, file, at) = policy(rest);
    let found = Editor::new().definition(&sources, file, at);
    found.map_or_else(String::new, |span| {
        format!("{}:{} {}", sources.path(span.file), sources.line_column(span), sources.slice(span))
    })
}

#[track_caller]
fn has(all: &[String], wanted: &[&str], not: &[&str]) {
    for word in wanted {
        assert!(all.iter().any(|one| one == word), "{word} is missing in {all:?}");
    }
    for word in not {
        assert!(!all.iter().any(|one| one == word), "{word} is among {all:?}");
    }
}

#[test]
fn keys_are_offered_where_they_may_stand() {
    has(&offered("de|"), &["description", "deadline", "rules"], &["otherwise"]);
    has(&offered("rules:\n  - id: a\n    |"), &["when", "unless", "then", "because"], &["id"]);
    has(&offered("rules:\n  - id: a\n    when: output.total > 1\n    th|\n"), &["then"], &["when"]);
    has(&offered("rules:\n  - {id: a, th|}"), &["then"], &["id"]);
    has(&offered("rules:\n  - {id: a, |"), &["then"], &["id"]);
    has(&offered("budget: {att|"), &["attempts", "tokens", "cost"], &[]);
    has(
        &offered("checks:\n  a:\n    pattern: x\n    |"),
        &["must", "at", "then"],
        &["words", "pass"],
    );
    has(&offered("on:\n  |"), &["schema", "low_confidence"], &["rule"]);
    has(&offered("tests:\n  - name: x\n    expect: {|}"), &["rule", "queue", "outcome"], &[]);
}

#[test]
fn words_and_names_are_offered_as_values() {
    has(&offered("criticality: |"), &["critical", "standard", "sheddable"], &[]);
    has(&offered("rules:\n  - id: a\n    then: esc|"), &["escalate", "reject", "repair"], &[]);
    has(&offered("rules:\n  - id: a\n    then: [repair: 2, |]"), &["escalate", "next_model"], &[]);
    has(&offered("rules:\n  - id: a\n    then: {escalate: |}"), &["desk", "fraud"], &["small"]);
    has(&offered("rules:\n  - id: a\n    then: {escalate: {queue: fr|"), &["fraud"], &[]);
    has(&offered("on: {schema: [next_model: |]}"), &["small", "large"], &[]);
    has(&offered("checks: {a: {service: |, at: output}}"), &["detector"], &[]);
    has(&offered("checks: {a: {judge: |, at: output}}"), &["t"], &[]);
    has(&offered("repeatable: |"), &["true", "false"], &[]);
    has(
        &offered("tools: {x: {effect: read, args: sch|}}"),
        &["schemas/args.json"],
        &["data/vendors.csv"],
    );
    let rest = "checks: {secrets: {secrets: all, at: output}}\nrules: [{id: big, then: escalate}]\n\
                tests:\n  - name: x\n    expect: {rule: |}";
    has(&offered(rest), &["big"], &[]);
}

#[test]
fn fields_are_offered_behind_a_dot_by_their_types() {
    has(
        &offered("rules:\n  - id: a\n    when: output.|\n    then: reject"),
        &["route", "total"],
        &[],
    );
    has(&offered("rules:\n  - id: a\n    when: output.to|"), &["total"], &[]);
    has(&offered("rules:\n  - id: a\n    when: |"), &["output", "input", "values", "sum"], &[]);
    has(&offered("rules:\n  - id: a\n    when: values.|"), &["most"], &[]);
    has(&offered("rules:\n  - id: a\n    when: data.|"), &["vendors"], &[]);
    has(&offered("rules:\n  - id: a\n    when: data.vendors[input.vendor].|"), &["iban"], &[]);
    has(
        &offered("rules:\n  - id: a\n    when: sum(input.lines.map(l, l.|)) > 1"),
        &["amount"],
        &[],
    );
    has(&offered("rules:\n  - id: a\n    when: sum(input.lines.map(l, l.am|"), &["amount"], &[]);
    has(&offered("rules:\n  - id: a\n    because: \"It is {{ output.| }}\""), &["route"], &[]);
    has(
        &offered("fallback: {answer: {route: hold, total: \"= input.|\"}}"),
        &["vendor", "note"],
        &[],
    );
    has(&offered("confidence: {at: output.|, from: logprobs, accept: 0.9}"), &["route"], &[]);
    has(
        &offered("confidence: {at: input.lines.*.|, from: logprobs, accept: 0.9}"),
        &["amount"],
        &[],
    );
    let tools =
        "tools: {x: {effect: read, args: schemas/args.json, rules: [{id: a, then: reject}]}}";
    let (before, id, _) = policy(&format!("{tools}|"));
    let (sources, file, at) = policy(
        "tools: {x: {effect: read, args: schemas/args.json, rules: [{id: a, then: reject, when: tool.args.|}]}}",
    );
    let mut editor = Editor::new();
    drop(editor.complete(&before, id, 0));
    let found = editor.complete(&sources, file, at);
    has(&found.into_iter().map(|one| one.label).collect::<Vec<_>>(), &["order"], &[]);
}

#[test]
fn what_is_offered_takes_the_place_of_the_word_that_is_typed() {
    let (sources, file, at) = policy("criticality: stan|d");
    let found = Editor::new().complete(&sources, file, at);
    let one = found.first().expect("an offer");
    assert_eq!(sources.slice(one.span), "stand");
    let (sources, file, at) = policy("tools: {x: {effect: read, args: schemas/ar|}}");
    let found = Editor::new().complete(&sources, file, at);
    let one = found.first().expect("an offer");
    assert_eq!(sources.slice(one.span), "schemas/ar");
}

#[test]
fn keys_words_names_and_parts_of_conditions_say_what_they_are() {
    assert!(hovered("dead|line: 5s").contains("How long the automatic part may take"));
    assert!(hovered("dead|line: 5s").contains("Default: `30s`"));
    assert!(hovered("criticality: shed|dable").starts_with("**sheddable**: "));
    assert!(hovered("rules: [{id: a, then: esc|alate}]").contains("A person decides"));
    assert!(hovered("rules: [{id: a, then: {esc|alate: fraud}}]").contains("A person decides"));
    let queue = hovered("rules: [{id: a, then: {escalate: fra|ud}}]");
    assert!(queue.contains("queue `fraud`") && queue.contains("approvals: 2"), "{queue}");
    assert!(hovered("tests: [{name: x, fail: time|out, expect: {}}]").contains("First byte"));
    let total = hovered("rules:\n  - id: a\n    when: output.tot|al > 1\n    then: reject");
    assert!(total.starts_with("`output.total`: a whole number from 0 to 10"), "{total}");
    let vendor = hovered("rules:\n  - id: a\n    when: input.ven|dor == \"x\"\n    then: reject");
    assert!(vendor.contains("a text") && vendor.contains("Who sent the invoice."), "{vendor}");
    let amount = hovered(
        "rules:\n  - id: a\n    unless: sum(input.lines.map(l, l.amo|unt)) == 1\n    then: reject",
    );
    assert!(amount.contains("In cents."), "{amount}");
    let block = hovered(
        "rules:\n  - id: a\n    when: |\n      output.total > 1\n      && output.route == \"pay\"\n    then: reject",
    );
    assert_eq!(block, "", "the cursor stands at the mark of the block");
    assert!(
        hovered("rules: [{id: a, because: \"äö {{ output.rou|te }}\", then: reject}]")
            .contains("`pay`, `hold`")
    );
    assert!(
        hovered("confidence: {at: output.rou|te, from: logprobs, accept: 0.9}").contains("`pay`")
    );
    assert!(
        hovered("rules:\n  - id: a\n    when: su|m([1]) > 0\n    then: reject")
            .contains("sum(a list of numbers)")
    );
}

#[test]
fn the_third_line_of_a_block_is_found_as_well() {
    let text = format!(
        "{HEAD}rules:\n  - id: a\n    when: |\n      output.total > 1\n\n      && input.vendor == \"x\"\n    then: reject\n"
    );
    let at = text.find("vendor ==").expect("the place") + 2;
    let (sources, file, at) = workspace(&text, at);
    let hover = Editor::new().hover(&sources, file, at).expect("a hover");
    assert!(hover.text.contains("Who sent the invoice."), "{}", hover.text);
    assert_eq!(sources.slice(hover.span), "input.vendor");
}

#[test]
fn names_paths_and_fields_lead_to_where_they_are_from() {
    assert_eq!(
        defined("rules: [{id: a, then: {escalate: fra|ud}}]"),
        "policies/gateway.yaml:8:3 fraud"
    );
    assert_eq!(defined("rules: [{id: a, then: esca|late}]"), "policies/gateway.yaml:7:3 desk");
    assert_eq!(defined("on: {schema: [{next_model: lar|ge}]}"), "policies/gateway.yaml:5:3 large");
    assert_eq!(defined("checks: {a: {judge: t|, model: small, at: output}}"), "prompts/t.md:1:1 ");
    assert_eq!(
        defined("checks: {a: {secrets: all, at: output, then: {repair: {mask: a|}}}}"),
        "policies/t.yaml:11:10 a"
    );
    assert_eq!(
        defined("tools: {x: {effect: read, args: schemas/ar|gs.json}}"),
        "policies/schemas/args.json:1:1 "
    );
    let rules = "rules: [{id: big, then: reject}]\ntests: [{name: x, expect: {rule: bi|g}}]";
    assert_eq!(defined(rules), "policies/t.yaml:11:14 big");
    let condition =
        |text: &str| defined(&format!("rules:\n  - id: a\n    when: {text}\n    then: reject"));
    assert_eq!(condition("output.tot|al > values.most"), "policies/schemas/out.json:2:3 \"total\"");
    assert_eq!(condition("output.total > values.mo|st"), "policies/t.yaml:8:10 most");
    assert_eq!(condition("input.vendor in data.ven|dors"), "policies/data/vendors.csv:1:1 ");
    assert_eq!(
        condition("input.lines.exists(l, l.amo|unt > 1)"),
        "policies/schemas/in.json:6:50 \"amount\""
    );
    assert_eq!(defined("private: input.ven|dor"), "policies/schemas/in.json:2:3 \"vendor\"");
}

#[test]
fn the_outline_names_rules_checks_and_tests() {
    let text = format!(
        "{HEAD}checks: {{leak: {{secrets: all, at: output}}}}\nrules:\n  - {{id: big, then: reject}}\ntests: [{{name: all is well, expect: {{}}}}]\n"
    );
    let (sources, file, _) = workspace(&text, 0);
    let tree = crate::yaml::parse(&sources, file, &mut crate::Report::new()).expect("a tree");
    let found = outline(&tree, crate::format::FileKind::Policy.root());
    let child = |name: &str| {
        let one = found.iter().find(|one| one.name == name).expect("a key");
        one.children.iter().map(|one| (one.name.clone(), one.kind)).collect::<Vec<_>>()
    };
    assert_eq!(child("checks"), [("leak".to_owned(), SymbolKind::Entry)]);
    assert_eq!(child("rules"), [("big".to_owned(), SymbolKind::Rule)]);
    assert_eq!(child("tests"), [("all is well".to_owned(), SymbolKind::Test)]);
}

/// Why it matters: every state of a file between the first letter and the last is one that a server
/// is asked about.
#[test]
fn a_file_that_is_half_written_is_answered_at_every_letter() {
    let whole = include_str!("../raw/tests/support-refund.yaml");
    let mut editor = Editor::new();
    let mut offers = 0;
    for (at, _) in whole.char_indices().step_by(11) {
        let (sources, file, at) = workspace(whole.get(..at).expect("a border"), at);
        offers += editor.complete(&sources, file, at).len();
        drop(editor.hover(&sources, file, at.saturating_sub(2)));
        let _ = editor.definition(&sources, file, at.saturating_sub(2));
    }
    assert!(offers > 1000, "{offers}");
}
