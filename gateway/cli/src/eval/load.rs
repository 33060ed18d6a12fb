//! A workspace with its suites, from disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use backstop_engine::InForce;
use backstop_evals::run::{Setting, Tape};
use backstop_evals::suite::{Day, Suite, Suites, day};
use backstop_evals::verdict::Baseline;
use backstop_policy::{Workspace, diagnostics::render};
use backstop_upstream::{RecordingError, Recordings};

use crate::{
    build,
    files::{self, Files},
    style,
};

/// A workspace in order, with its suites.
pub struct Loaded {
    /// Its root.
    pub root: PathBuf,
    /// What is in force.
    pub setting: Setting,
    /// Its suites.
    pub suites: Suites,
}

/// Loads both; `None`: problems were printed.
pub fn load(root: &Path) -> Result<Option<Loaded>> {
    let mut files = files::read(root)?;
    suites(root, &mut files)?;
    let sources = files::sources(&files);
    let (workspace, mut report) = Workspace::load(&sources);
    let (suites, more) = Suites::load(&sources, &workspace);
    report.extend(more);
    if !report.sorted().is_empty() {
        eprintln!("{}", render::text(&report, &sources, style::report()));
    }
    if report.has_errors() {
        return Ok(None);
    }
    if suites.0.is_empty() {
        bail!("`{}` has no suites: no `evals/*/suite.yaml`", root.display());
    }
    let in_force = InForce::of(&workspace).ok_or_else(|| anyhow!("there is no gateway file"))?;
    let setting = Setting { workspace: Arc::new(in_force) };
    Ok(Some(Loaded { root: root.to_owned(), setting, suites }))
}

/// Reads `suite.yaml` and cases of every suite. Records and reports are read where they are used.
pub fn suites(root: &Path, files: &mut Files) -> Result<()> {
    let evals = root.join("evals");
    if !evals.is_dir() {
        return Ok(());
    }
    let mut all = Files::new();
    files::walk(&evals, "evals", &|path| !path.ends_with("recorded"), &mut all)?;
    all.retain(|path, _| {
        path.ends_with("/suite.yaml") || path.contains("/cases/") || path.contains("/labels/")
    });
    files.append(&mut all);
    Ok(())
}

impl Loaded {
    /// The suites of those names, or all.
    pub fn named(&self, names: &[String]) -> Result<Vec<&Suite>> {
        if names.is_empty() {
            return Ok(self.suites.0.values().collect());
        }
        let one = |name: &String| {
            let known = || self.suites.0.keys().cloned().collect::<Vec<_>>().join(", ");
            let found = self.suites.0.get(name);
            found.with_context(|| format!("there is no suite `{name}`; there are: {}", known()))
        };
        names.iter().map(one).collect()
    }

    /// The folder of a suite.
    pub fn folder(&self, suite: &Suite) -> PathBuf {
        self.root.join("evals").join(&suite.name)
    }

    /// What is recorded for a suite; an empty record if nothing is.
    pub fn tape(&self, suite: &Suite) -> Result<Tape> {
        let folder = self.folder(suite).join("recorded");
        let recordings = match folder.is_dir().then(|| Recordings::read(&folder)).transpose() {
            Ok(read) => read.unwrap_or_default(),
            Err(RecordingError::Empty(_)) => Recordings::default(),
            Err(fault) => return Err(fault.into()),
        };
        Ok(Tape::of(Arc::new(recordings)))
    }

    /// The baseline of a suite, if somebody blessed one.
    pub fn baseline(&self, suite: &Suite) -> Result<Option<Baseline>> {
        let path = self.folder(suite).join("baseline.json");
        if !path.is_file() {
            return Ok(None);
        }
        let bytes = std::fs::read(&path)?;
        let read = Baseline::read(&bytes);
        read.map(Some).map_err(|why| anyhow!("`{}`: {why}", path.display()))
    }
}

/// Today: quarantines end by it and baselines are dated with it.
pub fn today() -> Day {
    day(build::clock().now())
}
