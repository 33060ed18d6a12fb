//! From a checked gateway file to an engine: models behind their gates, services, ledger, clock.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use backstop_domain::Millis;
use backstop_engine::{
    Engine, Ids, InForce, Models, Parts, Services, Upstream, model_guards, service_guards, timeouts,
};
use backstop_ledger::Ledger;
use backstop_policy::{
    Gateway,
    gateway_file::{self, Setting},
};
use backstop_server::Provider;
use backstop_upstream::{
    Clock, Endpoint, EndpointConfig, GuardedService, HeaderText, HttpModel, HttpService, Model,
    ModelConfig, ModelGate, MonotonicClock, ProviderGate, Recorded, RecordedService, Recorder,
    Recordings, SecretRef, SecretSource, Service, ServiceRecorder,
};

use secrecy::ExposeSecret;

use crate::secrets::Machine;

/// Where answers come from.
pub enum Answers<'a> {
    /// The models and services themselves.
    Live,
    /// A recording.
    Recorded(&'a Path),
    /// The models and services themselves, written down in this file.
    Record(&'a Path),
}

/// The clock of this machine.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
pub fn clock() -> Arc<dyn Clock> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let ms = since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
    Arc::new(MonotonicClock::starting_at(Millis(ms)))
}

/// An engine over that workspace and ledger.
pub fn engine(
    workspace: Arc<InForce>,
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    answers: &Answers<'_>,
    salt: Vec<u8>,
) -> Result<Engine> {
    let models = Models::new(models(&workspace.gateway, answers, &clock, None)?);
    let services = Services::new(services(&workspace.gateway, answers, &clock, None)?);
    let ids = Ids::from_os();
    Ok(Engine::new(Parts { workspace, ledger, models, services, clock, ids, salt }))
}

/// What was in force before a reload: what stays the same is taken over, with all that it counted.
pub struct Before {
    /// The gateway file.
    pub gateway: Arc<Gateway>,
    /// Its models.
    pub models: Models,
    /// Its services.
    pub services: Services,
}

/// The models of a gateway file, each behind its gate.
pub fn models(
    gateway: &Gateway,
    answers: &Answers<'_>,
    clock: &Arc<dyn Clock>,
    before: Option<&Before>,
) -> Result<BTreeMap<String, Upstream>> {
    let recordings = match answers {
        Answers::Recorded(path) => Some(Arc::new(Recordings::read(path)?)),
        _ => None,
    };
    let providers = providers(gateway, clock, before);
    let mut endpoints = BTreeMap::new();
    let mut models = BTreeMap::new();
    for (seed, (name, model)) in gateway.models.iter().enumerate() {
        let asked: Arc<dyn Model> = match &recordings {
            Some(recordings) => {
                let recordings = Arc::clone(recordings);
                Arc::new(Recorded::new(recordings, model.model.as_str(), Arc::clone(clock)))
            }
            None => {
                let provider = model.provider.as_str();
                if !endpoints.contains_key(provider) {
                    endpoints.insert(provider, endpoint(gateway, provider)?);
                }
                let endpoint = endpoints.get(provider).cloned().context("a provider is missing")?;
                let config = ModelConfig { name: name.clone(), model: model.model.clone() };
                Arc::new(HttpModel::new(endpoint, &config, Arc::clone(clock)))
            }
        };
        let asked: Arc<dyn Model> = match answers {
            Answers::Record(path) => Arc::new(Recorder::new(asked, model.model.as_str(), path)?),
            _ => asked,
        };
        let provider = providers.get(&model.provider).cloned();
        let provider = provider.context("a model names a provider that is not there")?;
        let gate = gate(name, model, before).unwrap_or_else(|| {
            ModelGate::new(model_guards(name, model), provider, Arc::clone(clock), seed as u64)
        });
        models.insert(name.clone(), Upstream { model: asked, gate, timeouts: timeouts(model) });
    }
    Ok(models)
}

/// The gate that a model had before, if it is still the same provider's. Its new rules come into
/// force with [`tighten`].
fn gate(
    name: &str,
    model: &gateway_file::Model,
    before: Option<&Before>,
) -> Option<Arc<ModelGate>> {
    let before = before?;
    let known = before.gateway.models.get(name)?;
    (known.provider == model.provider).then_some(())?;
    Some(before.models.get(name)?.gate)
}

/// Gives every gate the rules of a gateway file that is in force now; what it counted stays.
pub fn tighten(gateway: &Gateway, models: &Models) {
    for (name, model) in &gateway.models {
        if let Some(upstream) = models.get(name) {
            upstream.gate.reload(model_guards(name, model));
        }
    }
}

