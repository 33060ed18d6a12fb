//! `backstop eval record`: asks the models, and keeps their answers beside the suite.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use backstop_engine::Services;
use backstop_evals::run::{LiveRun, Taping, behind_fresh_gates, live, sorted};
use backstop_evals::suite::{Suite, TierName};
use backstop_upstream::{Model, Recordings, Simulated};

use super::args::Record;
use super::load::{Loaded, load};
use super::{BAD, out};
use crate::build::{self, Answers};
use crate::{serve, style};

/// Name of the file that a suite's record stands in.
const FILE: &str = "answers.jsonl";

/// Records them.
pub fn run(args: &Record) -> Result<ExitCode> {
    serve::log("error", "text")?;
    let Some(loaded) = load(&args.workspace)? else { return Ok(ExitCode::from(BAD)) };
    for suite in loaded.named(&args.suites)? {
        record(&loaded, suite, args.all)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn record(loaded: &Loaded, suite: &Suite, all: bool) -> Result<()> {
    let folder = loaded.folder(suite).join("recorded");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make `{}`", folder.display()))?;
    let old = if all { Arc::new(Recordings::default()) } else { loaded.tape(suite)?.0 };
    let fresh = folder.join(format!(".{FILE}.part"));
    drop(std::fs::remove_file(&fresh));
    let clock = build::clock();
    let gateway = &loaded.setting.workspace.gateway;
    let taping = Taping::over(old);
    let asked = build::models(gateway, &Answers::Record(&fresh), &clock, None)?;
    let models: BTreeMap<String, Arc<dyn Model>> = asked
        .into_iter()
        .map(|(name, upstream)| {
            let theirs = gateway.models.get(&name).map_or(name.as_str(), |model| &model.model);
            let taped = taping.model(theirs, upstream.model, &clock);
            (name, taped)
        })
        .collect();
    let fresh_models = || {
        behind_fresh_gates(gateway, &clock, |name, _| {
            // Every model of the gateway file was opened above.
            models
                .get(name)
                .map_or_else(|| Arc::new(Simulated::in_turn(Vec::new())) as _, Arc::clone)
        })
    };
    let run = LiveRun {
        models: Box::new(fresh_models),
        services: Services::new(build::services(gateway, &clock, None)?),
        clock: Arc::clone(&clock),
        repeats: suite.tier(TierName::Replay).repeats,
        cost: suite.tiers.get(&TierName::Live).and_then(|tier| tier.cost),
    };
    let cases: Vec<_> = suite.cases.iter().collect();
    let progress = out::progress(&suite.name);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let results = runtime.block_on(live(&loaded.setting, suite, &cases, &run, &progress));
    let text = std::fs::read_to_string(&fresh).unwrap_or_default();
    let new: Vec<String> = text.lines().map(str::to_owned).collect();
    let (kept, asked) = (taping.used(), new.len());
    put(&folder, sorted(kept.iter().cloned().chain(new).collect()))?;
    drop(std::fs::remove_file(&fresh));
    // What was asked was paid for: it is kept also where a case could not be scored.
    for ran in results.ran.iter().filter(|ran| ran.error.is_some()) {
        let why = ran.error.clone().unwrap_or_default();
        println!("{}  case `{}`: {why}", style::warn("not run"), ran.case);
    }
    println!(
        "{}  {}: {asked} asked, {} kept, in {}",
        style::good("recorded"),
        suite.name,
        kept.len(),
        folder.join(FILE).display()
    );
    Ok(())
}

/// Puts the lines in place of the whole old record, at once.
fn put(folder: &Path, lines: Vec<String>) -> Result<()> {
    let part = folder.join(format!(".{FILE}.new"));
    let text: String = lines.into_iter().map(|line| line + "\n").collect();
    std::fs::write(&part, text).with_context(|| format!("cannot write `{}`", part.display()))?;
    std::fs::rename(&part, folder.join(FILE))?;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let other = path.file_name().is_none_or(|name| name != FILE);
        if other && path.extension().is_some_and(|extension| extension == "jsonl") {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}
