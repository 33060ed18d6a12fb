//! `backstop eval import`: a suite from another tool's file.

use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use backstop_evals::import::{Imported, openai_evals, promptfoo};
use backstop_policy::{Workspace, diagnostics::render};

use super::BAD;
use super::args::{Foreign, Import};
use crate::{files, style};

/// Writes the suite and lists what did not carry over.
pub fn run(args: &Import) -> Result<ExitCode> {
    let files = files::read(&args.workspace)?;
    let sources = files::sources(&files);
    let (workspace, report) = Workspace::load(&sources);
    if report.has_errors() {
        eprintln!("{}", render::text(&report, &sources, style::report()));
        return Ok(ExitCode::from(BAD));
    }
    let policy = workspace.policy(&args.policy);
    let policy = policy.with_context(|| format!("there is no policy `{}`", args.policy))?;
    let text = std::fs::read_to_string(&args.file)
        .with_context(|| format!("cannot read `{}`", args.file.display()))?;
    let imported = match args.from {
        Foreign::Promptfoo => promptfoo(policy, &text).map_err(|why| anyhow!(why))?,
        Foreign::OpenaiEvals => openai_evals(policy, &text),
    };
    if imported.cases.is_empty() {
        bail!("`{}` gave no case", args.file.display());
    }
    write(args, &imported)?;
    let folder = args.workspace.join("evals").join(&args.suite);
    let cases = imported.cases.len();
    println!("{}  {cases} cases in {}", style::good("imported"), folder.display());
    if !imported.left.is_empty() {
        println!("{} did not carry over:", imported.left.len());
        for left in &imported.left {
            println!("  {left}");
        }
    }
    println!("next: backstop eval record {}", args.suite);
    Ok(ExitCode::SUCCESS)
}

fn write(args: &Import, imported: &Imported) -> Result<()> {
    let folder = args.workspace.join("evals").join(&args.suite);
    if folder.join("suite.yaml").exists() {
        bail!("`{}` is a suite already; choose another name", folder.display());
    }
    std::fs::create_dir_all(folder.join("cases"))?;
    let suite = format!(
        "suite: {}\npolicy: {}\ndescription: Imported from {}.\nowner: {}\n\
         scores: {{same: {{exact: output}}}}\n\
         gates:\n  - {{of: score.same, no_worse_by: 0%}}  # against the baseline\n",
        args.suite,
        args.policy,
        args.file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default(),
        args.policy,
    );
    std::fs::write(folder.join("suite.yaml"), suite)?;
    let mut lines = String::new();
    for case in &imported.cases {
        lines.push_str(&serde_json::to_string(case)?);
        lines.push('\n');
    }
    std::fs::write(folder.join("cases").join("imported.jsonl"), lines)?;
    Ok(())
}
