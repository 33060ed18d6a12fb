//! What crosses files and is wrong is told at its place, with a way to mend it.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use crate::diagnostics::render;
use crate::source::Sources;
use crate::workspace::Workspace;

const GATEWAY: &str = "\
gateway: test
providers: {p: {url: \"http://127.0.0.1:1/v1\"}}
models:
  small: {provider: p, model: s, context: 4096, logprobs: true, schema: true}
  blind: {provider: p, model: b}
queues:
  desk: {due: 1h}
  soft: {due: 1h, on_expiry: fallback}
";
const POLICY: &str = "\
policy: t
owner: team
prompt: t
input: schemas/in.json
output: schemas/out.json
models: [small]
queue: desk
data: {people: {file: data/people.csv, key: name}}
rules:
  - {id: first, when: output.score > 5, then: escalate}
fallback: {answer: {word: no, score: 0}}
otherwise: fallback
";
const INPUT: &str = r#"{"type":"object","properties":{"name":{"type":"string"},
    "score":{"type":"integer","minimum":0,"maximum":9},"note":{"type":"string"}},
    "required":["name","score"],"additionalProperties":false}"#;
const OUTPUT: &str = r#"{"type":"object","properties":{"word":{"enum":["yes","no"]},
    "score":{"type":"integer","minimum":0,"maximum":10}},
    "required":["word","score"],"additionalProperties":false}"#;

/// The report on that policy, as text.
fn told(policy: &str, prompt: &str) -> String {
    let files = [
        ("policies/gateway.yaml", GATEWAY),
        ("policies/t.yaml", policy),
        ("policies/schemas/in.json", INPUT),
        ("policies/schemas/out.json", OUTPUT),
        ("policies/data/people.csv", "name,age:int\nAda,36\nBob,41\n"),
        ("prompts/t.md", prompt),
    ];
    let files: BTreeMap<String, Vec<u8>> =
        files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
    let sources = Sources::new(files);
    let (workspace, report) = Workspace::load(&sources);
    assert_eq!(workspace.policies.is_empty(), report.has_errors(), "absent exactly when wrong");
    render::text(&report, &sources, render::Style::Plain)
}

/// The policy with one text replaced.
fn with(old: &str, new: &str) -> String {
    assert!(POLICY.contains(old), "{old}");
    told(&POLICY.replace(old, new), "Judge {{ input.name }}.")
}

#[test]
fn the_policy_that_all_of_these_spoil_is_right() {
    assert_eq!(told(POLICY, "Judge {{ input.name }}."), "");
}

