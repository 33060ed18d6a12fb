//! The tables of README.md and of the authors' guide against the code that they speak of: a row too few
//! or too many fails.

use super::{files, root, settle};
use std::collections::BTreeMap;
use std::fs;

/// Rows of the table under that heading of a page: the first cell, without backticks, and the others as
/// they stand.
fn rows(page: &str, heading: &str) -> BTreeMap<String, String> {
    let readme = source(page);
    let (_, section) = readme.split_once(&format!("\n## {heading}\n")).expect("the heading");
    let section = section.split("\n## ").next().unwrap_or_default();
    section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .filter_map(|line| line.trim_matches(['|', ' ']).split_once(" | "))
        .map(|(first, rest)| (first.trim_matches('`').to_owned(), rest.to_owned()))
        .collect()
}

/// The source file at that path.
fn source(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The words that the first function headed `after` gives to the variants of its enum.
fn names(path: &str, after: &str) -> Vec<String> {
    let text = source(path);
    let (_, list) = text.split_once(after).expect("the enum");
    let list = list.split("    }\n").next().unwrap_or_default();
    let named = list.lines().filter(|line| line.contains("=> \""));
    named.filter_map(|line| line.split('"').nth(1)).map(str::to_owned).collect()
}

/// Both sides of a table, with what is missing on either.
fn compare(table: &str, told: &BTreeMap<String, String>, known: &[String]) {
    assert!(!known.is_empty(), "{table}: nothing was read from the code; mend this test");
    let missing = known.iter().filter(|name| !told.contains_key(*name));
    let mut problems: Vec<String> =
        missing.map(|name| format!("README.md lacks `{name}`; add its row")).collect();
    let stale = told.keys().filter(|name| !known.contains(name));
    problems.extend(stale.map(|name| format!("README.md has `{name}`, the code has not")));
    settle(table, &problems);
}

#[test]
fn every_code_of_a_problem_stands_in_the_guide_with_its_meaning() {
    let known: BTreeMap<String, String> = source("gateway/policy/src/diagnostics/codes.rs")
        .lines()
        .filter_map(|line| {
            let mut quoted =
                line.trim().strip_suffix("\";")?.split(" = \"").nth(1)?.split("\", \"");
            Some((quoted.next()?.to_owned(), quoted.next()?.to_owned()))
        })
        .collect();
    assert!(known.len() > 40, "only {} codes were read; mend this test", known.len());
    assert_eq!(rows("policies/README.md", "Codes of problems in rules files"), known);
}

#[test]
fn every_outcome_stands_in_the_readme() {
    let known = names("gateway/domain/src/outcome.rs", "pub const fn name(self)");
    compare("outcomes", &rows("README.md", "How a call ends"), &known);
}

#[test]
fn every_failure_class_stands_in_the_readme() {
    let known = names("gateway/domain/src/failure.rs", "pub const fn name(self)");
    compare("failure classes", &rows("README.md", "Failure classes"), &known);
}

#[test]
fn every_metric_that_the_readme_names_is_counted() {
    let readme = source("README.md");
    let code: String = files("rs")
        .into_iter()
        .filter(|(path, _)| path.starts_with("gateway/"))
        .map(|(_, text)| text)
        .collect();
    let names = readme
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| word.starts_with("backstop_") && !word.contains('='));
    let problems: Vec<String> = names
        .filter(|name| !code.contains(&format!("\"{name}\"")))
        .map(|name| format!("README.md names `{name}`; nothing counts it"))
        .collect();
    settle("metrics", &problems);
}