/// One gate per provider. A provider whose gates stay keeps the one that they hold.
fn providers<'g>(
    gateway: &'g Gateway,
    clock: &Arc<dyn Clock>,
    before: Option<&Before>,
) -> BTreeMap<&'g String, Arc<ProviderGate>> {
    let kept = |provider: &String| {
        let before = before?;
        let mut models = before.gateway.models.iter();
        let (name, _) = models.find(|(_, model)| model.provider == *provider)?;
        Some(before.models.get(name)?.gate.provider())
    };
    let fresh = |name: &String| ProviderGate::new(name.as_str(), Arc::clone(clock));
    gateway.providers.keys().map(|name| (name, kept(name).unwrap_or_else(|| fresh(name)))).collect()
}

fn endpoint(gateway: &Gateway, name: &str) -> Result<Endpoint> {
    let provider = gateway.providers.get(name).context("a provider is missing")?;
    let headers = provider.headers.iter().map(|(header, value)| {
        let text = match value {
            Setting::Text(text) => HeaderText::Plain(text.clone()),
            Setting::From(place) => HeaderText::Secret(secret(place)),
        };
        (header.clone(), text)
    });
    let config = EndpointConfig {
        key: provider.key.as_ref().map(secret),
        headers: headers.collect(),
        connect: Duration::from_millis(provider.connect_ms),
        ..EndpointConfig::new(name, address(&provider.url)?)
    };
    Ok(Endpoint::open(&config, &Machine)?)
}

/// An address, as written or as found where it says.
pub fn address(setting: &Setting) -> Result<String> {
    match setting {
        Setting::Text(text) => Ok(text.clone()),
        Setting::From(place) => Ok(Machine.read(&secret(place))?.expose_secret().to_owned()),
    }
}

/// The provider that signs people in at the desk, if the gateway file has one.
pub fn provider(gateway: &Gateway) -> Result<Option<Provider>> {
    let Some(oidc) = &gateway.oidc else { return Ok(None) };
    let given = Machine.read(&secret(&oidc.client_secret)).context("`oidc.client_secret`")?;
    // A checked file has it.
    let public = gateway.http.public.as_deref().unwrap_or_default();
    Provider::new(oidc, given, public).map(Some).map_err(anyhow::Error::msg)
}

/// Where a secret is, as the machine finds it.
pub fn secret(place: &gateway_file::SecretRef) -> SecretRef {
    match place {
        gateway_file::SecretRef::Env(name) => SecretRef::Env(name.clone()),
        gateway_file::SecretRef::File(path) => SecretRef::File(path.into()),
    }
}

/// The services of a gateway file, each behind its guards.
pub fn services(
    gateway: &Gateway,
    answers: &Answers<'_>,
    clock: &Arc<dyn Clock>,
    before: Option<&Before>,
) -> Result<BTreeMap<String, Arc<dyn Service>>> {
    let mut services: BTreeMap<String, Arc<dyn Service>> = BTreeMap::new();
    for (seed, (name, service)) in gateway.services.iter().enumerate() {
        let same = before.filter(|before| before.gateway.services.get(name) == Some(service));
        if let Some(kept) = same.and_then(|before| before.services.get(name)) {
            services.insert(name.clone(), kept);
            continue;
        }
        let asked = bare_service(name, service, answers, clock)?;
        let guards = service_guards(name, service);
        let guarded = GuardedService::new(guards, asked, Arc::clone(clock), seed as u64);
        services.insert(name.clone(), Arc::new(guarded));
    }
    Ok(services)
}

/// A service before any guard.
pub fn bare_service(
    name: &str,
    service: &gateway_file::Service,
    answers: &Answers<'_>,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<dyn Service>> {
    if let Answers::Recorded(path) = answers {
        return Ok(Arc::new(RecordedService::new(Arc::new(Recordings::read(path)?), name)));
    }
    let url = address(&service.url)?;
    let url = url.parse().with_context(|| format!("service `{name}`: `{url}` is no address"))?;
    let key = service.key.as_ref().map(|place| Machine.read(&secret(place))).transpose()?;
    let asked = HttpService::new(name, url, key).map_err(anyhow::Error::msg)?;
    Ok(match answers {
        Answers::Record(path) => {
            Arc::new(ServiceRecorder::new(Arc::new(asked), name, path, Arc::clone(clock))?)
        }
        _ => Arc::new(asked),
    })
}
