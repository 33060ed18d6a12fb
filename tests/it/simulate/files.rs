//! The policy and the gateway file of the simulation: every way through the machine, with people.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use backstop_engine::InForce;
use backstop_tests::bench;

const GATEWAY: &str = r#"
gateway: simulated
providers: {nobody: {url: "http://127.0.0.1:1/v1"}}
models:
  small: {provider: nobody, model: small, schema: true, tools: true}
  large: {provider: nobody, model: large, schema: true, tools: true}
queues:
  desk: {due: 5min, on_expiry: reject, undo: 8s}
  second: {due: 3min, on_expiry: fallback}
  pair: {due: 10min, on_expiry: reject, approvals: 2}
  seen: {due: 2min, on_expiry: approve, approve_unseen: true}
  audit: {due: 1h, blind: true}
callers:
  flow: {keys: ["sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"], owner: tilda}
"#;

const LABEL: &str = r#"
description: A text in, a label out.
owner: tests
prompt: label
input: text
output: schemas/label.json
models: [small, large]
queue: desk
deadline: 40s
budget: {attempts: 5, changes: 1}
on:
  transport: [{retry: {times: 1, backoff: 2s}}, next_model, fallback]
  timeout: [next_model, fallback]
  overloaded: [{retry: {times: 2, backoff: 4s}}, next_model, escalate]
  malformed: [{repair: 1}, next_model, fallback]
rules:
  - {id: unsure, for: model, when: output.label == "unsure", then: escalate}
  - {id: grave, for: model, when: output.label == "grave", then: escalate}
  - {id: grave-too, for: model, when: output.label == "grave", then: {escalate: second}}
  - {id: pair, for: model, when: output.label == "pair", then: {escalate: pair}}
  - {id: seen, for: model, when: output.label == "seen", then: {escalate: seen}}
  - {id: draw, for: model, when: output.label == "draw", then: {accept: {also_review: audit}}}
fallback: {answer: {label: none}}
otherwise: fallback
"#;

const VOTES: &str = "confidence: {at: output.label, from: [votes: 3], accept: 0.6}\n";

const SCHEMA: &str = r#"{
  "type": "object",
  "additionalProperties": false,
  "required": ["label"],
  "properties": {"label": {"enum": ["ham", "unsure", "grave", "pair", "seen", "draw", "none"]}}
}"#;

/// What a text may ask for.
pub const LABELS: [&str; 6] = ["ham", "unsure", "grave", "pair", "seen", "draw"];

/// The files, by path.
pub fn files() -> BTreeMap<String, String> {
    let policy = |name: &str, more: &str| format!("policy: {name}{LABEL}{more}");
    let files = [
        ("policies/gateway.yaml", GATEWAY.to_owned()),
        ("policies/label.yaml", policy("label", "")),
        ("policies/once.yaml", policy("once", "repeatable: false\n")),
        ("policies/votes.yaml", policy("votes", VOTES)),
        ("policies/schemas/label.json", SCHEMA.to_owned()),
        ("prompts/label.md", "Label it.\n\n{{ input }}\n".to_owned()),
    ];
    files.into_iter().map(|(path, text)| (path.to_owned(), text)).collect()
}

/// The files, loaded; once for all seeds.
pub fn workspace() -> Arc<InForce> {
    static LOADED: OnceLock<Arc<InForce>> = OnceLock::new();
    Arc::clone(LOADED.get_or_init(|| bench::load(&files())))
}
