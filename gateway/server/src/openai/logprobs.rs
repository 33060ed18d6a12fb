//! Log-probabilities for the caller who asked for them, where the answer is a model's as it was.
//!
//! They are the provider's numbers for the very text that left; any other answer has none.

use backstop_engine::Snapshot;
use serde_json::{Map, Value};

use crate::app::App;

/// How many alternatives to each token are wanted; `None`: no log-probabilities at all.
pub fn wanted(fields: &Map<String, Value>) -> Option<usize> {
    (fields.get("logprobs") == Some(&Value::Bool(true))).then_some(())?;
    let top = fields.get("top_logprobs").and_then(Value::as_u64).unwrap_or(0);
    Some(usize::try_from(top).unwrap_or(usize::MAX))
}

/// Puts them beside each choice of a completion.
pub async fn add(app: &App, ended: &Snapshot, top: usize, completion: &mut Value) {
    let mut provided = match app.engine.provided(ended).await {
        Ok(Some(provided)) => provided,
        Ok(None) => return,
        Err(error) => return tracing::warn!(call = %ended.id, %error, "no log-probabilities"),
    };
    let theirs = provided.get_mut("choices").and_then(Value::as_array_mut);
    let ours = completion.get_mut("choices").and_then(Value::as_array_mut);
    for (theirs, ours) in theirs.into_iter().flatten().zip(ours.into_iter().flatten()) {
        if let Some(mut logprobs) = theirs.get_mut("logprobs").map(Value::take) {
            trim(&mut logprobs, top);
            if let Some(fields) = ours.as_object_mut() {
                fields.insert("logprobs".to_owned(), logprobs);
            }
        }
    }
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
