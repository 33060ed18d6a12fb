//! Tools that a model may call, compiled.

use backstop_checks::expression::Expression;
use backstop_checks::schema::Schema;

use super::{Block, Rule};

/// Which tools a model may call.
#[derive(Debug)]
pub enum Tools {
    /// These; a tool that is not among them is denied.
    Listed(Vec<Tool>),
    /// The caller's own, with arguments to their own schemas.
    Request,
}

/// A tool.
#[derive(Debug)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it is for, told to the model: the schema's own description.
    pub description: Option<String>,
    /// Its place in file order.
    pub order: u32,
    /// What it does to the world.
    pub effect: ToolEffect,
    /// What its arguments must be.
    pub args: Schema,
    /// Rules over each call of it.
    pub rules: Vec<Rule>,
    /// How sure its arguments must be.
    pub confidence: Vec<Block>,
    /// Limits on its calls.
    pub limits: Vec<ToolLimit>,
    /// Own ladder for arguments off schema and limits; else `on.tool_invalid`, `on.tool_denied`.
    pub ladder: Option<String>,
    /// What makes a released call of it good, when its run is superseded.
    pub compensate: Option<String>,
}

/// What a tool does to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolEffect {
    /// Nothing.
    Read,
    /// It changes something.
    Write,
    /// It changes something for good.
    Irreversible,
}

impl ToolEffect {
    /// The word used in policies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Irreversible => "irreversible",
        }
    }

    /// Whether it changes something.
    pub const fn writes(self) -> bool {
        !matches!(self, Self::Read)
    }
}

/// A limit on a tool's calls.
#[derive(Debug)]
pub struct ToolLimit {
    /// Its name in messages and metrics: `tools.issue_refund.limits.0`.
    pub name: String,
    /// What it counts.
    pub of: ToolLimitOf,
    /// One count for each value of this; `None` is one for all.
    pub per: Option<Expression>,
    /// Most in the window.
    pub most: u64,
    /// The window, in milliseconds.
    pub window_ms: u64,
}

/// What a tool's limit counts.
#[derive(Debug)]
pub enum ToolLimitOf {
    /// Calls.
    Calls,
    /// What the expression says of each call.
    Sum(Expression),
}

impl Tools {
    /// The listed tool of that name.
    pub fn find(&self, name: &str) -> Option<&Tool> {
        self.listed().iter().find(|tool| tool.name == name)
    }

    /// Whether an answer may call any.
    pub fn may_be_called(&self) -> bool {
        match self {
            Self::Listed(tools) => !tools.is_empty(),
            Self::Request => true,
        }
    }

    /// The listed tools.
    pub fn listed(&self) -> &[Tool] {
        match self {
            Self::Listed(tools) => tools,
            Self::Request => &[],
        }
    }

    /// Confidence blocks of every tool.
    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.listed().iter().flat_map(|tool| &tool.confidence)
    }
}
