//! The models that the gateway may ask, each behind its gate.

use std::{collections::BTreeMap, sync::Arc};

use backstop_domain::FailureClass;
use backstop_upstream::{Blocked, GateSnapshot, Model, ModelGate, Timeouts};

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

/// Every model, by its name in the gateway file.
#[derive(Clone, Default)]
pub struct Models(BTreeMap<String, Upstream>);

impl Models {
    /// These models.
    pub fn new(models: BTreeMap<String, Upstream>) -> Self {
        Self(models)
    }

    /// The model of that name.
    pub fn get(&self, name: &str) -> Option<Upstream> {
        self.0.get(name).cloned()
    }

    /// How every model stands, for metrics and pages.
    pub fn snapshots(&self) -> Vec<GateSnapshot> {
        self.0.values().map(|upstream| upstream.gate.snapshot()).collect()
    }

    /// Every gate, for their changes.
    pub(crate) fn gates(&self) -> impl Iterator<Item = &Arc<ModelGate>> {
        self.0.values().map(|upstream| &upstream.gate)
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
