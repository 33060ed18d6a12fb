//! A workspace that may be in force: it has a gateway file, and every policy of it compiled.

use std::{collections::BTreeMap, sync::Arc};

use backstop_policy::{Gateway, Policy, Workspace};

/// The policies in force, and what they share.
#[derive(Debug, Clone)]
pub struct InForce {
    /// The gateway file.
    pub gateway: Arc<Gateway>,
    /// Policies by name.
    pub policies: BTreeMap<String, Arc<Policy>>,
    /// Drafts that they name, by path.
    pub drafts: BTreeMap<String, Arc<Policy>>,
}

impl InForce {
    /// The drafts that a policy names, each once.
    pub fn drafts_of<'w>(&'w self, policy: &'w Policy) -> impl Iterator<Item = &'w Arc<Policy>> {
        let shadow = policy.shadow.as_ref();
        let canary = policy.canary.as_ref().map(|canary| &canary.to);
        let canary = canary.filter(|to| Some(*to) != shadow);
        shadow.into_iter().chain(canary).filter_map(|path| self.drafts.get(path))
    }

    /// That workspace, if it has a gateway file. The loader has refused whatever else is wrong.
    pub fn of(workspace: &Workspace) -> Option<Self> {
        let gateway = Arc::clone(workspace.gateway.as_ref()?);
        let (policies, drafts) = (workspace.policies.clone(), workspace.drafts.clone());
        Some(Self { gateway, policies, drafts })
    }
}
