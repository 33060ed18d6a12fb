//! Streams in `buffer` mode: nothing leaves before it is checked; comments keep the line alive.

use std::{convert::Infallible, time::Duration};

use axum::{body::Bytes, http::HeaderValue, response::Response};
use futures_util::stream::{self, Stream, StreamExt};
use serde_json::{Value, json};

use super::completion::Reply;

/// Time between two comments on a line where nothing else happens.
pub const PING: Duration = Duration::from_secs(5);
/// Characters of text per chunk.
const PIECE: usize = 256;

/// An event stream of these chunks.
pub fn respond(chunks: impl Stream<Item = String> + Send + 'static) -> Response {
    let bytes = chunks.map(|chunk| Ok::<_, Infallible>(Bytes::from(chunk)));
    let mut response = Response::new(axum::body::Body::from_stream(bytes));
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert("cache-control", HeaderValue::from_static("no-cache"));
    // Proxies that buffer would hold the comments back that keep the line alive.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// Comments until the chunks are there, the first one at once; then these.
pub fn when_ready(
    chunks: impl Future<Output = String> + Send + 'static,
) -> impl Stream<Item = String> + Send {
    let comment = || ": ping\n\n".to_owned();
    let rest = stream::unfold(Some(Box::pin(chunks)), move |waiting| async move {
        let mut chunks = waiting?;
        match tokio::time::timeout(PING, &mut chunks).await {
            Err(_) => Some((comment(), Some(chunks))),
            Ok(chunks) => Some((chunks, None)),
        }
    });
    stream::once(async move { comment() }).chain(rest)
}

/// Every chunk of a reply, to the end.
pub fn all(reply: &Reply, include_usage: bool) -> String {
    match reply {
        // After the first byte an error is an event, and nothing follows it but the end.
        Reply::Problem(problem) => ended(|out| push(out, &problem.openai())),
        Reply::Completion(completion) => whole(&json!(completion), include_usage),
    }
}

fn whole(completion: &Value, include_usage: bool) -> String {
    ended(|out| completion_chunks(out, completion, include_usage))
}

fn ended(tell: impl FnOnce(&mut String)) -> String {
    let mut out = String::new();
    tell(&mut out);
    out.push_str("data: [DONE]\n\n");
    out
}

fn push(out: &mut String, value: &Value) {
    out.push_str("data: ");
    out.push_str(&value.to_string());
    out.push_str("\n\n");
}

fn completion_chunks(out: &mut String, completion: &Value, include_usage: bool) {
    let head = |choices: Value| {
        let mut chunk = json!({
            "id": completion.get("id"), "object": "chat.completion.chunk",
            "created": completion.get("created"), "model": completion.get("model"),
            "choices": choices,
        });
        if include_usage && let Some(chunk) = chunk.as_object_mut() {
            chunk.insert("usage".to_owned(), Value::Null);
        }
        chunk
    };
    let choices = completion.get("choices").and_then(Value::as_array);
    let choices = choices.map_or(&[][..], Vec::as_slice);
    let last = choices.len().saturating_sub(1);
    for (place, choice) in choices.iter().enumerate() {
        let index = choice.get("index").cloned().unwrap_or_default();
        for delta in deltas(choice.get("message").unwrap_or(&Value::Null)) {
            let one = json!([{ "index": index, "delta": delta, "finish_reason": null }]);
            push(out, &head(one));
        }
        // All of them ride in the last piece: clients append them to those of the pieces before.
        let (finish, logprobs) = (choice.get("finish_reason"), choice.get("logprobs"));
        let mut end = head(json!([{
            "index": index, "delta": {}, "logprobs": logprobs, "finish_reason": finish,
        }]));
        if place == last && !include_usage {
            take_over(&mut end, completion, "backstop");
        }
        push(out, &end);
    }
    if include_usage {
        let mut chunk = head(json!([]));
        take_over(&mut chunk, completion, "usage");
        take_over(&mut chunk, completion, "backstop");
        push(out, &chunk);
    }
}

/// What is said of the whole rides in the last chunk.
fn take_over(chunk: &mut Value, completion: &Value, member: &str) {
    if let (Some(chunk), Some(value)) = (chunk.as_object_mut(), completion.get(member)) {
        chunk.insert(member.to_owned(), value.clone());
    }
}

/// A message as the pieces that a client puts together again.
fn deltas(message: &Value) -> Vec<Value> {
    let mut deltas = vec![json!({ "role": "assistant", "content": "" })];
    if let Some(text) = message.get("content").and_then(Value::as_str) {
        let letters: Vec<char> = text.chars().collect();
        for piece in letters.chunks(PIECE) {
            deltas.push(json!({ "content": piece.iter().collect::<String>() }));
        }
    }
    if let Some(text) = message.get("refusal").and_then(Value::as_str) {
        deltas.push(json!({ "refusal": text }));
    }
    let calls = message.get("tool_calls").and_then(Value::as_array);
    for (index, call) in calls.into_iter().flatten().enumerate() {
        let mut call = call.clone();
        if let Some(fields) = call.as_object_mut() {
            fields.insert("index".to_owned(), index.into());
        }
        deltas.push(json!({ "tool_calls": [call] }));
    }
    deltas
}

#[cfg(test)]
mod tests;
