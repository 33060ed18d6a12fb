//! The judges: schema, expressions, confidence, tools and texts, and the readers that they need.
//!
//! Pure: no clock, no randomness, no files, no network. A check returns findings, it never acts.

pub mod confidence;
pub mod expression;
pub mod json;
pub mod mend;
pub mod path;
pub mod schema;
pub mod text;
pub mod tokens;
pub mod tools;

pub use mend::{Malformed, Mended, Step, read_json};
pub use path::{Path, PathStep};
pub use schema::{Proof, Schema, SchemaError, SchemaProblem};
