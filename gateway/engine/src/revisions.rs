//! Revisions: those in force, and those that calls are pinned to after their files changed.
//!
//! The files of every revision that was ever in force are kept in the ledger by digest, so that an
//! old call can go on, and be replayed, when its policy is gone from disk.

use std::{collections::BTreeMap, sync::Arc};

use backstop_domain::{Actor, CallId, ControlEvent, Digest, Event, Stream};
use backstop_ledger::{Append, Body, NewEvent, Recorded, Transaction};
use backstop_policy::{Policy, Sources, Workspace};

use crate::{
    engine::{Engine, Inner},
    in_force::InForce,
    live::Stop,
};

impl Engine {
    /// Puts a workspace in force. Calls in flight keep theirs; limits keep what was used. Every new
    /// revision is recorded, with its files.
    ///
    /// # Errors
    /// [`Stop`] if that cannot be written down; the old one stays in force.
    pub async fn put_in_force(
        &self,
        workspace: Arc<InForce>,
        sources: &BTreeMap<String, Vec<u8>>,
    ) -> Result<(), Stop> {
        let inner = &self.0;
        inner.record_revisions(&workspace, sources).await?;
        inner.put_canaries(&workspace).await?;
        let mut revisions = inner.revisions.lock();
        for policy in workspace.policies.values().chain(workspace.drafts.values()) {
            revisions.insert(policy.plan.revision, Arc::clone(policy));
        }
        drop(revisions);
        inner.door.reload(&workspace);
        inner.models.share_out(&workspace);
        inner.load.reload(&workspace.gateway.degradation);
        inner.workspace.store(workspace);
        Ok(())
    }
}

impl Engine {
    /// The policy of a revision: in force, or as the ledger kept its files. `None`: it is gone.
    ///
    /// # Errors
    /// [`Stop`] if the ledger cannot be read.
    pub async fn policy(&self, name: &str, revision: Digest) -> Result<Option<Arc<Policy>>, Stop> {
        self.0.policy_of(name, revision).await
    }
}

impl Inner {
    async fn record_revisions(
        &self,
        workspace: &InForce,
        sources: &BTreeMap<String, Vec<u8>>,
    ) -> Result<(), Stop> {
        let bundle = Body::new(bundle(sources), false);
        let mut appends = Vec::new();
        for policy in workspace.policies.values() {
            let stream = stream(&policy.name);
            let events = self.ledger.stream(&stream, 0).await?;
            let loaded: Vec<(Digest, bool)> = events.iter().filter_map(loaded).collect();
            let mut new = Vec::new();
            // One that comes back into force is told again; a draft is written down once.
            let newest = loaded.iter().rev().find(|(_, draft)| !draft);
            if newest.is_none_or(|(revision, _)| *revision != policy.plan.revision) {
                new.push(self.revision_event(policy, bundle.digest(), false));
            }
            for draft in workspace.drafts_of(policy) {
                let revision = draft.plan.revision;
                if revision != policy.plan.revision && !loaded.contains(&(revision, true)) {
                    new.push(self.revision_event(draft, bundle.digest(), true));
                }
            }
            if !new.is_empty() {
                let expected_seq = events.len() as u64;
                appends.push(Append { stream, expected_seq, after: None, events: new });
            }
        }
        if appends.is_empty() {
            return Ok(());
        }
        let transaction = Transaction::of(appends).with_bodies([bundle]).hurried();
        self.ledger.append(transaction).await?;
        Ok(())
    }

    fn revision_event(&self, policy: &Policy, sources: Digest, draft: bool) -> NewEvent {
        let now = self.clock.now();
        let (policy, revision) = (policy.name.clone(), policy.plan.revision);
        let sources = Some(sources);
        let loaded = ControlEvent::RevisionLoaded { policy, revision, sources, draft };
        let (id, actor) = (self.ids.event(now), Actor::system("loader"));
        NewEvent { revision: Some(revision), ..NewEvent::control(id, now, actor, loaded) }
    }

    /// The policy of a revision, from memory or as the ledger kept its files.
    pub(crate) async fn policy_of(
        &self,
        name: &str,
        revision: Digest,
    ) -> Result<Option<Arc<Policy>>, Stop> {
        if let Some(policy) = self.revisions.lock().get(&revision) {
            return Ok(Some(Arc::clone(policy)));
        }
        let events = self.ledger.stream(&stream(name), 0).await?;
        let Some(digest) = kept_files(&events, revision) else { return Ok(None) };
        let Some(bytes) = self.stored(digest).await? else { return Ok(None) };
        let found = policy_from(name, revision, &bytes);
        if let Some(policy) = &found {
            self.revisions.lock().insert(revision, Arc::clone(policy));
        }
        Ok(found)
    }
}

/// A revision that came into force, and whether as a draft.
fn loaded(recorded: &Recorded) -> Option<(Digest, bool)> {
    match &recorded.event {
        Ok(Event::Control(ControlEvent::RevisionLoaded { revision, draft, .. })) => {
            Some((*revision, *draft))
        }
        _ => None,
    }
}

/// The digest of the files of a revision, by the events of its policy's [`stream`].
pub fn kept_files(events: &[Recorded], revision: Digest) -> Option<Digest> {
    events.iter().rev().find_map(|recorded| match &recorded.event {
        Ok(Event::Control(ControlEvent::RevisionLoaded { revision: r, sources, .. }))
            if *r == revision =>
        {
            *sources
        }
        _ => None,
    })
}

/// The policy of a revision from its files as they were kept; `None` if they do not make it.
pub fn policy_from(name: &str, revision: Digest, bundle: &[u8]) -> Option<Arc<Policy>> {
    let files: BTreeMap<String, String> = serde_json::from_slice(bundle).ok()?;
    let sources = files.into_iter().map(|(path, text)| (path, text.into_bytes())).collect();
    let (workspace, _) = Workspace::load(&Sources::new(sources));
    // The same files under other decision semantics are another revision: not this one.
    let policies = workspace.policies.get(name).into_iter().chain(workspace.drafts.values());
    let mut same =
        policies.filter(|policy| policy.name == name && policy.plan.revision == revision);
    same.next().cloned()
}

/// The stream that tells which revisions of a policy were in force, which drafts were named beside
/// them, and what became of its canaries.
pub fn stream(policy: &str) -> Stream {
    Stream::control(&format!("policy.{policy}"))
}

/// The stream that tells what came of judging a draft beside a call.
pub fn shadow(call: &CallId) -> Stream {
    Stream::control(&format!("shadow.{call}"))
}

/// Every file in one body: path to text.
fn bundle(sources: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let files: BTreeMap<&str, String> = sources
        .iter()
        .map(|(path, bytes)| (path.as_str(), String::from_utf8_lossy(bytes).into_owned()))
        .collect();
    serde_json::to_vec(&files).unwrap_or_default()
}
