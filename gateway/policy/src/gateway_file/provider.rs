//! Providers, models and services: whom the gateway asks.

use std::collections::BTreeMap;

use backstop_domain::MicroMoney;

use super::limits;
use super::setting::{SecretRef, Setting, address};
use crate::decode::{Decode, Decoder, Fields, Named};
use crate::diagnostics::{Code, Problem};
use crate::keys;
use crate::raw::Limit;
use crate::source::Spanned;
use crate::units::{Count, Price, Share, Time};
use crate::yaml::{Kind, Node};

/// An OpenAI-compatible server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Its base address, such as `https://api.example.com/v1`.
    pub url: Setting,
    /// Its key.
    pub key: Option<SecretRef>,
    /// Further headers of each request.
    pub headers: BTreeMap<String, Setting>,
    /// Longest time to connect, in milliseconds; default 2 s.
    pub connect_ms: u64,
}

impl Decode for Provider {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::PROVIDER, d)?;
        let url = address(&mut fields, "url", d);
        let key = fields.optional("key", d);
        let headers = headers(&mut fields, d);
        let connect_ms = time_or(&mut fields, "connect", 2000, d);
        fields.finish(d);
        Some(Self { url: url?, key, headers, connect_ms })
    }
}

fn headers(fields: &mut Fields<'_>, d: &mut Decoder<'_>) -> BTreeMap<String, Setting> {
    let all: Named<Spanned<Setting>> = fields.all("headers", d);
    for (name, value) in all.iter() {
        let secret = ["authorization", "api-key", "x-api-key", "cookie", "proxy-authorization"];
        let named_secret = secret.contains(&name.to_ascii_lowercase().as_str());
        if named_secret && matches!(value.value, Setting::Text(_)) {
            let say = format!("the header `{}` holds a secret", name.value);
            let help = "write `{env: NAME}` or `{file: path}`; or use `key:` of the provider";
            d.report.push(Problem::error(Code::Secret, value.span, say).help(help));
        }
    }
    let pair = |(name, value): (Spanned<crate::decode::Name>, Spanned<Setting>)| {
        (name.value.as_str().to_owned(), value.value)
    };
    all.0.into_iter().map(pair).collect()
}

/// A time that must be above zero, in milliseconds.
pub(super) fn time_or(
    fields: &mut Fields<'_>,
    key: &'static str,
    default: u64,
    d: &mut Decoder<'_>,
) -> u64 {
    let time: Option<Spanned<Time>> = fields.optional(key, d);
    match time {
        Some(time) if time.value.ms() == 0 => {
            let say = format!("`{key}` must be longer than 0");
            d.report.push(Problem::error(Code::OutOfRange, time.span, say));
            default
        }
        Some(time) => time.value.ms(),
        None => default,
    }
}

/// Prices in millionths of the currency per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prices {
    /// Of what is sent.
    pub input: MicroMoney,
    /// Of what is sent and was cached by the provider; default the price of input.
    pub cached: MicroMoney,
    /// Of what is answered.
    pub output: MicroMoney,
}

impl Decode for Prices {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::PRICE, d)?;
        let input: Option<Price> = fields.required("input", d);
        let cached: Option<Price> = fields.optional("cached", d);
        let output: Option<Price> = fields.required("output", d);
        fields.finish(d);
        let input = input?.0;
        let cached = cached.map_or(input, |price| price.0);
        Some(Self { input, cached, output: output?.0 })
    }
}

/// The times of one attempt, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the first byte of the answer; default 20 s.
    pub first_byte_ms: u64,
    /// Between two pieces of the answer; default 15 s.
    pub idle_ms: u64,
    /// For all of it; `None` is the call's deadline.
    pub total_ms: Option<u64>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { first_byte_ms: 20_000, idle_ms: 15_000, total_ms: None }
    }
}

impl Decode for Timeouts {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let usual = Self::default();
        if matches!(node.kind, Kind::Scalar(_)) {
            let total = Time::decode(node, d)?.ms();
            let first_byte_ms = usual.first_byte_ms.min(total);
            let idle_ms = usual.idle_ms.min(total);
            return Some(Self { first_byte_ms, idle_ms, total_ms: Some(total) });
        }
        let mut fields = Fields::open(node, &keys::TIMEOUT, d)?;
        let first_byte_ms = time_or(&mut fields, "first_byte", usual.first_byte_ms, d);
        let idle_ms = time_or(&mut fields, "idle", usual.idle_ms, d);
        let total_ms = fields.optional("total", d).map(Time::ms);
        fields.finish(d);
        Some(Self { first_byte_ms, idle_ms, total_ms })
    }
}

