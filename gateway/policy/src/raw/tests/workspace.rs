//! The sample workspace at the repository's root is read without a problem.

use std::collections::BTreeMap;
use std::path::Path as FilePath;

use super::*;
use crate::gateway_file::{PATH, load_gateway};

/// Every file below `folder`, by its path from the repository's root.
fn collect(root: &FilePath, folder: &str, into: &mut BTreeMap<String, Vec<u8>>) {
    let entries = std::fs::read_dir(root.join(folder)).expect("a folder of the workspace");
    for entry in entries {
        let entry = entry.expect("an entry");
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(root, &path, into);
        } else {
            into.insert(path, std::fs::read(entry.path()).expect("a file"));
        }
    }
}

/// Policies stand directly in their folder; below it are fragments, data and fixtures.
fn is_policy(path: &str) -> bool {
    let name = path.strip_prefix("policies/").and_then(|name| name.strip_suffix(".yaml"));
    name.is_some_and(|name| !name.contains('/') && !name.ends_with("_test"))
}

#[test]
fn the_sample_workspace_is_read_without_a_problem() {
    let root = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut map = BTreeMap::new();
    collect(&root, "policies", &mut map);
    collect(&root, "prompts", &mut map);
    let sources = Sources::new(map);
    let mut report = Report::new();
    let mut policies = 0;
    for id in sources.ids() {
        let path = sources.path(id);
        if path == PATH {
            load_gateway(&sources, id, &mut report);
        } else if path.ends_with(".md") {
            load_prompt(&sources, id, &mut report);
        } else if path.ends_with("_test.yaml") {
            load_tests(&sources, id, &mut report);
        } else if is_policy(path) {
            policies += usize::from(load_policy(&sources, id, &mut report).is_some());
        }
    }
    let shown = render::text(&report, &sources, render::Style::Plain);
    assert_eq!(shown, "");
    assert!(policies >= 4);
}
