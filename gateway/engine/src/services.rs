//! The services that checks ask, by name.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use backstop_upstream::Service;

/// Every service of the gateway file. Clones are one.
#[derive(Clone, Default)]
pub struct Services(Arc<ArcSwap<BTreeMap<String, Arc<dyn Service>>>>);

impl Services {
    /// These services.
    pub fn new(services: BTreeMap<String, Arc<dyn Service>>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(services)))
    }

    /// The service of that name.
    pub fn get(&self, name: &str) -> Option<Arc<dyn Service>> {
        self.0.load().get(name).map(Arc::clone)
    }

    /// Takes these services over from a reload.
    pub(crate) fn replace(&self, services: BTreeMap<String, Arc<dyn Service>>) {
        self.0.store(Arc::new(services));
    }
}
