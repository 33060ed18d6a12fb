//! Reads an answer out of a provider's chat completion. Unknown fields are left behind, on purpose.

use serde_json::Value;

use super::{Answer, Choice, ToolCall};

/// Why a body is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the body is no chat completion: {0}")]
pub struct NotAnAnswer(pub String);

impl Answer {
    /// The answer in a chat completion.
    ///
    /// # Errors
    /// [`NotAnAnswer`] if it has no choices or one of them has no message: class `transport`.
    pub fn from_completion(body: &Value) -> Result<Self, NotAnAnswer> {
        let choices = body.get("choices").and_then(Value::as_array);
        let choices = choices.ok_or_else(|| NotAnAnswer("`choices` is missing".to_owned()))?;
        if choices.is_empty() {
            return Err(NotAnAnswer("`choices` is empty".to_owned()));
        }
        let choices = choices.iter().map(choice).collect::<Result<_, _>>()?;
        Ok(Self { choices })
    }
}

fn choice(value: &Value) -> Result<Choice, NotAnAnswer> {
    let message = value.get("message").filter(|message| message.is_object());
    let message = message.ok_or_else(|| NotAnAnswer("a choice has no `message`".to_owned()))?;
    Ok(Choice {
        text: content(message.get("content"))?,
        tool_calls: tool_calls(message)?,
        refusal: text_of(message.get("refusal")),
        finish: text_of(value.get("finish_reason")),
    })
}

/// Text, or parts of it as some servers send them; what is neither is no answer.
fn content(value: Option<&Value>) -> Result<Option<String>, NotAnAnswer> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Array(parts)) => {
            let texts = parts.iter().map(|part| part.get("text").and_then(Value::as_str));
            let joined = texts.collect::<Option<String>>();
            joined.map(Some).ok_or_else(|| NotAnAnswer("a part of `content` is no text".to_owned()))
        }
        Some(_) => Err(NotAnAnswer("`content` is no text".to_owned())),
    }
}

fn tool_calls(message: &Value) -> Result<Vec<ToolCall>, NotAnAnswer> {
    let mut calls = Vec::new();
    match message.get("tool_calls") {
        None | Some(Value::Null) => {}
        Some(Value::Array(items)) => {
            for item in items {
                let function = item.get("function").unwrap_or(&Value::Null);
                calls.push(tool_call(text_of(item.get("id")).unwrap_or_default(), function)?);
            }
        }
        Some(_) => return Err(NotAnAnswer("`tool_calls` is no list".to_owned())),
    }
    // The older form of a tool call. Dropping it would let a call pass that nobody judged.
    if let Some(function) = message.get("function_call").filter(|call| call.is_object()) {
        calls.push(tool_call(String::new(), function)?);
    }
    Ok(calls)
}

fn tool_call(id: String, function: &Value) -> Result<ToolCall, NotAnAnswer> {
    let name = text_of(function.get("name"))
        .ok_or_else(|| NotAnAnswer("a tool call has no name".to_owned()))?;
    let arguments = match function.get("arguments") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    Ok(ToolCall { id, name, arguments })
}

fn text_of(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).map(str::to_owned)
}
