//! `backstop eval bless`: what a suite comes to now is what later runs are held to.

use std::process::ExitCode;

use anyhow::{Result, bail};
use backstop_evals::run::replay;
use backstop_evals::verdict::{Baseline, Word, verdict};

use super::args::Bless;
use super::load::{load, today};
use super::{BAD, out};
use crate::{log, style};

/// Writes `baseline.json`.
pub fn run(args: &Bless) -> Result<ExitCode> {
    log::plain("error")?;
    if args.why.trim().is_empty() {
        bail!("`--why` says nothing: write why this is good");
    }
    let Some(loaded) = load(&args.workspace)? else { return Ok(ExitCode::from(BAD)) };
    for suite in loaded.named(std::slice::from_ref(&args.suite))? {
        let cases: Vec<_> = suite.cases.iter().collect();
        let tape = loaded.tape(suite)?;
        let progress = out::progress(&suite.name);
        let results = replay(&loaded.setting, suite, &cases, &tape, &progress)?;
        let day = today();
        let before = loaded.baseline(suite)?;
        let judged = verdict(suite, &results, None, day);
        if matches!(judged.word, Word::Stale | Word::Error) {
            let word = judged.word.name();
            bail!(
                "the suite is {word}: `backstop eval {}` says why; nothing was blessed",
                suite.name
            );
        }
        if !judged.broken.is_empty() {
            bail!("cases that must pass do not; nothing was blessed");
        }
        let why = args.why.trim().to_owned();
        let baseline = Baseline::of(&results, before.as_ref(), day.to_string(), why);
        let text = serde_json::to_string_pretty(&baseline)? + "\n";
        let path = loaded.folder(suite).join("baseline.json");
        std::fs::write(&path, text)?;
        println!("{}  {} cases in {}", style::good("blessed"), cases.len(), path.display());
    }
    Ok(ExitCode::SUCCESS)
}
