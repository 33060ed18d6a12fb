//! Policies as written: three that are right, and many that have one mistake each.
#![expect(clippy::expect_used, clippy::panic, reason = "tests")]

mod any_bytes;
pub(crate) mod mistakes;
mod prompts;
mod samples;
mod workspace;

use super::*;
use crate::diagnostics::{Report, render};
use crate::source::Sources;

/// Reads `text` as `policies/<name>.yaml`; the policy and the report as shown.
fn read(name: &str, text: &str) -> (Option<Policy>, String) {
    let sources = Sources::single(&format!("policies/{name}.yaml"), text);
    let file = sources.ids().next().expect("the file");
    let mut report = Report::new();
    let policy = load_policy(&sources, file, &mut report);
    (policy, render::text(&report, &sources, render::Style::Plain))
}

/// Reads `text`, which must have no problem.
fn good(name: &str, text: &str) -> Policy {
    let (policy, shown) = read(name, text);
    assert_eq!(shown, "", "{name}");
    policy.unwrap_or_else(|| panic!("{name} gave no policy and no problem"))
}
