//! What the stories are told on: a small policy with known holes, and the sample workspace.

use std::collections::BTreeMap;
use std::path::Path;

use backstop_evals::mutate::Watcher;
use backstop_policy::diagnostics::render;
use backstop_policy::{Sources, Workspace};

pub type Files = BTreeMap<String, Vec<u8>>;

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
confidence: {at: output.word, from: [logprobs], accept: 0.80}
checks:
  keys: {secrets: all, at: output, then: reject}
rules:
  - id: too-high
    when: output.score > 5
    then: {escalate: night}
on:
  schema: [repair, next_model, fallback]
fallback: {answer: {word: no, score: 0}}
otherwise: escalate
example: {input: Hello, output: {word: yes, score: 1}, signals: {logprobs: 0.9}}
";
const OUTPUT: &str = r#"{"type":"object","properties":{"word":{"enum":["yes","no"]},
    "score":{"type":"integer","minimum":0,"maximum":10}},
    "required":["word","score"],"additionalProperties":false}"#;

/// The small policy with these tests, and with one text replaced.
pub fn small(tests: &str, old: &str, new: &str) -> Files {
    assert!(POLICY.contains(old), "{old}");
    let policy = POLICY.replacen(old, new, 1);
    let beside = format!("policy: t\ntests:\n{tests}");
    let files = [
        ("policies/gateway.yaml", GATEWAY),
        ("policies/t.yaml", &policy),
        ("policies/t_test.yaml", &beside),
        ("policies/schemas/out.json", OUTPUT),
        ("prompts/t.md", "Answer."),
    ];
    files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
}

/// The small policy with these tests.
pub fn plain(tests: &str) -> Files {
    small(tests, "policy: t\n", "policy: t\n")
}

/// Every file of the sample workspace.
pub fn sample() -> Files {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Files::new();
    for folder in ["policies", "prompts"] {
        collect(&root, &root.join(folder), &mut files);
    }
    files
}

fn collect(root: &Path, folder: &Path, into: &mut Files) {
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(root, &path, into);
        } else {
            let name = path.strip_prefix(root).expect("below the root");
            let name = name.to_str().expect("a plain name").to_owned();
            into.insert(name, std::fs::read(&path).expect("readable"));
        }
    }
}

/// A workspace without errors.
pub fn load(files: &Files) -> (Workspace, Sources) {
    let sources = Sources::new(files.clone());
    let (workspace, report) = Workspace::load(&sources);
    let told = render::text(&report, &sources, render::Style::Plain);
    assert!(!report.has_errors(), "{told}");
    (workspace, sources)
}

/// Nobody looks, and time does not end.
pub struct Patient;

impl Watcher for Patient {
    fn progress(&self, _: usize, _: usize) {}

    fn is_over(&self) -> bool {
        false
    }
}
