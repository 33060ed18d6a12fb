//! What a request to a model is expected to take, at most: for budgets and limits.

use std::borrow::Cow;

use backstop_checks::tokens::tokens_of_messages;
use backstop_domain::{Ask, Estimate, MicroMoney, Purpose, Usage};
use backstop_policy::{Policy, compiled::Model, judge::Facts};
use serde_json::Value;

/// Answer tokens reserved when neither request nor model says how many there can be.
const OUTPUT_TOKENS: u64 = 1_024;

/// Tokens of a chat completion request: the prompt by our estimator, the answer by its cap.
pub(crate) fn usage(body: &Value, model: Option<&Model>) -> Usage {
    let messages = body.get("messages").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let texts: Vec<Cow<'_, str>> = messages.iter().map(words).collect();
    let input = tokens_of_messages(texts.iter().map(Cow::as_ref));
    let number = |name: &str| body.get(name).and_then(Value::as_u64);
    let asked = number("max_completion_tokens").or_else(|| number("max_tokens"));
    let most = model.and_then(|model| model.max_output);
    let one = match (asked, most) {
        (Some(asked), Some(most)) => asked.min(most),
        (Some(tokens), None) | (None, Some(tokens)) => tokens,
        (None, None) => OUTPUT_TOKENS,
    };
    let output = one.saturating_mul(number("n").unwrap_or(1).max(1));
    Usage { input, cached: 0, output }
}

/// Everything of a message that a model reads: its text, or its JSON where it is more than text.
fn words(message: &Value) -> Cow<'_, str> {
    match message.get("content") {
        Some(Value::String(text)) if message.get("tool_calls").is_none() => text.into(),
        _ => message.to_string().into(),
    }
}

/// A request as it was rendered, and what it is to be rendered for.
pub(crate) type Rendered = (Ask, Value);

/// What one request to each model takes: the first rendered, priced for each; and that first one,
/// so that it need not be rendered again. A prompt that cannot be rendered is found again, and
/// told, when it is asked.
pub(crate) fn per_model(policy: &Policy, facts: &Facts) -> (Vec<Estimate>, Option<Rendered>) {
    let Some(first) = policy.plan.models.first() else { return (Vec::new(), None) };
    let ask = Ask {
        model: first.name.clone(),
        purpose: Purpose::Answer,
        not_before: None,
        tell: Vec::new(),
        doublings: 0,
    };
    let body = policy.request(facts, &ask, None).ok();
    let models = policy.plan.models.iter();
    let estimates = models
        .map(|planned| {
            let model = policy.model(&planned.name);
            let usage = usage(body.as_ref().unwrap_or(&Value::Null), model);
            let price = model.and_then(|model| model.price);
            let cost = price.map_or(MicroMoney(0), |price| price.cost(usage));
            Estimate { model: planned.name.clone(), usage, cost }
        })
        .collect();
    (estimates, body.map(|body| (ask, body)))
}
