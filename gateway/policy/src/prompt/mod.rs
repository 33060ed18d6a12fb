//! A prompt: Markdown with variables in, chat messages out.
//!
//! The file's form (front matter, `# user` lines) is the raw layer's. Rendering is strict and
//! bounded: a variable that is not there is an error and never an empty text.

mod messages;
mod nesting;
mod render;
mod repair;
mod request;
mod variables;

use std::collections::BTreeSet;

use backstop_domain::Digest;
use minijinja::{Environment, UndefinedBehavior};
use serde_json::{Map, Value};

use crate::source::Span;

pub(crate) use messages::role;
pub use messages::{Keep, keep_newest};
pub use render::PromptError;
pub use repair::Last;
pub use variables::{Misuse, misuses};

/// Largest work of one rendering, in minijinja instructions.
const FUEL: u64 = 1_000_000;

/// A compiled prompt file.
#[derive(Debug)]
pub struct Prompt {
    name: String,
    digest: Digest,
    /// Sampling settings of its front matter, sent with every request.
    settings: Map<String, Value>,
    parts: Vec<Part>,
    environment: Environment<'static>,
    /// Variables that it uses.
    names: BTreeSet<String>,
}

/// One message of a prompt, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Who says it: `system`, `user` or `assistant`.
    pub role: &'static str,
    /// The template.
    pub text: String,
    /// Where the text stands.
    pub span: Span,
}

/// Why a prompt is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// What is wrong, in words.
    pub message: String,
    /// Where.
    pub span: Span,
}

impl Prompt {
    /// Compiles a prompt file's messages. `digest` is that of the whole file.
    ///
    /// # Errors
    /// [`Fault`] if one of them is no template.
    pub fn compile(
        name: &str,
        digest: Digest,
        settings: Map<String, Value>,
        parts: Vec<Part>,
    ) -> Result<Self, Fault> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        let mut names = BTreeSet::new();
        for (index, part) in parts.iter().enumerate() {
            if let Some(at) = nesting::too_deep(&part.text) {
                let most = nesting::NESTING_MAX;
                let message = format!(
                    "brackets and blocks stand more than {most} inside each other, or one tag has \
                     too many parts"
                );
                let at = part.span.range().start + at;
                return Err(Fault { message, span: Span::new(part.span.file, at, at + 1) });
            }
            environment
                .add_template_owned(index.to_string(), part.text.clone())
                .map_err(|error| fault(&error, part))?;
            let template = environment.get_template(&index.to_string());
            let used = template.map(|found| found.undeclared_variables(false));
            names.extend(used.unwrap_or_default());
        }
        Ok(Self { name: name.to_owned(), digest, settings, parts, environment, names })
    }

    /// Its name, without folder and ending.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Digest of its file.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether the input is added as a user message, because the prompt does not end with one.
    pub fn adds_input(&self) -> bool {
        self.parts.last().is_none_or(|last| last.role != "user")
    }

    /// Its messages as written.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Names of the variables that it uses.
    pub fn names(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }

    /// A sampling setting of its front matter.
    pub fn setting(&self, name: &str) -> Option<&Value> {
        self.settings.get(name)
    }
}

fn fault(error: &minijinja::Error, part: &Part) -> Fault {
    let message = error.detail().map_or_else(|| error.to_string(), str::to_owned);
    let whole = part.span.range();
    // An end that comes too soon is told behind the last byte.
    let at = |place: usize| (whole.start + place).min(whole.end);
    let span = error
        .range()
        .map_or(part.span, |range| Span::new(part.span.file, at(range.start), at(range.end)));
    Fault { message, span }
}
