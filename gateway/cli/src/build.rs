//! From a checked gateway file to an engine: models behind their gates, services, ledger, clock.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use backstop_domain::{
    Millis, Price,
    guard::{BreakerRules, RetryRules},
};
use backstop_engine::{Engine, Ids, InForce, Models, Parts, Services, Upstream};
use backstop_ledger::Ledger;
use backstop_policy::{
    Gateway,
    gateway_file::{self, Prices, Setting},
};
use backstop_upstream::{
    Clock, CredentialGate, Endpoint, EndpointConfig, HeaderText, HttpModel, HttpService, Model,
    ModelConfig, ModelGate, ModelGuards, MonotonicClock, Recorded, Recorder, Recordings, SecretRef,
    SecretSource, Service, Timeouts,
};

use crate::secrets::Machine;

/// Where answers come from.
pub enum Answers<'a> {
    /// The models themselves.
    Live,
    /// A recording.
    Recorded(&'a Path),
    /// The models themselves, written down in this file.
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
    let models = models(&workspace.gateway, answers, &clock)?;
    let services = services(&workspace.gateway)?;
    let ids = Ids::from_os();
    Ok(Engine::new(Parts { workspace, ledger, models, services, clock, ids, salt }))
}

fn models(gateway: &Gateway, answers: &Answers<'_>, clock: &Arc<dyn Clock>) -> Result<Models> {
    let recordings = match answers {
        Answers::Recorded(path) => Some(Arc::new(Recordings::read(path)?)),
        _ => None,
    };
    let credentials: BTreeMap<&String, Arc<CredentialGate>> = gateway
        .providers
        .keys()
        .map(|name| (name, CredentialGate::new(name.as_str(), Arc::clone(clock))))
        .collect();
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
        let credential = credentials.get(&model.provider).cloned();
        let credential = credential.context("a model names a provider that is not there")?;
        let guards = guards(name, model);
        let gate = ModelGate::new(guards, credential, Arc::clone(clock), seed as u64);
        let timeouts = Timeouts {
            first_byte: Duration::from_millis(model.timeouts.first_byte_ms),
            idle: Duration::from_millis(model.timeouts.idle_ms),
            total: model.timeouts.total_ms.map(Duration::from_millis),
        };
        models.insert(name.clone(), Upstream { model: asked, gate, timeouts });
    }
    Ok(Models::new(models))
}

fn guards(name: &str, model: &gateway_file::Model) -> ModelGuards {
    let availability = model.availability;
    ModelGuards {
        name: name.to_owned(),
        breaker: BreakerRules {
            window_ms: availability.window_ms,
            failures: availability.failures,
            share: availability.share,
            slow_ms: availability.slow_ms,
            cool_down_ms: availability.cool_down_ms,
            cool_down_max_ms: availability.cool_down_max_ms,
            ..BreakerRules::default()
        },
        limits: backstop_engine::limit_rules(&model.limits),
        retry: RetryRules { share: model.retry.share, ..RetryRules::default() },
        price: model.price.map(price),
    }
}

fn price(prices: Prices) -> Price {
    Price { input: prices.input, cached: prices.cached, output: prices.output }
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
    use secrecy::ExposeSecret;
    match setting {
        Setting::Text(text) => Ok(text.clone()),
        Setting::From(place) => Ok(Machine.read(&secret(place))?.expose_secret().to_owned()),
    }
}

fn secret(place: &gateway_file::SecretRef) -> SecretRef {
    match place {
        gateway_file::SecretRef::Env(name) => SecretRef::Env(name.clone()),
        gateway_file::SecretRef::File(path) => SecretRef::File(path.into()),
    }
}

fn services(gateway: &Gateway) -> Result<Services> {
    let mut services: BTreeMap<String, Arc<dyn Service>> = BTreeMap::new();
    for (name, service) in &gateway.services {
        let url = address(&service.url)?;
        let url =
            url.parse().with_context(|| format!("service `{name}`: `{url}` is no address"))?;
        let key = service.key.as_ref().map(|place| Machine.read(&secret(place))).transpose()?;
        let made = HttpService::new(name, url, key).map_err(anyhow::Error::msg)?;
        services.insert(name.clone(), Arc::new(made));
    }
    Ok(Services::new(services))
}
