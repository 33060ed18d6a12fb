//! Hot reload: when files of the workspace change, or on SIGHUP, the whole workspace is loaded anew
//! and put in force, or refused as a whole while the last good one stays.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use backstop_engine::{Fresh, InForce};
use backstop_policy::{
    Sources, Workspace,
    diagnostics::{Report, Severity},
};
use backstop_server::{App, Keys, coverage::Count};
use notify::{RecursiveMode, Watcher};
use tokio::sync::{Notify, watch};

use crate::{
    build::{self, Answers, Before},
    consumers::consumers,
    files::{self, Files},
};

/// Editors and deployments write several files, some of them twice: one load for all of it.
const QUIET: Duration = Duration::from_millis(300);
/// How often the folders are looked at beside that, for file systems that tell nothing.
const LOOK: Duration = Duration::from_secs(30);

/// Problems that `/readyz` and the log name.
const PROBLEMS_SHOWN: usize = 5;

/// What a reload needs to know of the process.
pub struct Reload {
    /// The workspace's folder.
    pub workspace: PathBuf,
    /// Where answers come from.
    pub answers: AnswersFrom,
    /// Whether it listens on this machine alone.
    pub local: bool,
    /// The files in force; others follow them.
    pub files: watch::Sender<Files>,
}

/// [`Answers`], owned.
#[derive(Clone)]
pub enum AnswersFrom {
    /// The models themselves.
    Live,
    /// A recording.
    Recorded(PathBuf),
    /// The models themselves, written down.
    Record(PathBuf),
}

impl AnswersFrom {
    /// As building takes it.
    pub fn as_answers(&self) -> Answers<'_> {
        match self {
            Self::Live => Answers::Live,
            Self::Recorded(path) => Answers::Recorded(path),
            Self::Record(path) => Answers::Record(path),
        }
    }
}

/// Watches until the process ends. What cannot be watched is still looked at, and SIGHUP works.
pub async fn watch(app: App, reload: Reload) {
    let changed = Arc::new(Notify::new());
    // Dropped at the end of this function, and with it the watching.
    let _watcher = watcher(&reload.workspace, Arc::clone(&changed))
        .inspect_err(|error| tracing::warn!(%error, "files are not watched; SIGHUP reloads"));
    let mut told = crate::signals::hang_up();
    loop {
        let asked = tokio::select! {
            () = changed.notified() => false,
            () = told.next() => true,
            () = tokio::time::sleep(LOOK) => false,
        };
        while tokio::time::timeout(QUIET, changed.notified()).await.is_ok() {}
        again(&app, &reload, asked).await;
    }
}

/// The folders, not the files: an editor replaces a file, a deployment a link to a folder.
fn watcher(workspace: &Path, changed: Arc<Notify>) -> notify::Result<notify::RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading the files must not look like a change to them.
        if event.is_ok_and(|event| !event.kind.is_access()) {
            changed.notify_one();
        }
    })?;
    for folder in files::FOLDERS {
        let path = workspace.join(folder);
        if path.is_dir() {
            watcher.watch(&path, RecursiveMode::Recursive)?;
        }
    }
    Ok(watcher)
}

/// Loads once, if anything is different; `asked`: says so even if nothing is.
async fn again(app: &App, reload: &Reload, asked: bool) {
    let folder = reload.workspace.clone();
    let read = tokio::task::spawn_blocking(move || files::read(&folder)).await;
    let loaded = read.map_err(anyhow::Error::from).flatten();
    let same = loaded.as_ref().is_ok_and(|files| *files == *reload.files.borrow());
    let refused = app.reload.lock().is_some();
    if same && !refused {
        if asked {
            tracing::info!("nothing has changed");
        }
        return;
    }
    let result = match loaded {
        // Put back as it was: what is in force is right again.
        Ok(_) if same => Ok(()),
        Ok(files) => put_in_force(app, reload, files).await,
        Err(error) => Err(error),
    };
    let (word, why) = match &result {
        Ok(()) => ("in_force", None),
        Err(error) => ("refused", Some(format!("{error:#}"))),
    };
    metrics::counter!("backstop_reloads_total", "result" => word).increment(1);
    let news = *app.reload.lock() != why;
    match &why {
        None => tracing::info!(policies = app.engine.workspace().policies.len(), "reloaded"),
        Some(why) if news => {
            tracing::error!(why, "a reload was refused; what was in force stays in force");
        }
        Some(_) => {}
    }
    *app.reload.lock() = why;
}

