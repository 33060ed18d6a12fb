//! A policy as it is enforced. Holding one means that every problem of its files was ruled out.
//!
//! Plain data with compiled conditions in it; deciding is [`crate::judge`]'s work.

mod check;
mod conditions;
mod confidence;
mod draft;
mod meaning;
mod places;
mod rule;
mod settings;
mod tool;

use std::collections::BTreeMap;
use std::sync::Arc;

use backstop_checks::schema::Schema;
use backstop_domain::{Digest, Plan, Signal};
use serde_json::Value;

pub use check::{At, Check, Kind, Root};
pub use conditions::Condition;
pub use confidence::{Accept, Block, ConfidenceSource, Evidence, Need};
pub use draft::{Canary, ReturnIf, StickTo};
pub use places::Places;
pub use rule::{LadderTexts, Rule, RungTexts, SourceSet};
pub use settings::{
    Cache, CachePer, Durability, Limit, LimitOf, LimitPer, Model, OnDisconnect, Pending,
    PendingThen, Retain,
};
pub use tool::{Tool, ToolEffect, ToolLimit, ToolLimitOf, Tools};

use crate::prompt::{Keep, Prompt};
use backstop_checks::expression::{Calendar, Expression, Template};

/// A compiled policy. Shared between calls; never changed.
#[derive(Debug)]
pub struct Policy {
    /// Its name, which callers give as the model.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The team that answers for it.
    pub owner: String,
    /// What steers a call.
    pub plan: Plan,
    /// Its models, in the plan's order, and those that its judges ask.
    pub models: Vec<Model>,
    /// Its prompt; `None` passes the caller's request through.
    pub prompt: Option<Arc<Prompt>>,
    /// What callers send.
    pub input: InputOf,
    /// What answers must be.
    pub output: OutputOf,
    /// The caller's messages that are passed on; `None` is none of them.
    pub conversation: Option<Keep>,
    /// Where a bare `escalate` goes.
    pub queue: Option<String>,
    /// Limits at the door.
    pub limits: Vec<Limit>,
    /// Rules over the request.
    pub before: Vec<Rule>,
    /// Rules over the answer.
    pub rules: Vec<Rule>,
    /// Checks of request and answer.
    pub checks: Vec<Check>,
    /// Tools that the model may call.
    pub tools: Tools,
    /// How sure the answer must be, and who says so.
    pub confidence: Vec<Block>,
    /// The deterministic answer, row by row.
    pub fallback: Vec<Row>,
    /// What an OpenAI client gets while a person decides.
    pub pending: Pending,
    /// Whether and how accepted answers are kept.
    pub cache: Option<Cache>,
    /// When an answer may leave.
    pub durability: Durability,
    /// What becomes of a call whose caller hangs up.
    pub on_disconnect: OnDisconnect,
    /// How long things are kept; `None` is the gateway's.
    pub retain: Retain,
    /// Paths that are masked in pages, logs and exports.
    pub private: Vec<String>,
    /// Every file that its decisions rest on, its own first.
    pub files: Vec<String>,
    /// Path of the draft that is judged beside it.
    pub shadow: Option<String>,
    /// The draft that answers a share of its calls.
    pub canary: Option<Canary>,
    pub(crate) data: Arc<Value>,
    pub(crate) calendars: Calendars,
    pub(crate) texts: BTreeMap<String, LadderTexts>,
    pub(crate) prompts: BTreeMap<String, Arc<Prompt>>,
    /// Where its parts stand.
    pub places: Places,
    /// As it was written: where its tests stand.
    pub(crate) written: crate::raw::Policy,
}

/// The calendars that conditions may ask, by name.
#[derive(Default, Clone)]
pub struct Calendars(pub BTreeMap<String, Arc<dyn Calendar + Send + Sync>>);

impl core::fmt::Debug for Calendars {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What callers send.
#[derive(Debug)]
pub enum InputOf {
    /// A text.
    Text,
    /// A value to that schema.
    Schema(Schema),
    /// The request body itself (a policy without a prompt).
    Body,
}

/// What answers must be.
#[derive(Debug)]
pub enum OutputOf {
    /// A text, not empty.
    Text,
    /// A value to that schema.
    Schema(Schema),
    /// Whatever the caller's own `response_format` says, else text.
    Request,
}

/// One row of a fallback.
#[derive(Debug)]
pub struct Row {
    /// When it answers; `None` is always.
    pub when: Option<Expression>,
    /// What it answers.
    pub answer: RowAnswer,
}

/// What a row answers.
#[derive(Debug)]
pub enum RowAnswer {
    /// A value, with expressions in it.
    Value(Shape),
    /// The last good answer to a like call.
    LastGood {
        /// Not older than this, in milliseconds.
        within_ms: Option<u64>,
        /// Paths of the input that must be equal; all of it when empty.
        same: Vec<backstop_checks::path::Path>,
    },
}

/// A value with expressions in some places.
#[derive(Debug)]
pub enum Shape {
    /// A constant.
    Constant(Value),
    /// Computed.
    Formula(Expression),
    /// A text with expressions in it.
    Text(Template),
    /// A list.
    List(Vec<Shape>),
    /// An object.
    Object(Vec<(String, Shape)>),
}

impl Policy {
    /// Whether answers may leave before what they rest on is on disk.
    pub const fn is_relaxed(&self) -> bool {
        matches!(self.durability, Durability::Relaxed)
    }

    /// Its revision: everything that its decisions rest on, as one digest.
    pub const fn revision(&self) -> Digest {
        self.plan.revision
    }

    /// The schema of what callers send, if one is written.
    pub const fn input_schema(&self) -> Option<&Schema> {
        match &self.input {
            InputOf::Schema(schema) => Some(schema),
            InputOf::Text | InputOf::Body => None,
        }
    }

    /// The schema of answers, if one is written.
    pub const fn output_schema(&self) -> Option<&Schema> {
        match &self.output {
            OutputOf::Schema(schema) => Some(schema),
            OutputOf::Text | OutputOf::Request => None,
        }
    }

    /// The policy as it was written.
    pub const fn written(&self) -> &crate::raw::Policy {
        &self.written
    }

    /// Whether it passes the caller's own request through.
    pub const fn passes_through(&self) -> bool {
        self.prompt.is_none()
    }

    /// The model of that name in the gateway file.
    pub fn model(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.name == name)
    }

    /// Whether any confidence block reads token log-probabilities.
    pub fn reads_logprobs(&self) -> bool {
        let blocks = self.confidence.iter().chain(self.tools.blocks());
        blocks.flat_map(|block| &block.from).any(|s| matches!(s.evidence, Evidence::Logprobs))
    }

    /// How many tests stand in its file.
    pub const fn tests(&self) -> usize {
        self.written.tests.len()
    }

    /// The threshold of the source `name` in the block for answers of that model.
    pub fn accept(block: &Block, name: &str, model: Option<&str>) -> Option<Signal> {
        block.accept.of(name, model)
    }
}