/// When the breaker for reachability opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Availability {
    /// The time that is looked at, in milliseconds; default 60 s.
    pub window_ms: u64,
    /// It opens after so many failures in a row; default 5.
    pub failures: u32,
    /// It opens at this share of failures in ten or more, in millionths; default 50%.
    pub share: u32,
    /// An attempt longer than this counts as slow, in milliseconds; default 30 s.
    pub slow_ms: u64,
    /// How long it stays open first, in milliseconds; default 15 s.
    pub cool_down_ms: u64,
    /// How long it stays open at most, in milliseconds; 40 s, or
    /// `cool_down` if that is longer: an outage of any length is over within a minute of its end.
    pub cool_down_max_ms: u64,
}

impl Default for Availability {
    fn default() -> Self {
        Self {
            window_ms: 60_000,
            failures: 5,
            share: 500_000,
            slow_ms: 30_000,
            cool_down_ms: 15_000,
            cool_down_max_ms: 40_000,
        }
    }
}

impl Decode for Availability {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let usual = Self::default();
        let mut fields = Fields::open(node, &keys::AVAILABILITY, d)?;
        let window_ms = time_or(&mut fields, "window", usual.window_ms, d);
        let failures = small(&mut fields, "failures", usual.failures, d);
        let share = fields.or("share", Share(usual.share), d).0;
        let slow_ms = time_or(&mut fields, "slow", usual.slow_ms, d);
        let cool_down_ms = time_or(&mut fields, "cool_down", usual.cool_down_ms, d);
        fields.finish(d);
        let cool_down_max_ms = usual.cool_down_max_ms.max(cool_down_ms);
        Some(Self { window_ms, failures, share, slow_ms, cool_down_ms, cool_down_max_ms })
    }
}

/// When the breaker for good answers opens; kept per policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quality {
    /// The time that is looked at, in milliseconds; default 15 min.
    pub window_ms: u64,
    /// It opens at this share of bad answers, in millionths; default 30%.
    pub bad: u32,
    /// Fewer answers than this prove nothing; default 30.
    pub least: u32,
    /// How long it stays open first, in milliseconds; default 5 min.
    pub cool_down_ms: u64,
    /// How long it stays open at most, in milliseconds; default an hour.
    pub cool_down_max_ms: u64,
}

impl Default for Quality {
    fn default() -> Self {
        Self {
            window_ms: 900_000,
            bad: 300_000,
            least: 30,
            cool_down_ms: 300_000,
            cool_down_max_ms: 3_600_000,
        }
    }
}

impl Decode for Quality {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let usual = Self::default();
        let mut fields = Fields::open(node, &keys::QUALITY, d)?;
        let window_ms = time_or(&mut fields, "window", usual.window_ms, d);
        let bad = fields.or("bad", Share(usual.bad), d).0;
        let least = small(&mut fields, "least", usual.least, d);
        let cool_down_ms = time_or(&mut fields, "cool_down", usual.cool_down_ms, d);
        fields.finish(d);
        let cool_down_max_ms = usual.cool_down_max_ms.max(cool_down_ms);
        Some(Self { window_ms, bad, least, cool_down_ms, cool_down_max_ms })
    }
}

/// A count from 1 to a million.
pub(super) fn small(
    fields: &mut Fields<'_>,
    key: &'static str,
    default: u32,
    d: &mut Decoder<'_>,
) -> u32 {
    let count: Option<Spanned<Count>> = fields.optional(key, d);
    let Some(count) = count else { return default };
    match u32::try_from(count.value.0).ok().filter(|n| (1..=1_000_000).contains(n)) {
        Some(number) => number,
        None => {
            let say = format!("`{key}` is not in 1 to 1000000");
            d.report.push(Problem::error(Code::OutOfRange, count.span, say));
            default
        }
    }
}

/// How much a model may be asked again, over all calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryLimits {
    /// Retries as a share of first attempts over 60 s, in millionths; default 10%.
    pub share: u32,
    /// Longest single wait, in milliseconds; default 8 s.
    pub wait_max_ms: u64,
}

impl Default for RetryLimits {
    fn default() -> Self {
        Self { share: 100_000, wait_max_ms: 8000 }
    }
}

