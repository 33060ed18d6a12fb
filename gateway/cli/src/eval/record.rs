//! `backstop eval record`: asks the models and services, and keeps what they say beside the suite.
//!
//! Only cases that the record cannot answer whole are asked, and of these only what it does not
//! know. What was asked was paid for: a recording that is stopped or runs into its cap loses
//! nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use backstop_engine::{Models, Services};
use backstop_evals::run::{
    LiveRun, Results, Tape, Taping, Used, behind_fresh_gates, live, replay,
    services_behind_fresh_gates, slim, sorted,
};
use backstop_evals::suite::{Case, Suite, TierName};
use backstop_evals::verdict::Word;
use backstop_upstream::{Clock, Model, RecordedService, Service, Simulated};

use super::args::Record;
use super::load::{Loaded, load};
use super::{BAD, out};
use crate::build::{self, Answers};
use crate::{log, style};

/// Name of the file that a suite's record stands in.
const FILE: &str = "answers.jsonl";
/// What a recording had asked that was stopped, until the next one is through.
const STOPPED: &str = "stopped.jsonl";

/// Records them.
pub fn run(args: &Record) -> Result<ExitCode> {
    log::plain("error")?;
    let Some(loaded) = load(&args.workspace)? else { return Ok(ExitCode::from(BAD)) };
    let mut whole = true;
    for suite in loaded.named(&args.suites)? {
        whole &= record(&loaded, suite, args.all)?;
    }
    let code = if whole { 0 } else { Word::Stale.exit_code() };
    Ok(ExitCode::from(code))
}

/// Records one; whether every case has its answers now.
fn record(loaded: &Loaded, suite: &Suite, all: bool) -> Result<bool> {
    let folder = loaded.folder(suite).join("recorded");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make `{}`", folder.display()))?;
    let fresh = begin(&folder, all)?;
    let tape = if all { Tape::default() } else { loaded.tape(suite)? };
    let used = Used::default();
    let cases: Vec<&Case> = suite.cases.iter().collect();
    let known = replay(&loaded.setting, suite, &cases, &tape.noting(&used), &|_, _| {})?;
    let open: BTreeSet<&str> =
        known.ran.iter().filter(|ran| !ran.is_valid()).map(|ran| ran.case.as_str()).collect();
    let open: Vec<&Case> =
        cases.iter().filter(|case| open.contains(case.id.as_str())).copied().collect();
    let results = if open.is_empty() {
        Results::default()
    } else {
        ask(loaded, suite, &open, &Taping::over(&tape, &used), &fresh)?
    };
    let text = std::fs::read_to_string(&fresh).unwrap_or_default();
    let new: Vec<String> = text.lines().map(str::to_owned).collect();
    let asked = new.len();
    // A case that was not run may still need what the record has for it.
    let not_run = results.ran.iter().any(|ran| ran.error.is_some());
    let kept = if not_run { tape.known().every_line() } else { used.lines() };
    let lines = kept.iter().chain(&new).map(|line| slim(line, &suite.policy));
    put(&folder, &sorted(lines.collect()))?;
    drop(std::fs::remove_file(&fresh));
    for ran in results.ran.iter().filter(|ran| ran.error.is_some()) {
        let why = ran.error.as_deref().unwrap_or_default();
        println!("{}  case `{}`: {why}", style::warn("not run"), ran.case);
    }
    let place = folder.join(FILE);
    println!(
        "{}  {}: {asked} asked, {} kept, in {}",
        style::good("recorded"),
        suite.name,
        kept.len(),
        place.display()
    );
    // Held to what it is for, not to what was meant to be written.
    let held = replay(&loaded.setting, suite, &cases, &loaded.tape(suite)?, &|_, _| {})?;
    let lacking: Vec<&str> =
        held.ran.iter().filter(|ran| !ran.is_valid()).map(|ran| ran.case.as_str()).collect();
    if !lacking.is_empty() {
        let some = lacking.iter().take(5).copied().collect::<Vec<_>>().join(", ");
        println!(
            "{}  {} without all answers: {some}",
            style::warn("stale"),
            cases_of(lacking.len())
        );
    }
    Ok(lacking.is_empty())
}

