//! What an ended or waiting call comes to on the OpenAI face (DESIGN.md section 5).

use std::sync::Arc;

use axum::http::StatusCode;
use backstop_domain::{FailureClass, Outcome, Phase, call::Attempt};
use backstop_engine::Snapshot;
use backstop_policy::{Answer, Choice};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::wire;
use crate::{problem::Problem, veil::Veil, view};

/// What is sent to an OpenAI client.
pub enum Reply {
    /// A completion.
    Completion(Completion),
    /// An error.
    Problem(Problem),
}

/// A chat completion: what is answered to which call. It is put into words where it leaves.
pub struct Completion {
    /// The call.
    pub call: Arc<Snapshot>,
    /// What a provider said of the tokens of each choice, by its place.
    pub logprobs: Vec<Option<Value>>,
    answer: Answer,
    unchecked: bool,
    interim: bool,
}

/// The reply to an ended call.
pub fn ended(call: &Arc<Snapshot>) -> Reply {
    let Some(end) = call.state.ended() else { return Reply::Problem(waiting(call)) };
    if let Some((answer, unchecked)) = view::leaving(call) {
        return Reply::Completion(Completion { unchecked, ..Completion::of(call, answer) });
    }
    let text = if end.cause.text.is_empty() {
        format!("the call ended as `{}`", end.outcome.name())
    } else {
        end.cause.text.clone()
    };
    let problem = |status, code| Reply::Problem(ended_problem(call, status, code, &text));
    match end.outcome {
        Outcome::Rejected => Reply::Completion(Completion::refusal(call, text)),
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
            _ => Reply::Completion(Completion::refusal(call, text)),
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
    Problem::new(status, code, text).class(class).with_all(extras(snapshot))
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
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).with_all(extras(snapshot))
}

/// What Backstop says beside an error.
fn extras(snapshot: &Snapshot) -> Value {
    json!(view::told(snapshot, &Veil::Lifted, false))
}

impl Completion {
    fn of(call: &Arc<Snapshot>, answer: Answer) -> Self {
        let call = Arc::clone(call);
        Self { call, logprobs: Vec::new(), answer, unchecked: false, interim: false }
    }

    /// An answer that stands in for one that a person has yet to decide on.
    pub fn interim(call: &Arc<Snapshot>, answer: Answer) -> Self {
        Self { interim: true, ..Self::of(call, answer) }
    }

    /// A message that says no, with the reason as OpenAI clients read it.
    pub fn refusal(call: &Arc<Snapshot>, text: String) -> Self {
        let refusal = Choice { refusal: Some(text), ..Choice::default() };
        Self::of(call, Answer { choices: vec![refusal] })
    }

    fn choices(&self) -> Vec<wire::Choice<'_>> {
        let choices = self.answer.choices.iter().enumerate();
        let logprobs = |index| self.logprobs.get(index).and_then(Option::as_ref);
        choices.map(|(index, one)| wire::Choice::of(index, one, logprobs(index))).collect()
    }
}

impl Serialize for Completion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let state = &self.call.state;
        let mut told = view::told(&self.call, &Veil::Lifted, self.unchecked);
        told.interim = self.interim;
        wire::Completion {
            id: &self.call.id,
            object: "chat.completion",
            created: state.received_at.0 / 1000,
            model: &state.received.policy,
            choices: self.choices(),
            usage: usage(&state.attempts),
            backstop: told,
        }
        .serialize(serializer)
    }
}

/// Tokens over all attempts: what the call cost, not only its last answer.
fn usage(attempts: &[Attempt]) -> wire::Usage {
    let ended = |attempt: &Attempt| attempt.ended.as_ref().map(|ended| ended.usage);
    let all = attempts.iter().filter_map(ended);
    let (input, cached, output) = all.fold((0_u64, 0_u64, 0_u64), |sum, usage| {
        (sum.0 + usage.input, sum.1 + usage.cached, sum.2 + usage.output)
    });
    wire::Usage {
        prompt_tokens: input,
        completion_tokens: output,
        total_tokens: input + output,
        prompt_tokens_details: wire::Prompt { cached_tokens: cached },
    }
}
