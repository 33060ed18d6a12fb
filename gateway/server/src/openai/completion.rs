//! What an ended or waiting call comes to on the OpenAI face (DESIGN.md section 5).

use axum::http::StatusCode;
use backstop_domain::{FailureClass, Outcome, Phase, call::Attempt};
use backstop_engine::Snapshot;
use backstop_policy::{Answer, Choice};
use serde_json::{Value, json};

use crate::{problem::Problem, veil::Veil, view};

/// What is sent to an OpenAI client.
pub enum Reply {
    /// A completion.
    Completion(Value),
    /// An error.
    Problem(Problem),
}

/// The reply to an ended call.
pub fn ended(snapshot: &Snapshot) -> Reply {
    let Some(end) = snapshot.state.ended() else {
        return Reply::Problem(waiting(snapshot));
    };
    if let Some((answer, unchecked)) = view::leaving(snapshot) {
        return Reply::Completion(whole(snapshot, choices(&answer), unchecked));
    }
    let text = if end.cause.text.is_empty() {
        format!("the call ended as `{}`", end.outcome.name())
    } else {
        end.cause.text.clone()
    };
    let problem = |status, code| Reply::Problem(ended_problem(snapshot, status, code, &text));
    match end.outcome {
        Outcome::Rejected => Reply::Completion(refusal(snapshot, &text)),
        Outcome::Refused => match end.cause.class {
            Some(FailureClass::InvalidRequest) => {
                problem(StatusCode::BAD_REQUEST, "invalid_request")
            }
            Some(FailureClass::Limit | FailureClass::Budget) => {
                problem(StatusCode::TOO_MANY_REQUESTS, "budget_exceeded")
            }
            Some(FailureClass::Shed) => problem(StatusCode::SERVICE_UNAVAILABLE, "shed"),
            Some(class) if class.is_upstream() => {
                problem(StatusCode::SERVICE_UNAVAILABLE, "refused")
            }
            _ => Reply::Completion(refusal(snapshot, &text)),
        },
        Outcome::Cancelled => problem(StatusCode::CONFLICT, "cancelled"),
        Outcome::Expired => problem(StatusCode::BAD_GATEWAY, "expired"),
        _ => problem(StatusCode::BAD_GATEWAY, "failed"),
    }
}

fn ended_problem(
    snapshot: &Snapshot,
    status: StatusCode,
    code: &'static str,
    text: &str,
) -> Problem {
    let class = snapshot.state.ended().and_then(|ended| ended.cause.class);
    Problem::new(status, code, text).class(class).with_all(extras(snapshot, false))
}

/// A person decides, and this client cannot wait longer.
pub fn waiting(snapshot: &Snapshot) -> Problem {
    let id = &snapshot.id;
    let (code, why) = match &snapshot.state.phase {
        Phase::Paused { .. } => ("call_paused", "an operator holds"),
        _ => ("escalated", "a person decides on"),
    };
    let detail = format!(
        "{why} call {id}; ask for it again with the same Idempotency-Key, or by \
         `GET /v1/calls/{id}`"
    );
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).with_all(extras(snapshot, false))
}

/// The chat completion of an answer that stands in for one that a person has yet to decide on.
pub fn interim(snapshot: &Snapshot, answer: &Answer) -> Value {
    let mut body = whole(snapshot, choices(answer), false);
    if let Some(extras) = body.get_mut("backstop").and_then(Value::as_object_mut) {
        extras.insert("interim".to_owned(), true.into());
    }
    body
}

fn choices(answer: &Answer) -> Vec<Value> {
    answer.choices.iter().enumerate().map(|(index, one)| choice(index, one)).collect()
}

/// A message that says no, with the reason as OpenAI clients read it.
pub fn refusal(snapshot: &Snapshot, text: &str) -> Value {
    let message = json!({ "role": "assistant", "content": null, "refusal": text });
    let choice =
        json!({ "index": 0, "message": message, "logprobs": null, "finish_reason": "stop" });
    whole(snapshot, vec![choice], false)
}

fn whole(snapshot: &Snapshot, choices: Vec<Value>, unchecked: bool) -> Value {
    json!({
        "id": snapshot.id,
        "object": "chat.completion",
        "created": snapshot.state.received_at.0 / 1000,
        "model": snapshot.state.received.policy,
        "choices": choices,
        "usage": usage(snapshot),
        "backstop": extras(snapshot, unchecked),
    })
}

fn choice(index: usize, choice: &Choice) -> Value {
    let mut message =
        json!({ "role": "assistant", "content": choice.text, "refusal": choice.refusal });
    let calls: Vec<Value> = choice
        .tool_calls
        .iter()
        .map(|call| {
            let function = json!({ "name": call.name, "arguments": call.arguments });
            json!({ "id": call.id, "type": "function", "function": function })
        })
        .collect();
    let finish = if calls.is_empty() {
        choice.finish.as_deref().filter(|word| *word != "tool_calls").unwrap_or("stop")
    } else {
        "tool_calls"
    };
    if !calls.is_empty()
        && let Some(message) = message.as_object_mut()
    {
        message.insert("tool_calls".to_owned(), calls.into());
    }
    json!({ "index": index, "message": message, "logprobs": null, "finish_reason": finish })
}

/// Tokens over all attempts: what the call cost, not only its last answer.
pub fn usage(snapshot: &Snapshot) -> Value {
    let ended = |attempt: &Attempt| attempt.ended.as_ref().map(|ended| ended.usage);
    let all = snapshot.state.attempts.iter().filter_map(ended);
    let (input, cached, output) = all.fold((0_u64, 0_u64, 0_u64), |sum, usage| {
        (sum.0 + usage.input, sum.1 + usage.cached, sum.2 + usage.output)
    });
    json!({
        "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
        "prompt_tokens_details": { "cached_tokens": cached },
    })
}

/// What Backstop says beside the answer.
fn extras(snapshot: &Snapshot, unchecked: bool) -> Value {
    view::told(snapshot, &Veil::Lifted, unchecked).into()
}
