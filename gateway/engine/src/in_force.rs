//! A workspace that may be in force: it has a gateway file, and every policy of it compiled.

use std::{collections::BTreeMap, sync::Arc};

use backstop_domain::Criticality;
use backstop_policy::{Gateway, Policy, Workspace, raw::Criticality as Word};

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

    /// The highest class that anybody may call these policies by; `None` if there are none.
    pub(crate) fn highest(&self, of: impl Fn(&Policy) -> bool) -> Option<Criticality> {
        let policies = self.policies.values().filter(|policy| of(policy));
        let highest = policies.map(|policy| policy.plan.criticality).max()?;
        let callers = self.gateway.callers.values().filter(|caller| !caller.keys.is_empty());
        // Without keys everybody is on this machine, and may call as anything.
        let caller = callers.map(|caller| class(caller.highest)).max();
        Some(highest.min(caller.unwrap_or(Criticality::Critical)))
    }

    /// The highest class that anybody may call that model by, to answer or to judge.
    pub(crate) fn calls_by(&self, model: &str) -> Criticality {
        let asks = |policy: &Policy| {
            let drafts = self.drafts_of(policy).map(|draft| &**draft);
            let mut asked = drafts.chain([policy]).flat_map(|one| &one.models);
            asked.any(|one| one.name == model)
        };
        self.highest(asks).unwrap_or(Criticality::Sheddable)
    }
}

const fn class(word: Word) -> Criticality {
    match word {
        Word::Critical => Criticality::Critical,
        Word::Standard => Criticality::Standard,
        Word::Sheddable => Criticality::Sheddable,
    }
}
