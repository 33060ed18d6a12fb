//! From the gateway file to what guards hold: one translation for the command, reloads and tests.

use std::time::Duration;

use backstop_domain::{
    Price,
    guard::{BreakerRules, HedgeRules, QualityRules, RetryRules},
};
use backstop_policy::gateway_file::{Availability, Model, Prices, Quality, Service};
use backstop_upstream::{ModelGuards, ServiceGuards, Timeouts};

use crate::limit_rules::limit_rules;

/// How a model of the gateway file is guarded.
pub fn model_guards(name: &str, model: &Model) -> ModelGuards {
    ModelGuards {
        name: name.to_owned(),
        breaker: breaker(&model.availability),
        quality: quality(&model.quality),
        limits: limit_rules(&model.limits),
        retry: retry(model.retry.share),
        hedge: model.hedge.map(|hedge| HedgeRules { after_ms: hedge.after_ms, share: hedge.share }),
        price: model.price.map(price),
    }
}

/// How a service of the gateway file is guarded.
pub fn service_guards(name: &str, service: &Service) -> ServiceGuards {
    ServiceGuards {
        name: name.to_owned(),
        breaker: breaker(&service.availability),
        limits: limit_rules(&service.limits),
        longest: Duration::from_millis(service.timeout_ms),
    }
}

/// The timers of one attempt at a model.
pub fn timeouts(model: &Model) -> Timeouts {
    Timeouts {
        first_byte: Duration::from_millis(model.timeouts.first_byte_ms),
        idle: Duration::from_millis(model.timeouts.idle_ms),
        total: model.timeouts.total_ms.map(Duration::from_millis),
    }
}

fn breaker(availability: &Availability) -> BreakerRules {
    BreakerRules {
        window_ms: availability.window_ms,
        failures: availability.failures,
        share: availability.share,
        slow_ms: availability.slow_ms,
        cool_down_ms: availability.cool_down_ms,
        cool_down_max_ms: availability.cool_down_max_ms,
        ..BreakerRules::default()
    }
}

/// Half as much again of the tokens as of the requests: what is asked again is often longer.
fn retry(share: u32) -> RetryRules {
    let token_share = share.saturating_add(share / 2);
    RetryRules { share, token_share, ..RetryRules::default() }
}

fn quality(quality: &Quality) -> QualityRules {
    QualityRules {
        window_ms: quality.window_ms,
        bad: quality.bad,
        least: u64::from(quality.least),
        cool_down_ms: quality.cool_down_ms,
        cool_down_max_ms: quality.cool_down_max_ms,
    }
}

const fn price(prices: Prices) -> Price {
    Price { input: prices.input, cached: prices.cached, output: prices.output }
}
