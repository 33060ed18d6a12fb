//! Our own JSON reader: strict or nearly so, with the byte range of every value.
//!
//! It exists because `serde_json` keeps the last of two equal keys in silence and knows no spans.
//! It never completes what is missing, and never changes a number.

mod reader;
mod tree;

#[cfg(test)]
mod tests;

pub use reader::{DEPTH_MAX, JSON_BYTES_MAX, Malformed, read_strict};
pub(crate) use reader::{Edit, Fault, Read, apply, read_at};
pub use tree::{Node, Shape};
