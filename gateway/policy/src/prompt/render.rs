//! From a prompt and the facts of a call to messages.

use serde_json::{Value, json};

use super::Prompt;

/// Why a prompt could not be rendered. The call then has nothing to ask: `check_error`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("prompt `{prompt}` cannot be rendered: {message}")]
pub struct PromptError {
    /// Name of the prompt.
    pub prompt: String,
    /// What is wrong, in words.
    pub message: String,
}

impl Prompt {
    /// The prompt's messages.
    ///
    /// # Errors
    /// [`PromptError`] if a variable is not there, or rendering takes too much work.
    pub fn render(&self, facts: &Value) -> Result<Vec<Value>, PromptError> {
        let context = minijinja::Value::from(minijinja::value::Serde(facts));
        let mut messages = Vec::with_capacity(self.parts.len());
        for (index, part) in self.parts.iter().enumerate() {
            let rendered = self
                .environment
                .get_template(&index.to_string())
                .and_then(|template| template.render(&context))
                .map_err(|error| self.error(&error))?;
            messages.push(json!({ "role": part.role, "content": rendered.trim() }));
        }
        Ok(messages)
    }

    pub(crate) const fn settings(&self) -> &serde_json::Map<String, Value> {
        &self.settings
    }

    fn error(&self, error: &minijinja::Error) -> PromptError {
        let line = error.line().map(|line| format!(" (line {line})")).unwrap_or_default();
        let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        PromptError { prompt: self.name.clone(), message: format!("{detail}{line}") }
    }
}
