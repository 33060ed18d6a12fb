//! Recorded calls for replay: from a data folder, or from an export of one. Nothing is written.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context, Result};
use backstop_domain::{CallId, Digest, Millis, Stream};
use backstop_engine::{
    replay::{RecordedCall, bodies_of},
    revisions,
};
use backstop_ledger::{BodiesByDigest, ExportFile, Offline, Recorded};
use backstop_policy::Policy;

/// Where recorded calls come from. Each thread opens its own.
pub enum Records {
    /// A data folder.
    Ledger(Offline),
    /// An export.
    Export(Arc<ExportFile>),
}

/// Where they are: what threads share.
pub enum Place {
    /// A data folder.
    Folder(PathBuf),
    /// An export.
    Export(Arc<ExportFile>),
}

impl Place {
    /// A data folder, or an export if it is a file, which is walked once.
    pub fn of(path: &Path) -> Result<Self> {
        if !path.is_file() {
            return Ok(Self::Folder(path.to_owned()));
        }
        let export = ExportFile::open(path);
        let export = export.with_context(|| format!("cannot read `{}`", path.display()))?;
        Ok(Self::Export(Arc::new(export)))
    }

    /// For one thread.
    pub fn open(&self) -> Result<Records> {
        match self {
            Self::Folder(path) => Ok(Records::Ledger(Offline::open(path)?)),
            Self::Export(export) => Ok(Records::Export(Arc::clone(export))),
        }
    }
}

/// Revisions that were compiled already; `None` where their files are gone.
#[derive(Default)]
pub struct Revisions(Mutex<HashMap<Digest, Option<Arc<Policy>>>>);

impl Records {
    /// Opens a data folder, or an export if it is a file.
    pub fn open(path: &Path) -> Result<Self> {
        Place::of(path)?.open()
    }

    /// The gateway's salt, which draws samples; an export has none.
    pub fn salt(&self, path: &Path) -> Option<Vec<u8>> {
        match self {
            Self::Ledger(_) => std::fs::read(path.join("salt")).ok(),
            Self::Export(_) => None,
        }
    }

    /// Calls that were received at that time or later, oldest first.
    pub fn calls(&self, since: Option<Millis>) -> Result<Vec<CallId>> {
        match self {
            Self::Ledger(ledger) => Ok(ledger.calls(since)?),
            Self::Export(export) => Ok(export.calls(since)),
        }
    }

    /// A call as it was recorded; without events there is none.
    pub fn call(&self, id: &CallId) -> Result<RecordedCall> {
        let mut call = self.events(id)?;
        call.bodies = self.bodies(&bodies_of(&call.events))?;
        Ok(call)
    }

    /// A call's events alone.
    pub fn events(&self, id: &CallId) -> Result<RecordedCall> {
        let events = self.stream(&Stream::call(id))?;
        Ok(RecordedCall { id: id.clone(), events, bodies: HashMap::new() })
    }

    /// Every revision of a policy that was in force, oldest first.
    pub fn revisions(&self, name: &str) -> Result<Vec<Digest>> {
        let events = self.stream(&revisions::stream(name))?;
        Ok(events.iter().filter_map(|recorded| recorded.envelope.revision).collect())
    }

    /// The policy of a revision, if its files were kept.
    pub fn policy(
        &self,
        known: &Revisions,
        name: &str,
        revision: Digest,
    ) -> Result<Option<Arc<Policy>>> {
        // Held while it compiles: whoever wants the same one waits for it.
        let mut known = known.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(policy) = known.get(&revision) {
            return Ok(policy.clone());
        }
        let policy = self.kept(name, revision)?;
        known.insert(revision, policy.clone());
        Ok(policy)
    }

    fn kept(&self, name: &str, revision: Digest) -> Result<Option<Arc<Policy>>> {
        let events = self.stream(&revisions::stream(name))?;
        let Some(bundle) = revisions::kept_files(&events, revision) else { return Ok(None) };
        let bodies = self.bodies(&[bundle])?;
        let bytes = bodies.get(&bundle).and_then(Option::as_ref);
        Ok(bytes.and_then(|bytes| revisions::policy_from(name, revision, bytes)))
    }

    fn stream(&self, stream: &Stream) -> Result<Vec<Recorded>> {
        match self {
            Self::Ledger(ledger) => Ok(ledger.stream(stream)?),
            Self::Export(export) => Ok(export.stream(stream)?),
        }
    }

    /// The bodies of these digests.
    pub fn bodies(&self, digests: &[Digest]) -> Result<BodiesByDigest> {
        match self {
            Self::Ledger(ledger) => Ok(ledger.bodies(digests)?),
            Self::Export(export) => Ok(export.bodies(digests)?),
        }
    }
}
