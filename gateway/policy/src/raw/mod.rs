//! The raw shape of every rules file: what was written, with its place, and nothing resolved.
//!
//! Decoding is strict and reports every problem that one file alone can show. What needs other
//! files (references, schemas, the types of conditions) is left to compiling. One file here per
//! group of keys of the reference.

mod budget;
mod canary;
mod check;
mod confidence;
mod data;
mod draft;
mod ending;
mod example;
mod expression;
mod fragment;
mod policy;
mod prompt;
mod rule;
mod secret;
mod shape;
mod step;
mod test_file;
mod tool;

pub(crate) use budget::PerWord;
pub use budget::{Budget, Conversation, Limit, LimitKind, Per, Retain};
pub(crate) use canary::StickWord;
pub use canary::{Canary, ReturnIf, StickTo};
pub use check::{Audience, Check, CheckKind, Must, PersonalData, SecretKinds, WordSource};
pub use confidence::{Accept, Compare, ConfidenceBlock, ConfidenceSource, Need, SourceKind};
pub(crate) use data::DRAFTS;
pub use data::{Data, DataKind, DataSource, FilePath, Given};
pub use ending::{Answer, Cache, CachePer, FallbackRow, Pending, PendingThen};
pub use example::{Change, CheckStatus, Example, Expect, Reply, ReviewAct, Signals, Test, Verdict};
pub use expression::{Expression, Text};
pub use fragment::{Fragment, load_fragment};
pub use policy::{Policy, load_draft, load_policy};
pub(crate) use policy::{Stream, classes, stream};
pub(crate) use prompt::front_matter;
pub use prompt::{Message, MessageRole, Prompt, Temperature, load_prompt};
pub use rule::Rule;
pub(crate) use secret::{find_secrets, find_secrets_beside};
pub use shape::{Criticality, Durability, InputShape, Mode, OnDisconnect, OutputShape};
pub use step::{Escalate, Ladder, On, Priority, Show, Step};
pub use test_file::{TestFile, load_tests};
pub use tool::{Effect, Tool, ToolLimit, ToolLimitKind, Tools};

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::mistakes;
