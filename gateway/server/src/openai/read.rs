//! Reads a chat completion request: what is ours to know is checked, all else goes on as it is.

use std::collections::BTreeMap;

use backstop_domain::{Criticality, Digest, Face};
use backstop_engine::{Caller, InForce, Submit};
use backstop_policy::compiled::InputOf;
use serde_json::{Map, Value};

use super::logprobs;
use crate::problem::Problem;

/// Most choices that a caller may ask for.
const N_MAX: u64 = 16;
/// Most messages of a request.
const MESSAGES_MAX: usize = 10_000;

/// How the answer to a chat request is wanted.
#[derive(Debug)]
pub struct How {
    /// Name of the policy.
    pub policy: String,
    /// Whether the answer is streamed.
    pub stream: bool,
    /// Whether a stream ends with a usage chunk.
    pub include_usage: bool,
    /// A shorter wait for people, in milliseconds.
    pub wait_ms: Option<u64>,
    /// How many alternatives to each token are told; `None`: no log-probabilities.
    pub logprobs: Option<usize>,
}

/// What the headers say.
#[derive(Debug, Clone)]
pub struct FromHeaders {
    /// Idempotency key.
    pub key: Option<String>,
    /// Id of the request.
    pub request_id: String,
    /// W3C `traceparent`.
    pub traceparent: Option<String>,
    /// Time that the caller gives, in milliseconds.
    pub deadline_ms: Option<u64>,
}

/// Reads the body of a chat completion request: what is submitted, and how its answer is wanted.
///
/// # Errors
/// [`Problem`] names the first field that is wrong.
pub fn chat_request(
    body: Value,
    caller: Caller,
    headers: FromHeaders,
    workspace: &InForce,
) -> Result<(Submit, How), Problem> {
    let fingerprint = Digest::of_json(&body);
    let Value::Object(mut fields) = body else {
        return Err(Problem::bad_request("invalid_body", "the body must be a JSON object"));
    };
    let model = text(&fields, "model")?
        .ok_or_else(|| missing("model", "the name of a policy; `GET /v1/models` lists them"))?;
    check_messages(&fields)?;
    let stream = flag(&fields, "stream")?;
    let n = choices(&fields)?;
    let extra = extras(&fields)?;
    let policy = workspace.policies.get(&model);
    let passes = policy.is_some_and(|policy| policy.passes_through());
    if n > 1 && policy.is_some() && !passes {
        let detail = format!("policy `{model}` gives one answer; leave `n` out");
        return Err(Problem::bad_request("invalid_n", detail).at("n"));
    }
    let include_usage =
        fields.get("stream_options").and_then(|o| o.get("include_usage")) == Some(&true.into());
    let logprobs = logprobs::wanted(&fields);
    let how =
        How { policy: model.clone(), stream, include_usage, wait_ms: extra.wait_ms, logprobs };
    let input = match (policy.map(|policy| &policy.input), extra.input) {
        // The whole body; or refused at the door, where it is known which name was meant.
        (Some(InputOf::Body) | None, _) => Value::Null,
        (Some(_), Some(input)) => input,
        (Some(InputOf::Text), None) => newest(listed(&fields)).into(),
        (Some(InputOf::Schema(_)), None) => as_json(listed(&fields))?,
    };
    let (input, messages, body) = match policy.map(|policy| &policy.input) {
        Some(InputOf::Body) => (fields.into(), Vec::new(), None),
        _ if passes => (input, Vec::new(), Some(fields.into())),
        _ => (input, taken(&mut fields), None),
    };
    let submit = Submit {
        policy: model,
        caller,
        face: Face::Chat,
        input,
        messages,
        body,
        key: headers.key,
        fingerprint,
        tags: extra.tags,
        deadline_ms: extra.deadline_ms.or(headers.deadline_ms),
        criticality: extra.criticality,
        request_id: headers.request_id,
        traceparent: headers.traceparent,
    };
    Ok((submit, how))
}

/// What stands in the request's `backstop` object.
#[derive(Debug, Default)]
pub struct Extras {
    /// The typed input.
    pub input: Option<Value>,
    /// What is echoed back.
    pub tags: BTreeMap<String, String>,
    /// A shorter deadline.
    pub deadline_ms: Option<u64>,
    /// A shorter wait for people.
    pub wait_ms: Option<u64>,
    /// A lower class.
    pub criticality: Option<Criticality>,
}

