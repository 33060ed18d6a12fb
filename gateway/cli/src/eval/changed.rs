//! Which suites a change concerns, and why.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use backstop_engine::InForce;
use backstop_evals::suite::{Scorer, Suite};

/// Files of the workspace that differ from `commit`, those that git does not track yet included.
pub fn since(root: &Path, commit: &str) -> Result<Vec<String>> {
    let tracked =
        git(root, &["diff", "--name-only", "--relative", "--end-of-options", commit, "--"])?;
    let new = git(root, &["ls-files", "--others", "--exclude-standard"])?;
    Ok(tracked.lines().chain(new.lines()).map(str::to_owned).collect())
}

fn git(root: &Path, words: &[&str]) -> Result<String> {
    let ran = Command::new("git").arg("-C").arg(root).args(words).output();
    let ran = ran.context("cannot run git, which tells what changed")?;
    if !ran.status.success() {
        bail!("git says: {}", String::from_utf8_lossy(&ran.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&ran.stdout).into_owned())
}

/// Why the suite must run; `None`: nothing of it changed.
pub fn why(suite: &Suite, workspace: &InForce, changed: &[String]) -> Option<String> {
    let folder = format!("evals/{}/", suite.name);
    let judges = suite.scores.values().filter_map(|score| match &score.scorer {
        Scorer::Judge { policy, .. } => workspace.policies.get(policy),
        _ => None,
    });
    let policies: Vec<_> = judges.chain([&suite.policy]).collect();
    let concerns = |path: &&String| {
        path.starts_with(&folder) || policies.iter().any(|policy| policy.files.contains(*path))
    };
    let mut paths: Vec<&str> = changed.iter().filter(concerns).map(String::as_str).collect();
    paths.sort_unstable();
    match paths.as_slice() {
        [] => None,
        [one] => Some(format!("{one} changed")),
        [first, rest @ ..] => Some(format!("{first} and {} more changed", rest.len())),
    }
}
