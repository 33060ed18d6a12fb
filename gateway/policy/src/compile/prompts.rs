//! Prompts: read, compiled, and their variables held against what is known of a call.

use std::collections::BTreeMap;
use std::sync::Arc;

use backstop_checks::expression::Type;
use backstop_domain::Digest;
use serde_json::{Map, Value, json};

use super::Compiler;
use crate::decode::Name;
use crate::diagnostics::{Code, Problem};
use crate::prompt::{Part, Prompt, misuses};
use crate::raw;
use crate::source::Spanned;

impl Compiler<'_> {
    /// The policy's own prompt.
    pub(super) fn own_prompt(&mut self) -> Option<Arc<Prompt>> {
        let name = self.raw.prompt.as_ref()?.clone();
        let known = self.scopes.known.clone();
        self.prompt(&name, &known)
    }

    /// A judge's prompt: it also knows the answer, and `subject`, which is what it judges.
    pub(super) fn judge_prompt(&mut self, name: &Spanned<Name>) -> Option<Arc<Prompt>> {
        let mut known = self.scopes.known.clone();
        for variable in ["output", "answer", "checks"] {
            if let Some(kind) = self.scopes.answer.kind_of(variable) {
                known.insert(variable.to_owned(), kind.clone());
            }
        }
        known.insert("subject".to_owned(), Type::TEXT);
        self.prompt(name, &known)
    }

    fn prompt(
        &mut self,
        name: &Spanned<Name>,
        known: &BTreeMap<String, Type>,
    ) -> Option<Arc<Prompt>> {
        let path = format!("prompts/{}.md", name.as_str());
        let Some(file) = self.sources.find(&path) else {
            let known: Vec<String> = self
                .sources
                .ids()
                .filter_map(|id| {
                    let path = self.sources.path(id);
                    let name = path.strip_prefix("prompts/")?.strip_suffix(".md")?;
                    Some(name.to_owned())
                })
                .collect();
            self.unknown("prompt", name.as_str(), name.span, known.iter().map(String::as_str));
            return None;
        };
        let written = raw::load_prompt(self.sources, file, self.report)?;
        let parts = written.messages.iter().map(|message| Part {
            role: message.role.name(),
            text: message.text.clone(),
            span: message.span,
        });
        let digest = Digest::of(self.sources.bytes(file));
        match Prompt::compile(name.as_str(), digest, settings(&written), parts.collect()) {
            Ok(prompt) => {
                for misuse in misuses(&prompt, known) {
                    let problem = Problem::error(Code::Variable, misuse.span, misuse.message);
                    self.report.push(problem.help_if(misuse.help));
                }
                Some(Arc::new(prompt))
            }
            Err(fault) => {
                let help = "a field stands in `{{ input.field }}`, a condition in `{% if … %}` \
                            and `{% endif %}`";
                self.error(Code::Template, fault.span, fault.message, Some(help.to_owned()));
                None
            }
        }
    }
}

/// Sampling settings as they are sent.
fn settings(prompt: &raw::Prompt) -> Map<String, Value> {
    let mut settings = Map::new();
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            settings.insert(name.to_owned(), value);
        }
    };
    let millionths = |number: u32| json!(f64::from(number) / 1e6);
    set("temperature", prompt.temperature.as_ref().map(|t| millionths(t.value.0)));
    set("top_p", prompt.top_p.as_ref().map(|share| millionths(share.value.0)));
    set("max_tokens", prompt.max_tokens.as_ref().map(|count| json!(count.value.0)));
    set("seed", prompt.seed.as_ref().map(|count| json!(count.value.0)));
    let stop: Vec<&str> = prompt.stop.iter().map(|text| text.value.as_str()).collect();
    set("stop", (!stop.is_empty()).then(|| json!(stop)));
    settings
}