/// Each replacement is told with that message, at that place: (replaced, by what, message, place).
fn are_told(table: &[(&str, &str, &str, &str)]) {
    let mut missed = Vec::new();
    for (old, new, message, place) in table {
        let told = with(old, new);
        if !(told.contains(message) && told.contains(place)) {
            missed.push(format!("{new}\n{message} at {place}\n{told}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n---\n"));
}

#[test]
fn each_mistake_in_a_name_a_rule_or_the_fallback_is_told_at_its_place() {
    are_told(&[
        ("models: [small]", "models: [smal]", "there is no model `smal`", "t.yaml:6:10"),
        ("queue: desk", "queue: dsk", "there is no queue `dsk`", "t.yaml:7:8"),
        ("queue: desk\n", "", "`escalate` has no queue", "t.yaml:9:47"),
        ("queue: desk", "queue: desk\npending: {then: fallbak}", "fallbak", "t.yaml:8"),
        ("prompt: t", "prompt: u", "there is no prompt `u`", "t.yaml:3:9"),
        ("schemas/in.json", "schemas/inn.json", "there is no file", "t.yaml:4:8"),
        ("output.score > 5", "output.scor > 5", "scor", "t.yaml:10"),
        ("output.score > 5", "output.score", "true or false", "t.yaml:10"),
        ("output.score > 5", "output.score > 50", "", "t.yaml:10"),
        ("output.score > 5", "input.note == output.word", "has(", "t.yaml:10"),
        ("output.score > 5", "'data.people[input.name].age > 5'", "in data.people", "t.yaml:10"),
        ("key: name", "key: nam", "there is no column `nam`", "t.yaml:8"),
        (
            "then: escalate}",
            "then: {escalate: {queue: soft, may_edit: [output.wrd]}}}",
            "wrd",
            "t.yaml:10",
        ),
        (
            "then: escalate}",
            "then: {repair: {mask: nobody}}}",
            "there is no check `nobody`",
            "t.yaml:10",
        ),
        (
            "queue: desk",
            "queue: desk\ntools:\n  t: {effect: read, args: schemas/in.json, compensate: undo}",
            "`compensate` stands at a tool that only reads",
            "t.yaml:9",
        ),
        ("then: escalate}", "then: {next_model: small}}", "never goes back", "t.yaml:10"),
        ("then: escalate}", "then: [escalate], on_error: accept}", "`accept`", "t.yaml:10"),
        (
            "{word: no, score: 0}",
            "{word: maybe, score: 0}",
            "breaks the output's schema",
            "t.yaml:11",
        ),
        ("{word: no, score: 0}", "{word: no}", "lacks the field \"score\"", "t.yaml:11"),
        (
            "{word: no, score: 0}",
            "{word: no, score: 0, more: 1}",
            "does not know: `more`",
            "t.yaml:11",
        ),
        ("{word: no, score: 0}", "{word: \"= input.name\", score: 0}", "not certain", "t.yaml:11"),
        (
            "{word: no, score: 0}",
            "{word: no, score: \"= input.score + 1\"}",
            "not certain",
            "t.yaml:11",
        ),
        ("fallback: {answer: {word: no, score: 0}}\n", "", "no `fallback:`", "t.yaml:11"),
    ]);
}

#[test]
fn each_promise_that_cannot_be_kept_is_told_at_its_place() {
    are_told(&[
        (
            "owner: team",
            "owner: team\nconfidence: {at: output.wrod, from: [logprobs], accept: 0.9}",
            "no place `output.wrod`",
            "t.yaml:3",
        ),
        (
            "models: [small]",
            "models: [blind]\nconfidence: {at: output.word, from: [logprobs], accept: 0.9}",
            "gives no token log-probabilities",
            "t.yaml:7",
        ),
        (
            "owner: team",
            "owner: team\nconfidence: {at: output.word, from: [votes: 5], accept: 0.9}",
            "can take 5 attempts, the budget has 4",
            "t.yaml:3",
        ),
        (
            "owner: team",
            "owner: team\nchecks: {c: {pattern: \"(a+)+\", at: output.word}}",
            "repetition",
            "t.yaml:3",
        ),
        ("owner: team", "owner: team\ncriticality: sheddable", "without a model", "t.yaml:3"),
        (
            "owner: team",
            "owner: team\nconversation: {tokens: 9k}",
            "model `small` has 4096",
            "t.yaml",
        ),
        ("owner: team", "owner: team\nbudget: {cost: $1}", "needs a price", "t.yaml"),
    ]);
}

#[test]
fn two_policies_that_share_a_broken_prompt_are_both_absent() {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut add = |path: &str, text: &str| files.insert(path.to_owned(), text.as_bytes().to_vec());
    add("policies/gateway.yaml", GATEWAY);
    add("policies/schemas/in.json", INPUT);
    add("policies/schemas/out.json", OUTPUT);
    add("policies/data/people.csv", "name,age:int\nAda,36\n");
    add("prompts/t.md", "Judge {{ input.nmae }}.");
    for name in ["a", "b"] {
        let text = POLICY.replace("policy: t\n", &format!("policy: {name}\n"));
        add(&format!("policies/{name}.yaml"), &text);
    }
    let (workspace, report) = Workspace::load(&Sources::new(files));
    assert_eq!((workspace.policies.len(), report.error_count()), (0, 1));
}

#[test]
fn a_prompt_variable_that_the_schema_lacks_is_told_with_line_and_column() {
    let told =
        told(POLICY, "---\ntemperature: 0\n---\n# user\nOf {{ input.nmae }}:\n{{ inptu }}\n");
    assert!(told.contains("prompts/t.md:5:7") && told.contains("did you mean `name`?"), "{told}");
    assert!(told.contains("prompts/t.md:6:4") && told.contains("`inptu` is not known"), "{told}");
}

#[test]
fn an_optional_prompt_variable_has_to_be_asked_for_first() {
    let bare = told(POLICY, "{{ input.note }}");
    assert!(bare.contains("`input.note` may be missing"), "{bare}");
    for asked in [
        "{% if input.note is defined %}{{ input.note }}{% endif %}",
        "{{ input.note | default(\"\") }}",
        "{{ input.note if input.note is defined else \"none\" }}",
    ] {
        assert_eq!(told(POLICY, asked), "", "{asked}");
    }
}

#[test]
fn a_fallback_may_copy_an_input_whose_schema_lies_within_the_outputs() {
    assert_eq!(with("{word: no, score: 0}", "{word: no, score: \"= input.score\"}"), "");
}

#[test]
fn layout_and_comments_leave_the_revision_alone_and_a_number_does_not() {
    let revision = |policy: &str, schema: &str| {
        let files = [
            ("policies/gateway.yaml", GATEWAY),
            ("policies/t.yaml", policy),
            ("policies/schemas/in.json", INPUT),
            ("policies/schemas/out.json", schema),
            ("policies/data/people.csv", "name,age:int\nAda,36\n"),
            ("prompts/t.md", "Judge {{ input.name }}."),
        ];
        let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
        let (workspace, _) = Workspace::load(&Sources::new(files.into()));
        workspace.policy("t").expect("it loads").revision()
    };
    let first = revision(POLICY, OUTPUT);
    let laid_out = POLICY.replace("models: [small]", "models:\n  - small   # the only one");
    assert_eq!(revision(&laid_out, OUTPUT), first);
    assert_ne!(revision(&POLICY.replace("> 5", "> 6"), OUTPUT), first);
    assert_ne!(revision(POLICY, &OUTPUT.replace("10", "9")), first);
}

#[test]
fn a_hundred_policies_are_loaded_in_one_go() {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut add = |path: &str, text: &str| files.insert(path.to_owned(), text.as_bytes().to_vec());
    add("policies/gateway.yaml", GATEWAY);
    add("policies/schemas/in.json", INPUT);
    add("policies/schemas/out.json", OUTPUT);
    add("policies/data/people.csv", "name,age:int\nAda,36\n");
    add("prompts/t.md", "Judge {{ input.name }}.");
    for number in 0..100 {
        let text = POLICY.replace("policy: t\n", &format!("policy: t{number}\n"));
        add(&format!("policies/t{number}.yaml"), &text);
    }
    let (workspace, report) = Workspace::load(&Sources::new(files));
    assert!(report.is_empty());
    assert_eq!(workspace.policies.len(), 100);
}
