//! The one place that maps what went wrong to a status, a problem and headers.
//!
//! Off the OpenAI face errors are RFC 9457 problems; on it they have OpenAI's shape, all four keys.
//! A problem says what, where and how to mend it, and never a secret.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
};
use backstop_domain::{FailureClass, Millis, Refusal};
use backstop_engine::{ComplaintError, ForkError, Rates, Refused, ReviewError, Stop};
use backstop_ledger::Unreadable;
use serde_json::{Map, Value, json};

use crate::{veil::Veil, view::Found};

/// Base of the stable problem types.
const TYPES: &str = "https://backstop.dev/problems/";

/// Something that went wrong with a request.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    /// Stable word: the end of the problem's type, and `code` on the OpenAI face.
    code: &'static str,
    detail: String,
    class: Option<FailureClass>,
    retryable: bool,
    retry_after_ms: Option<u64>,
    param: Option<String>,
    more: Box<Map<String, Value>>,
    /// Boxed, because most problems know of none.
    rates: Option<Box<Rates>>,
}

impl Problem {
    /// A problem of that status and code.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            class: None,
            retryable: false,
            retry_after_ms: None,
            param: None,
            more: Box::default(),
            rates: None,
        }
    }

    /// A request that cannot be understood: 400.
    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// Something that is not there: 404.
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no such {what}"))
    }

    /// With the request's part that is to blame.
    #[must_use]
    pub fn at(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// With the failure class that led to it.
    #[must_use]
    pub const fn class(mut self, class: Option<FailureClass>) -> Self {
        self.class = class;
        self
    }

    /// Worth trying again, after that time if it is known.
    #[must_use]
    pub const fn retry(mut self, after_ms: Option<u64>) -> Self {
        self.retryable = true;
        self.retry_after_ms = after_ms;
        self
    }

    /// With one more member.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.more.insert(name.to_owned(), value);
        self
    }

    /// With every member of that object.
    #[must_use]
    pub fn with_all(mut self, members: Value) -> Self {
        if let Value::Object(members) = members {
            self.more.extend(members);
        }
        self
    }

    /// With how the caller stands under its limits.
    #[must_use]
    pub fn rates(mut self, rates: Rates) -> Self {
        self.rates = Some(Box::new(rates));
        self
    }

    /// Its status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// What is wrong, in words.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Whether the same request may fare better later.
    pub const fn is_retryable(&self) -> bool {
        self.retryable
    }

    /// As RFC 9457 has it.
    pub fn json(&self) -> Value {
        let mut body = json!({
            "type": format!("{TYPES}{}", self.code),
            "title": self.code.replace('_', " "),
            "status": self.status.as_u16(),
            "detail": self.detail,
            "retryable": self.retryable,
        });
        if let Some(map) = body.as_object_mut() {
            if let Some(class) = self.class {
                map.insert("failure_class".to_owned(), class.name().into());
            }
            if let Some(ms) = self.retry_after_ms {
                map.insert("retry_after_ms".to_owned(), ms.into());
            }
            if let Some(param) = &self.param {
                map.insert("param".to_owned(), param.as_str().into());
            }
            map.extend((*self.more).clone());
        }
        body
    }

    /// As an OpenAI client expects it; the problem itself stands beside its four keys.
    pub fn openai(&self) -> Value {
        json!({ "error": {
            "message": self.detail,
            "type": openai_type(self.status),
            "param": self.param,
            "code": self.code,
            "backstop": self.json(),
        }})
    }
}

impl IntoResponse for Problem {
    /// As a problem; `face` gives it OpenAI's form where an OpenAI client asked.
    fn into_response(self) -> Response<Body> {
        let mut response = (self.status, self.json().to_string()).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if let Some(ms) = self.retry_after_ms {
            // Whole seconds, at least one: zero would have the client hammer.
            headers.insert(header::RETRY_AFTER, HeaderValue::from(ms.div_ceil(1000).max(1)));
            let name = HeaderName::from_static("retry-after-ms");
            headers.insert(name, HeaderValue::from(ms.max(1)));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        let unread = [
            StatusCode::PAYLOAD_TOO_LARGE,
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ];
        if unread.contains(&self.status) {
            // The rest of the body is not read, so nothing more can come over this connection.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if let Some(rates) = &self.rates {
            crate::headers::of_rates(headers, rates);
        }
        response.extensions_mut().insert(self);
        response
    }
}

fn openai_type(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    }
}

