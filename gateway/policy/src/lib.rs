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
pub mod gateway_file;
pub mod judge;
pub mod path;
pub mod prompt;
pub mod raw;
mod revision;
pub mod source;
pub mod units;
pub mod workspace;
pub mod yaml;

pub use answer::{Answer, Choice, NotAnAnswer, ToolCall};
pub use compiled::Policy;
pub use diagnostics::{Code, Problem, Report, Severity};
pub use gateway_file::Gateway;
pub use source::{FileId, Sources, Span, Spanned};
pub use workspace::Workspace;
