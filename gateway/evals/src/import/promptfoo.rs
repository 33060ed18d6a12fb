//! A promptfoo configuration: its `tests:` with `vars:` and `assert:`.
//!
//! Source: "Test Case configuration" and "Assertions and metrics" of that project's manual.

use backstop_policy::Policy;
use backstop_policy::diagnostics::Report;
use backstop_policy::source::Sources;
use backstop_policy::yaml::{self, Kind, Node};
use serde_json::{Map, Value};

use super::{Imported, blank, truth};
use crate::suite::Case;

/// Reads a configuration.
///
/// # Errors
/// In words, if it is not YAML or has no tests.
pub fn promptfoo(policy: &Policy, text: &str) -> Result<Imported, String> {
    let sources = Sources::single("promptfooconfig.yaml", text);
    let mut report = Report::new();
    let file = sources.find("promptfooconfig.yaml").ok_or("the file is not there")?;
    let tree = yaml::parse(&sources, file, &mut report);
    let tree = tree.filter(|_| !report.has_errors()).ok_or_else(|| {
        let first = report.sorted().first().map(|problem| problem.message.clone());
        first.unwrap_or_else(|| "it is not YAML".to_owned())
    })?;
    let mut imported = Imported::default();
    if let Kind::Map(entries) = &tree.kind {
        for entry in entries.iter().filter(|entry| entry.key.value != "tests") {
            let key = &entry.key.value;
            imported.left.push(format!("`{key}`: prompts and models stand in the policy here"));
        }
    }
    let Some(Node { kind: Kind::List(tests), .. }) = tree.get("tests") else {
        return Err("it has no list `tests:`; tests in files of their own are not followed".into());
    };
    for (number, test) in tests.iter().enumerate() {
        one(policy, test, number + 1, &mut imported);
    }
    Ok(imported)
}

fn one(policy: &Policy, test: &Node, number: usize, imported: &mut Imported) {
    let id = format!("test-{number}");
    let description = test.get("description").and_then(Node::as_text).map(str::to_owned);
    let mut case = blank(id.clone(), description);
    let Some(Value::Object(vars)) = test.get("vars").map(Node::to_json) else {
        imported.left.push(format!("{id}: it has no `vars`"));
        return;
    };
    case.input = input(policy, vars);
    let asserts = match test.get("assert").map(|node| &node.kind) {
        Some(Kind::List(asserts)) => asserts.as_slice(),
        _ => &[],
    };
    for assert in asserts {
        if let Err(why) = carry(assert, &mut case) {
            imported.left.push(format!("{id}: {why}"));
        }
    }
    if let Kind::Map(entries) = &test.kind {
        let known = ["description", "vars", "assert"];
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.value.as_str())) {
            imported.left.push(format!("{id}: `{}`", entry.key.value));
        }
    }
    imported.cases.push(case);
}

/// One variable is the text of a policy that takes text; else they are the fields of the input.
fn input(policy: &Policy, vars: Map<String, Value>) -> Value {
    let text = matches!(policy.input, backstop_policy::compiled::InputOf::Text);
    match (text, vars.len()) {
        (true, 1) => vars.into_iter().next().map_or(Value::Null, |(_, value)| value),
        _ => Value::Object(vars),
    }
}

fn carry(assert: &Node, case: &mut Case) -> Result<(), String> {
    let kind = assert.get("type").and_then(Node::as_text).unwrap_or("");
    let value = assert.get("value").map(Node::to_json);
    match (kind, value) {
        ("equals", Some(value)) => case.expect.output = Some(truth(&value)),
        ("contains" | "icontains", Some(Value::String(text))) => case.expect.text_has.push(text),
        ("contains-all" | "icontains-all", Some(Value::Array(parts))) => {
            let texts = parts.iter().filter_map(Value::as_str).map(str::to_owned);
            case.expect.text_has.extend(texts);
        }
        ("is-json", None) => {}
        ("is-json", Some(_)) => {
            return Err("a schema of a test: it is the policy's `output`".into());
        }
        ("cost" | "latency", _) => return Err(format!("`{kind}`: write a gate instead")),
        ("llm-rubric" | "model-graded-closedqa" | "factuality" | "g-eval", _) => {
            return Err(format!("`{kind}`: write a score with `judge:` instead"));
        }
        ("javascript" | "python" | "webhook", _) => {
            return Err(format!("`{kind}`: code is not run; write a score with `when:` instead"));
        }
        (other, _) => return Err(format!("the assertion `{other}`")),
    }
    Ok(())
}
