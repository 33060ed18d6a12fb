//! What a policy can refer to in the gateway file, in the form that compiling needs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use backstop_checks::expression::Calendar as Opening;
use backstop_domain::{Millis, Price};

use crate::compiled::{Calendars, Model};
use crate::gateway_file::{self, Calendar, Expiry, Gateway};
use crate::raw::{self, LimitKind};

/// The gateway file, as policies see it.
#[derive(Debug, Default)]
pub(crate) struct Around {
    /// Models by name, with the largest burst that their token limit lets through at once.
    pub models: BTreeMap<String, (Model, Option<u64>)>,
    /// Queues by name, and whether they end in the policy's fallback.
    pub queues: BTreeMap<String, QueueSeen>,
    /// Names of services.
    pub services: BTreeSet<String>,
    /// Calendars by name.
    pub hours: Calendars,
    /// What holds for policies that lack a key.
    pub defaults: Defaults,
    /// How long the gateway keeps things.
    pub kept: gateway_file::Retention,
    /// `gateway.yaml` as a tree, for the revision's manifest.
    pub tree: Option<crate::yaml::Node>,
}

/// A queue, as policies see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueSeen {
    /// Nobody decided: the policy's fallback answers.
    pub ends_in_fallback: bool,
    /// How many people must approve.
    pub approvals: u8,
}

/// `defaults` of the gateway file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Defaults {
    pub deadline_ms: Option<u64>,
    pub budget: Option<raw::Budget>,
    pub limits: Option<Vec<raw::Limit>>,
    pub durability: Option<raw::Durability>,
    pub retain: Option<raw::Retain>,
    pub pending: Option<raw::Pending>,
    pub on: Vec<(crate::source::Spanned<backstop_domain::FailureClass>, raw::Ladder)>,
}

impl Around {
    /// What policies see of a gateway file; `tree` is the file as a tree.
    pub fn of(gateway: &Gateway, tree: Option<crate::yaml::Node>) -> Self {
        let models = gateway
            .models
            .iter()
            .map(|(name, model)| (name.clone(), (model_of(name, model), token_burst(model))));
        let queues = gateway.queues.iter().map(|(name, queue)| {
            let ends_in_fallback = queue.on_expiry == Expiry::Fallback;
            let approvals = u8::try_from(queue.approvals).unwrap_or(u8::MAX);
            (name.clone(), QueueSeen { ends_in_fallback, approvals })
        });
        let hours = gateway.hours.iter().map(|(name, calendar)| {
            let opening: Arc<dyn Opening + Send + Sync> = Arc::new(Hours(calendar.clone()));
            (name.clone(), opening)
        });
        let defaults = &gateway.defaults;
        Self {
            models: models.collect(),
            queues: queues.collect(),
            services: gateway.services.keys().cloned().collect(),
            hours: Calendars(hours.collect()),
            defaults: Defaults {
                deadline_ms: defaults.deadline.as_ref().map(|time| time.value.0),
                budget: defaults.budget.as_ref().map(|budget| budget.value.clone()),
                limits: defaults.limits.clone(),
                durability: defaults.durability.as_ref().map(|word| word.value),
                retain: defaults.retain.clone(),
                pending: defaults.pending.clone(),
                on: defaults.on.clone(),
            },
            kept: gateway.store.retain,
            tree,
        }
    }
}

/// A calendar, as conditions ask it.
struct Hours(Calendar);

impl Opening for Hours {
    fn is_open(&self, at_unix_ms: i64) -> bool {
        u64::try_from(at_unix_ms).is_ok_and(|at| self.0.is_open(Millis(at)))
    }
}

fn model_of(name: &str, model: &gateway_file::Model) -> Model {
    Model {
        name: name.to_owned(),
        wire: model.model.clone(),
        price: model.price.map(|price| Price {
            input: price.input,
            cached: price.cached,
            output: price.output,
        }),
        backoff_max_ms: model.retry.wait_max_ms,
        context: model.context_tokens,
        max_output: model.output_tokens_max,
        logprobs: model.logprobs,
        schema: model.schema,
        tools: model.tools,
    }
}

/// The most tokens that the model's limits let through at once.
fn token_burst(model: &gateway_file::Model) -> Option<u64> {
    let tokens = model.limits.iter().filter(|limit| matches!(limit.kind, LimitKind::Tokens { .. }));
    tokens.map(raw::Limit::burst).min()
}
