//! `backstop eval add`: a recorded call becomes a case.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use backstop_domain::{CallId, Stream};
use backstop_engine::replay::RecordedCall;
use backstop_evals::add::{Added, add};
use backstop_evals::suite::Suite;
use backstop_ledger::Offline;

use super::BAD;
use super::args::Add;
use super::load::{Loaded, load};
use crate::{log, style};

/// The files that added cases and their answers stand in.
const FILE: &str = "added.jsonl";

/// Adds it.
pub fn run(args: &Add) -> Result<ExitCode> {
    log::plain("error")?;
    let Some(loaded) = load(&args.workspace)? else { return Ok(ExitCode::from(BAD)) };
    let suites = loaded.named(std::slice::from_ref(&args.suite))?;
    let suite = suites.first().context("there is no such suite")?;
    let call = recorded(&args.data, &args.call)?;
    let (received, _) = call.received().map_err(|why| anyhow!("{why}"))?;
    if received.policy != suite.policy.name {
        let (theirs, ours) = (&received.policy, &suite.policy.name);
        bail!("the call is of policy `{theirs}`, the suite `{}` holds `{ours}`", suite.name);
    }
    let id = args.id.clone().unwrap_or_else(|| args.call.clone());
    if suite.cases.iter().any(|case| case.id == id) {
        bail!("the suite has a case `{id}` already; choose another `--id`");
    }
    let added = add(&loaded.setting, suite, &call, &id).map_err(|why| anyhow!(why))?;
    keep(&loaded, suite, &added)?;
    let hidden = added.hidden;
    println!("{}  case `{id}` in evals/{}/cases/{FILE}", style::good("added"), suite.name);
    println!("truth: {}", added.truth);
    println!("hidden: {hidden} {}", if hidden == 1 { "text" } else { "texts" });
    println!("read it before you commit it: names and addresses have no pattern to find them by");
    if !added.replays {
        println!("its answers do not fit the request as it is asked now;");
        println!("next: backstop eval record {}", suite.name);
    }
    Ok(ExitCode::SUCCESS)
}

fn recorded(data: &Path, id: &str) -> Result<RecordedCall> {
    let ledger = Offline::open(data)?;
    let id = CallId::from(id);
    let events = ledger.stream(&Stream::call(&id))?;
    if events.is_empty() {
        bail!("there is no call `{id}` in `{}`", data.display());
    }
    let mut digests = backstop_engine::replay::bodies_of(&events);
    digests.extend(events.iter().filter_map(|event| match event.as_call() {
        Some(backstop_domain::CallEvent::AttemptStarted(started)) => Some(started.request),
        _ => None,
    }));
    let bodies = ledger.bodies(&digests)?;
    Ok(RecordedCall { id, events, bodies })
}

/// Appends the case, and its answers if they fit.
fn keep(loaded: &Loaded, suite: &Suite, added: &Added) -> Result<()> {
    let folder = loaded.folder(suite);
    let case = serde_json::to_string(&added.case)?;
    let record = if added.replays { added.record.as_slice() } else { &[] };
    let files = [("cases", vec![case]), ("recorded", record.to_vec())];
    for (part, lines) in files.into_iter().filter(|(_, lines)| !lines.is_empty()) {
        let folder = folder.join(part);
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(FILE);
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let mut file = file.with_context(|| format!("cannot write `{}`", path.display()))?;
        for line in lines {
            writeln!(file, "{line}")?;
        }
    }
    Ok(())
}
