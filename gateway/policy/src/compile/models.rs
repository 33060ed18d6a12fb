//! The models of a policy: there, able to do what the policy needs, and payable.

use super::Compiler;
use super::scopes::attempts_of;
use crate::compiled::Model;
use crate::decode::Name;
use crate::diagnostics::Code;
use crate::prompt::Prompt;
use crate::raw::{self, Need};
use crate::source::{Span, Spanned};

/// Requests to models if the file does not say.
pub(super) const ATTEMPTS: u64 = 4;

impl Compiler<'_> {
    /// The models of the policy in order, then those that its judges ask.
    pub(super) fn models(&mut self) -> Vec<Model> {
        let around = self.around;
        let mut found: Vec<Model> = Vec::new();
        for name in &self.raw.models {
            if found.iter().any(|model| model.name == name.as_str()) {
                let say = format!("model `{}` stands twice", name.as_str());
                let help = "remove one of the two".to_owned();
                self.error(Code::Duplicate, name.span, say, Some(help));
                continue;
            }
            match around.models.get(name.as_str()) {
                Some((model, _)) => found.push(model.clone()),
                None => self.no_model(name),
            }
        }
        self.can_do(&found);
        for judge in self.judges() {
            if let Some((model, _)) = around.models.get(&judge)
                && !found.iter().any(|known| known.name == judge)
            {
                found.push(model.clone());
            }
        }
        found
    }

    fn no_model(&mut self, name: &Spanned<Name>) {
        let around = self.around;
        let known: Vec<&str> = around.models.keys().map(String::as_str).collect();
        self.unknown("model", name.as_str(), name.span, known);
    }

    /// Models that judges ask.
    fn judges(&self) -> Vec<String> {
        let checks = self.parts.checks.iter().filter_map(|(_, check)| match &check.kind {
            raw::CheckKind::Judge { model, .. } => Some(model.as_str().to_owned()),
            _ => None,
        });
        let sources = self.raw.confidence.iter().flat_map(|block| &block.from);
        let sources = sources.filter_map(|source| match &source.kind {
            raw::SourceKind::Judge { model, .. } => Some(model.as_str().to_owned()),
            _ => None,
        });
        checks.chain(sources).collect()
    }

    /// Whether the models can do what the policy needs.
    fn can_do(&mut self, models: &[Model]) {
        let tools = self.parts.tools_of_request || !self.parts.tools.is_empty();
        let spans: Vec<(Span, &Model)> = self
            .raw
            .models
            .iter()
            .filter_map(|name| {
                let model = models.iter().find(|model| model.name == name.as_str())?;
                Some((name.span, model))
            })
            .collect();
        let cost = self.raw.budget.as_ref().and_then(|budget| budget.value.cost.as_ref());
        for (span, model) in spans {
            if tools && !model.tools {
                let say = format!("model `{}` takes no tools", model.name);
                let help = "set `tools: true` in gateway.yaml if it does".to_owned();
                self.error(Code::Capability, span, say, Some(help));
            }
            if cost.is_some() && model.price.is_none() {
                let say =
                    format!("`budget.cost` needs a price, and model `{}` has none", model.name);
                let help = "add `price:` to the model in gateway.yaml".to_owned();
                self.error(Code::Capability, span, say, Some(help));
            }
        }
    }

    /// A confidence source needs token log-probabilities from every model that answers.
    pub(super) fn needs_logprobs(&mut self, span: Span) {
        let around = self.around;
        for name in &self.raw.models {
            if let Some((model, _)) = around.models.get(name.as_str())
                && !model.logprobs
            {
                let say = format!("model `{}` gives no token log-probabilities", model.name);
                let help = "set `logprobs: true` in gateway.yaml if it does, or use `votes`";
                self.error(Code::Capability, span, say, Some(help.to_owned()));
            }
        }
    }

    /// Whether prompt, conversation and answer fit into each model's context, and whether one
    /// request can pass its limits at all.
    pub(super) fn fits(&mut self, prompt: Option<&Prompt>) {
        let around = self.around;
        let text = prompt.map_or(0, |prompt| {
            let parts = prompt.parts().iter();
            parts.map(|part| backstop_checks::tokens::tokens_of(&part.text)).sum()
        });
        let conversation = self.raw.conversation.as_ref();
        let conversation =
            conversation.and_then(|c| c.value.tokens.as_ref()).map_or(0, |t| t.value.0);
        let answer = prompt.and_then(|prompt| prompt.setting("max_tokens"));
        let answer = answer.and_then(serde_json::Value::as_u64).unwrap_or(0);
        let needed = conversation.saturating_add(text).saturating_add(answer);
        for name in &self.raw.models {
            let Some((model, burst)) = around.models.get(name.as_str()) else { continue };
            if model.context.is_some_and(|context| needed > context) {
                let say = format!(
                    "prompt, conversation and answer take up to {needed} tokens, model `{}` has {}",
                    model.name,
                    model.context.unwrap_or_default()
                );
                let help = "lower `conversation.tokens` or the prompt's `max_tokens`";
                self.error(Code::Capability, name.span, say, Some(help.to_owned()));
            }
            if let Some(burst) = burst.filter(|burst| needed > *burst) {
                let say = format!(
                    "one request takes up to {needed} tokens, and the limit of model `{}` lets at \
                     most {burst} through at once",
                    model.name
                );
                self.error(Code::Capability, name.span, say, Some("raise its `burst`".to_owned()));
            }
        }
    }

    /// One accepted answer must be payable: the first ask, judges, and what confidence asks.
    pub(super) fn payable(&mut self) {
        let budget = self.raw.budget.as_ref();
        let own = budget.and_then(|budget| budget.value.attempts.as_ref());
        let default = self.around.defaults.budget.as_ref().and_then(|b| b.attempts.as_ref());
        let attempts = own.or(default).map_or(ATTEMPTS, |count| count.value.0);
        let judges = self.parts.checks.iter();
        let judges =
            judges.filter(|(_, check)| matches!(check.kind, raw::CheckKind::Judge { .. })).count();
        let base = 1 + judges as u64;
        let mut needed = base;
        let mut worst = None;
        for block in &self.raw.confidence {
            let each = block.from.iter().map(|source| attempts_of(&source.kind));
            let more: u64 = match block.need {
                Need::All => each.sum(),
                Need::Any => each.max().unwrap_or(0),
            };
            if more > 0 {
                needed += more;
                worst = Some(block.span);
            }
        }
        // A number out of range was told of already.
        if needed > attempts && attempts > 0 {
            let span = own.map(|count| count.span).or(worst).unwrap_or(self.raw.policy.span);
            let say = format!(
                "one accepted answer can take {needed} attempts, the budget has {attempts}"
            );
            let help =
                format!("write `budget: {{attempts: {needed}}}` or more, or ask fewer votes");
            self.error(Code::BudgetShort, span, say, Some(help));
        }
    }

    /// A model of this policy's own list that comes later than the first.
    pub(super) fn later_model(&mut self, name: &Spanned<Name>) -> Option<String> {
        let found = self.own_model(name)?;
        if self.raw.models.first().is_some_and(|first| first.as_str() == found) {
            let say = format!("`{found}` is the first model, and `next_model` never goes back");
            let help = "name a later one of `models`, or write the bare word `next_model`";
            self.error(Code::Refused, name.span, say, Some(help.to_owned()));
        }
        Some(found)
    }

    /// A model of this policy's own list.
    pub(super) fn own_model(&mut self, name: &Spanned<Name>) -> Option<String> {
        let models: Vec<&str> = self.raw.models.iter().map(|model| model.value.as_str()).collect();
        if !models.contains(&name.value.as_str()) {
            self.unknown("model of this policy", name.as_str(), name.span, models);
            return None;
        }
        Some(name.as_str().to_owned())
    }

    /// Any model of the gateway file.
    pub(super) fn any_model(&mut self, name: &Spanned<Name>) {
        if !self.around.models.contains_key(name.as_str()) {
            self.no_model(name);
        }
    }
}
