//! `backstop test`: the tests inside the policies, through the real judging and the real machine,
//! without a model.

use std::process::ExitCode;

use anyhow::{Result, bail};
use backstop_policy::{Workspace, diagnostics::render, run_tests};

use crate::{args::Test, files, style};

/// Runs them; 0 if all pass, 1 if one fails or the workspace has errors.
pub fn run(args: &Test) -> Result<ExitCode> {
    let files = files::read(&args.workspace)?;
    let sources = files::sources(&files);
    let (workspace, report) = Workspace::load(&sources);
    if report.has_errors() {
        println!("{}", render::text(&report, &sources, style::report()));
        return Ok(ExitCode::from(1));
    }
    if let Some(name) = args.policy.as_ref().filter(|name| workspace.policy(name).is_none()) {
        bail!("there is no policy `{name}` in `{}`", args.workspace.display());
    }
    let (mut passed, mut failed) = (0_usize, 0_usize);
    for (name, policy) in &workspace.policies {
        if args.policy.as_ref().is_some_and(|wanted| wanted != name) {
            continue;
        }
        println!("{}", style::bold(name));
        for tried in run_tests(policy, &sources) {
            if tried.passed() {
                passed += 1;
                println!("  {}  {}", style::good("ok  "), tried.name);
            } else {
                failed += 1;
                let line = sources.line_column(tried.span).line;
                let path = sources.path(tried.span.file);
                let place = style::faint(&format!("{path}:{line}"));
                println!("  {}  {}  {place}", style::error("FAIL"), tried.name);
                for why in &tried.failed {
                    println!("          {why}");
                }
                for step in &tried.way {
                    println!("          {}", style::faint(step));
                }
            }
        }
    }
    println!();
    println!("{passed} passed, {failed} failed");
    Ok(ExitCode::from(u8::from(failed > 0)))
}
