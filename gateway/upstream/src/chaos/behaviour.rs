//! What the chaos server can do to one request, and the words for it.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::chaos::{bodies, response};

/// What to do to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// Answer, streamed if asked so. Word: `answer`.
    Answer,
    /// Another text than the server's. Word: `say=TEXT`.
    Say(String),
    /// An error of that status. Words: `status=503`, `status=429,retry_after=2,code=some_code`.
    Status {
        /// The status.
        status: u16,
        /// `retry-after`, as written.
        retry_after: Option<String>,
        /// The error code in the body.
        code: Option<String>,
    },
    /// A proxy's error page. Word: `html=502`.
    Html(u16),
    /// Waits before the headers, in milliseconds. Word: `slow=2000`.
    Slow(u64),
    /// Never answers. Word: `hang`.
    Hang,
    /// Sends the body byte by byte, that many milliseconds apart. Word: `drip=20`.
    Drip(u64),
    /// Sends the headers and half of the body, then nothing more. Word: `stall`.
    Stall,
    /// Breaks the connection in the middle of the body. Word: `cut`.
    Cut,
    /// Ends a stream early, but in good order. Word: `early_end`.
    EarlyEnd,
    /// An answer that stopped at its length. Word: `truncated`.
    Truncated,
    /// An answer that a content filter stopped. Word: `content_filter`.
    ContentFilter,
    /// A model that refuses. Word: `refusal`.
    Refusal,
    /// A content that is no JSON. Word: `broken_json`.
    BrokenJson,
    /// An answer without anything in it. Word: `empty`.
    Empty,
    /// A body that is no JSON, said to be some. Word: `not_json`.
    NotJson,
    /// A right answer with the wrong content type. Word: `wrong_type`.
    WrongType,
    /// A body of that many bytes. Word: `huge=100000000`.
    Huge(usize),
    /// A redirect to another host. Word: `redirect`.
    Redirect,
    /// Anything at all; has no word.
    Raw {
        /// The status.
        status: u16,
        /// The content type.
        content_type: String,
        /// The body.
        body: String,
    },
}

/// A word that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is nothing that chaos can do; write one of: {WORDS}")]
pub struct BehaviourError(String);

/// Every word that [`Behaviour::parse`] reads.
pub const WORDS: &str = "answer, say=TEXT, status=503, status=429,retry_after=2,code=x, html=502, \
     slow=2000, hang, drip=20, stall, cut, early_end, truncated, content_filter, refusal, \
     broken_json, empty, not_json, wrong_type, huge=100000000, redirect";

impl Behaviour {
    /// Reads the word of a behaviour.
    ///
    /// # Errors
    /// [`BehaviourError`] lists the words.
    pub fn parse(word: &str) -> Result<Self, BehaviourError> {
        let fault = || BehaviourError(word.to_owned());
        let (name, value) = word.trim().split_once('=').unwrap_or((word.trim(), ""));
        let number = || value.parse::<u64>().map_err(|_| fault());
        Ok(match name {
            "answer" => Self::Answer,
            "say" => Self::Say(value.to_owned()),
            "status" => Self::parse_status(value).ok_or_else(fault)?,
            "html" => Self::Html(value.parse().map_err(|_| fault())?),
            "slow" => Self::Slow(number()?),
            "hang" => Self::Hang,
            "drip" => Self::Drip(number()?),
            "stall" => Self::Stall,
            "cut" => Self::Cut,
            "early_end" => Self::EarlyEnd,
            "truncated" => Self::Truncated,
            "content_filter" => Self::ContentFilter,
            "refusal" => Self::Refusal,
            "broken_json" => Self::BrokenJson,
            "empty" => Self::Empty,
            "not_json" => Self::NotJson,
            "wrong_type" => Self::WrongType,
            "huge" => Self::Huge(value.parse().map_err(|_| fault())?),
            "redirect" => Self::Redirect,
            _ => return Err(fault()),
        })
    }

    fn parse_status(value: &str) -> Option<Self> {
        let mut parts = value.split(',');
        let status = parts.next()?.parse().ok().filter(|status| (300..=599).contains(status))?;
        let (mut retry_after, mut code) = (None, None);
        for part in parts {
            match part.split_once('=')? {
                ("retry_after", seconds) => retry_after = Some(seconds.to_owned()),
                ("code", word) => code = Some(word.to_owned()),
                _ => return None,
            }
        }
        Some(Self::Status { status, retry_after, code })
    }

