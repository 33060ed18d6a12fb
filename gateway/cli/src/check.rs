//! `backstop check`: every problem of a workspace, each with its place and how to mend it.

use std::process::ExitCode;

use anyhow::Result;
use backstop_policy::{Severity, Workspace, diagnostics::render};

use crate::{args::Check, files, style};

/// Checks; 0 without errors, 1 with some.
pub fn run(args: &Check) -> Result<ExitCode> {
    let files = files::read(&args.workspace)?;
    let sources = files::sources(&files);
    let (workspace, report) = Workspace::load(&sources);
    if args.format == "json" {
        println!("{}", render::json(&report, &sources));
    } else {
        let shown = render::text(&report, &sources, style::report());
        if !shown.is_empty() {
            println!("{shown}");
        }
        let errors = report.error_count();
        let warnings = report.sorted().iter().filter(|p| p.severity == Severity::Warning).count();
        let policies = workspace.policies.len();
        let summary = format!(
            "{policies} {} in order, {errors} {}, {warnings} {}",
            plural(policies, "policy", "policies"),
            plural(errors, "error", "errors"),
            plural(warnings, "warning", "warnings"),
        );
        let mark = if errors == 0 { style::good("ok") } else { style::error("refused") };
        println!("{mark}  {summary}");
    }
    Ok(ExitCode::from(u8::from(report.error_count() > 0)))
}

fn plural(count: usize, one: &'static str, many: &'static str) -> &'static str {
    if count == 1 { one } else { many }
}
