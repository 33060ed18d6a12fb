//! `backstop check`: every problem of a workspace, each with its place and how to mend it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use backstop_evals::suite::Suites;
use backstop_policy::diagnostics::{github, render, sarif};
use backstop_policy::{Report, Severity, Sources, Workspace};

use crate::{args::Check, files, style};

/// Checks; 0 when all is well, 1 with errors, or with warnings that are denied.
pub fn run(args: &Check) -> Result<ExitCode> {
    let mut files = files::read(&args.workspace)?;
    crate::eval::read_suites(&args.workspace, &mut files)?;
    let sources = files::sources(&files);
    let (workspace, report) = problems(&sources);
    let warnings = report.sorted().iter().any(|p| p.severity == Severity::Warning);
    let refused = report.has_errors() || (args.deny_warnings && warnings);
    match args.format.as_str() {
        "json" => println!("{}", render::json(&report, &sources)),
        "sarif" => println!("{:#}", sarif(&report, &sources, &folder(&args.workspace))),
        "github" => print!("{}", github(&report, &sources, &folder(&args.workspace))),
        _ => people(&report, &sources, workspace.policies.len(), refused),
    }
    Ok(ExitCode::from(u8::from(refused)))
}

/// Loads a workspace and tells every problem of it.
pub fn problems(sources: &Sources) -> (Workspace, Report) {
    let (workspace, mut report) = Workspace::load(sources);
    // A suite is held to the policy that it names, so it is read once that is in order.
    if !report.has_errors() {
        report.extend(Suites::load(sources, &workspace).1);
    }
    (workspace, report)
}

/// Pictures, then what stands where when it is much, then one line that says it all.
fn people(report: &Report, sources: &Sources, policies: usize, refused: bool) {
    let shown = render::text_within(report, sources, style::report(), style::width());
    if !shown.is_empty() {
        println!("{shown}");
    }
    let by_file = by_file(report, sources);
    if by_file.len() > 1 {
        let widest = by_file.keys().map(|path| path.chars().count()).max().unwrap_or(0);
        for (path, (errors, warnings)) in &by_file {
            println!("{path:widest$}  {}", counted(*errors, *warnings));
        }
        println!();
    }
    let (errors, warnings) = by_file.values().fold((0, 0), |(e, w), (x, y)| (e + x, w + y));
    let mark = if refused { style::error("refused") } else { style::good("ok") };
    let order = style::plural(policies, "policy", "policies");
    println!("{mark}  {policies} {order} in order, {}", counted(errors, warnings));
}

/// Errors and warnings of each file that has any, in the order of the paths.
fn by_file<'s>(report: &Report, sources: &'s Sources) -> BTreeMap<&'s str, (usize, usize)> {
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for problem in report.sorted() {
        let (errors, warnings) = counts.entry(sources.path(problem.span.file)).or_default();
        match problem.severity {
            Severity::Error => *errors += 1,
            Severity::Warning => *warnings += 1,
        }
    }
    counts
}

fn counted(errors: usize, warnings: usize) -> String {
    let (one, other) =
        (style::plural(errors, "error", "errors"), style::plural(warnings, "warning", "warnings"));
    format!("{errors} {one}, {warnings} {other}")
}

/// The workspace as the start of a path in the repository: where the command was run.
fn folder(workspace: &Path) -> String {
    let parts = workspace.components().filter_map(|part| match part {
        std::path::Component::CurDir => None,
        other => Some(other.as_os_str().to_string_lossy().into_owned()),
    });
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() || workspace.is_absolute() {
        String::new()
    } else {
        format!("{}/", parts.join("/"))
    }
}