fn cases_of(number: usize) -> String {
    if number == 1 { "1 case".to_owned() } else { format!("{number} cases") }
}

/// The file that new lines go to. What an earlier recording had asked is taken into the record,
/// unless everything is asked anew; a line that was cut by the stop is dropped.
fn begin(folder: &Path, all: bool) -> Result<PathBuf> {
    if all {
        let fresh = folder.join(format!(".{FILE}.anew"));
        drop(std::fs::remove_file(&fresh));
        return Ok(fresh);
    }
    let fresh = folder.join(format!(".{FILE}.part"));
    if let Ok(text) = std::fs::read_to_string(&fresh) {
        let whole = |line: &&str| serde_json::from_str::<serde_json::Value>(line).is_ok();
        let lines: String = text.lines().filter(whole).map(|line| format!("{line}\n")).collect();
        let stopped = folder.join(STOPPED);
        let before = std::fs::read_to_string(&stopped).unwrap_or_default();
        std::fs::write(&stopped, before + &lines)?;
        std::fs::remove_file(&fresh)?;
    }
    Ok(fresh)
}

/// Asks the models and services for these cases, and appends what is new to `fresh`.
fn ask(
    loaded: &Loaded,
    suite: &Suite,
    cases: &[&Case],
    taping: &Taping,
    fresh: &Path,
) -> Result<Results> {
    let clock = build::clock();
    let run = LiveRun {
        models: models(loaded, taping, fresh, &clock)?,
        services: services(loaded, taping, fresh, &clock)?,
        clock: Arc::clone(&clock),
        repeats: suite.tier(TierName::Replay).repeats,
        cost: suite.tiers.get(&TierName::Live).and_then(|tier| tier.cost),
    };
    let progress = out::progress(&suite.name);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    Ok(runtime.block_on(live(&loaded.setting, suite, cases, &run, &progress)))
}

type Fresh<'a, T> = Box<dyn Fn() -> T + Sync + 'a>;

/// The models, taped; behind fresh gates for each case, because a replay has those too.
fn models<'a>(
    loaded: &'a Loaded,
    taping: &Taping,
    fresh: &Path,
    clock: &Arc<dyn Clock>,
) -> Result<Fresh<'a, Models>> {
    let gateway = &loaded.setting.workspace.gateway;
    let asked = build::models(gateway, &Answers::Record(fresh), clock, None)?;
    let taped = asked.into_iter().map(|(name, upstream)| {
        let theirs = gateway.models.get(&name).map_or(name.as_str(), |model| &model.model);
        let taped = taping.model(theirs, upstream.model, clock);
        (name, taped)
    });
    let taped: BTreeMap<String, Arc<dyn Model>> = taped.collect();
    let clock = Arc::clone(clock);
    Ok(Box::new(move || {
        behind_fresh_gates(gateway, &clock, |name, _| {
            // Every model of the gateway file was opened above.
            let nobody = || Arc::new(Simulated::in_turn(Vec::new())) as Arc<dyn Model>;
            taped.get(name).map_or_else(nobody, Arc::clone)
        })
    }))
}

/// The services, likewise.
fn services<'a>(
    loaded: &'a Loaded,
    taping: &Taping,
    fresh: &Path,
    clock: &Arc<dyn Clock>,
) -> Result<Fresh<'a, Services>> {
    let gateway = &loaded.setting.workspace.gateway;
    let mut taped: BTreeMap<String, Arc<dyn Service>> = BTreeMap::new();
    for (name, service) in &gateway.services {
        let asked = build::bare_service(name, service, &Answers::Record(fresh), clock)?;
        taped.insert(name.clone(), taping.service(name, asked));
    }
    let clock = Arc::clone(clock);
    Ok(Box::new(move || {
        services_behind_fresh_gates(gateway, &clock, |name| {
            // Every service of the gateway file was opened above.
            let nobody =
                || Arc::new(RecordedService::new(Arc::default(), name)) as Arc<dyn Service>;
            taped.get(name).map_or_else(nobody, Arc::clone)
        })
    }))
}

/// Puts the lines in place of the whole old record, at once.
fn put(folder: &Path, lines: &[String]) -> Result<()> {
    let part = folder.join(format!(".{FILE}.new"));
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
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
