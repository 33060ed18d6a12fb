//! Replay of calls in the ledger: reads what a call left, and goes through it again.

use std::{collections::HashMap, sync::Arc};

use backstop_domain::{CallId, Digest, Stream};

use crate::{
    engine::{Engine, Inner},
    live::Stop,
    replay::{self, Other, RecordedCall, Verified, WhatIf},
};

/// Why a call is not replayed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoReplay {
    /// There is no such call.
    #[error("there is no such call")]
    NoCall,
    /// There is no such revision of its policy.
    #[error("there is no revision `{revision}` of policy `{policy}`")]
    NoRevision {
        /// The policy.
        policy: String,
        /// The revision, or `in force`.
        revision: String,
    },
    /// The ledger cannot be read.
    #[error(transparent)]
    Stop(#[from] Stop),
}

impl Engine {
    /// What the ledger has of a call, as replays read it.
    ///
    /// # Errors
    /// [`NoReplay`].
    pub async fn recorded(&self, id: &CallId) -> Result<RecordedCall, NoReplay> {
        self.0.recorded(id).await
    }

    /// Decides a recorded call again under the revision that it is pinned to, and holds the result
    /// to the record.
    ///
    /// # Errors
    /// [`NoReplay`]: there is no such call, or the ledger cannot be read.
    pub async fn verify(&self, id: &CallId) -> Result<Verified, NoReplay> {
        let record = self.0.recorded(id).await?;
        let policy = match record.received() {
            Ok((received, _)) => self.0.policy_of(&received.policy, received.revision).await?,
            Err(_) => None,
        };
        Ok(replay::verify(&record, policy.as_ref()))
    }

    /// Goes through a recorded call under that revision of its policy, or the one in force.
    ///
    /// # Errors
    /// [`NoReplay`].
    pub async fn decided_under(&self, id: &CallId, to: Option<Digest>) -> Result<WhatIf, NoReplay> {
        let inner = &self.0;
        let record = inner.recorded(id).await?;
        let Ok((received, _)) = record.received() else { return Err(NoReplay::NoCall) };
        let policy = match to {
            Some(revision) => inner.policy_of(&received.policy, revision).await?,
            None => inner.workspace.load().policies.get(&received.policy).cloned(),
        };
        let policy = policy.ok_or_else(|| NoReplay::NoRevision {
            policy: received.policy.clone(),
            revision: to.map_or_else(|| "in force".to_owned(), |revision| revision.to_string()),
        })?;
        let pinned = inner.policy_of(&received.policy, received.revision).await?;
        let (pinned, salt) = (pinned.as_ref(), Some(inner.salt.as_slice()));
        Ok(replay::what_if(&record, Other { policy: &policy, pinned, salt }))
    }
}

impl Inner {
    /// What the ledger has of a call.
    pub(crate) async fn recorded(&self, id: &CallId) -> Result<RecordedCall, NoReplay> {
        let stop = |error| NoReplay::Stop(Stop::Read(error));
        let events = self.ledger.stream(&Stream::call(id), 0).await.map_err(stop)?;
        if events.is_empty() {
            return Err(NoReplay::NoCall);
        }
        let mut bodies = HashMap::new();
        for digest in replay::bodies_of(&events) {
            if let Some(body) = self.ledger.body(digest).await.map_err(stop)? {
                bodies.insert(digest, body.bytes.map(Arc::from));
            }
        }
        Ok(RecordedCall { id: id.clone(), events, bodies })
    }
}
