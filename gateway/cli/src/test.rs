//! `backstop test`: the tests of the policies, through the real judging and the real machine,
//! without a model.

mod coverage;
mod faults;

use std::process::ExitCode;

use anyhow::Result;
use backstop_evals::test::{self, PolicyReport, Wanted};
use backstop_policy::Sources;

use crate::{args::Test, files::InOrder, style};

pub use coverage::in_words;

/// Runs them; 0 if all pass and cover enough, 1 if not or the workspace has errors.
pub fn run(args: &Test) -> Result<ExitCode> {
    let Some(InOrder { sources, workspace, .. }) =
        InOrder::read(&args.workspace, args.policy.as_deref())?
    else {
        return Ok(ExitCode::from(1));
    };
    let coverage = args.coverage || args.floor.is_some();
    let wanted = Wanted { coverage, suggest: args.coverage, faults: args.faults };
    let reports = test::run(&workspace, &sources, args.policy.as_deref(), wanted);
    match args.format.as_str() {
        "json" => println!("{:#}", test::json(&reports, &sources)),
        "junit" => {
            let written = test::junit(&reports, &sources).map_err(anyhow::Error::msg)?;
            print!("{written}");
        }
        _ => reports.iter().for_each(|report| tell(report, &sources)),
    }
    let problems = problems(&reports, args.floor);
    if args.format == "text" {
        summary(&reports, &problems);
    } else {
        problems.iter().for_each(|problem| eprintln!("{}", style::error(problem)));
    }
    Ok(ExitCode::from(u8::from(!problems.is_empty())))
}

fn tell(report: &PolicyReport, sources: &Sources) {
    println!("{}", style::bold(&report.policy));
    for tried in &report.tests {
        if tried.passed() {
            println!("  {}  {}", style::good("ok  "), tried.name);
            continue;
        }
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
    if report.tests.is_empty() {
        println!("  {}", style::warn("no tests"));
    }
    if let Some(found) = &report.coverage {
        coverage::tell(found, sources);
    }
    if let Some(found) = &report.faults {
        faults::tell(found);
    }
    println!();
}

/// Everything that makes the command end with 1.
fn problems(reports: &[PolicyReport], floor: Option<usize>) -> Vec<String> {
    let mut problems = Vec::new();
    let failed: usize = reports.iter().map(PolicyReport::failed).sum();
    if failed > 0 {
        problems.push(format!("{failed} {} failed", style::plural(failed, "test", "tests")));
    }
    for report in reports {
        let broken = report.faults.as_ref().map_or(0, test::Faults::broken);
        if broken > 0 {
            let word = style::plural(broken, "fault does", "faults do");
            problems.push(format!("{}: {broken} {word} not take the way declared", report.policy));
        }
        let percent = report.coverage.as_ref().map(test::Coverage::percent);
        if let (Some(percent), Some(floor)) = (percent, floor)
            && percent < floor
        {
            problems.push(format!("{}: {percent}% covered, the floor is {floor}%", report.policy));
        }
    }
    problems
}

fn summary(reports: &[PolicyReport], problems: &[String]) {
    let tests: usize = reports.iter().map(|report| report.tests.len()).sum();
    let failed: usize = reports.iter().map(PolicyReport::failed).sum();
    let mut parts = vec![format!("{} passed, {failed} failed", tests - failed)];
    let faults: Vec<&test::Faults> =
        reports.iter().filter_map(|report| report.faults.as_ref()).collect();
    if !faults.is_empty() {
        let cases: usize = faults.iter().map(|faults| faults.cases.len()).sum();
        let broken: usize = faults.iter().map(|faults| faults.broken()).sum();
        parts.push(format!("{cases} faults tried, {broken} went astray"));
    }
    let mark = if problems.is_empty() { style::good("ok") } else { style::error("failed") };
    println!("{mark}  {}", parts.join("; "));
    problems.iter().for_each(|problem| println!("{}", style::error(problem)));
}
