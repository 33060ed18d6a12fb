//! Workspaces of this repository, read as the binary reads them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every file of a workspace, by its path in it.
pub type Files = BTreeMap<String, Vec<u8>>;

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The workspace at that folder.
pub fn read(workspace: &Path) -> Files {
    let mut files = Files::new();
    for folder in ["policies", "prompts"] {
        let below = workspace.join(folder);
        if below.is_dir() {
            collect(workspace, &below, &mut files);
        }
    }
    assert!(!files.is_empty(), "no workspace at {}", workspace.display());
    files
}

fn collect(workspace: &Path, folder: &Path, into: &mut Files) {
    for path in entries(folder) {
        if path.is_dir() {
            collect(workspace, &path, into);
        } else {
            let name = path.strip_prefix(workspace).expect("below the workspace");
            let name = name.to_str().expect("a plain name").to_owned();
            into.insert(name, fs::read(&path).expect("readable"));
        }
    }
}

/// What stands in a folder, by name.
pub fn entries(folder: &Path) -> Vec<PathBuf> {
    let read = fs::read_dir(folder).unwrap_or_else(|_| panic!("no folder {}", folder.display()));
    let mut paths: Vec<PathBuf> = read.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}
