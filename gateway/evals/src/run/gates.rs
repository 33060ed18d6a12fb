//! Models and services behind gates that nobody has used yet: what one case does to a breaker, a
//! retry budget or a limit is no other case's concern.

use std::collections::BTreeMap;
use std::sync::Arc;

use backstop_engine::{Models, Services, Upstream, model_guards, service_guards, timeouts};
use backstop_policy::{Gateway, gateway_file};
use backstop_upstream::{Clock, GuardedService, Model, ModelGate, ProviderGate, Service};

/// The models of `gateway`, asked as `asked` says.
pub fn behind_fresh_gates(
    gateway: &Gateway,
    clock: &Arc<dyn Clock>,
    asked: impl Fn(&str, &gateway_file::Model) -> Arc<dyn Model>,
) -> Models {
    let latch = |provider: &str| ProviderGate::new(provider, Arc::clone(clock));
    let latches: BTreeMap<&str, Arc<ProviderGate>> =
        gateway.providers.keys().map(|name| (name.as_str(), latch(name))).collect();
    let models = gateway.models.iter().enumerate().map(|(seed, (name, model))| {
        let provider = model.provider.as_str();
        let credential = latches.get(provider).cloned().unwrap_or_else(|| latch(provider));
        let guards = model_guards(name, model);
        let gate = ModelGate::new(guards, credential, Arc::clone(clock), seed as u64);
        let upstream = Upstream { model: asked(name, model), gate, timeouts: timeouts(model) };
        (name.clone(), upstream)
    });
    Models::new(models.collect())
}

/// The services of `gateway`, asked as `asked` says.
pub fn services_behind_fresh_gates(
    gateway: &Gateway,
    clock: &Arc<dyn Clock>,
    asked: impl Fn(&str) -> Arc<dyn Service>,
) -> Services {
    let services = gateway.services.iter().enumerate().map(|(seed, (name, service))| {
        let (guards, clock) = (service_guards(name, service), Arc::clone(clock));
        let guarded = GuardedService::new(guards, asked(name), clock, seed as u64);
        (name.clone(), Arc::new(guarded) as Arc<dyn Service>)
    });
    Services::new(services.collect())
}
