//! The JSON Schemas beside the loader: every file that we hand out is to its schema.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use backstop_evals::suite;
use backstop_policy::format::FileKind;
use backstop_policy::keys::json_schema::{KINDS, schema};
use backstop_policy::yaml::{self, Kind, Node};
use backstop_policy::{Report, Sources};
use backstop_tests::binary;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A tree as an editor's YAML server sees it.
fn json(node: &Node) -> Value {
    match &node.kind {
        Kind::List(items) => items.iter().map(json).collect(),
        Kind::Map(entries) => {
            Value::Object(entries.iter().map(|e| (e.key.value.clone(), json(&e.value))).collect())
        }
        Kind::Scalar(_) if node.is_null() => Value::Null,
        Kind::Scalar(scalar) => match (node.as_bool(), node.as_number()) {
            (Some(word), _) => Value::Bool(word),
            (None, Some(number)) => Value::Number(number),
            (None, None) => Value::String(scalar.text.clone()),
        },
    }
}

fn tree(path: &str, text: &str) -> Value {
    let sources = Sources::single(path, text);
    let mut report = Report::new();
    json(&yaml::parse(&sources, sources.find(path).unwrap(), &mut report).expect("YAML"))
}

fn validator(name: &str) -> jsonschema::Validator {
    let mut kinds = KINDS.into_iter().chain([suite::FILE]);
    jsonschema::draft7::new(&schema(kinds.find(|kind| kind.name == name).unwrap())).unwrap()
}

#[test]
fn every_file_that_we_hand_out_is_to_its_schema() {
    let mut seen = 0;
    for folder in ["policies", "prompts", "gateway/cli/src/starter", "tests/workspace/policies"] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{folder}/{}", path.file_name().unwrap().to_string_lossy());
            let Ok(text) = fs::read_to_string(&path) else { continue };
            let Some(kind) = FileKind::of(&name, &text) else { continue };
            let (schema, text) = match kind {
                FileKind::Policy => ("policy", text.as_str()),
                FileKind::Fragment => ("fragment", text.as_str()),
                FileKind::Gateway => ("gateway", text.as_str()),
                FileKind::Tests => ("test", text.as_str()),
                FileKind::Prompt => match text.strip_prefix("---\n") {
                    Some(rest) => ("prompt", rest.split("\n---").next().unwrap()),
                    None => continue,
                },
            };
            let value = tree(&name, text);
            let problems: Vec<_> =
                validator(schema).iter_errors(&value).map(|error| error.to_string()).collect();
            assert!(problems.is_empty(), "{name}: {problems:?}");
            seen += 1;
        }
    }
    assert!(seen > 15, "{seen} files");
}

/// The files of all sample suites.
fn suites() -> impl Iterator<Item = PathBuf> {
    let folders = fs::read_dir(root().join("evals")).unwrap();
    folders.map(|folder| folder.unwrap().path().join("suite.yaml")).filter(|path| path.exists())
}

#[test]
fn every_sample_suite_is_to_the_schema_of_suites() {
    let schema = validator("suite");
    for path in suites() {
        let value = tree("suite.yaml", &fs::read_to_string(&path).unwrap());
        let problems: Vec<_> = schema.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{}: {problems:?}", path.display());
    }
    assert!(suites().count() > 3);
}

#[test]
fn a_file_that_names_its_schema_names_one_that_is_there() {
    let rules = fs::read_dir(root().join("policies")).unwrap().map(|entry| entry.unwrap().path());
    let rules = rules.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    for path in rules.chain(suites()) {
        for line in fs::read_to_string(&path).unwrap().lines() {
            if let Some(schema) = line.strip_prefix("# yaml-language-server: $schema=") {
                assert!(path.parent().unwrap().join(schema).exists(), "{}", path.display());
            }
        }
    }
}

#[test]
fn the_command_prints_what_is_kept() {
    for kind in ["policy", "fragment", "gateway", "prompt", "test", "suite"] {
        let output = Command::new(binary::path()).args(["schema", kind]).output().unwrap();
        let kept = fs::read(root().join(format!("gateway/policy/{kind}.schema.json"))).unwrap();
        assert!(output.status.success() && output.stdout == kept, "{kind}");
    }
}
