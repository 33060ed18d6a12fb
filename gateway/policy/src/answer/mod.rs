//! An answer in our own form: what is judged, recorded by digest, and released.
//!
//! Only what was judged is kept. Whatever else a provider sends (reasoning, annotations, audio) has
//! passed no check and so never leaves.

mod completion;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use completion::NotAnAnswer;

/// What a model, a fallback or a person answered; one choice, unless the caller asked for `n`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Every choice, in the provider's order; never empty for an answer that is released.
    pub choices: Vec<Choice>,
}

/// One choice of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// The text, or the JSON text of a typed output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Calls of tools that the caller is asked to make.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// The model's words for not answering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// Why the model stopped, in the provider's word: `stop length tool_calls content_filter`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<String>,
}

/// One call of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolCall {
    /// The provider's id, by which the caller sends the result back.
    pub id: String,
    /// Name of the tool.
    pub name: String,
    /// Arguments as JSON text, mended if they had to be.
    pub arguments: String,
}

impl Answer {
    /// An answer of one choice that is this text.
    pub fn text(text: impl Into<String>) -> Self {
        let finish = Some("stop".to_owned());
        Self { choices: vec![Choice { text: Some(text.into()), finish, ..Choice::default() }] }
    }

    /// An answer of one choice that is this value: a text as it is, all else as JSON.
    pub fn value(value: &Value) -> Self {
        match value {
            Value::String(text) => Self::text(text.as_str()),
            other => Self::text(other.to_string()),
        }
    }

    /// The bytes that are judged, digested and released. The same answer gives the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Only text-keyed structs of strings: writing them to memory cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads what [`Answer::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`NotAnAnswer`] if it did not.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotAnAnswer> {
        serde_json::from_slice(bytes).map_err(|error| NotAnAnswer(error.to_string()))
    }

    /// Digest of [`Answer::to_bytes`], by which the ledger knows this answer.
    pub fn digest(&self) -> backstop_domain::Digest {
        backstop_domain::Digest::of(&self.to_bytes())
    }

    /// Whether any choice calls a tool.
    pub fn calls_tools(&self) -> bool {
        self.choices.iter().any(|choice| !choice.tool_calls.is_empty())
    }

    /// The text of the first choice; what a text policy answers.
    pub fn first_text(&self) -> Option<&str> {
        self.choices.first().and_then(|choice| choice.text.as_deref())
    }

    /// The first choice's text as a value: JSON where it is JSON and `json` says so, else text.
    pub fn first_value(&self, json: bool) -> Option<Value> {
        let text = self.first_text()?;
        if json { serde_json::from_str(text).ok() } else { Some(Value::String(text.to_owned())) }
    }
}
