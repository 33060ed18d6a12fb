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
}

impl InForce {
    /// That workspace, if it has a gateway file. The loader has refused whatever else is wrong.
    pub fn of(workspace: &Workspace) -> Option<Self> {
        let gateway = Arc::clone(workspace.gateway.as_ref()?);
        Some(Self { gateway, policies: workspace.policies.clone() })
    }
}
