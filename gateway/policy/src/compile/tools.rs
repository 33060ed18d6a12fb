//! Compiles tools: arguments, rules, limits.

use backstop_checks::expression::{Scope, Want};
use backstop_checks::schema::Schema;
use backstop_domain::FailureClass;
use serde_json::Value;

use super::Compiler;
use super::reach::Judged;
use super::rungs::Of;
use crate::compiled::{Tool, ToolEffect, ToolLimit, ToolLimitOf, Tools};
use crate::decode::Name;
use crate::diagnostics::Code;
use crate::raw::{self, Per, ToolLimitKind};
use crate::source::Spanned;

impl Compiler<'_> {
    /// The tools of the policy and its fragments.
    pub(super) fn tools(&mut self) -> Tools {
        if self.parts.tools_of_request {
            if self.raw.prompt.is_some() {
                let say = "`tools: request` needs a policy without a prompt";
                self.error(Code::Refused, self.raw.policy.span, say, None);
            }
            return Tools::Request;
        }
        let written = self.parts.tools.clone();
        Tools::Listed(
            written.into_iter().filter_map(|(name, tool)| self.tool(name, tool)).collect(),
        )
    }

    fn tool(&mut self, name: &Spanned<Name>, written: &raw::Tool) -> Option<Tool> {
        let args = self.schema(&written.args)?;
        let scope = self.scopes.tool(name.as_str(), args.type_of());
        let prefix = format!("tools.{}", name.as_str());
        let all: Vec<&raw::Rule> = written.rules.iter().collect();
        let rules = self.all_rules(&all, &format!("{prefix}.rules"), &scope, Judged::Answers);
        let blocks = written.confidence.iter().enumerate();
        let confidence: Vec<_> = blocks
            .filter_map(|(index, block)| {
                let by = format!("{prefix}.confidence.{index}");
                self.block(block, by, &scope, Some(&args))
            })
            .collect();
        let limits: Vec<_> = written
            .limits
            .iter()
            .enumerate()
            .filter_map(|(index, limit)| {
                self.tool_limit(limit, format!("{prefix}.limits.{index}"), &scope)
            })
            .collect();
        let ladder = written.then.as_ref().map(|ladder| {
            let scope = self.scopes.ladder.clone();
            self.ladder(&prefix, ladder, &scope);
            self.rungs_help(ladder, Of::Class(FailureClass::ToolInvalid));
            prefix.clone()
        });
        Some(Tool {
            name: name.as_str().to_owned(),
            description: args.value().get("description").and_then(Value::as_str).map(str::to_owned),
            order: self.order(written.span),
            effect: match written.effect.value {
                raw::Effect::Read => ToolEffect::Read,
                raw::Effect::Write => ToolEffect::Write,
                raw::Effect::Irreversible => ToolEffect::Irreversible,
            },
            args,
            rules,
            confidence,
            limits,
            ladder,
            compensate: self.compensation(written),
        })
    }

    /// What makes a released call of the tool good; a tool that only looks leaves nothing behind.
    fn compensation(&mut self, written: &raw::Tool) -> Option<String> {
        let by = written.compensate.as_ref()?;
        if written.effect.value == raw::Effect::Read {
            let say = "`compensate` stands at a tool that only reads";
            let help = "a call of it leaves nothing to make good: take the key away".to_owned();
            self.error(Code::Refused, by.span, say, Some(help));
        }
        Some(by.as_str().to_owned())
    }

    fn tool_limit(
        &mut self,
        written: &raw::ToolLimit,
        name: String,
        scope: &Scope,
    ) -> Option<ToolLimit> {
        let per = match written.per.as_ref().map(|per| &per.value) {
            Some(Per::Expression(key)) => Some(self.expression(key, scope, Want::Any)?),
            Some(Per::Caller) => Some(self.known_key("caller.name", scope)?),
            Some(Per::Tenant) => Some(self.known_key("caller.tenant", scope)?),
            Some(Per::Model) => Some(self.known_key("answer.model", scope)?),
            Some(Per::Policy) | None => None,
        };
        let (of, rate) = match &written.kind {
            ToolLimitKind::Calls(rate) => (ToolLimitOf::Calls, rate.value),
            ToolLimitKind::Sum { of, at_most } => {
                let sum = self.expression(of, scope, Want::Number)?;
                (ToolLimitOf::Sum(sum), at_most.value)
            }
        };
        let (most, window_ms) = (rate.amount, rate.period.ms());
        Some(ToolLimit { name, of, per, most, window_ms })
    }

    fn known_key(
        &mut self,
        source: &str,
        scope: &Scope,
    ) -> Option<backstop_checks::expression::Expression> {
        backstop_checks::expression::compile(source, scope, Want::Any).ok()
    }

    /// A schema that a file names, relative to that file.
    pub(super) fn schema(&mut self, file: &Spanned<raw::FilePath>) -> Option<Schema> {
        let path = file.beside(self.sources.path(file.span.file));
        match self.files.schema(self.sources, &path) {
            Some(Ok(schema)) => Some(schema),
            Some(Err(error)) => {
                let help = "mend the schema file; this is where it is used".to_owned();
                self.error(Code::SchemaFile, file.span, error.to_string(), Some(help));
                None
            }
            None => {
                let say = format!("there is no file `{path}`");
                let help = super::includes::near_file(self.sources, &path);
                self.error(Code::MissingFile, file.span, say, Some(help));
                None
            }
        }
    }
}