    pub(crate) async fn respond(self, request: &Value, content: &str) -> Response {
        let streamed = request.get("stream") == Some(&Value::Bool(true));
        let answer = |message: Value, finish: &str| bodies::answer(request, &message, finish);
        let normal = bodies::answer(request, &bodies::message(content), "stop");
        let whole = bodies::wire(&normal, streamed);
        match self {
            Self::Answer => send(whole, streamed),
            Self::Say(text) => {
                send(bodies::wire(&answer(bodies::message(&text), "stop"), streamed), streamed)
            }
            Self::Status { status, retry_after, code } => {
                error(status, retry_after.as_deref(), code.as_deref())
            }
            Self::Html(status) => response(status, "text/html", bodies::PAGE),
            Self::Slow(ms) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                send(whole, streamed)
            }
            Self::Hang => std::future::pending().await,
            Self::Drip(ms) => drip(whole, streamed, ms),
            Self::Stall => half(whole, streamed, HalfWay::Stall),
            Self::Cut => half(whole, streamed, HalfWay::Cut),
            Self::EarlyEnd => half(whole, streamed, HalfWay::End),
            Self::Truncated => {
                let part: String = content.chars().take(content.chars().count() / 2).collect();
                send(bodies::wire(&answer(bodies::message(&part), "length"), streamed), streamed)
            }
            Self::ContentFilter => {
                let body = answer(json!({"role": "assistant", "content": ""}), "content_filter");
                send(bodies::wire(&body, streamed), streamed)
            }
            Self::Refusal => {
                let message =
                    json!({"role": "assistant", "content": null, "refusal": "I cannot help."});
                send(bodies::wire(&answer(message, "stop"), streamed), streamed)
            }
            Self::BrokenJson => {
                let message = bodies::message("{\"label\": \"spam\", \"score\": ");
                send(bodies::wire(&answer(message, "stop"), streamed), streamed)
            }
            Self::Empty => {
                send(bodies::wire(&answer(bodies::message(""), "stop"), streamed), streamed)
            }
            Self::NotJson => response(200, "application/json", "{\"choices\": [oops"),
            Self::WrongType => response(200, "text/plain", whole),
            Self::Huge(bytes) => huge(bytes),
            Self::Redirect => {
                let mut response = response(302, "text/plain", "elsewhere");
                let to = HeaderValue::from_static("https://example.invalid/v1/chat/completions");
                response.headers_mut().insert("location", to);
                response
            }
            Self::Raw { status, content_type, body } => response(status, &content_type, body),
        }
    }
}

fn mime(streamed: bool) -> &'static str {
    if streamed { "text/event-stream" } else { "application/json" }
}

fn send(body: String, streamed: bool) -> Response {
    response(200, mime(streamed), body)
}

fn error(status: u16, retry_after: Option<&str>, code: Option<&str>) -> Response {
    let body = json!({"error": {
        "message": format!("chaos answers {status}"), "type": "chaos", "param": null, "code": code,
    }});
    let mut response = response(status, "application/json", body.to_string());
    if let Some(value) = retry_after.and_then(|value| HeaderValue::from_str(value).ok()) {
        response.headers_mut().insert(HeaderName::from_static("retry-after"), value);
    }
    response
}

fn drip(body: String, streamed: bool, ms: u64) -> Response {
    let bytes = stream::iter(body.into_bytes()).then(move |byte| async move {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        Ok::<_, Infallible>(Bytes::copy_from_slice(&[byte]))
    });
    response(200, mime(streamed), Body::from_stream(bytes))
}

#[derive(Clone, Copy)]
enum HalfWay {
    Stall,
    Cut,
    End,
}

fn half(body: String, streamed: bool, then: HalfWay) -> Response {
    let mut bytes = Bytes::from(body);
    bytes.truncate(bytes.len() / 2);
    let first = stream::iter([Ok::<_, std::io::Error>(bytes)]);
    let rest = stream::once(async move {
        match then {
            HalfWay::Stall => std::future::pending().await,
            // Half of the body must be on its way before the connection breaks.
            HalfWay::Cut => {
                tokio::task::yield_now().await;
                Err(std::io::Error::other("chaos cuts"))
            }
            HalfWay::End => Ok(Bytes::new()),
        }
    });
    response(200, mime(streamed), Body::from_stream(first.chain(rest)))
}

fn huge(bytes: usize) -> Response {
    const PIECE: &[u8] = &[b'a'; 16 * 1024];
    let pieces = stream::iter(0..bytes.div_ceil(PIECE.len()))
        .map(|_| Ok::<_, Infallible>(Bytes::from_static(PIECE)));
    response(200, "application/json", Body::from_stream(pieces))
}
