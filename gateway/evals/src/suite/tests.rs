//! How suites are read: strictly, with every problem at its place, and refused when they can show
//! nothing.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;

use backstop_policy::diagnostics::render;
use backstop_policy::keys::json_schema;
use backstop_policy::{Sources, Workspace};
use serde_json::json;

use super::*;

const GATEWAY: &str = "gateway: t\nproviders: {p: {url: \"http://127.0.0.1:1\"}}\n\
                       models: {m: {provider: p, model: m}}\n";
const POLICY: &str = "policy: label\nowner: me\nprompt: label\noutput: label.json\nmodels: [m]\n\
                      rules: [{id: r, when: output.label == \"x\", then: reject}]\notherwise: reject\n";
const SCHEMA: &str = r#"{"type": "object", "properties": {"label": {"enum": ["x", "y"]}},
    "required": ["label"], "additionalProperties": false}"#;

fn cases(number: usize) -> String {
    let line = |at: usize| {
        format!(
            "{{\"id\": \"c-{at}\", \"input\": \"text\", \"expect\": {{\"output\": {{\"label\": \"y\"}}}}}}\n"
        )
    };
    (0..number).map(line).collect()
}

fn load(suite: &str, cases: &str) -> (Suites, String) {
    let files = [
        ("policies/gateway.yaml", GATEWAY),
        ("policies/label.yaml", POLICY),
        ("policies/label.json", SCHEMA),
        ("prompts/label.md", "# user\n{{ input }}\n"),
        ("evals/s/suite.yaml", suite),
        ("evals/s/cases/a.jsonl", cases),
    ];
    let files: BTreeMap<String, Vec<u8>> =
        files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
    let sources = Sources::new(files);
    let (workspace, report) = Workspace::load(&sources);
    assert!(!report.has_errors(), "{}", render::text(&report, &sources, render::Style::Plain));
    let (suites, report) = Suites::load(&sources, &workspace);
    (suites, render::text(&report, &sources, render::Style::Plain))
}

const GOOD: &str = "suite: s\npolicy: label\nowner: me\nscores: {label: {exact: output.label}}\n\
                    gates: [{of: wrong_accepted, at_most: 10%}]\n";

#[test]
fn a_suite_that_is_in_order_loads_with_its_cases() {
    let (suites, shown) = load(GOOD, &cases(40));
    assert_eq!(shown, "");
    let suite = &suites.0["s"];
    assert_eq!((suite.cases.len(), suite.correct.as_slice()), (40, &["label".to_owned()][..]));
    assert_eq!(suite.cases[3].place, ("evals/s/cases/a.jsonl".to_owned(), 4));
}

#[test]
fn every_mistake_is_told_at_its_place() {
    let table = [
        ("suite: s", "suite: other", "1:8", "stands in the folder `s`"),
        ("policy: label", "policy: lable", "2:9", "did you mean `label`?"),
        ("of: wrong_accepted", "of: wrong_acepted", "5:14", "did you mean `wrong_accepted`?"),
        ("of: wrong_accepted", "of: score.lable", "5:14", "there is no score `lable`"),
        ("exact: output.label", "exact: input", "4:25", "a score looks at the answer"),
        ("at_most: 10%", "at_most: 10", "5:39", "is not a share"),
        ("at_most: 10%", "no_worse_by: 1%", "5:9", "only scores and `expected`"),
        ("at_most: 10%", "at_most: 0%", "5:9", "no number of cases can show this"),
        ("at_most: 10%", "at_most: 5%", "5:9", "59 cases without a single miss are the fewest"),
        ("of: wrong_accepted, at_most: 10%", "of: latency_p95, at_most: 2s", "5:9", "live tier"),
        (
            "scores: {label: {exact: output.label}}\n",
            "",
            "4:14",
            "nothing says which answers are right",
        ),
        ("gates: [{of: wrong_accepted, at_most: 10%}]\n", "", "1:1", "the suite asserts nothing"),
    ];
    for (good, bad, place, words) in table {
        let (suites, shown) = load(&GOOD.replace(good, bad), &cases(40));
        let at = format!("evals/s/suite.yaml:{place}");
        assert!(
            shown.contains(&at) && shown.contains(words),
            "{bad}: not {at} `{words}` in\n{shown}"
        );
        assert!(suites.0.is_empty(), "{bad}");
    }
}

#[test]
fn a_line_that_is_no_case_is_told_with_its_line() {
    let text = format!("{}not json\n{{\"id\": \"c-1\", \"input\": 1}}\n", cases(40));
    let (_, shown) = load(GOOD, &text);
    assert!(shown.contains("a.jsonl:41:"), "{shown}");
    assert!(shown.contains("the case `c-1` stands twice"), "{shown}");
    let odd = cases(40).replace("\"expect\": {", "\"expect\": {\"outcome\": \"acepted\", ");
    assert!(load(GOOD, &odd).1.contains("did you mean `accepted`?"));
}

#[test]
fn a_suite_without_cases_is_refused() {
    let (suites, shown) = load(GOOD, "\n");
    assert!(suites.0.is_empty() && shown.contains("the suite has no cases"), "{shown}");
}

#[test]
fn what_a_gate_can_show_is_said_before_it_runs() {
    let gates = "gates: [{of: wrong_accepted, at_most: 10%}, {of: score.label, no_worse_by: 0%}]\n";
    let text = GOOD.replace("gates: [{of: wrong_accepted, at_most: 10%}]\n", gates);
    let (suites, shown) = load(&text, &cases(40));
    assert_eq!(shown, "");
    let power = suites.0["s"].power();
    assert_eq!(power[0].can_show, "without a single hit: at most 7.22 %");
    assert_eq!(power[1].can_show, "a drop of 16.23 % is found in 4 runs of 5");
}

