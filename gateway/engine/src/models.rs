//! The models that the gateway may ask, each behind its gate.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use backstop_domain::FailureClass;
use backstop_upstream::{Blocked, GateSnapshot, Model, ModelGate, Timeouts};

use crate::in_force::InForce;

/// A model and everything that stands before it.
#[derive(Clone)]
pub struct Upstream {
    /// Asks it.
    pub model: Arc<dyn Model>,
    /// Says whether it may be asked now.
    pub gate: Arc<ModelGate>,
    /// Timers of one attempt.
    pub timeouts: Timeouts,
}

/// Every model, by its name in the gateway file. Clones are one.
#[derive(Clone, Default)]
pub struct Models(Arc<ArcSwap<Known>>);

#[derive(Clone, Default)]
struct Known {
    current: BTreeMap<String, Upstream>,
    /// Those that a reload took out of the file: calls pinned to an older revision still name them.
    retired: BTreeMap<String, Upstream>,
}

impl Models {
    /// These models.
    pub fn new(models: BTreeMap<String, Upstream>) -> Self {
        let known = Known { current: models, retired: BTreeMap::new() };
        Self(Arc::new(ArcSwap::from_pointee(known)))
    }

    /// The model of that name.
    pub fn get(&self, name: &str) -> Option<Upstream> {
        let known = self.0.load();
        known.current.get(name).or_else(|| known.retired.get(name)).cloned()
    }

    /// The model of that name, if it stands in the gateway file.
    pub(crate) fn current(&self, name: &str) -> Option<Upstream> {
        self.0.load().current.get(name).cloned()
    }

    /// Every model of the gateway file.
    pub(crate) fn all(&self) -> Vec<(String, Upstream)> {
        let known = self.0.load();
        known.current.iter().map(|(name, one)| (name.clone(), one.clone())).collect()
    }

    /// Takes these models over from a reload. Calls in flight still reach those that are gone.
    pub(crate) fn replace(&self, models: BTreeMap<String, Upstream>) {
        let mut known = Known::clone(&self.0.load());
        let old = std::mem::replace(&mut known.current, models);
        known.retired.extend(old);
        known.retired.retain(|name, _| !known.current.contains_key(name));
        self.0.store(Arc::new(known));
    }

    /// Tells every gate by which classes its model may be called.
    pub(crate) fn share_out(&self, workspace: &InForce) {
        for (name, upstream) in self.all() {
            upstream.gate.called_by(workspace.calls_by(&name));
        }
    }

    /// How every model stands, for metrics and pages.
    pub fn snapshots(&self) -> Vec<GateSnapshot> {
        self.0.load().current.values().map(|upstream| upstream.gate.snapshot()).collect()
    }

    /// What an attempt at a model comes to that no longer stands in the gateway file.
    pub(crate) fn unknown(name: &str) -> Blocked {
        Blocked {
            class: FailureClass::Misconfigured,
            until: None,
            which: format!("model `{name}` no longer stands in gateway.yaml"),
            refused: None,
        }
    }
}
