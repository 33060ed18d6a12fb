//! JSON Schema as Backstop uses it: compiled once, offline, bounded, with problems for people.
//!
//! A wrapper around `jsonschema`, so that nothing else depends on that crate. It reads no file and
//! no address: a `$ref` reaches only the files that were handed in. Patterns run in linear time,
//! formats are asserted, and a schema whose checking could grow beyond bounds is refused.

mod contain;
mod documents;
mod graph;
mod message;
mod shape;
mod sub;
mod weight;

#[cfg(test)]
mod tests;
mod types;

use std::collections::BTreeMap;
use std::sync::Arc;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

pub use contain::{Proof, contains};
use documents::Documents;

use crate::json::{Malformed, read_strict};

/// Largest schema file, in bytes.
pub const SCHEMA_BYTES_MAX: usize = 1024 * 1024;
/// Most problems that one validation reports.
pub const PROBLEMS_MAX: usize = 20;
/// Largest compiled form of one `pattern`, in bytes.
const PATTERN_BYTES_MAX: usize = 1024 * 1024;

/// One place where a value is not to its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaProblem {
    /// RFC 6901 pointer into the value.
    pub pointer: String,
    /// RFC 6901 pointer into the schema, through the references taken.
    pub schema_pointer: String,
    /// For people: names the place, what it must be, and what it is.
    pub message: String,
}

/// Why a schema was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// The file is not strict JSON (a key given twice counts), or nests too deep.
    #[error("`{file}` is not JSON: {fault}")]
    NotJson {
        /// The schema file.
        file: String,
        /// Where and what.
        fault: Malformed,
    },
    /// The file is too large.
    #[error("`{file}` is larger than {SCHEMA_BYTES_MAX} bytes")]
    TooLarge {
        /// The schema file.
        file: String,
    },
    /// JSON, but no schema of its draft.
    #[error("`{file}` is no schema at `{pointer}`: {message}")]
    NotASchema {
        /// The schema file.
        file: String,
        /// Where in it.
        pointer: String,
        /// What is wrong: an unknown format, a pattern that needs look-around, a wrong keyword.
        message: String,
    },
    /// A `$ref` that leads nowhere, or out of the workspace.
    #[error("`{file}`: {message}; a `$ref` may name a place in this file or another schema file")]
    Reference {
        /// The schema file.
        file: String,
        /// Which reference.
        message: String,
    },
    /// Checking a value could take exponential time.
    #[error(
        "`{file}`: checking a nested value could take too long, because {message}; \
         let each level be checked by one branch only"
    )]
    TooCostly {
        /// The schema file.
        file: String,
        /// What makes it grow.
        message: String,
    },
}

/// A compiled schema. Cheap to clone.
#[derive(Clone)]
pub struct Schema(Arc<Compiled>);

struct Compiled {
    name: String,
    draft: Draft,
    documents: Documents,
    validator: Validator,
    /// Whether it is all that applies where it stands; not so for some parts of other schemas.
    exact: bool,
}

impl core::fmt::Debug for Schema {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Schema({})", self.0.name)
    }
}

impl Schema {
    /// Compiles the schema in `bytes`. `name` is its path in the workspace; `files` are the other
    /// schema files by path, for `$ref` (relative to `name`, or by their `$id`).
    ///
    /// # Errors
    /// [`SchemaError`]: not JSON, too large or deep, no schema of its draft (2020-12 unless
    /// `$schema` says otherwise), an unknown format, a pattern that is not linear, a reference
    /// out of the workspace, or unbounded work.
    pub fn compile(
        name: &str,
        bytes: &[u8],
        files: &BTreeMap<String, Vec<u8>>,
    ) -> Result<Self, SchemaError> {
        let value = parse(name, bytes)?;
        let documents = Documents::load(name, value, files)?;
        Self::build(name, documents, true)
    }

    /// Compiles a schema that is a value already, such as a caller's `response_format`. It may
    /// refer to nothing outside itself.
    ///
    /// # Errors
    /// As [`Schema::compile`].
    pub fn of_value(name: &str, value: &Value) -> Result<Self, SchemaError> {
        Self::compile(name, value.to_string().as_bytes(), &BTreeMap::new())
    }

    fn build(name: &str, documents: Documents, exact: bool) -> Result<Self, SchemaError> {
        let draft = Draft::default().detect(documents.root());
        weight::bounded(&documents)?;
        let mut options = jsonschema::options()
            .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES_MAX))
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false)
            .with_retriever(documents.clone());
        if let Some(base) = documents.base_uri() {
            options = options.with_base_uri(base);
        }
        let validator = options.build(documents.root()).map_err(|error| refusal(name, &error))?;
        Ok(Self(Arc::new(Compiled { name: name.to_owned(), draft, documents, validator, exact })))
    }

    /// Its path in the workspace.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The schema as it was read.
    pub fn value(&self) -> &Value {
        self.0.documents.root()
    }

    /// Whether `value` is to the schema. Faster than [`Schema::validate`].
    pub fn is_valid(&self, value: &Value) -> bool {
        self.0.validator.is_valid(value)
    }

    /// Every place where `value` is not to the schema, at most [`PROBLEMS_MAX`]; none when it is.
    pub fn validate(&self, value: &Value) -> Vec<SchemaProblem> {
        if self.is_valid(value) {
            return Vec::new();
        }
        let errors = self.0.validator.iter_errors(value).take(PROBLEMS_MAX);
        let problems: Vec<_> = errors.map(|error| message::problem(&error)).collect();
        if problems.is_empty() { vec![message::unexplained()] } else { problems }
    }
}

/// A schema file as a value, within our bounds.
fn parse(name: &str, bytes: &[u8]) -> Result<Value, SchemaError> {
    let file = || name.to_owned();
    if bytes.len() > SCHEMA_BYTES_MAX {
        return Err(SchemaError::TooLarge { file: file() });
    }
    let text = core::str::from_utf8(bytes).map_err(|error| SchemaError::NotJson {
        file: file(),
        fault: Malformed::at("", error.valid_up_to(), "the file is not UTF-8"),
    })?;
    match read_strict(text.strip_prefix('\u{feff}').unwrap_or(text)) {
        Ok((value, _)) => Ok(value),
        Err(fault) => Err(SchemaError::NotJson { file: file(), fault }),
    }
}

fn refusal(name: &str, error: &jsonschema::ValidationError<'_>) -> SchemaError {
    let file = name.to_owned();
    match error.kind() {
        jsonschema::error::ValidationErrorKind::Referencing(inner) => {
            SchemaError::Reference { file, message: inner.to_string() }
        }
        _ => SchemaError::NotASchema {
            file,
            pointer: error.instance_path().to_string(),
            message: message::of_schema(error),
        },
    }
}
