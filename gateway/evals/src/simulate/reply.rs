//! What a simulated model says: the answer of the policy's example, so sure that it is accepted.

use std::sync::Arc;

use backstop_policy::compiled::{Evidence, Kind, LimitPer};
use backstop_policy::raw::Test;
use backstop_policy::tried::{Attempt, Scene};
use backstop_policy::{Answer, Policy, Sources, Span};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::provider::judged;

/// How sure a model is of its answer: 0.999 as a natural logarithm.
const SURE: f64 = -0.001;

/// The request that callers make, and the answer that it gets.
pub(super) struct Reply {
    pub scene: Scene,
    answer: Answer,
    /// Whether some requests are a judge's, and how the first message of the others begins: it is
    /// the first that is ever asked.
    judges: bool,
    first: Mutex<Option<Value>>,
    /// Places of the input that say whose request it is: limits count by them.
    whose: Vec<String>,
}

impl Reply {
    /// Of that policy.
    ///
    /// # Errors
    /// Why there is nothing to play, in words.
    pub fn of(policy: &Arc<Policy>, sources: &Sources) -> Result<Self, String> {
        let test = Test::bare("simulated", Span::file_start(policy.written().file));
        let scene = Scene::of(policy, sources, &test)?;
        let Some(Attempt::Answers(answer, _)) = scene.attempts.first().cloned() else {
            return Err("its example has no answer".to_owned());
        };
        let mut sources = policy.confidence.iter().flat_map(|block| &block.from);
        let judges = sources.any(|from| matches!(from.evidence, Evidence::Judge { .. }))
            || policy.checks.iter().any(|check| matches!(check.kind, Kind::Judge { .. }));
        let mut made =
            Self { scene, answer, judges, first: Mutex::default(), whose: whose(policy) };
        let fits =
            |input: &Value| policy.input_schema().is_none_or(|schema| schema.is_valid(input));
        if !fits(&made.input(policy, 1)) {
            made.whose.clear();
        }
        Ok(made)
    }

    /// What request number `number` asks: the example, of another customer each time. Where
    /// answers are kept for a while no two texts are alike either, else one would do for all.
    pub fn input(&self, policy: &Policy, number: u64) -> Value {
        let mut input = self.scene.input.clone();
        for place in &self.whose {
            if let Some(Value::String(who)) = input.pointer_mut(place) {
                *who = format!("{who}-{number}");
            }
        }
        match input {
            Value::String(text) if policy.cache.is_some() => format!("{text}\n({number})").into(),
            other => other,
        }
    }

    /// A chat completion to that request.
    pub fn completion(&self, request: &Value, broken: bool) -> Value {
        let choice = match self.answer.choices.first() {
            _ if self.is_a_judges(request) => said(&judged().to_string()),
            Some(choice) if !choice.tool_calls.is_empty() => {
                let calls = choice.tool_calls.iter().map(|call| {
                    json!({
                        "id": call.id, "type": "function",
                        "function": { "name": call.name, "arguments": call.arguments },
                    })
                });
                let message = json!({
                    "role": "assistant", "content": choice.text,
                    "tool_calls": calls.collect::<Vec<Value>>(),
                });
                json!({ "index": 0, "message": message, "finish_reason": "tool_calls" })
            }
            Some(choice) => {
                let text = choice.text.as_deref().unwrap_or_default();
                said(if broken { cut(text) } else { text })
            }
            None => said(""),
        };
        json!({
            "id": "chatcmpl-simulated", "object": "chat.completion", "created": 0,
            "model": "simulated", "choices": [choice],
            "usage": { "prompt_tokens": 400, "completion_tokens": 60, "total_tokens": 460 },
        })
    }

    fn is_a_judges(&self, request: &Value) -> bool {
        let first = request.pointer("/messages/0").cloned().unwrap_or_default();
        let mut known = self.first.lock();
        self.judges && *known.get_or_insert_with(|| first.clone()) != first
    }
}

/// Pointers to what limits count by, where that is a plain place of the input.
fn whose(policy: &Policy) -> Vec<String> {
    let of_policy = policy.limits.iter().filter_map(|limit| match &limit.per {
        LimitPer::Key(key) => Some(key),
        _ => None,
    });
    let of_tools = policy.tools.listed().iter().flat_map(|tool| &tool.limits);
    let all = of_policy.chain(of_tools.filter_map(|limit| limit.per.as_ref()));
    let places = all.filter_map(|key| key.source().trim().strip_prefix("input."));
    let plain = |place: &&str| {
        place.chars().all(|letter| letter.is_ascii_alphanumeric() || "_.".contains(letter))
    };
    places.filter(plain).map(|place| format!("/{}", place.replace('.', "/"))).collect()
}

/// The first half of a text: JSON that is not whole, or a shorter text.
fn cut(text: &str) -> &str {
    let middle = (0..=text.len() / 2).rev().find(|at| text.is_char_boundary(*at));
    text.get(..middle.unwrap_or(0)).unwrap_or_default()
}

/// One choice: the text, as one token that the model is sure of.
fn said(text: &str) -> Value {
    let token = json!({
        "token": text, "bytes": text.as_bytes(), "logprob": SURE, "top_logprobs": [],
    });
    json!({
        "index": 0, "message": { "role": "assistant", "content": text },
        "finish_reason": "stop", "logprobs": { "content": [token] },
    })
}
