//! The one request on the wire: timers, body cap, and what came back, byte for byte.
//!
//! It is the HTTP service under `async-openai`, whose own would retry behind our back, lose the
//! status of a body that is no JSON, and log whole bodies. So nothing that comes passes through it:
//! it is handed over in a slot, and the client above is told that there is nothing for it.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use backstop_domain::FailureClass;
use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::time::{Instant, timeout_at};

use crate::classify::{Delivered, head};
use crate::clock::{instant, millis};
use crate::model::BoxFuture;
use crate::outcome::{Failure, Settle, Timer, Timing};
use crate::sse;

/// What the wire gave: an HTTP answer, or why there is none.
pub(crate) type Delivery = Result<Delivered, Failure>;

/// Bounds of one attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub first_byte: Duration,
    pub idle: Duration,
    pub total: Duration,
    pub body_max: usize,
}

/// The service for exactly one attempt.
#[derive(Clone)]
pub(crate) struct Transport {
    http: reqwest::Client,
    bounds: Bounds,
    slot: Arc<Mutex<Option<Delivery>>>,
}

impl Transport {
    pub(crate) fn new(http: reqwest::Client, bounds: Bounds) -> Self {
        Self { http, bounds, slot: Arc::default() }
    }

    /// What came; `None` if the request was never built.
    pub(crate) fn take(&self) -> Option<Delivery> {
        self.slot.lock().take()
    }
}

impl tower::Service<HttpRequestFactory> for Transport {
    type Response = reqwest::Response;
    type Error = OpenAIError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, factory: HttpRequestFactory) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let request = factory.build().await?;
            let delivery = deliver(&this.http, request, this.bounds).await;
            *this.slot.lock() = Some(delivery);
            Err(OpenAIError::InvalidArgument(String::new()))
        })
    }
}

async fn deliver(http: &reqwest::Client, request: reqwest::Request, bounds: Bounds) -> Delivery {
    let started = instant();
    let end = started + bounds.total;
    let first_by = (started + bounds.first_byte).min(end);
    let timing =
        |first: Option<u64>| Timing { first_byte_ms: first, total_ms: millis(started.elapsed()) };
    let response = match timeout_at(first_by, http.execute(request)).await {
        Err(_) => return Err(timed_out(Timer::FirstByte, first_by, end, timing(None))),
        Ok(Err(error)) => return Err(Failure { timing: timing(None), ..broken(error) }),
        Ok(Ok(response)) => response,
    };
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let mut body = Body { response, bytes: BytesMut::new(), first_at: None };
    let cut = match body.read(started, first_by, end, bounds).await {
        Ok(cut) => cut,
        Err((timer, by)) => {
            let failure = timed_out(timer, by, end, timing(body.first_at));
            let raw = head(&body.bytes);
            return Err(Failure { status: Some(status), raw, ..failure });
        }
    };
    let timing = timing(body.first_at);
    Ok(Delivered { status, headers, body: body.bytes.freeze(), cut, timing })
}

struct Body {
    response: reqwest::Response,
    bytes: BytesMut,
    first_at: Option<u64>,
}

impl Body {
    /// Reads to the end, to `[DONE]`, or to the cap: `Ok` with the reason if that was early.
    async fn read(
        &mut self,
        started: Instant,
        first_by: Instant,
        end: Instant,
        bounds: Bounds,
    ) -> Result<Option<String>, (Timer, Instant)> {
        let mut by = (Timer::FirstByte, first_by);
        loop {
            let piece: Bytes = match timeout_at(by.1, self.response.chunk()).await {
                Err(_) => return Err(by),
                Ok(Err(error)) => return Ok(Some(describe(&error))),
                Ok(Ok(None)) => return Ok(None),
                Ok(Ok(Some(piece))) => piece,
            };
            self.first_at.get_or_insert_with(|| millis(started.elapsed()));
            if self.bytes.len() + piece.len() > bounds.body_max {
                return Ok(Some(format!("it is larger than {} bytes", bounds.body_max)));
            }
            self.bytes.extend_from_slice(&piece);
            if sse::is_done(&self.bytes) {
                return Ok(None);
            }
            by = (Timer::Idle, (instant() + bounds.idle).min(end));
        }
    }
}

fn timed_out(timer: Timer, by: Instant, end: Instant, timing: Timing) -> Failure {
    let timer = if by >= end { Timer::Total } else { timer };
    let message = match timer {
        Timer::Connect => "no connection in time",
        Timer::FirstByte => "no first byte in time",
        Timer::Idle => "the answer paused for too long",
        Timer::Total => "the attempt took longer than its deadline allows",
    };
    Failure { timer: Some(timer), timing, ..Failure::new(FailureClass::Timeout, message) }
}

/// No HTTP answer came.
fn broken(error: reqwest::Error) -> Failure {
    let message = describe(&error);
    if error.is_connect() {
        let class =
            if error.is_timeout() { FailureClass::Timeout } else { FailureClass::Transport };
        let timer = error.is_timeout().then_some(Timer::Connect);
        let failure = Failure::new(class, format!("cannot connect: {message}"));
        return Failure { sent: false, settle: Settle::Nothing, timer, ..failure };
    }
    Failure::new(FailureClass::Transport, format!("the connection broke: {message}"))
}

/// The error and its causes, without the address: it may hold what is nobody's business.
fn describe(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&error.to_string());
        cause = error.source();
    }
    if text.is_empty() { "no cause given".to_owned() } else { text }
}
