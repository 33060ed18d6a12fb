//! Tests beside policies and inside them: read strictly, held to the names they use, and played.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use crate::diagnostics::render;
use crate::source::Sources;
use crate::workspace::Workspace;
use crate::{Tried, run_test};

const GATEWAY: &str = "\
gateway: test
providers: {p: {url: \"http://127.0.0.1:1/v1\"}}
models:
  small: {provider: p, model: s, logprobs: true}
  large: {provider: p, model: l, logprobs: true}
queues: {desk: {due: 1h}, night: {due: 1h}}
";
const POLICY: &str = "\
policy: t
owner: team
prompt: t
input: text
output: schemas/out.json
models: [small, large]
queue: desk
data: {people: {file: data/people.csv, key: name}}
confidence: {at: output.word, from: [logprobs], accept: 0.80}
rules:
  - id: too-high
    when: output.score > 5
    then: [repair, escalate]
  - id: stranger
    unless: output.name in data.people
    then: escalate
on: {breaker_open: [wait, fallback]}
fallback: {answer: {word: no, score: 0, name: Ada}}
otherwise: fallback
example: {input: Hello, output: {word: yes, score: 1, name: Ada}, signals: {logprobs: 0.9}}
";
const OUTPUT: &str = r#"{"type":"object","properties":{"word":{"enum":["yes","no"]},
    "score":{"type":"integer","minimum":0,"maximum":10},"name":{"type":"string"}},
    "required":["word","score","name"],"additionalProperties":false}"#;

fn files(beside: &str) -> Sources {
    workspace(POLICY, beside)
}

fn workspace(policy: &str, beside: &str) -> Sources {
    let files = [
        ("policies/gateway.yaml", GATEWAY),
        ("policies/t.yaml", policy),
        ("policies/t_test.yaml", beside),
        ("policies/schemas/out.json", OUTPUT),
        ("policies/data/people.csv", "name,age:int\nAda,36\nBob,41\n"),
        ("prompts/t.md", "Answer."),
    ];
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
    Sources::new(files.collect::<BTreeMap<_, _>>())
}

/// The report on a workspace with that test file.
fn told(beside: &str) -> String {
    let sources = files(beside);
    let (_, report) = Workspace::load(&sources);
    render::text(&report, &sources, render::Style::Plain)
}

/// What the one test of that file comes to.
fn tried(test: &str) -> Tried {
    tried_of(POLICY, test)
}

/// What the test comes to with another policy.
fn tried_of(policy: &str, test: &str) -> Tried {
    let sources = workspace(policy, &format!("policy: t\ntests:\n  - {test}\n"));
    let (workspace, report) = Workspace::load(&sources);
    let told = render::text(&report, &sources, render::Style::Plain);
    assert!(report.is_empty(), "{told}");
    let policy = workspace.policy("t").expect("it is in order");
    let [test] = workspace.tests_of("t") else { panic!("one test") };
    run_test(policy, &sources, test)
}

fn passes(test: &str) {
    let tried = tried(test);
    assert!(tried.passed(), "{test}\n{:?}\n{}", tried.failed, tried.way.join("\n"));
}

#[test]
fn tests_beside_a_policy_are_its_tests() {
    passes("{name: plain, expect: {verdict: accept}}");
    let failing = tried("{name: plain, expect: {verdict: reject}}");
    assert_eq!(failing.failed, ["verdict: expected reject, was accept"]);
}

#[test]
fn a_test_file_is_refused_like_any_rules_file() {
    let cases = [
        ("policy: t\n", "needs the key `tests`", "t_test.yaml:1:1"),
        ("policy: t\ntests: []\n", "there is no test", "t_test.yaml:2:1"),
        ("policy: u\ntests: [{name: a, expect: {verdict: accept}}]\n", "no policy `u`", ":1:9"),
        ("policy: t\ntest: [{name: a, expect: {verdict: accept}}]\n", "did you mean `tests`", ":2"),
        ("policy: t\ntests: [{name: a, expect: {verdct: accept}}]\n", "`verdict`", ":2:28"),
        ("", "the file is empty", "t_test.yaml:1:1"),
    ];
    for (text, message, place) in cases {
        let told = told(text);
        assert!(told.contains(message) && told.contains(place), "{text}\n{told}");
    }
}

