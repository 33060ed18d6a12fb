//! Documents that name files must name files that exist: a map of a town that moved misleads.

use super::{root, settle};
use std::fs;

/// Documents that guide a reader through the code, and the folders that their paths start from.
const GUIDES: [(&str, &[&str]); 2] =
    [("gateway/ARCHITECTURE.md", &["gateway", "."]), ("README.md", &[".", "gateway"])];

#[test]
fn a_guide_names_only_files_that_exist() {
    let mut problems = Vec::new();
    for (guide, bases) in GUIDES {
        let Ok(text) = fs::read_to_string(root().join(guide)) else {
            println!("skipped: there is no {guide} yet");
            continue;
        };
        for (index, line) in text.lines().enumerate() {
            for path in line.split('`').skip(1).step_by(2).filter(|word| names_our_file(word)) {
                if !bases.iter().any(|base| root().join(base).join(path).exists()) {
                    let at = index + 1;
                    problems.push(format!("{guide}:{at}: no `{path}`; name where it is now"));
                }
            }
        }
    }
    settle("guides", &problems);
}

/// Whether a word in backticks is the path of a source file, from a room on.
fn names_our_file(word: &str) -> bool {
    let path = word.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    path && word.contains('/') && word.ends_with(".rs")
}

#[test]
fn only_paths_of_source_files_are_looked_up() {
    assert!(names_our_file("engine/src/loop.rs"));
    assert!(!names_our_file("docs.rs") && !names_our_file("tests/*.rs"));
}
