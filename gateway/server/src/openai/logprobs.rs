//! Log-probabilities for the caller who asked for them, where the answer is a model's as it was.
//!
//! They are the provider's numbers for the very text that left; any other answer has none.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::completion::Completion;
use crate::app::App;

/// How many alternatives to each token are wanted; `None`: no log-probabilities at all.
pub fn wanted(fields: &Map<String, Value>) -> Option<usize> {
    (fields.get("logprobs") == Some(&Value::Bool(true))).then_some(())?;
    let top = fields.get("top_logprobs").and_then(Value::as_u64).unwrap_or(0);
    Some(usize::try_from(top).unwrap_or(usize::MAX))
}

/// Puts them beside each choice of a completion.
pub async fn add(app: &App, completion: &mut Completion, top: usize) {
    let call = Arc::clone(&completion.call);
    let provided = match app.engine.provided(&call).await {
        Ok(Some(provided)) => provided,
        Ok(None) => return,
        Err(error) => return tracing::warn!(call = %call.id, %error, "no log-probabilities"),
    };
    let choices = provided.get("choices").and_then(Value::as_array);
    let given = |choice: &Value| {
        let mut logprobs = choice.get("logprobs")?.clone();
        trim(&mut logprobs, top);
        Some(logprobs)
    };
    completion.logprobs = choices.into_iter().flatten().map(given).collect();
}

/// We may have asked for more alternatives than the caller did.
fn trim(logprobs: &mut Value, top: usize) {
    for tokens in ["content", "refusal"] {
        let listed = logprobs.get_mut(tokens).and_then(Value::as_array_mut);
        for token in listed.into_iter().flatten() {
            if let Some(likely) = token.get_mut("top_logprobs").and_then(Value::as_array_mut) {
                likely.truncate(top);
            }
        }
    }
}
