//! The house rules of our code as tests: what a machine can check of how it reads.
//!
//! Every problem of a kind is printed at once, each with file, line and the way to mend it. Limits
//! are a ratchet: they may be lowered, never raised. It looks at the tree only; it runs nothing.

mod arrows;
mod documents;
mod readme;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

/// Fails with all `problems`, unless there are none.
fn settle(rule: &str, problems: &[String]) {
    assert!(
        problems.is_empty(),
        "{rule}: {} problem(s)\n  {}",
        problems.len(),
        problems.join("\n  ")
    );
}

/// The root of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every file below `gateway/` and `tests/` with that extension, as (path from the root, text).
fn files(extension: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for room in ["gateway", "tests"] {
        collect(&root().join(room), extension, &mut found);
    }
    found.sort();
    found.into_iter().map(|path| (shown(&path), fs::read_to_string(&path).unwrap())).collect()
}

fn collect(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" && name != "node_modules" {
            collect(&path, extension, found);
        } else if path.extension().is_some_and(|end| end == extension) {
            found.push(path);
        }
    }
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_string_lossy().into_owned()
}

/// Whether the file holds tests only, which may be longer and stop at the first surprise.
fn is_test(path: &str) -> bool {
    path.starts_with("tests/") || path.ends_with("tests.rs") || path.contains("/tests/")
}
