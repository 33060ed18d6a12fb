//! The services that checks ask, by name.

use std::{collections::BTreeMap, sync::Arc};

use backstop_upstream::Service;

/// Every service of the gateway file.
#[derive(Clone, Default)]
pub struct Services(BTreeMap<String, Arc<dyn Service>>);

impl Services {
    /// These services.
    pub fn new(services: BTreeMap<String, Arc<dyn Service>>) -> Self {
        Self(services)
    }

    /// The service of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Service>> {
        self.0.get(name)
    }
}
