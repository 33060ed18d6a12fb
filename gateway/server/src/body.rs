//! Reads a JSON body: bounded in size, time and depth, packed ones and duplicate keys refused,
//! errors that help.

use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{app::App, paced::was_too_slow, problem::Problem};

/// A JSON body, read once.
#[derive(Debug)]
pub struct JsonBody(pub Value);

impl FromRequest<App> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let bytes = read(request, app).await?;
        if bytes.is_empty() {
            return Err(Problem::bad_request("invalid_json", "the body is empty; send JSON"));
        }
        parse(&bytes, app.caps.depth).map(Self)
    }
}

/// The body's bytes, at most as many as the gateway takes.
///
/// # Errors
/// [`Problem`] if there are more, or the caller broke off.
pub async fn read(request: Request<Body>, app: &App) -> Result<axum::body::Bytes, Problem> {
    let most = app.caps.body;
    plain(request.headers())?;
    axum::body::to_bytes(request.into_body(), most).await.map_err(|error| {
        if was_too_slow(&error) {
            let detail = "the body came too slowly (`http.headers` in gateway.yaml is the longest \
                          pause, `http.wait` the longest time in all)";
            Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", detail)
        } else if std::error::Error::source(&error)
            .is_some_and(|s| s.is::<http_body_util::LengthLimitError>())
        {
            let detail =
                format!("the body is larger than {most} bytes (`http.body` in gateway.yaml)");
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
        } else {
            Problem::bad_request("body_cut", "the body broke off before its end")
        }
    })
}

/// A packed body may unpack to any size, so none is taken.
fn plain(headers: &HeaderMap) -> Result<(), Problem> {
    let packed = headers.get_all(header::CONTENT_ENCODING).iter();
    let mut packed = packed.filter(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"));
    if packed.next().is_none() {
        return Ok(());
    }
    let detail = "bodies are taken as they are: send it without `Content-Encoding`";
    let problem = Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "body_encoded", detail);
    Err(problem.at("Content-Encoding"))
}

/// Reads JSON of at most that depth, refusing what two readers could read differently.
///
/// # Errors
/// [`Problem`] with line and column.
pub fn parse(bytes: &[u8], depth: usize) -> Result<Value, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let detail = format!("the body is not UTF-8 at byte {}", error.valid_up_to());
        Problem::bad_request("invalid_json", detail)
    })?;
    if nesting(text) > depth {
        let detail =
            format!("the body is nested deeper than {depth} (`http.depth` in gateway.yaml)");
        return Err(Problem::bad_request("body_too_deep", detail));
    }
    serde_json::from_str(text).map_err(|error| {
        Problem::bad_request("invalid_json", format!("the body is not JSON: {error}"))
    })
}

/// The body as a type; a field that is wrong is named. A list is no body, though a list of the
/// right length could be read as one.
///
/// # Errors
/// [`Problem`] that says which field.
pub fn typed<T: DeserializeOwned>(body: Value) -> Result<T, Problem> {
    if !body.is_object() {
        let detail = "the body must be a JSON object, `{...}`";
        return Err(Problem::bad_request("invalid_field", detail));
    }
    serde_json::from_value(body)
        .map_err(|error| Problem::bad_request("invalid_field", error.to_string()))
}

/// Deepest nesting of brackets outside strings; counted before anything recurses.
fn nesting(text: &str) -> usize {
    let (mut deepest, mut depth) = (0_usize, 0_usize);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => skip_string(&mut bytes),
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Goes on behind the end of a string. Nearly all of a long body stands in strings.
fn skip_string(bytes: &mut std::str::Bytes<'_>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => _ = bytes.next(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_a_string_nests_nothing() {
        let table = [
            ("[[1], [2, {}]]", 3),
            (r#"{"a[[": "{[[", "b": [1]}"#, 2),
            (r#"["\"[[[", [1]]"#, 2),
            (r#"["\\", [1]]"#, 2),
            (r#"["\\\"[[["]"#, 1),
            ("]]][", 1),
            ("\"", 0),
            ("\"\\", 0),
        ];
        for (text, deepest) in table {
            assert_eq!(nesting(text), deepest, "{text}");
        }
    }
}