fn extras(fields: &Map<String, Value>) -> Result<Extras, Problem> {
    let extras = match fields.get("backstop") {
        None | Some(Value::Null) => return Ok(Extras::default()),
        Some(Value::Object(extras)) => extras,
        Some(_) => return Err(wrong("backstop", "an object")),
    };
    if let Some(unknown) = extras.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        let detail = format!("`backstop.{unknown}` is not known; known are {}", KNOWN.join(", "));
        return Err(Problem::bad_request("invalid_field", detail).at(format!("backstop.{unknown}")));
    }
    read_extras(extras)
}

/// Members of the `backstop` object, and of a calls request beside `input` and `messages`.
pub const KNOWN: [&str; 5] = ["input", "tags", "deadline_ms", "wait_ms", "criticality"];

/// Reads the members of [`KNOWN`].
///
/// # Errors
/// [`Problem`] names the first one that is wrong.
pub fn read_extras(fields: &Map<String, Value>) -> Result<Extras, Problem> {
    let criticality = match text(fields, "criticality")?.as_deref() {
        None => None,
        Some("critical") => Some(Criticality::Critical),
        Some("standard") => Some(Criticality::Standard),
        Some("sheddable") => Some(Criticality::Sheddable),
        Some(_) => return Err(wrong("criticality", "`critical`, `standard` or `sheddable`")),
    };
    Ok(Extras {
        input: fields.get("input").cloned(),
        tags: tags(fields)?,
        deadline_ms: number(fields, "deadline_ms")?,
        wait_ms: number(fields, "wait_ms")?,
        criticality,
    })
}

/// Tags are short texts, and few.
fn tags(fields: &Map<String, Value>) -> Result<BTreeMap<String, String>, Problem> {
    let wanted = "an object of at most 32 short texts";
    let tags = match fields.get("tags") {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(Value::Object(tags)) if tags.len() <= 32 => tags,
        Some(_) => return Err(wrong("tags", wanted)),
    };
    tags.iter()
        .map(|(name, value)| match value.as_str() {
            Some(text) if text.len() <= 512 && name.len() <= 64 => {
                Ok((name.clone(), text.to_owned()))
            }
            _ => Err(wrong("tags", wanted)),
        })
        .collect()
}

fn check_messages(fields: &Map<String, Value>) -> Result<(), Problem> {
    let listed = match fields.get("messages") {
        None | Some(Value::Null) => return Err(missing("messages", "a list with a user message")),
        Some(Value::Array(listed)) => listed,
        Some(_) => return Err(wrong("messages", "a list")),
    };
    if listed.is_empty() || listed.len() > MESSAGES_MAX {
        return Err(wrong("messages", "a list of 1 to 10000 messages"));
    }
    for (place, message) in listed.iter().enumerate() {
        let role = message.get("role").and_then(Value::as_str);
        if role.is_none() {
            return Err(wrong(&format!("messages[{place}]"), "an object with a text `role`"));
        }
    }
    Ok(())
}

fn listed(fields: &Map<String, Value>) -> &[Value] {
    fields.get("messages").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn taken(fields: &mut Map<String, Value>) -> Vec<Value> {
    fields.get_mut("messages").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default()
}

fn choices(fields: &Map<String, Value>) -> Result<u64, Problem> {
    match number(fields, "n")? {
        None => Ok(1),
        Some(n @ 1..=N_MAX) => Ok(n),
        Some(_) => Err(wrong("n", "a whole number from 1 to 16")),
    }
}

fn as_json(messages: &[Value]) -> Result<Value, Problem> {
    let text = newest(messages);
    serde_json::from_str(&text).map_err(|error| {
        let detail = format!(
            "this policy takes typed input: send it as `backstop.input`, or as JSON in the last \
             user message ({error})"
        );
        Problem::bad_request("invalid_input", detail).at("messages")
    })
}

/// The words of the last user message.
fn newest(messages: &[Value]) -> String {
    let user = |message: &&Value| message.get("role").and_then(Value::as_str) == Some("user");
    let content = messages.iter().rev().find(user).and_then(|message| message.get("content"));
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts = parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str));
            texts.collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

fn text(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, Problem> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(wrong(name, "a text")),
    }
}

fn flag(fields: &Map<String, Value>, name: &str) -> Result<bool, Problem> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(wrong(name, "true or false")),
    }
}

fn number(fields: &Map<String, Value>, name: &str) -> Result<Option<u64>, Problem> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(number) => Ok(Some(number)),
            None => Err(wrong(name, "a whole number, not negative")),
        },
    }
}

fn wrong(name: &str, wanted: &str) -> Problem {
    Problem::bad_request("invalid_field", format!("`{name}` must be {wanted}")).at(name)
}

fn missing(name: &str, wanted: &str) -> Problem {
    Problem::bad_request("missing_field", format!("`{name}` is missing: {wanted}")).at(name)
}
