//! An OpenAI-style chat completion, read into what judging needs; the rest stays in `body`.
//!
//! Reading is lenient about what is missing and strict about what is there: a field of the wrong
//! type is a failure of the answer, never a silent default.

use backstop_domain::Usage;
use bytes::Bytes;
use serde_json::Value;

use crate::outcome::Timing;

/// What a model answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The body as it came, byte for byte; for a stream, all of its events.
    pub raw: Bytes,
    /// The `chat.completion` object, unknown fields and log-probabilities included; for a stream,
    /// put together from it.
    pub body: Value,
    /// Every choice, by index; at least one.
    pub choices: Vec<Choice>,
    /// Tokens that the provider counted, if it said so.
    pub usage: Option<Usage>,
    /// The model that the provider says it used.
    pub model: Option<String>,
    /// The provider's id of the answer.
    pub upstream_id: Option<String>,
    /// How long it took.
    pub timing: Timing,
}

/// One of the answers to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Its place, from 0.
    pub index: u64,
    /// The text; `None` if there is none.
    pub content: Option<String>,
    /// The model's own refusal, if it gave one.
    pub refusal: Option<String>,
    /// Tools that it wants called, in order; an old-style `function_call` too.
    pub tool_calls: Vec<ToolCall>,
    /// Why it stopped, in the provider's word: `stop length tool_calls content_filter`.
    pub finish_reason: Option<String>,
}

/// A tool that the model wants called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// The model's id for it; old-style calls have none.
    pub id: Option<String>,
    /// Name of the tool.
    pub name: String,
    /// Its arguments, as text: JSON for functions, anything for custom tools.
    pub arguments: String,
}

/// Why a JSON body is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAnAnswer(String);

impl Answer {
    /// Reads a `chat.completion` object.
    ///
    /// # Errors
    /// [`NotAnAnswer`] names the first field that is missing or of the wrong type.
    pub fn read(raw: Bytes, body: Value, timing: Timing) -> Result<Self, NotAnAnswer> {
        let listed = body.get("choices").and_then(Value::as_array);
        let listed = listed.ok_or_else(|| NotAnAnswer("it has no list `choices`".to_owned()))?;
        let mut choices = Vec::with_capacity(listed.len());
        for (place, choice) in listed.iter().enumerate() {
            let choice = read_choice(place as u64, choice)
                .map_err(|fault| NotAnAnswer(format!("choices[{place}]: {fault}")))?;
            choices.push(choice);
        }
        if choices.is_empty() {
            return Err(NotAnAnswer("its list `choices` is empty".to_owned()));
        }
        choices.sort_by_key(|choice| choice.index);
        let text = |key: &str| body.get(key).and_then(Value::as_str).map(str::to_owned);
        Ok(Self {
            usage: body.get("usage").and_then(read_usage),
            model: text("model"),
            upstream_id: text("id"),
            raw,
            choices,
            timing,
            body,
        })
    }

    /// Whether no choice holds anything that could be judged: no text, no tool call, no refusal,
    /// and no reason for that.
    pub fn is_empty(&self) -> bool {
        self.choices.iter().all(|choice| {
            choice.content.as_deref().is_none_or(|text| text.trim().is_empty())
                && choice.refusal.is_none()
                && choice.tool_calls.is_empty()
                && !matches!(choice.finish_reason.as_deref(), Some("length" | "content_filter"))
        })
    }
}

/// The `chat.completion` object in a body as it was kept: unstreamed, or put together from a
/// stream.
pub fn completion_of(raw: &[u8]) -> Option<Value> {
    if let Ok(body) = serde_json::from_slice(raw) {
        return Some(body);
    }
    crate::stream::collect(core::str::from_utf8(raw).ok()?).ok()
}

fn read_choice(place: u64, choice: &Value) -> Result<Choice, String> {
    let message = choice.get("message").filter(|message| message.is_object());
    let message = message.ok_or("it has no object `message`")?;
    Ok(Choice {
        index: choice.get("index").and_then(Value::as_u64).unwrap_or(place),
        content: read_content(message.get("content"))?,
        refusal: optional_text(message, "refusal")?.filter(|text| !text.is_empty()),
        tool_calls: read_tool_calls(message)?,
        finish_reason: optional_text(choice, "finish_reason")?.filter(|text| !text.is_empty()),
    })
}

fn optional_text(of: &Value, key: &str) -> Result<Option<String>, String> {
    match of.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("`{key}` is not a text")),
    }
}

/// Some providers answer with a list of parts: the text parts are the content, thoughts are not.
fn read_content(content: Option<&Value>) -> Result<Option<String>, String> {
    match content {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Array(parts)) => {
            let texts =
                parts.iter().filter(|part| part.get("type").is_some_and(|kind| kind == "text"));
            let texts = texts.filter_map(|part| part.get("text").and_then(Value::as_str));
            Ok(Some(texts.collect()))
        }
        Some(_) => Err("`message.content` is neither a text nor a list of parts".to_owned()),
    }
}

fn read_tool_calls(message: &Value) -> Result<Vec<ToolCall>, String> {
    let mut calls = Vec::new();
    match message.get("tool_calls") {
        None | Some(Value::Null) => {}
        Some(Value::Array(listed)) => {
            for (place, call) in listed.iter().enumerate() {
                let call = read_tool_call(call)
                    .ok_or_else(|| format!("tool_calls[{place}] has no name or no arguments"))?;
                calls.push(call);
            }
        }
        Some(_) => return Err("`message.tool_calls` is not a list".to_owned()),
    }
    match message.get("function_call") {
        None | Some(Value::Null) => {}
        // Some servers fill every field of the schema, with nothing.
        Some(call) if call.get("name") == Some(&Value::from("")) => {}
        Some(call) => {
            let call = named(call, "arguments");
            let (name, arguments) =
                call.ok_or("`message.function_call` has no name or arguments")?;
            calls.push(ToolCall { id: None, name, arguments });
        }
    }
    Ok(calls)
}

fn read_tool_call(call: &Value) -> Option<ToolCall> {
    let (name, arguments) = call
        .get("function")
        .and_then(|function| named(function, "arguments"))
        .or_else(|| named(call.get("custom")?, "input"))?;
    let id = call.get("id").and_then(Value::as_str).map(str::to_owned);
    Some(ToolCall { id, name, arguments })
}

/// A tool without parameters may come without arguments, and some servers send them as an object.
fn named(call: &Value, arguments: &str) -> Option<(String, String)> {
    let name = call.get("name")?.as_str().filter(|name| !name.is_empty())?.to_owned();
    let arguments = match call.get(arguments) {
        Some(Value::String(text)) => text.clone(),
        Some(object @ Value::Object(_)) => object.to_string(),
        None | Some(Value::Null) => "{}".to_owned(),
        Some(_) => return None,
    };
    Some((name, arguments))
}

fn read_usage(usage: &Value) -> Option<Usage> {
    let count = |key: &str| usage.get(key).and_then(Value::as_u64);
    let cached = usage.pointer("/prompt_tokens_details/cached_tokens").and_then(Value::as_u64);
    Some(Usage {
        input: count("prompt_tokens")?,
        cached: cached.unwrap_or(0),
        output: count("completion_tokens").unwrap_or(0),
    })
}