#[test]
fn a_name_in_a_test_that_refers_to_nothing_is_told() {
    let cases = [
        ("{name: a, expect: {rule: to-high}}", "no rule `to-high`", "did you mean `too-high`"),
        ("{name: a, expect: {queue: dsk}}", "no queue `dsk`", "did you mean `desk`"),
        ("{name: a, signals: {logprob: 0.5}, expect: {}}", "no signal `logprob`", "`logprobs`"),
        (
            "{name: a, change: {signals.logprob: 1}, expect: {}}",
            "no signal `logprob`",
            "`logprobs`",
        ),
        ("{name: a, checks: {pii: fail}, expect: {}}", "no check `pii`", ""),
        ("{name: a, expect: {way: [smal, accept]}}", "no model of this policy", "`small`"),
    ];
    for (test, message, help) in cases {
        let told = told(&format!("policy: t\ntests:\n  - {test}\n"));
        assert!(told.contains(message) && told.contains(help), "{test}\n{told}");
    }
    let twins = "policy: t\ntests:\n  - {name: a, expect: {}}\n  - {name: a, expect: {}}\n";
    assert!(told(twins).contains("two tests of this policy are named `a`"), "{}", told(twins));
}

#[test]
fn the_way_is_every_model_asked_and_every_verdict() {
    passes(
        "{name: a, fail: overloaded, expect: {way: [small, retry, small, next_model, large, fallback, accept]}}",
    );
    passes("{name: a, change: {output.score: 6}, expect: {way: [small, repair, small, escalate]}}");
    let wrong = tried("{name: a, expect: {way: [large, accept]}}");
    assert_eq!(wrong.failed, ["way: expected large → accept, was small → accept"]);
}

#[test]
fn the_text_of_a_refusal_can_be_expected_like_that_of_an_answer() {
    let reject = "then: {reject: \"Nobody knows {{ output.name }}.\"}";
    let policy = POLICY.replacen("then: escalate", reject, 1);
    let stranger =
        "{name: a, change: {output.name: Eve}, expect: {outcome: refused, text_has: TEXT}}";
    let met = tried_of(&policy, &stranger.replace("TEXT", "Nobody knows Eve."));
    assert!(met.passed(), "{:?}", met.failed);
    let wrong = tried_of(&policy, &stranger.replace("TEXT", "Adieu"));
    assert_eq!(wrong.failed, ["text: expected Adieu, was Nobody knows Eve."]);
    passes("{name: a, expect: {outcome: accepted, text_has: \"score\\\":1\"}}");
}

#[test]
fn a_breaker_and_a_limiter_say_when_they_let_go() {
    let held = "answers: [{fail: breaker_open}, {}]";
    passes(&format!("{{name: a, {held}, expect: {{way: [small, retry, small, accept]}}}}"));
}

#[test]
fn data_of_a_test_takes_the_place_of_the_files() {
    passes("{name: a, change: {output.name: Eve}, expect: {rule: stranger}}");
    passes(
        "{name: a, change: {output.name: Eve}, data: {people: {Eve: {name: Eve, age: 3}}}, expect: {not_rule: stranger}}",
    );
    passes(
        "{name: a, change: {output.name: Eve, data.people.Eve: {age: 3}}, expect: {not_rule: stranger}}",
    );
    let wrong = tried("{name: a, data: {persons: {}}, expect: {}}");
    assert_eq!(wrong.failed, ["the policy has no data `persons`"]);
}

#[test]
fn a_test_written_by_a_machine_reads_back_as_it_was() {
    let text = "policy: t\ntests:\n  - name: \"odd: name\"\n    input: policies/x.txt\n    \
                change: {output.score: 6, signals.logprobs: 0.5}\n    checks: {}\n    \
                answers: [{output: {word: \"true\"}, signals: {logprobs: missing}}, {fail: quota}, {}]\n    \
                review: [approve]\n    expect: {rule: too-high, way: [small, accept], answer: {word: no}}\n";
    let sources = Sources::single("policies/t_test.yaml", text);
    let file = sources.find("policies/t_test.yaml").expect("it is there");
    let mut report = crate::Report::new();
    let read = crate::raw::load_tests(&sources, file, &mut report).expect("it is read");
    let again = format!("policy: t\ntests:\n{}", read.tests.first().expect("one").words("  "));
    let sources = Sources::single("policies/t_test.yaml", again.as_str());
    let back = crate::raw::load_tests(&sources, file, &mut report).expect("it is read again");
    let words = |tests: &[crate::raw::Test]| tests.first().expect("one").words("");
    assert_eq!(words(&read.tests), words(&back.tests), "{again}");
    assert!(!report.has_errors(), "{again}");
    for part in ["policies/x.txt", "\"odd: name\"", "\"true\"", "missing", "fail: quota", "approve"]
    {
        assert!(again.contains(part), "{part}\n{again}");
    }
}