#[test]
fn answers_are_scored_beside_what_is_expected() {
    let (suites, shown) = load(
        &GOOD.replace(
            "{label: {exact: output.label}}",
            "{label: {exact: output.label}, near: {number: output.n, within: 10%}, \
             some: {set: output.l.*, at_least: 50%}, says: {when: \"has(output.n) && has(expected.n) && output.n > expected.n\"}}",
        ),
        &cases(40),
    );
    assert_eq!(shown, "");
    let scores = &suites.0["s"].scores;
    let expected = json!({"label": "y", "n": 100, "l": [1, 2, 3]});
    let score = |name: &str, output: serde_json::Value| {
        let subject =
            Subject { output: Some(&output), expected: Some(&expected), ..Subject::default() };
        scores[name].scorer.score(&subject).unwrap()
    };
    assert_eq!(score("label", json!({"label": "y"})), Some(true));
    assert_eq!(score("label", json!({})), Some(false), "nothing is not the right answer");
    assert_eq!(score("near", json!({"n": 91})), Some(true));
    assert_eq!(score("near", json!({"n": 89})), Some(false));
    assert_eq!(score("near", json!({"n": "100"})), Some(false), "a text is no number");
    assert_eq!(score("some", json!({"l": [1, 2]})), Some(true));
    assert_eq!(score("some", json!({"l": [1, 8, 9]})), Some(false));
    assert_eq!(score("says", json!({"n": 101})), Some(true));
}

#[test]
fn the_schema_that_is_kept_is_that_of_the_tables() {
    let place = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let kept = std::fs::read_to_string(place.join("../policy/suite.schema.json"));
    let mend = "it is old; write it again: backstop schema --out gateway/policy";
    assert!(kept.unwrap_or_default() == json_schema::text(FILE), "{mend}");
}

#[test]
fn editors_know_every_metric_and_no_other() {
    let words: Vec<_> = keys::METRICS.iter().map(|word| word.name).collect();
    let metrics: Vec<_> = Metric::plain().map(|(name, _)| name).collect();
    assert_eq!(words, metrics);
}

/// As an editor sees it: these suites are written as JSON is, too.
fn by_schema(suite: &serde_json::Value) -> Vec<String> {
    let schema = jsonschema::draft7::new(&json_schema::schema(FILE)).unwrap();
    schema.iter_errors(suite).map(|error| error.to_string()).collect()
}

#[test]
fn schema_and_loader_allow_and_refuse_the_same_shapes() {
    let good = json!({
        "suite": "s", "policy": "label", "owner": "me", "description": "What for.",
        "tiers": {"replay": {"repeats": 2}, "live": {"repeats": 3, "cost": "$0.50"}},
        "must_pass": ["c-1"], "correct": "label", "review": "4min", "confidence": "90%",
        "scores": {
            "label": {"exact": "output.label"}, "near": {"number": "output.n", "within": 1.5},
            "share": {"number": "tool.args.n", "within": "2%"},
            "some": {"set": "output.l.*", "at_least": "50%"}, "says": {"when": "text != \"\""},
            "asked": {"judge": "label", "pass": "70%", "agreement": "75%"},
        },
        "gates": [
            {"of": "wrong_accepted", "at_most": "10%", "confidence": "90%"},
            {"of": "score.label", "no_worse_by": "1%"}, {"of": "repairs", "at_most": 1.5},
            {"of": "cost_per_accepted", "at_most": "$0.02"},
            {"of": "latency_p95", "at_most": "2s", "tier": "live"},
        ],
        "quarantine": [{"case": "c-2", "until": "2026-12-31", "because": "it flickers"}],
    });
    let (suites, shown) = load(&good.to_string(), &cases(60));
    assert!(suites.0.contains_key("s"), "{shown}");
    assert_eq!(by_schema(&good), [""; 0]);

    let wrong = [
        ("/suite", json!(["s"])),
        ("/owner", json!(null)),
        ("/review", json!("4m")),
        ("/confidence", json!("most")),
        ("/tiers/replay", json!({"cost": "$1"})),
        ("/tiers/live", json!({"repeats": 3})),
        ("/tiers/nightly", json!({})),
        ("/tiers/replay/repeats", json!("twice")),
        ("/must_pass", json!([])),
        ("/scores/label", json!({})),
        ("/scores/label/within", json!(1)),
        ("/scores/label/number", json!("output.n")),
        ("/scores/near/within", json!("near")),
        ("/scores/some/pass", json!("50%")),
        ("/scores/label/exact", json!("somewhere")),
        ("/gates/0/of", json!("wrong_acepted")),
        ("/gates/0/at_least", json!("1%")),
        ("/gates/0/at_most", json!("few")),
        ("/gates/1/no_worse_by", json!("$1")),
        ("/gates/4/tier", json!("nightly")),
        ("/gates/4/because", json!("it must")),
        ("/quarantine/0/until", json!("next year")),
        ("/quarantine/0/because", json!(null)),
        ("/sorce", json!("x")),
    ];
    for (place, value) in wrong {
        let mut bad = good.clone();
        let (parent, key) = place.rsplit_once('/').unwrap();
        match bad.pointer_mut(parent).unwrap() {
            serde_json::Value::Object(map) => drop(map.insert(key.to_owned(), value.clone())),
            other => panic!("{place} is in {other}"),
        }
        let (suites, shown) = load(&bad.to_string(), &cases(60));
        assert!(suites.0.is_empty(), "the loader takes {place}: {value}\n{shown}");
        assert!(!by_schema(&bad).is_empty(), "the schema takes {place}: {value}");
    }
}
