//! The revision: one digest of everything that a policy's decisions rest on (DESIGN.md section 1).
//!
//! Comments and layout are left out; keys, people and subscriptions never count.

use std::collections::BTreeSet;

use backstop_domain::{Digest, ENGINE};
use serde_json::{Map, Value, json};

use crate::compile::Around;
use crate::diagnostics::Report;
use crate::raw;
use crate::source::{FileId, Sources};
use crate::yaml::{self, Kind, Node};

/// Version of the default ladders of DESIGN.md section 3, which policies rest on unwritten.
const DEFAULT_LADDERS: u32 = 1;
/// Keys of a provider or model that decide nothing about an answer.
const NOT_COUNTED: [&str; 3] = ["key", "headers", "keys"];

/// The revision of a policy whose files are `files`, its own first.
pub(crate) fn of(
    policy: &raw::Policy,
    files: &[FileId],
    sources: &Sources,
    around: &Around,
) -> Digest {
    Digest::of_json(&manifest(policy, files, sources, around))
}

/// Every file that the policy's decisions rest on, its own first: what a change of means a change
/// of the policy.
pub(crate) fn rests_on(files: &[FileId], sources: &Sources) -> Vec<String> {
    let mut all: Vec<String> = files.iter().map(|file| sources.path(*file).to_owned()).collect();
    for file in files {
        let Some(tree) = own(sources, *file) else { continue };
        let mut words = BTreeSet::new();
        texts(&tree, &mut words);
        let named: BTreeSet<String> =
            words.iter().flat_map(|word| workspace_files(sources, *file, word)).collect();
        all.extend(named);
    }
    all.push(crate::gateway_file::PATH.to_owned());
    all
}

/// What the revision is the digest of.
pub(crate) fn manifest(
    policy: &raw::Policy,
    files: &[FileId],
    sources: &Sources,
    around: &Around,
) -> Value {
    let trees: Vec<(FileId, Node)> =
        files.iter().filter_map(|file| Some((*file, own(sources, *file)?))).collect();
    let mut words = BTreeSet::new();
    let mut named = BTreeSet::new();
    for (file, tree) in &trees {
        texts(tree, &mut words);
        for word in &words {
            named.extend(workspace_files(sources, *file, word));
        }
    }
    let digests = named.iter().filter_map(|path| {
        let id = sources.find(path)?;
        Some((path.clone(), json!(Digest::of(sources.bytes(id)))))
    });
    let gateway = around.tree.as_ref().map_or(Value::Null, |tree| gateway(tree, &words));
    json!({
        "engine": ENGINE,
        "ladders": DEFAULT_LADDERS,
        "policy": policy.policy.as_str(),
        "rules": trees.iter().map(|(_, tree)| canonical(tree)).collect::<Vec<_>>(),
        "files": digests.collect::<Map<_, _>>(),
        "gateway": gateway,
    })
}

/// A file without what decides nothing on calls that are pinned to it: drafts have revisions of
/// their own, and one that becomes the policy, unchanged, keeps its revision.
fn own(sources: &Sources, file: FileId) -> Option<Node> {
    let mut tree = yaml::parse(sources, file, &mut Report::new())?;
    if let Kind::Map(entries) = &mut tree.kind {
        entries.retain(|entry| !matches!(entry.key.value.as_str(), "shadow" | "canary"));
    }
    Some(tree)
}

/// What the policy in `file` says of its canary.
pub(crate) fn of_canary(sources: &Sources, file: FileId) -> Digest {
    let tree = yaml::parse(sources, file, &mut Report::new());
    let canary = tree.as_ref().and_then(|tree| tree.get("canary"));
    Digest::of_json(&canary.map_or(Value::Null, canonical))
}

/// Every text of a tree, and every key of a map.
fn texts(node: &Node, into: &mut BTreeSet<String>) {
    match &node.kind {
        Kind::Scalar(scalar) => drop(into.insert(scalar.text.clone())),
        Kind::List(items) => items.iter().for_each(|item| texts(item, into)),
        Kind::Map(entries) => entries.iter().for_each(|entry| {
            into.insert(entry.key.value.clone());
            texts(&entry.value, into);
        }),
    }
}

/// Files of the workspace that a word of `file` names: beside it, or as a prompt.
fn workspace_files(sources: &Sources, file: FileId, word: &str) -> Vec<String> {
    let mut found = Vec::new();
    let prompt = format!("prompts/{word}.md");
    if sources.find(&prompt).is_some() {
        found.push(prompt);
    }
    if let Some(path) = raw::FilePath::parse(word) {
        let path = path.beside(sources.path(file));
        if sources.find(&path).is_some() && path != sources.path(file) {
            if path.ends_with(".json") {
                found.extend(crate::compile::reached(sources, &path));
            }
            found.push(path);
        }
    }
    found
}

/// The entries of the gateway file that a policy names, and what holds for every policy.
fn gateway(tree: &Node, words: &BTreeSet<String>) -> Value {
    let mut kept = Map::new();
    for section in ["models", "queues", "services", "hours"] {
        let Some(Node { kind: Kind::Map(entries), .. }) = tree.get(section) else { continue };
        let named =
            entries.iter().filter(|entry| section == "hours" || words.contains(&entry.key.value));
        let named = named.map(|entry| (entry.key.value.clone(), canonical(&entry.value)));
        kept.insert(section.to_owned(), Value::Object(named.collect()));
    }
    for key in ["defaults", "currency"] {
        if let Some(node) = tree.get(key) {
            kept.insert(key.to_owned(), canonical(node));
        }
    }
    Value::Object(kept)
}

/// A tree as JSON: what it says, without layout, comments and credentials.
fn canonical(node: &Node) -> Value {
    match &node.kind {
        Kind::List(items) => items.iter().map(canonical).collect(),
        Kind::Map(entries) => {
            let counted = entries.iter().filter(|entry| {
                !(NOT_COUNTED.contains(&entry.key.value.as_str()) && is_secret(&entry.value))
            });
            let pair = |entry: &yaml::Entry| (entry.key.value.clone(), canonical(&entry.value));
            Value::Object(counted.map(pair).collect())
        }
        Kind::Scalar(_) => node.to_json(),
    }
}

/// `{env: NAME}` or `{file: path}`: where a credential comes from.
fn is_secret(node: &Node) -> bool {
    node.get("env").is_some() || node.get("file").is_some()
}