impl Decode for RetryLimits {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let usual = Self::default();
        let mut fields = Fields::open(node, &keys::RETRIES, d)?;
        let share = fields.or("share", Share(usual.share), d).0;
        let wait_max_ms = time_or(&mut fields, "at_most", usual.wait_max_ms, d);
        fields.finish(d);
        Some(Self { share, wait_max_ms })
    }
}

/// When a second request is sent because the first is late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hedge {
    /// After this time, in milliseconds.
    pub after_ms: u64,
    /// At most for this share of attempts, in millionths; default 2%.
    pub share: u32,
}

impl Decode for Hedge {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::HEDGE, d)?;
        let after: Option<Time> = fields.required("after", d);
        let share = fields.or("share", Share(20_000), d).0;
        fields.finish(d);
        Some(Self { after_ms: after?.ms(), share })
    }
}

/// A model, as policies know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// The provider that has it.
    pub provider: String,
    /// The model's own name at the provider.
    pub model: String,
    /// What it costs; without it no policy with `cost` may use it.
    pub price: Option<Prices>,
    /// Mirror of the provider's limits, over all policies.
    pub limits: Vec<Limit>,
    /// Most tokens of a request and its answer together.
    pub context_tokens: Option<u64>,
    /// Most tokens of an answer.
    pub output_tokens_max: Option<u64>,
    /// Whether it reports log-probabilities.
    pub logprobs: bool,
    /// Whether it can hold an answer to a JSON Schema.
    pub schema: bool,
    /// Whether it can call tools.
    pub tools: bool,
    /// The times of one attempt.
    pub timeouts: Timeouts,
    /// The breaker for reachability.
    pub availability: Availability,
    /// The breaker for good answers.
    pub quality: Quality,
    /// How much it may be asked again.
    pub retry: RetryLimits,
    /// A second request when the first is late; `None` is off.
    pub hedge: Option<Hedge>,
}

impl Decode for Model {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::MODEL, d)?;
        let provider: Option<String> = fields.required("provider", d);
        let model: Option<String> = fields.required("model", d);
        let price = fields.optional("price", d);
        let limits = limits(&mut fields, "limits", d);
        let context_tokens = fields.optional("context", d).map(|Count(tokens)| tokens);
        let output_tokens_max = fields.optional("max_output", d).map(|Count(tokens)| tokens);
        let logprobs = fields.or("logprobs", false, d);
        let schema = fields.or("schema", false, d);
        let tools = fields.or("tools", false, d);
        let timeouts = fields.all("timeout", d);
        let (availability, quality) = breaker(&mut fields, d);
        let retry = fields.all("retry", d);
        let hedge = hedge(&mut fields, d);
        fields.finish(d);
        Some(Self {
            provider: provider?,
            model: model?,
            price,
            limits,
            context_tokens,
            output_tokens_max,
            logprobs,
            schema,
            tools,
            timeouts,
            availability,
            quality,
            retry,
            hedge,
        })
    }
}

fn breaker(fields: &mut Fields<'_>, d: &mut Decoder<'_>) -> (Availability, Quality) {
    let Some(node) = fields.node("breaker", d) else { return Default::default() };
    let Some(mut inner) = Fields::open(node, &keys::BREAKER, d) else { return Default::default() };
    let both = (inner.all("availability", d), inner.all("quality", d));
    inner.finish(d);
    both
}

fn hedge(fields: &mut Fields<'_>, d: &mut Decoder<'_>) -> Option<Hedge> {
    let node = fields.node("hedge", d)?;
    if node.as_text() == Some("off") { None } else { Hedge::decode(node, d) }
}

/// A detector: POST `{texts, kind}`, answered by `{score, found}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its address.
    pub url: Setting,
    /// Its key.
    pub key: Option<SecretRef>,
    /// Longest time of a request, in milliseconds; default 2 s.
    pub timeout_ms: u64,
    /// Limits on asking it.
    pub limits: Vec<Limit>,
    /// Its breaker.
    pub availability: Availability,
}

impl Decode for Service {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::SERVICE, d)?;
        let url = address(&mut fields, "url", d);
        let key = fields.optional("key", d);
        let timeout_ms = time_or(&mut fields, "timeout", 2000, d);
        let limits = limits(&mut fields, "limits", d);
        let (availability, _) = breaker(&mut fields, d);
        fields.finish(d);
        Some(Self { url: url?, key, timeout_ms, limits, availability })
    }
}
