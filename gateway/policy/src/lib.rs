//! The rules files: from bytes to checked, compiled policies.
//!
//! The crate is pure. A workspace comes in as [`Sources`] (path to bytes) and every problem goes
//! out in one [`Report`] with file, span and a way to mend it. Nothing here opens a file, reads a
//! clock, an environment variable or the network.
#![deny(missing_docs)]

pub mod answer;
mod compile;
pub mod compiled;
pub mod decode;
pub mod diagnostics;
pub mod editor;
pub mod format;
pub mod gateway_file;
pub mod judge;
pub mod keys;
pub mod path;
pub mod prompt;
pub mod raw;
mod revision;
pub mod source;
pub mod tried;
pub mod units;
pub mod workspace;
pub mod yaml;

pub use answer::{Answer, Choice, NotAnAnswer, ToolCall};
pub use compiled::{
    Accept, Block, Cache, CachePer, Check, Condition, ConfidenceSource, Durability, Evidence, Kind,
    Limit, LimitOf, LimitPer, Model, OnDisconnect, Pending, PendingThen, Places, Policy, Retain,
    Rule, ToolEffect, Tools,
};
pub use diagnostics::{Code, Problem, Report, Severity};
pub use gateway_file::{Expiry, Gateway, Queue, load_gateway};
pub use judge::{
    Asked, Caller, DoorLimit, Facts, FallbackError, Given, InputProblem, Judging, MaskRefused,
    PaidAsk, PaidKind, PaidResult, Pretended, ServiceScore, ToolUse, Vote,
};
pub use prompt::{Last, PromptError};
pub use source::{FileId, Sources, Span, Spanned};
pub use tried::{Tried, run_test};
pub use workspace::Workspace;