/// What a request at the door comes to, at `now`.
pub fn of_refused(refused: &Refused, now: Millis) -> Problem {
    let detail = refused.to_string();
    match refused {
        Refused::UnknownPolicy { .. } => {
            Problem::new(StatusCode::NOT_FOUND, "model_not_found", detail).at("model")
        }
        Refused::NotAllowed { .. } => {
            Problem::new(StatusCode::FORBIDDEN, "policy_not_allowed", detail).at("model")
        }
        Refused::InvalidInput { problems, .. } => {
            let listed: Vec<Value> = problems
                .iter()
                .map(|(pointer, message)| json!({ "pointer": pointer, "message": message }))
                .collect();
            let first = problems.first().map_or("see `problems`", |(_, message)| message.as_str());
            Problem::bad_request("invalid_input", format!("{detail}: {first}"))
                .at("input")
                .class(Some(FailureClass::InvalidRequest))
                .with("problems", listed.into())
        }
        Refused::KeyReused { call, .. } => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            let help = "send the same body again, or take a new key";
            Problem::new(status, "idempotency_key_reused", format!("{detail}: {help}"))
                .at("Idempotency-Key")
                .with("call", call.as_str().into())
        }
        Refused::Erased { call } => {
            let help = "nothing was done again; take a new key for a new call";
            Problem::new(StatusCode::GONE, "erased", format!("{detail}: {help}"))
                .at("Idempotency-Key")
                .with("call", call.as_str().into())
        }
        Refused::Limited { never: true, rates, .. } => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "request_over_limit", detail)
                .class(Some(FailureClass::Shed))
                .rates(*rates)
        }
        Refused::Limited { until, rates, .. } => {
            let after = until.map_or(1_000, |until| until.since(now));
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded", detail)
                .class(Some(FailureClass::Shed))
                .retry(Some(after))
                .rates(*rates)
        }
        Refused::Shed { after_ms, level, rates, .. } => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "shed", detail)
                .class(Some(FailureClass::Shed))
                .retry(Some(*after_ms))
                .with("level", level.name().into())
                .rates(*rates)
        }
        Refused::Paused { until, .. } => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "policy_paused", detail)
                .class(Some(FailureClass::Shed))
                .retry(Some(until.since(now)))
        }
        Refused::Unavailable { .. } => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail).retry(Some(1_000))
        }
        Refused::Stop(stop) => of_stop(stop),
    }
}

/// What a call that cannot be read or written comes to. The words stay in the log: they may name
/// paths of the machine.
pub fn of_stop(stop: &Stop) -> Problem {
    if matches!(stop, Stop::Unreadable(Unreadable::Erased)) {
        let detail = "the words of this call were erased, by retention or at somebody's asking; \
                      its outcome stands in `GET /v1/calls`";
        return Problem::new(StatusCode::GONE, "erased", detail);
    }
    tracing::error!(error = %stop, "a request could not be carried out");
    let detail = "the ledger cannot take or give this now; nothing was acknowledged";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "storage", detail).retry(Some(1_000))
}

/// What a command on a review comes to.
pub fn of_review(error: &ReviewError) -> Problem {
    let detail = error.to_string();
    let conflict = |code| Problem::new(StatusCode::CONFLICT, code, detail.clone());
    let open = |finding| Found::of(finding, &Veil::Lifted);
    match error {
        ReviewError::Unknown => Problem::not_found("review"),
        ReviewError::Refused(refusal) => match refusal {
            Refusal::Held { by, until } => {
                conflict("review_held").with("by", by.as_str().into()).with("until", until.0.into())
            }
            Refusal::LeaseLost => conflict("lease_lost"),
            Refusal::Closed { .. } | Refusal::Repeated => conflict("review_closed"),
            Refusal::TooLate => conflict("review_due"),
            Refusal::Stale { .. } => conflict("review_stale"),
            Refusal::NothingToUndo => conflict("nothing_to_undo"),
            Refusal::Excluded { .. } => {
                Problem::new(StatusCode::FORBIDDEN, "reviewer_excluded", detail)
            }
            Refusal::NotPossible { .. } => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "not_possible", detail)
            }
        },
        ReviewError::Blocked(findings) => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "answer_blocked", detail)
                .with("findings", json!(findings.iter().map(open).collect::<Vec<_>>()))
        }
        ReviewError::MayNotEdit(path) => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "may_not_edit", detail).at(path.as_str())
        }
        ReviewError::Paused { until, .. } => conflict("queue_paused").with("until", until.0.into()),
        ReviewError::Busy => conflict("review_busy").retry(Some(100)),
        ReviewError::Stop(stop) => of_stop(stop),
    }
}

/// What a complaint that was not taken comes to.
pub fn of_complaint(error: &ComplaintError) -> Problem {
    let detail = error.to_string();
    let problem = |status, code| Problem::new(status, code, detail.clone());
    match error {
        ComplaintError::Unknown => Problem::not_found("call"),
        ComplaintError::NoAnswer { .. } => problem(StatusCode::CONFLICT, "no_answer"),
        ComplaintError::Erased => problem(StatusCode::CONFLICT, "answer_erased"),
        ComplaintError::NoQueue { .. } | ComplaintError::UnknownQueue { .. } => {
            problem(StatusCode::UNPROCESSABLE_ENTITY, "queue_unknown").at("queue")
        }
        ComplaintError::Decided { review } => problem(StatusCode::CONFLICT, "complaint_decided")
            .with("review", review.as_str().into()),
        ComplaintError::Full(_) => {
            problem(StatusCode::SERVICE_UNAVAILABLE, "queue_full").retry(Some(60_000))
        }
        ComplaintError::Review(error) => of_review(error),
    }
}

/// What a new run that was not started comes to.
pub fn of_fork(error: &ForkError) -> Problem {
    let detail = error.to_string();
    let conflict = |code| Problem::new(StatusCode::CONFLICT, code, detail.clone());
    match error {
        ForkError::Unknown => Problem::not_found("call"),
        ForkError::NotACheckpoint { .. } => {
            let help = "`GET /v1/calls/{id}/checkpoints` lists where one can";
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            Problem::new(status, "not_a_checkpoint", format!("{detail}; {help}"))
        }
        ForkError::Stale { run } => conflict("run_superseded").with("run", (*run).into()),
        ForkError::NotNow { .. } => conflict("call_working"),
        ForkError::NotRepeatable { .. } => conflict("not_repeatable"),
        ForkError::TooMany => conflict("too_many_runs"),
        ForkError::RevisionGone => conflict("revision_gone"),
        ForkError::Busy => conflict("call_busy").retry(Some(100)),
        ForkError::Stop(stop) => of_stop(stop),
    }
}
