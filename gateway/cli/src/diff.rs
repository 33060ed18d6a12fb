//! `backstop diff`: the workspace against recorded calls.

use std::{
    collections::BTreeMap, io::IsTerminal as _, path::Path, process::ExitCode, sync::Arc,
    time::Instant,
};

use anyhow::{Result, anyhow, bail};
use backstop_domain::{CallId, Digest, Millis};
use backstop_engine::{
    InForce,
    replay::{RecordedCall, bodies_of},
};
use backstop_evals::diff::{self, Diff, Question, Reader, Source};
use backstop_policy::Policy;

use crate::{
    args, build, files,
    records::{Place, Records, Revisions},
    serve, style,
};

/// Policies by name.
type Policies = BTreeMap<String, Arc<Policy>>;

/// Compares; 0 if at most `--allow` calls end otherwise, 1 if more.
pub fn run(args: &args::Diff) -> Result<ExitCode> {
    let workspace = serve::load(&files::read(&args.workspace)?)?;
    let known = Known { place: Place::of(&args.replay)?, revisions: Revisions::default() };
    let records = known.place.open()?;
    let from = args.from.as_deref();
    let from = from.map(|from| known.base(&records, from, &workspace)).transpose()?;
    let since = args.since.as_deref().map(since).transpose()?;
    let ids = records.calls(since)?;
    if ids.is_empty() {
        bail!("there is no call in `{}`{}", args.replay.display(), of_time(args));
    }
    let salt = records.salt(&args.replay);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let to = if args.drafts { drafts(&workspace)? } else { workspace.policies.clone() };
    let question = Question { to: &to, from: from.as_ref(), salt: salt.as_deref(), threads };
    let started = started();
    let told = progress(ids.len());
    let diff = diff::diff(&ids, &known, question, &told).map_err(anyhow::Error::msg)?;
    if std::io::stderr().is_terminal() {
        eprint!("\r\u{1b}[K");
    }
    let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let diff = Diff { took_ms, ..diff };
    let currency = currency(&workspace.gateway.currency);
    match args.format.as_str() {
        "json" => println!("{}", serde_json::to_string_pretty(&diff)?),
        "markdown" => print!("{}", diff.markdown(&currency)),
        _ => print!("{}", diff.text(&currency, style::bold, style::faint)),
    }
    Ok(ExitCode::from(u8::from(diff.flipped > args.allow)))
}

#[expect(clippy::disallowed_methods, reason = "how long a command took is told to people alone")]
fn started() -> Instant {
    Instant::now()
}

/// The policies, each as the first draft that it names.
fn drafts(workspace: &InForce) -> Result<Policies> {
    let mut to = workspace.policies.clone();
    let mut any = false;
    for policy in workspace.policies.values() {
        if let Some(draft) = workspace.drafts_of(policy).next() {
            any |= to.insert(policy.name.clone(), Arc::clone(draft)).is_some();
        }
    }
    if !any {
        bail!("no policy names a draft: write `shadow: drafts/FILE.yaml` into one");
    }
    Ok(to)
}

fn of_time(args: &args::Diff) -> String {
    args.since.as_ref().map(|since| format!(" since {since} ago")).unwrap_or_default()
}

/// A line on the terminal that says how far it is.
fn progress(all: usize) -> impl Fn(usize) + Sync {
    let shown = std::io::stderr().is_terminal();
    move |done| {
        // Often enough to be seen moving.
        if shown && (done % 1024 < 64 || done == all) {
            eprint!("\r{done} of {all} calls");
        }
    }
}

fn since(text: &str) -> Result<Millis> {
    let time = backstop_policy::units::Time::parse(text)
        .map_err(|why| anyhow!("--since: {}; {}", why.message, why.help))?;
    Ok(Millis(build::clock().now().0.saturating_sub(time.ms())))
}

fn currency(code: &str) -> String {
    match code {
        "USD" => "$".to_owned(),
        "EUR" => "€".to_owned(),
        "GBP" => "£".to_owned(),
        other => format!("{other} "),
    }
}

/// Where the calls are, and the revisions that they are pinned to.
struct Known {
    place: Place,
    revisions: Revisions,
}

impl Known {
    /// What to compare with: a workspace's folder, or the first digits of a kept revision.
    fn base(&self, records: &Records, from: &str, workspace: &InForce) -> Result<Policies> {
        if Path::new(from).is_dir() {
            return Ok(serve::load(&files::read(Path::new(from))?)?.policies.clone());
        }
        let mut found = Policies::new();
        for name in workspace.policies.keys() {
            for revision in records.revisions(name)? {
                if revision.to_string().starts_with(from)
                    && let Some(policy) = records.policy(&self.revisions, name, revision)?
                {
                    found.insert(name.clone(), policy);
                }
            }
        }
        if found.is_empty() {
            bail!("`--from {from}` is no folder, and no revision in the ledger starts with it");
        }
        Ok(found)
    }
}

impl Source for Known {
    fn reader(&self) -> Result<Box<dyn Reader + '_>, String> {
        let records = self.place.open().map_err(words)?;
        Ok(Box::new(OneReader { records, revisions: &self.revisions }))
    }
}

struct OneReader<'k> {
    records: Records,
    revisions: &'k Revisions,
}

impl Reader for OneReader<'_> {
    fn events(&mut self, id: &CallId) -> Result<RecordedCall, String> {
        self.records.events(id).map_err(words)
    }

    fn bodies(&mut self, call: &mut RecordedCall) -> Result<(), String> {
        call.bodies = self.records.bodies(&bodies_of(&call.events)).map_err(words)?;
        Ok(())
    }

    fn policy(&mut self, name: &str, revision: Digest) -> Option<Arc<Policy>> {
        self.records.policy(self.revisions, name, revision).ok().flatten()
    }
}

fn words(error: anyhow::Error) -> String {
    format!("{error:#}")
}