async fn put_in_force(app: &App, reload: &Reload, files: Files) -> Result<()> {
    let candidate = files.clone();
    let workspace = tokio::task::spawn_blocking(move || whole(&candidate)).await??;
    if !reload.local && !Keys::of(&workspace.gateway).in_use() {
        bail!("gateway.yaml has no keys any more, and the gateway is reached from other machines");
    }
    let engine = &app.engine;
    let before = Before {
        gateway: Arc::clone(&engine.workspace().gateway),
        models: engine.upstreams(),
        services: engine.services(),
    };
    let answers = reload.answers.as_answers();
    let gateway = Arc::clone(&workspace.gateway);
    let models = build::models(&gateway, &answers, engine.clock(), Some(&before))?;
    let services = build::services(&gateway, &answers, engine.clock(), Some(&before))?;
    app.desk.tongues.reload(&files).map_err(anyhow::Error::msg)?;
    let provider = build::provider(&gateway)?;
    let consumers = consumers(&gateway, &app.desk.tongues)?;
    let sources = files.clone();
    engine.reload(Fresh { workspace, sources, models, services }).await?;
    build::tighten(&gateway, &engine.upstreams());
    app.keys.reload(&gateway);
    app.desk.oidc.put_in_force(provider);
    app.deliveries.put_in_force(consumers).await.map_err(anyhow::Error::msg)?;
    app.coverage.put(Count::Pending);
    reload.files.send_replace(files);
    Ok(())
}

/// The workspace, or its problems with their places.
fn whole(files: &Files) -> Result<Arc<InForce>> {
    let sources = files::sources(files);
    let (workspace, report) = Workspace::load(&sources);
    if report.has_errors() {
        bail!("{}", problems(&report, &sources));
    }
    warn(&report, &sources);
    let whole = InForce::of(&workspace).context("there is no gateway.yaml")?;
    Ok(Arc::new(whole))
}

/// Tells in the log what a workspace is warned of, the first ones.
pub fn warn(report: &Report, sources: &Sources) {
    let warnings = lines(report, sources, Severity::Warning);
    for warning in warnings.iter().take(PROBLEMS_SHOWN) {
        tracing::warn!("{warning}");
    }
    let more = warnings.len().saturating_sub(PROBLEMS_SHOWN);
    if more > 0 {
        tracing::warn!(more, "more warnings: see `backstop check`");
    }
}

/// The first problems, each on one line; `backstop check` shows them all, with pictures.
fn problems(report: &Report, sources: &Sources) -> String {
    let mut errors = lines(report, sources, Severity::Error);
    let more = errors.len().saturating_sub(PROBLEMS_SHOWN);
    errors.truncate(PROBLEMS_SHOWN);
    if more > 0 {
        errors.push(format!("and {more} more: see `backstop check`"));
    }
    errors.join("; ")
}

/// Every problem of that severity, each on one line with its place.
fn lines(report: &Report, sources: &Sources, severity: Severity) -> Vec<String> {
    let of = report.sorted().into_iter().filter(|problem| problem.severity == severity);
    let line = of.map(|problem| {
        let place = sources.line_column(problem.span);
        let path = sources.path(problem.span.file);
        format!("{path}:{}:{}: {}", place.line, place.column, problem.message)
    });
    line.collect()
}
