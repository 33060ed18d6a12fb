//! What every response has in common: its request id, the level of degradation if it is not the
//! normal one, and errors in the form of the face.
//!
//! Handlers give problems; this is the one place that knows which face reads them how. No response
//! carries CORS headers: the gateway is for servers, and a browser has no business with its keys.

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{app::App, headers, problem::Problem};

/// The header that names a request, there and back.
const ID: HeaderName = HeaderName::from_static("x-request-id");
/// The header that names the level of degradation, where it is not the normal one.
const LEVEL: HeaderName = HeaderName::from_static("backstop-level");
/// Paths that OpenAI clients know.
const OPENAI: [&str; 5] =
    ["/v1/chat", "/v1/models", "/v1/completions", "/v1/responses", "/v1/embeddings"];
/// Most bytes that are read of an error that is none of ours.
const WORDS_MAX: usize = 8 * 1024;

/// Names the request, lets it through, and gives what comes back the form of its face.
pub async fn face(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let id = headers::request_id(request.headers())
        .unwrap_or_else(|| app.engine.ids().request(app.engine.clock().now()));
    let id = HeaderValue::from_str(&id).ok();
    if let Some(id) = &id {
        request.headers_mut().insert(ID, id.clone());
    }
    let uri = request.uri().clone();
    let level = app.engine.level();
    let response = told(next.run(request).await, &uri).await;
    let openai = OPENAI.iter().any(|path| uri.path().starts_with(path));
    let mut response = if openai { as_openai(response) } else { response };
    if let Some(id) = id {
        response.headers_mut().insert(ID, id);
    }
    if !level.is_normal() {
        response.headers_mut().insert(LEVEL, HeaderValue::from_static(level.name()));
    }
    response
}

/// An error that a library answered in a few plain words becomes a problem like any other.
async fn told(response: Response, uri: &Uri) -> Response {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let plain = kind.is_none_or(|kind| kind.starts_with("text/plain"));
    let error = status.is_client_error() || status.is_server_error();
    if !error || !plain || response.extensions().get::<Problem>().is_some() {
        return response;
    }
    let allow = response.headers().get(header::ALLOW).cloned();
    let words = axum::body::to_bytes(response.into_body(), WORDS_MAX).await.unwrap_or_default();
    let words = String::from_utf8_lossy(&words).into_owned();
    let Some(allow) = allow.filter(|_| status == StatusCode::METHOD_NOT_ALLOWED) else {
        return Problem::new(status, "invalid_request", words).into_response();
    };
    let takes = allow.to_str().unwrap_or_default().replace(',', " and ");
    let detail = format!("`{}` takes {takes}; see `/openapi.json`", uri.path());
    let mut response = Problem::new(status, "wrong_method", detail).into_response();
    response.headers_mut().insert(header::ALLOW, allow);
    response
}

/// A problem as OpenAI clients read it; anything else as it is.
fn as_openai(mut response: Response) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    *response.body_mut() = Body::from(problem.openai().to_string());
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let should = if problem.is_retryable() { "true" } else { "false" };
    headers.insert(HeaderName::from_static("x-should-retry"), HeaderValue::from_static(should));
    response
}
