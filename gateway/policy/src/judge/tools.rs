//! Tool calls of an answer: listed, arguments to their schema, and the rules of each tool.
//!
//! All tool calls of one answer are released together or not at all, so one that fails is enough.

use backstop_checks::read_json;
use backstop_checks::schema::Schema;
use backstop_domain::FailureClass;
use serde_json::{Value, json};

use super::objection::{Objects, class_ladder};
use super::rules;
use super::state::{Judging, ToolState};
use crate::answer::ToolCall;
use crate::compiled::{Tool, Tools};

/// What is wrong with one tool call.
struct Wrong {
    class: FailureClass,
    at: String,
    message: String,
}

/// A tool as the policy or the caller lists it.
struct Listed<'a> {
    args: Option<&'a Schema>,
    effect: &'static str,
    writes: bool,
    order: u32,
    ladder: Option<&'a str>,
}

impl Judging<'_> {
    /// Reads every tool call, mending arguments in place.
    pub(super) fn tools(&mut self) {
        let Some(mut given) = self.given.take() else { return };
        for (index, choice) in given.answer.choices.iter_mut().enumerate() {
            for (place, call) in choice.tool_calls.iter_mut().enumerate() {
                self.tool_call(index, place, call);
            }
        }
        self.given = Some(given);
    }

    fn tool_call(&mut self, choice: usize, place: usize, call: &mut ToolCall) {
        let by = format!("tools.{}", call.name);
        let facts = self.facts;
        let policy = self.policy;
        let listed = match &policy.tools {
            Tools::Listed(_) => policy.tools.find(&call.name).map(listed),
            Tools::Request => facts.requested_tool(&call.name).map(|args| Listed {
                args,
                effect: "write",
                writes: true,
                order: 0,
                ladder: None,
            }),
        };
        let order = listed.as_ref().map_or(0, |tool| tool.order);
        let own = listed.as_ref().and_then(|tool| tool.ladder);
        let (args, wrong) = arguments(call, listed.as_ref());
        if wrong.is_empty() {
            self.find(order, backstop_domain::Finding::pass(format!("{by}.args")));
        }
        self.writes |= listed.as_ref().is_none_or(|tool| tool.writes);
        let prefix = self.choices.get(choice).map(|choice| choice.prefix.clone());
        let sound = wrong.is_empty();
        for wrong in wrong {
            let ladder = own.map_or_else(|| class_ladder(wrong.class), str::to_owned);
            let at =
                format!("{}/tool_calls/{place}{}", prefix.as_deref().unwrap_or_default(), wrong.at);
            let name = match wrong.class {
                FailureClass::ToolDenied => by.clone(),
                _ => format!("{by}.args"),
            };
            let objects = Objects::fail(&name, wrong.class, wrong.message);
            let finding = objects.taking(Some(&ladder)).at(at).finding(policy, &self.facts.view());
            self.find(order, finding);
        }
        let effect = listed.map_or("write", |tool| tool.effect);
        if let (Some(args), Some(choice)) = (args, self.choices.get_mut(choice)) {
            let name = call.name.clone();
            choice.tools.push(ToolState { index: place, name, args, effect, sound });
        }
    }

    /// Judges every sound tool call by the rules of its tool.
    pub(super) fn tool_rules(&mut self, paid: bool) {
        let source = self.source();
        let mut found = Vec::new();
        for choice in &self.choices {
            for call in choice.tools.iter().filter(|call| call.sound) {
                let Some(tool) = self.policy.tools.find(&call.name) else { continue };
                let view = choice.view.with("tool", call.variable());
                for rule in tool.rules.iter().filter(|rule| rule.paid == paid) {
                    let mut finding = rules::judge(self.policy, rule, &view, source, true);
                    if finding.objection.is_some() {
                        let at = format!("{}/tool_calls/{}", choice.prefix, call.index);
                        finding.at = Some(at);
                    }
                    found.push((rule.order, finding));
                }
            }
        }
        self.found.append(&mut found);
    }
}

impl ToolState {
    /// The variable `tool`.
    pub fn variable(&self) -> Value {
        json!({ "name": self.name, "args": self.args, "effect": self.effect })
    }
}

fn listed(tool: &Tool) -> Listed<'_> {
    Listed {
        args: Some(&tool.args),
        effect: tool.effect.name(),
        writes: tool.effect.writes(),
        order: tool.order,
        ladder: tool.ladder.as_deref(),
    }
}

/// The arguments of one call, and what is wrong with it.
fn arguments(call: &mut ToolCall, listed: Option<&Listed<'_>>) -> (Option<Value>, Vec<Wrong>) {
    let Some(listed) = listed else {
        let message = format!("tool `{}` is not listed", call.name);
        let class = FailureClass::ToolDenied;
        return (None, vec![Wrong { class, at: "/function/name".to_owned(), message }]);
    };
    let class = FailureClass::ToolInvalid;
    let at = |pointer: &str| format!("/function/arguments{pointer}");
    // A call without arguments is one with none, as every provider sends it for such tools.
    let text = if call.arguments.trim().is_empty() { "{}" } else { call.arguments.as_str() };
    let mended = match read_json(text) {
        Ok(mended) => mended,
        Err(fault) => {
            let message = format!("arguments of `{}` are not JSON: {fault}", call.name);
            return (None, vec![Wrong { class, at: at(""), message }]);
        }
    };
    let problems = listed.args.map(|schema| schema.validate(&mended.value)).unwrap_or_default();
    let wrong = problems.into_iter().map(|problem| Wrong {
        class,
        at: at(&problem.pointer),
        message: format!("arguments of `{}`: {}", call.name, problem.message),
    });
    let wrong: Vec<Wrong> = wrong.collect();
    if wrong.is_empty() {
        call.arguments = mended.text;
    }
    (Some(mended.value), wrong)
}
