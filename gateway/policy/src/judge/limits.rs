//! Keys and amounts of the limits that a policy sets: at the door, and on tools. Counting them is
//! the engine's.

use backstop_domain::FailureClass;
use serde_json::Value;

use super::Facts;
use super::formula;
use super::objection::{Objects, class_ladder};
use super::state::Judging;
use crate::compiled::{Limit, LimitPer, Policy, ToolLimit, ToolLimitOf};

/// A limit at the door, with the key under which this call counts.
#[derive(Debug)]
pub struct DoorLimit<'p> {
    /// The limit.
    pub limit: &'p Limit,
    /// Whose count it is; `None`: each model's own, counted when a model is asked.
    pub key: Option<String>,
}

/// What one answer takes of a tool's limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolUse {
    /// Name of the limit.
    pub limit: String,
    /// The tool.
    pub tool: String,
    /// Whose count it is.
    pub key: String,
    /// How much of it is taken.
    pub amount: u64,
    /// Most in the window.
    pub most: u64,
    /// The window, in milliseconds.
    pub window_ms: u64,
}

impl Policy {
    /// The limits at the door, with the keys under which this call counts.
    ///
    /// # Errors
    /// Why a key cannot be computed: the limit then cannot be held, so the call must not pass it.
    pub fn door_limits(&self, facts: &Facts) -> Result<Vec<DoorLimit<'_>>, String> {
        let view = facts.view();
        let text = |field: &str| {
            let caller = view.variable("caller").and_then(|caller| caller.get(field));
            caller.and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let mut limits = Vec::with_capacity(self.limits.len());
        for limit in &self.limits {
            let key = match &limit.per {
                LimitPer::Policy => Some(String::new()),
                LimitPer::Caller => Some(text("name")),
                LimitPer::Tenant => Some(text("tenant")),
                LimitPer::Model => None,
                LimitPer::Key(key) => Some(as_key(&formula::value(key, &view, &limit.name)?)),
            };
            limits.push(DoorLimit { limit, key });
        }
        Ok(limits)
    }
}

impl Judging<'_> {
    /// What this answer takes of the limits on tools. Ask for it after the judgement began; a
    /// limit that cannot be computed objects at once.
    pub fn tool_uses(&mut self) -> Vec<ToolUse> {
        let mut uses: Vec<ToolUse> = Vec::new();
        let mut broken = Vec::new();
        for choice in &self.choices {
            for call in choice.tools.iter().filter(|call| call.sound) {
                let Some(tool) = self.policy.tools.find(&call.name) else { continue };
                let view = choice.view.with("tool", call.variable());
                for limit in &tool.limits {
                    match taken(limit, &call.name, &view) {
                        Ok(taken) => uses.push(taken),
                        Err(message) => broken.push((call.name.clone(), message)),
                    }
                }
            }
        }
        for (tool, message) in broken {
            self.deny_tool(&tool, &message);
        }
        merged(uses)
    }

    /// Records that a limit on a tool does not let this answer pass.
    pub fn deny_tool(&mut self, name: &str, reason: &str) {
        let Some(tool) = self.policy.tools.find(name) else { return };
        let class = FailureClass::ToolDenied;
        let ladder = tool.ladder.clone().unwrap_or_else(|| class_ladder(class));
        let by = format!("tools.{name}");
        let objects = Objects::fail(&by, class, format!("tool `{name}`: {reason}"));
        let finding = objects.taking(Some(&ladder)).finding(self.policy, &self.facts.view());
        self.find(tool.order, finding);
    }
}

fn taken(limit: &ToolLimit, tool: &str, view: &super::View<'_>) -> Result<ToolUse, String> {
    let key = match &limit.per {
        Some(key) => as_key(&formula::value(key, view, &limit.name)?),
        None => String::new(),
    };
    let amount = match &limit.of {
        ToolLimitOf::Calls => 1,
        ToolLimitOf::Sum(sum) => {
            let sum = formula::value(sum, view, &limit.name)?;
            // A negative or broken amount must not make room for others.
            let whole = sum.as_u64().or_else(|| sum.as_f64().and_then(whole));
            whole.ok_or_else(|| format!("the limit cannot count {sum}"))?
        }
    };
    Ok(ToolUse {
        limit: limit.name.clone(),
        tool: tool.to_owned(),
        key,
        amount,
        most: limit.most,
        window_ms: limit.window_ms,
    })
}

fn whole(amount: f64) -> Option<u64> {
    (amount.is_finite() && (0.0..9e15).contains(&amount)).then_some(amount.ceil() as u64)
}

/// Uses of the same limit under the same key, added up.
fn merged(uses: Vec<ToolUse>) -> Vec<ToolUse> {
    let mut all: Vec<ToolUse> = Vec::new();
    for used in uses {
        match all.iter_mut().find(|one| one.limit == used.limit && one.key == used.key) {
            Some(one) => one.amount = one.amount.saturating_add(used.amount),
            None => all.push(used),
        }
    }
    all
}

/// A key as text: a text as it is, all else as JSON.
pub(super) fn as_key(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
