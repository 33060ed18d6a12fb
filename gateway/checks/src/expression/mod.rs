//! Conditions of policies: CEL text is parsed, checked against the schemas, and evaluated by us.
//!
//! The parser is the `cel` crate's; types, cost and evaluation are ours, because they decide who
//! gets money. Nothing here reads a clock, draws a random number or waits.

pub mod types;

pub use types::{Bounds, Field, Fields, Type};
